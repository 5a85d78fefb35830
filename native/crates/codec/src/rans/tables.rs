//! Frequency tables: quantised to levels, coded compactly, normalised to 4096.
//!
//! A table is written as one *level* a symbol: 0 for a symbol that does not occur, else
//! 1 to 49 in steps of a quarter of an octave. Encoder and decoder normalise levels
//! to frequencies in the same integer arithmetic, so only levels travel: as
//! differences from a *reference* table where there is one.

use std::sync::LazyLock;

use super::range_coder::{Context, RangeDecoder, RangeEncoder, EVEN};
use crate::CodecError;

/// Binary logarithm of the sum of a table's frequencies.
pub const SCALE_BITS: u32 = 12;
/// The sum of a table's frequencies.
pub const SCALE: usize = 1 << SCALE_BITS;
/// The highest level.
pub const MAX_LEVEL: u8 = 49;
/// What the first level of a table without reference is coded relative to.
const FIRST_LEVEL: u8 = 20;
/// Costs are counted in 1/256 bit.
pub const COST_UNIT: u64 = 256;

/// 1024 * 2^(1/8 + k/4): where rounding to the next quarter octave begins.
const THRESHOLDS: [u64; 4] = [1117, 1328, 1579, 1878];

/// `COST[f]` = 256 * log2(4096 / f), rounded down; `COST[0]` is out of the question.
pub static COST: LazyLock<[u32; SCALE + 1]> = LazyLock::new(|| {
    let mut costs = [0u32; SCALE + 1];
    costs[0] = 1 << 24;
    for (frequency, cost) in costs.iter_mut().enumerate().skip(1) {
        let exponent = (frequency as u64).ilog2();
        let mut mantissa = (frequency as u64) << (31 - exponent);
        let mut log = u64::from(exponent) * COST_UNIT;
        for bit in (0..8).rev() {
            mantissa = (mantissa * mantissa) >> 31;
            let carry = mantissa >> 32;
            log += carry << bit;
            mantissa >>= carry;
        }
        *cost = (u64::from(SCALE_BITS) * COST_UNIT - log) as u32;
    }
    costs
});

/// Per slot `symbol << 24 | frequency << 12 | slot - start`.
pub type Entries = [u32; SCALE];

/// The relative weight that a level stands for.
fn weight(level: u8) -> u64 {
    match level {
        0 => 0,
        _ => [16, 19, 23, 27][usize::from(level - 1) % 4] << ((level - 1) / 4),
    }
}

/// The level of each count; all zeros for no counts at all.
pub fn levels_of_counts(counts: &[u32]) -> Vec<u8> {
    let total: u64 = counts.iter().map(|&count| u64::from(count)).sum();
    counts
        .iter()
        .map(|&count| {
            if count == 0 {
                return 0;
            }
            let ratio = (u64::from(count) << 22) / total;
            if ratio < 1024 {
                return 1;
            }
            let octave = ratio.ilog2() - 10;
            let step = THRESHOLDS
                .iter()
                .filter(|&&threshold| ratio >> octave >= threshold)
                .count();
            (1 + 4 * octave as u8 + step as u8).min(MAX_LEVEL)
        })
        .collect()
}

/// Frequencies that sum to 4096, none above 4095, none 0 where the level is not.
///
/// A table without any symbol becomes the flat one; one symbol alone leaves 1 to its successor.
pub fn normalise(levels: &[u8]) -> Vec<u16> {
    let size = levels.len();
    let count = levels.iter().filter(|&&level| level > 0).count();
    if count == 0 {
        return if size == 0 {
            Vec::new()
        } else {
            normalise(&vec![1; size])
        };
    }
    let mut frequencies = vec![0u16; size];
    if count == 1 {
        let symbol = levels.iter().position(|&level| level > 0).unwrap_or(0);
        frequencies[symbol] = SCALE as u16 - 1;
        frequencies[(symbol + 1) % size] = 1;
        return frequencies;
    }
    let total: u64 = levels.iter().map(|&level| weight(level)).sum();
    let mut sum = 0i64;
    for (frequency, &level) in frequencies.iter_mut().zip(levels) {
        if level > 0 {
            *frequency = ((weight(level) * SCALE as u64 + total / 2) / total).max(1) as u16;
            sum += i64::from(*frequency);
        }
    }
    let lack = SCALE as i64 - sum;
    if lack == 0 {
        return frequencies;
    }
    let mut order: Vec<usize> = (0..size).filter(|&symbol| levels[symbol] > 0).collect();
    order.sort_by_key(|&symbol| std::cmp::Reverse(frequencies[symbol]));
    if lack > 0 {
        let (every, rest) = (lack as usize / count, lack as usize % count);
        for (rank, &symbol) in order.iter().enumerate() {
            frequencies[symbol] += every as u16 + u16::from(rank < rest);
        }
    }
    let mut excess = (-lack).max(0) as usize;
    while excess > 0 {
        let able = order
            .iter()
            .filter(|&&symbol| frequencies[symbol] > 1)
            .count();
        let taken = able.min(excess);
        for &symbol in &order[..taken] {
            frequencies[symbol] -= 1;
        }
        excess -= taken;
    }
    frequencies
}

