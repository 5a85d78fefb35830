//! A prior: what a language's code has taught the model, ready to share.
//!
//! Content: a magic, the learned state in adaptive codes, then for each context a
//! table of keys (parts of hashes) with the bytes that follow. A block takes from the
//! table lazily: only when it meets a context for the first time.

use super::coder::{Decoder, Encoder};
use super::contexts::CONTEXTS;
use super::mixer::{Vector, SETS};
use super::model::{Learned, Seed, Seeds, SEED_LIMIT, USED_INPUTS};
use super::statistics::{push_number, push_piece, push_symbols, read_symbols, Numbers, Reader};
use crate::prefetch::prefetch;
use crate::CodecError;

const MAGIC: &[u8; 8] = b"qyn1mix\x01";

/// Most contexts of one kind, and most followers of them all: bounds the memory of a prior.
const CONTEXT_LIMIT: usize = 1 << 18;
const FOLLOWER_LIMIT: usize = 1 << 20;

/// How often a follower may count as seen.
pub const CONFIDENCES: [u8; 8] = [1, 2, 3, 5, 8, 12, 16, 20];

/// Bits that tell the contexts of a bucket apart. Fewer make room for more contexts and
/// let more strange ones in.
const KEY_BITS: u32 = 8;

/// What is known of some contexts of one kind.
#[derive(Default)]
pub struct Table {
    /// log2 of the number of buckets.
    bits: u32,
    /// Where each bucket starts in `keys`, and one end.
    starts: Vec<u32>,
    /// `KEY_BITS` of the hash below those that select the bucket.
    keys: Vec<u8>,
    /// Where the followers of each context start, and one end.
    offsets: Vec<u32>,
    followers: Vec<Seed>,
}

/// The class of `count` in [`CONFIDENCES`].
fn confidence(count: u8) -> u8 {
    CONFIDENCES
        .iter()
        .take_while(|&&least| least < count)
        .count() as u8
}

/// One context as training found it: upper half of its hash, followers, least sure first.
pub struct Known {
    pub key: u32,
    pub followers: Vec<Seed>,
}

impl Table {
    /// Bits of the hash that select a bucket, for `size` contexts: one or two share one.
    fn bits(size: usize) -> u32 {
        size.max(1).ilog2().clamp(4, 20)
    }

