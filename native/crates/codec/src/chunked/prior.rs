//! What a prior of `chunked-rans` holds: phrases and static tables.

use crate::rans::tables::{decode_entries, encode_entries, normalise, Entries, MAX_LEVEL};
use crate::CodecError;

use super::alphabet::{
    base_classes, base_meanings, Meaning, Stream, FIRST_PHRASE_GROUP, STREAMS, TOKEN_CLASSES,
};

const MAGIC: &[u8; 4] = b"QCR1";
/// The length of the shortest phrase.
pub const MIN_PHRASE: usize = 2;
/// The length of the longest phrase.
pub const MAX_PHRASE: usize = 16;
const MAX_GROUPS: usize = 256 - FIRST_PHRASE_GROUP as usize;
const MAX_GROUP_BITS: u8 = 14;
const MAX_PHRASES: usize = 1 << 16;
const FILTER_BITS: u32 = 15;
const NUMBER_MASK: u32 = (1 << 17) - 1;
const KEY_MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// One phrase, padded with zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phrase {
    /// Its bytes; those past `length` are zeros.
    pub bytes: [u8; MAX_PHRASE],
    /// How many of them count.
    pub length: u8,
}

/// One static table, ready for both directions.
pub struct StaticTable {
    /// Level of each symbol.
    pub levels: Vec<u8>,
    /// The levels, normalised.
    pub frequencies: Vec<u16>,
    /// The encoding table.
    pub codes: Vec<u32>,
    /// The decoding table.
    pub entries: Box<Entries>,
}

impl StaticTable {
    /// Everything that follows from `levels`.
    pub fn new(levels: Vec<u8>) -> Self {
        let frequencies = normalise(&levels);
        let entries = decode_entries(&frequencies);
        StaticTable {
            levels,
            codes: encode_entries(&frequencies),
            frequencies,
            entries,
        }
    }
}

/// A prior's content, checked and ready for use.
pub struct Prior {
    /// The phrases by number.
    pub phrases: Vec<Phrase>,
    /// Binary logarithm of the size of each group.
    pub group_bits: Vec<u8>,
    /// The first phrase of each group.
    pub group_base: Vec<u32>,
    /// What naming a phrase of each group takes, in 1/8 bit.
    pub group_cost: Vec<u8>,
    /// The class of each token symbol.
    pub classes: [u8; 256],
    /// What each token symbol says.
    pub tokens: [Meaning; 256],
    /// The tables of each stream, by context; none at all without a prior.
    pub tables: [Vec<StaticTable>; STREAMS],
    group_of: Vec<u8>,
    least_cost: u8,
    /// A bit for each length, by the first two bytes, of the phrases of 2 and 3.
    starts: Vec<u8>,
    /// A bit for each length less one, by the first four bytes, of the phrases of 4 to 7; of the
    /// others by the first eight.
    filter: [Vec<u16>; 2],
    /// `tag | number + 1` of the phrase whose key falls here, or 0.
    slots: Vec<u32>,
    slot_shift: u32,
}

impl Prior {
    /// No phrases and no tables.
    pub fn none() -> Self {
        Prior {
            phrases: Vec::new(),
            group_bits: Vec::new(),
            group_base: Vec::new(),
            group_cost: Vec::new(),
            classes: base_classes(),
            tokens: base_meanings(),
            tables: [const { Vec::new() }; STREAMS],
            group_of: Vec::new(),
            least_cost: 0,
            starts: Vec::new(),
            filter: [const { Vec::new() }; 2],
            slots: Vec::new(),
            slot_shift: 0,
        }
    }

    /// Reads a prior's content.
    pub fn parse(content: &[u8]) -> Result<Self, CodecError> {
        let bad = CodecError::BadPrior;
        let rest = content
            .strip_prefix(MAGIC)
            .ok_or(bad("it does not begin as one of chunked-rans"))?;
        let (&groups, rest) = rest
            .split_first()
            .ok_or(bad("it does not begin as one of chunked-rans"))?;
        let groups = usize::from(groups);
        let (heads, mut rest) = rest
            .split_at_checked(3 * groups)
            .ok_or(bad("its phrase groups are damaged"))?;
        if groups > MAX_GROUPS {
            return Err(bad("its phrase groups are damaged"));
        }
        let mut prior = Prior::none();
        let mut total = 0usize;
        for (group, head) in heads.chunks_exact(3).enumerate() {
            if head[0] > MAX_GROUP_BITS || usize::from(head[1]) >= TOKEN_CLASSES {
                return Err(bad("its phrase groups are damaged"));
            }
            prior.group_bits.push(head[0]);
            prior.group_base.push(total as u32);
            prior.group_cost.push(head[2]);
            let symbol = usize::from(FIRST_PHRASE_GROUP) + group;
            prior.classes[symbol] = head[1];
            prior.tokens[symbol].base = total as u32;
            prior.tokens[symbol].width = u32::from(head[0]);
            total += 1 << head[0];
        }
        if total > MAX_PHRASES {
            return Err(bad("it has too many phrases"));
        }
        let mut previous = Phrase {
            bytes: [0; MAX_PHRASE],
            length: 0,
        };
        for _ in 0..total {
            let (phrase, left) = read_phrase(rest, &previous)?;
            prior.phrases.push(phrase);
            previous = phrase;
            rest = left;
        }
        for stream in Stream::ALL {
            let size = stream.alphabet(groups);
            for _ in 0..stream.contexts() {
                let (levels, left) = rest
                    .split_at_checked(size)
                    .ok_or(bad("its tables are cut off"))?;
                if levels.iter().any(|&level| level > MAX_LEVEL) {
                    return Err(bad("a table's level is out of range"));
                }
                prior.tables[stream as usize].push(StaticTable::new(levels.to_vec()));
                rest = left;
            }
        }
        if !rest.is_empty() {
            return Err(bad("data is left over after its end"));
        }
        prior.build_index();
        Ok(prior)
    }