/// `frequency | start << 16` of each symbol: its start is the sum of the frequencies before it.
pub fn encode_entries(frequencies: &[u16]) -> Vec<u32> {
    frequencies
        .iter()
        .scan(0u32, |sum, &frequency| {
            let start = *sum;
            *sum += u32::from(frequency);
            Some(u32::from(frequency) | start << 16)
        })
        .collect()
}

/// The decoding table of `frequencies`.
pub fn decode_entries(frequencies: &[u16]) -> Box<Entries> {
    let mut entries: Box<Entries> = vec![0u32; SCALE]
        .try_into()
        .unwrap_or_else(|_| Box::new([0; SCALE]));
    let mut slot = 0;
    for (symbol, &frequency) in frequencies.iter().enumerate() {
        let head = (symbol as u32) << 24 | u32::from(frequency) << SCALE_BITS;
        for (offset, entry) in entries
            .iter_mut()
            .skip(slot)
            .take(usize::from(frequency))
            .enumerate()
        {
            *entry = head | offset as u32;
        }
        slot += usize::from(frequency);
    }
    entries
}

/// What coding `counts` by `frequencies` takes, in 1/256 bit.
pub fn table_cost(counts: &[u32], frequencies: &[u16]) -> u64 {
    counts
        .iter()
        .zip(frequencies)
        .filter(|(&count, _)| count > 0)
        .map(|(&count, &frequency)| u64::from(count) * u64::from(COST[usize::from(frequency)]))
        .sum()
}

/// What `levels_cost` is at least for the levels of `counts`: that of which symbols occur.
fn presence_cost(counts: &[u32], reference: &[u8]) -> u64 {
    let symbols = counts.iter().zip(reference);
    let cost = |(&count, &guess): (&u32, &u8)| match (count > 0, guess > 0) {
        (false, false) => 64,
        (false, true) => 1024,
        (true, false) => 1024 + 256,
        (true, true) => 64 + 256,
    };
    symbols.map(cost).sum()
}

/// About what writing `levels` of `counts` takes, in 1/256 bit; only the encoder's choices rest on it.
fn levels_cost(counts: &[u32], levels: &[u8], reference: &[u8]) -> u64 {
    let distances = levels.iter().zip(reference).map(|(&level, &guess)| {
        let guess = if guess == 0 { FIRST_LEVEL } else { guess };
        match level.abs_diff(guess) {
            _ if level == 0 => 0,
            0 => 0,
            distance => 256 + 256 * u64::from(distance.min(10)),
        }
    });
    presence_cost(counts, reference) + distances.sum::<u64>()
}

/// The adaptive contexts of the tables of one block: one per block and direction.
pub struct TableCoder {
    absent: [Context; 12],
    same: [Context; 2],
    sign: [Context; 2],
    magnitude: [Context; 32],
    own: Context,
}

impl Default for TableCoder {
    fn default() -> Self {
        TableCoder {
            absent: [EVEN; 12],
            same: [EVEN; 2],
            sign: [EVEN; 2],
            magnitude: [EVEN; 32],
            own: EVEN,
        }
    }
}

fn absent_context(guess: u8, history: usize, has_reference: bool) -> usize {
    match (has_reference, guess) {
        (false, _) => history,
        (true, 0) => 8 + history,
        (true, _) => 4 + history,
    }
}