    fn write(mut known: Vec<Known>, out: &mut Vec<u8>) {
        let bits = Table::bits(known.len());
        let short = |known: &Known| known.key >> (32 - KEY_BITS - bits);
        known.sort_by_key(|k| k.key);
        known.dedup_by_key(|k| short(k));
        // Removing collisions may change the number of bits; the count tells the reader which were used.
        push_number(out, bits as usize);
        let mut fill = vec![0u8; 1 << bits];
        for context in &known {
            fill[(short(context) >> KEY_BITS) as usize] += 1;
        }
        push_symbols(out, &fill);
        let key = |k: &Known| (short(k) & ((1 << KEY_BITS) - 1)) as u8;
        push_symbols(out, &known.iter().map(key).collect::<Vec<u8>>());
        // The number of followers with the confidence of the surest, which tells much of it.
        let mut shapes = Vec::with_capacity(known.len());
        let mut surest = Vec::with_capacity(known.len());
        let (mut bytes, mut confidences) = (Vec::new(), Vec::new());
        for context in &known {
            let Some((last, rest)) = context.followers.split_last() else {
                continue;
            };
            shapes.push((rest.len() * CONFIDENCES.len()) as u8 + confidence(last.count));
            surest.push(last.byte);
            bytes.extend(rest.iter().map(|seed| seed.byte));
            confidences.extend(rest.iter().map(|seed| confidence(seed.count)));
        }
        for symbols in [&shapes, &surest, &bytes, &confidences] {
            push_symbols(out, symbols);
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, CodecError> {
        const DAMAGED: CodecError = CodecError::BadPrior("its table of contexts is damaged");
        let bits = reader.number()?;
        if !(4..=20).contains(&bits) {
            return Err(DAMAGED);
        }
        let fill = read_symbols(reader, 1 << bits)?;
        let keys = read_symbols(reader, CONTEXT_LIMIT)?;
        let shapes = read_symbols(reader, CONTEXT_LIMIT)?;
        if fill.len() != 1 << bits || keys.len() != shapes.len() {
            return Err(DAMAGED);
        }
        let mut starts = Vec::with_capacity(fill.len() + 1);
        let mut sum = 0u32;
        for &n in &fill {
            starts.push(sum);
            sum += u32::from(n);
        }
        starts.push(sum);
        let shape = |shape: u8| {
            let shape = usize::from(shape);
            (shape / CONFIDENCES.len(), shape % CONFIDENCES.len())
        };
        if sum as usize != keys.len() || shapes.iter().any(|&s| shape(s).0 >= SEED_LIMIT) {
            return Err(DAMAGED);
        }
        let surest = read_symbols(reader, CONTEXT_LIMIT)?;
        let bytes = read_symbols(reader, FOLLOWER_LIMIT)?;
        let confidences = read_symbols(reader, FOLLOWER_LIMIT)?;
        let others: usize = shapes.iter().map(|&s| shape(s).0).sum();
        if surest.len() != shapes.len()
            || bytes.len() != others
            || confidences.len() != others
            || confidences
                .iter()
                .any(|&c| usize::from(c) >= CONFIDENCES.len())
        {
            return Err(DAMAGED);
        }
        let mut offsets = Vec::with_capacity(shapes.len() + 1);
        let mut followers = Vec::with_capacity(shapes.len() + others);
        let mut rest = bytes.iter().zip(&confidences).map(|(&byte, &c)| Seed {
            byte,
            count: CONFIDENCES[usize::from(c)],
        });
        for (&byte, &s) in surest.iter().zip(&shapes) {
            let (others, c) = shape(s);
            offsets.push(followers.len() as u32);
            followers.extend(rest.by_ref().take(others));
            followers.push(Seed {
                byte,
                count: CONFIDENCES[c],
            });
        }
        offsets.push(followers.len() as u32);
        Ok(Table {
            bits: bits as u32,
            starts,
            keys,
            offsets,
            followers,
        })
    }

    /// Bucket and key of `hash`.
    #[inline(always)]
    fn place(&self, hash: u64) -> (usize, u8) {
        let short = (hash >> (64 - KEY_BITS - self.bits)) as usize;
        (short >> KEY_BITS, (short & ((1 << KEY_BITS) - 1)) as u8)
    }

    #[inline]
    fn find(&self, hash: u64) -> &[Seed] {
        if self.keys.is_empty() {
            return &[];
        }
        let (bucket, key) = self.place(hash);
        let (from, to) = (
            self.starts[bucket] as usize,
            self.starts[bucket + 1] as usize,
        );
        match self.keys[from..to].iter().position(|&k| k == key) {
            Some(n) => {
                &self.followers
                    [self.offsets[from + n] as usize..self.offsets[from + n + 1] as usize]
            }
            None => &[],
        }
    }
}

/// A prior that was read.
pub struct Prior {
    learned: Learned,
    tables: Vec<Table>,
}

impl Seeds for Prior {
    #[inline]
    fn seed(&self, context: usize, hash: u64, out: &mut [Seed; SEED_LIMIT]) -> usize {
        let found = self.tables[context].find(hash);
        out[..found.len()].copy_from_slice(found);
        found.len()
    }

    fn prefetch(&self, hashes: &[u64; CONTEXTS]) {
        for (table, &hash) in self.tables.iter().zip(hashes) {
            if let Some(start) = table.starts.get(table.place(hash).0) {
                prefetch(start);
            }
        }
    }
}

impl Prior {
    /// Reads the content of a prior; `BadPrior` for anything that is none.
    pub fn parse(content: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::new(content);
        if reader.bytes(MAGIC.len())? != MAGIC {
            return Err(CodecError::BadPrior(
                "it is no prior of this version of mixing",
            ));
        }
        let learned = read_learned(reader.piece()?)?;
        let tables = (0..CONTEXTS)
            .map(|_| Table::read(&mut reader))
            .collect::<Result<Vec<_>, _>>()?;
        if !reader.is_done() {
            return Err(CodecError::BadPrior("data is left over after its end"));
        }
        Ok(Prior { learned, tables })
    }

    /// The state that a block starts from.
    pub fn learned(&self) -> Learned {
        self.learned.clone()
    }
}

/// The content of a prior.
pub fn write(learned: &Learned, known: Vec<Vec<Known>>) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    push_piece(&mut out, &write_learned(learned));
    for known in known {
        Table::write(known, &mut out);
    }
    out
}

/// Uses that a weight vector needs to be kept.
const LEAST_USES: u16 = 200;
/// Uses with which a kept vector starts: it still learns, but no longer in leaps.
const USES_RESTORED: u16 = 400;
/// Count with which a probability that was learned starts.
const COUNT_RESTORED: u32 = 130;

/// Reads or writes numbers: one walk over the learned state serves both, so that
/// they cannot disagree.
trait Pass {
    fn number(&mut self, kind: usize, value: i32) -> Result<i32, CodecError>;
}

struct Writing {
    encoder: Encoder,
    kinds: Vec<Numbers>,
}

struct Reading<'a> {
    decoder: Decoder<'a>,
    kinds: Vec<Numbers>,
}