    /// What naming a phrase takes at least, in 1/8 bit.
    pub fn least_cost(&self) -> u8 {
        self.least_cost
    }

    /// The group of phrase `number`.
    pub fn group(&self, number: u32) -> usize {
        self.group_of
            .get(number as usize)
            .copied()
            .map_or(0, usize::from)
    }

    fn build_index(&mut self) {
        for (group, &bits) in self.group_bits.iter().enumerate() {
            self.group_of
                .extend(std::iter::repeat_n(group as u8, 1 << bits));
        }
        self.least_cost = self.group_cost.iter().copied().min().unwrap_or(0);
        if self.phrases.is_empty() {
            return;
        }
        self.starts = vec![0; 1 << 16];
        self.filter = std::array::from_fn(|_| vec![0; 1 << FILTER_BITS]);
        let bits = (self.phrases.len() * 2).next_power_of_two().ilog2().max(8);
        self.slots = vec![0; 1 << bits];
        self.slot_shift = 64 - bits;
        for (number, phrase) in self.phrases.iter().enumerate() {
            let value = u128::from_le_bytes(phrase.bytes);
            match phrase.length {
                ..4 => self.starts[usize::from(value as u16)] |= 1 << phrase.length,
                4..8 => self.filter[0][four_slot(value)] |= 1 << (phrase.length - 1),
                _ => self.filter[1][eight_slot(value)] |= 1 << (phrase.length - 1),
            }
            let (mut slot, tag) = self.slot(value, phrase.length);
            loop {
                match self.slots[slot] & NUMBER_MASK {
                    0 => {
                        self.slots[slot] = tag | (number as u32 + 1);
                        break;
                    }
                    // Of equal phrases the first counts.
                    other if self.phrases[other as usize - 1] == *phrase => break,
                    _ => slot = (slot + 1) & (self.slots.len() - 1),
                }
            }
        }
    }

    /// Where the search for a phrase begins, and the bits of its key that stand beside its number.
    #[inline]
    fn slot(&self, value: u128, length: u8) -> (usize, u32) {
        let key = (value as u64)
            ^ ((value >> 64) as u64).wrapping_mul(KEY_MULTIPLIER)
            ^ u64::from(length) << 56;
        let key = key.wrapping_mul(KEY_MULTIPLIER);
        ((key >> self.slot_shift) as usize, key as u32 & !NUMBER_MASK)
    }

    /// A bit for each length of the phrases that `window` may begin with.
    #[inline]
    pub fn lengths(&self, window: u128) -> u32 {
        let short = self.starts.get(usize::from(window as u16));
        let four = self.filter[0].get(four_slot(window));
        let eight = self.filter[1].get(eight_slot(window));
        let [four, eight] = [four, eight].map(|bits| u32::from(bits.copied().unwrap_or(0)));
        u32::from(short.copied().unwrap_or(0)) | (four | eight) << 1
    }

    /// The number of the phrase of `length` that `window` begins with.
    #[inline]
    pub fn find(&self, window: u128, length: u8) -> Option<u32> {
        let value = window & (u128::MAX >> (128 - 8 * u32::from(length)));
        let (mut slot, tag) = self.slot(value, length);
        loop {
            let found = *self.slots.get(slot)?;
            let number = (found & NUMBER_MASK).checked_sub(1)?;
            if found & !NUMBER_MASK == tag {
                let phrase = self.phrases.get(number as usize)?;
                if u128::from_le_bytes(phrase.bytes) == value && phrase.length == length {
                    return Some(number);
                }
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
    }
}

/// Where the lengths of the phrases with the same four first bytes are kept.
#[inline]
fn four_slot(value: u128) -> usize {
    ((value as u32).wrapping_mul(2_654_435_761) >> (32 - FILTER_BITS)) as usize
}

/// Where the lengths of the phrases with the same eight first bytes are kept.
#[inline]
fn eight_slot(value: u128) -> usize {
    ((value as u64).wrapping_mul(KEY_MULTIPLIER) >> (64 - FILTER_BITS)) as usize
}

fn read_phrase<'a>(data: &'a [u8], previous: &Phrase) -> Result<(Phrase, &'a [u8]), CodecError> {
    let (&head, rest) = data
        .split_first()
        .ok_or(CodecError::BadPrior("its phrases are cut off"))?;
    let (shared, size) = (usize::from(head >> 4), usize::from(head & 15) + 1);
    let (suffix, rest) = rest
        .split_at_checked(size)
        .ok_or(CodecError::BadPrior("its phrases are damaged"))?;
    let length = shared + size;
    if shared > usize::from(previous.length) || !(MIN_PHRASE..=MAX_PHRASE).contains(&length) {
        return Err(CodecError::BadPrior("its phrases are damaged"));
    }
    let mut bytes = [0; MAX_PHRASE];
    bytes[..shared].copy_from_slice(&previous.bytes[..shared]);
    bytes[shared..length].copy_from_slice(suffix);
    Ok((
        Phrase {
            bytes,
            length: length as u8,
        },
        rest,
    ))
}