impl TableCoder {
    /// Writes whether the table is `reference` (whose frequencies are given) or refined,
    /// whichever is smaller; gives the levels if they are refined.
    pub fn choose(
        &mut self,
        encoder: &mut RangeEncoder,
        counts: &[u32],
        reference: &[u8],
        reference_frequencies: &[u16],
    ) -> Option<Vec<u8>> {
        let kept = table_cost(counts, reference_frequencies);
        // Most tables of a small block are dearer to write than all that they could save.
        if kept == 0 || kept <= presence_cost(counts, reference) {
            encoder.bit(&mut self.own, false);
            return None;
        }
        let levels = levels_of_counts(counts);
        let refined =
            table_cost(counts, &normalise(&levels)) + levels_cost(counts, &levels, reference);
        encoder.bit(&mut self.own, refined < kept);
        if refined >= kept {
            return None;
        }
        self.write(encoder, &levels, Some(reference));
        Some(levels)
    }

    /// The levels that `choose` gave.
    pub fn chosen(
        &mut self,
        decoder: &mut RangeDecoder,
        reference: &[u8],
    ) -> Result<Option<Vec<u8>>, CodecError> {
        if !decoder.bit(&mut self.own) {
            return Ok(None);
        }
        self.read(decoder, Some(reference), reference.len())
            .map(Some)
    }

    /// Levels, relative to `reference` if there is one.
    pub fn write(&mut self, encoder: &mut RangeEncoder, levels: &[u8], reference: Option<&[u8]>) {
        let (mut previous, mut history) = (FIRST_LEVEL, 0usize);
        for (symbol, &level) in levels.iter().enumerate() {
            let guess = reference
                .and_then(|table| table.get(symbol))
                .copied()
                .unwrap_or(0);
            let absent = level == 0;
            let context = absent_context(guess, history, reference.is_some());
            encoder.bit(&mut self.absent[context], absent);
            history = (history << 1 | usize::from(absent)) & 3;
            if absent {
                continue;
            }
            let kind = usize::from(guess > 0);
            let base = if guess > 0 { guess } else { previous };
            previous = level;
            encoder.bit(&mut self.same[kind], level != base);
            if level != base {
                encoder.bit(&mut self.sign[kind], level < base);
                let distance = usize::from(level.abs_diff(base));
                for index in 0..distance - 1 {
                    encoder.bit(&mut self.magnitude[kind * 16 + index.min(15)], true);
                }
                encoder.bit(
                    &mut self.magnitude[kind * 16 + (distance - 1).min(15)],
                    false,
                );
            }
        }
    }

    /// What `write` wrote: `size` levels.
    pub fn read(
        &mut self,
        decoder: &mut RangeDecoder,
        reference: Option<&[u8]>,
        size: usize,
    ) -> Result<Vec<u8>, CodecError> {
        const RANGE: CodecError = CodecError::Corrupt("a table's level is out of range");
        let (mut previous, mut history) = (FIRST_LEVEL, 0usize);
        let mut levels = Vec::with_capacity(size);
        for symbol in 0..size {
            let guess = reference
                .and_then(|table| table.get(symbol))
                .copied()
                .unwrap_or(0);
            let context = absent_context(guess, history, reference.is_some());
            let absent = decoder.bit(&mut self.absent[context]);
            history = (history << 1 | usize::from(absent)) & 3;
            if absent {
                levels.push(0);
                continue;
            }
            let kind = usize::from(guess > 0);
            let mut level = i32::from(if guess > 0 { guess } else { previous });
            if decoder.bit(&mut self.same[kind]) {
                let negative = decoder.bit(&mut self.sign[kind]);
                let mut distance = 1;
                while decoder.bit(&mut self.magnitude[kind * 16 + (distance as usize - 1).min(15)])
                {
                    distance += 1;
                    if distance > i32::from(MAX_LEVEL) {
                        return Err(RANGE);
                    }
                }
                level += if negative { -distance } else { distance };
            }
            if !(1..=i32::from(MAX_LEVEL)).contains(&level) {
                return Err(RANGE);
            }
            previous = level as u8;
            levels.push(previous);
        }
        Ok(levels)
    }
}