impl Pass for Writing {
    fn number(&mut self, kind: usize, value: i32) -> Result<i32, CodecError> {
        self.kinds[kind].write(&mut self.encoder, value);
        Ok(value)
    }
}

impl Pass for Reading<'_> {
    fn number(&mut self, kind: usize, _: i32) -> Result<i32, CodecError> {
        if self.decoder.exhausted() {
            return Err(CodecError::BadPrior("its learned state ends too early"));
        }
        self.kinds[kind].read(&mut self.decoder)
    }
}

const KINDS: usize = 12;

/// A vector of weights, and how many low bits of each a prior drops.
trait Weights: Clone {
    const SHIFT: u32;
    /// Weights that are ever used.
    const USED: usize;
    fn get(&self, index: usize) -> i32;
    fn set(&mut self, index: usize, weight: i32);
}

impl Weights for Vector {
    const SHIFT: u32 = 9;
    const USED: usize = USED_INPUTS;
    fn get(&self, index: usize) -> i32 {
        i32::from(self.0[index])
    }
    fn set(&mut self, index: usize, weight: i32) {
        self.0[index] = weight.clamp(-32767, 32767) as i16;
    }
}

impl Weights for [i32; SETS] {
    const SHIFT: u32 = 10;
    const USED: usize = SETS;
    fn get(&self, index: usize) -> i32 {
        self[index]
    }
    fn set(&mut self, index: usize, weight: i32) {
        self[index] = weight.clamp(-511 << 10, 511 << 10);
    }
}

fn weights<W: Weights>(
    pass: &mut impl Pass,
    kind: usize,
    vectors: &mut [W],
    uses: &mut [u16],
) -> Result<(), CodecError> {
    let mut before = vec![0i32; W::USED];
    for (vector, uses) in vectors.iter_mut().zip(uses) {
        let kept = pass.number(kind, i32::from(*uses >= LEAST_USES))? != 0;
        for (n, before) in before.iter_mut().enumerate() {
            // What was hardly used starts like its neighbour.
            if kept {
                let group = kind + 1 + (n / 24).min(2);
                let rounded = (vector.get(n) + (1 << (W::SHIFT - 1))) >> W::SHIFT;
                *before = before.wrapping_add(pass.number(group, rounded.wrapping_sub(*before))?);
            }
            vector.set(n, (*before).clamp(-(1 << 20), 1 << 20) << W::SHIFT);
        }
        *uses = if kept { USES_RESTORED } else { 0 };
    }
    Ok(())
}

fn probabilities(
    pass: &mut impl Pass,
    kind: usize,
    entries: &mut [u32],
    initial: &[u32],
) -> Result<(), CodecError> {
    for (entry, &initial) in entries.iter_mut().zip(initial) {
        let learned = *entry & 1023 != initial & 1023;
        let base = (initial >> 20) as i32;
        let difference = pass.number(
            kind,
            if learned {
                (*entry >> 20) as i32 - base
            } else {
                0
            },
        )?;
        let value = base.wrapping_add(difference).clamp(0, 4095) as u32;
        *entry = if difference == 0 {
            initial
        } else {
            value << 20 | 1 << 19 | COUNT_RESTORED
        };
    }
    Ok(())
}

fn walk(pass: &mut impl Pass, learned: &mut Learned) -> Result<(), CodecError> {
    let initial = Learned::new();
    let first = &mut learned.mixer.first;
    weights(pass, 0, &mut first.weights, &mut first.uses)?;
    let last = &mut learned.mixer.last;
    weights(pass, 4, &mut last.weights, &mut last.uses)?;
    for (map, initial) in learned.histories.iter_mut().zip(initial.histories.iter()) {
        probabilities(pass, 8, map, initial)?;
    }
    for (map, initial) in learned.runs.iter_mut().zip(initial.runs.iter()) {
        probabilities(pass, 9, map, initial)?;
    }
    for (map, initial) in learned.matches.iter_mut().zip(&initial.matches) {
        probabilities(pass, 10, map, initial)?;
    }
    // The hashed refiners are cheap to learn and dear to store: only the small one is kept.
    for (refiner, initial) in learned.refiners.iter_mut().zip(&initial.refiners).take(1) {
        for (entry, &initial) in refiner.entries.iter_mut().zip(&initial.entries) {
            let difference = pass.number(11, (i32::from(*entry) - i32::from(initial)) / 256)?;
            *entry = i32::from(initial)
                .saturating_add(difference.saturating_mul(256))
                .clamp(0, 65535) as u16;
        }
    }
    learned.refiners[1..].clone_from_slice(&initial.refiners[1..]);
    Ok(())
}

fn write_learned(learned: &Learned) -> Vec<u8> {
    let mut pass = Writing {
        encoder: Encoder::new(),
        kinds: (0..KINDS).map(|_| Numbers::new()).collect(),
    };
    // Writing never fails; the walk rounds its argument, so it gets a copy.
    let _ = walk(&mut pass, &mut learned.clone());
    pass.encoder.finish()
}

fn read_learned(payload: &[u8]) -> Result<Learned, CodecError> {
    let mut pass = Reading {
        decoder: Decoder::new(payload),
        kinds: (0..KINDS).map(|_| Numbers::new()).collect(),
    };
    let mut learned = Learned::new();
    walk(&mut pass, &mut learned)?;
    pass.decoder
        .finish()
        .map_err(|_| CodecError::BadPrior("its learned state is damaged"))?;
    Ok(learned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_knows_what_was_written() {
        let known = |n: u32| {
            let seed = |k: u32| Seed {
                byte: (n + k) as u8,
                count: CONFIDENCES[(n + k) as usize % CONFIDENCES.len()],
            };
            Known {
                key: n.wrapping_mul(0x9E37_79B1),
                followers: (0..=n % SEED_LIMIT as u32).map(seed).collect(),
            }
        };
        let mut out = Vec::new();
        Table::write((0..3000).map(known).collect(), &mut out);
        let table = Table::read(&mut Reader::new(&out)).unwrap();
        let same = |n: &u32| {
            let wanted = known(*n);
            let found = table.find(u64::from(wanted.key) << 32);
            let pairs = found.iter().zip(&wanted.followers);
            found.len() == wanted.followers.len()
                && pairs
                    .into_iter()
                    .all(|(a, b)| (a.byte, a.count) == (b.byte, b.count))
        };
        // All but the few whose keys are the same.
        assert!((0..3000).filter(same).count() > 2950);
        assert!(table.find(0x1234_5678 << 32).is_empty());
    }
}
