//! Adaptive probabilities: direct maps and refinement stages (APM, also called SSE).

use super::tables::Tables;

/// Probabilities of small contexts. An entry holds 22 bits of probability and 10 of count;
/// its rate of change is 1 / (count + 1.5), down to a limit.
#[derive(Clone)]
pub struct Map {
    pub entries: Vec<u32>,
    limit: u32,
}

impl Map {
    /// `size` contexts at one half; `limit` (up to 1023) is the count at which the rate stops falling.
    pub fn new(size: usize, limit: u32) -> Self {
        Map {
            entries: vec![1 << 31; size],
            limit,
        }
    }

    /// 16-bit probability of context `index`.
    #[inline(always)]
    pub fn probability(&self, index: usize) -> i32 {
        (self.entries[index] >> 16) as i32
    }

    /// Moves context `index` towards `bit`.
    #[inline(always)]
    pub fn update(&mut self, t: &Tables, index: usize, bit: u32) {
        let entry = &mut self.entries[index];
        *entry = moved(t, *entry, bit, self.limit);
    }
}

/// An entry of a [`Map`] after `bit`.
#[inline(always)]
pub fn moved(t: &Tables, entry: u32, bit: u32, limit: u32) -> u32 {
    let count = entry & 1023;
    let probability = i64::from(entry >> 10);
    let target = if bit != 0 { (1 << 22) - 1 } else { 0 };
    let moved =
        probability + (((target - probability) * i64::from(t.reciprocal[count as usize])) >> 16);
    (moved as u32) << 10 | (count + u32::from(count < limit))
}

/// Refines a probability by a context: each context keeps the outcome for 33 points
/// along the log odds and interpolates between the two nearest.
#[derive(Clone)]
pub struct Refiner {
    pub entries: Vec<u16>,
    index: usize,
    rate: u32,
}

impl Refiner {
    /// `contexts` contexts, each the identity at first; `rate` is the shift of an update.
    pub fn new(t: &Tables, contexts: usize, rate: u32) -> Self {
        let row: Vec<u16> = (0..33)
            .map(|j| t.squash((j - 16) * 128).min(65535) as u16)
            .collect();
        Refiner {
            entries: row.repeat(contexts),
            index: 0,
            rate,
        }
    }

    /// Reads both ends of a context's row, so that a later `refine` finds it at hand.
    #[inline(always)]
    pub fn touch(&self, context: usize) -> u16 {
        let base = context * 33;
        self.entries[base] ^ self.entries[base + 32]
    }

    /// The refined 16-bit probability.
    #[inline(always)]
    pub fn refine(&mut self, logit: i32, context: usize) -> i32 {
        let position = logit.clamp(-2047, 2047) + 2048;
        let (low, weight) = (position >> 7, position & 127);
        let base = (context * 33 + low as usize).min(self.entries.len() - 2);
        self.index = base + usize::from(weight >= 64);
        (i32::from(self.entries[base]) * (128 - weight)
            + i32::from(self.entries[base + 1]) * weight)
            >> 7
    }

    /// Learns `bit` at the point nearest to the last refinement.
    #[inline(always)]
    pub fn update(&mut self, bit: u32) {
        let entry = &mut self.entries[self.index];
        let target = if bit != 0 { 65535 } else { 0 };
        let value = i32::from(*entry);
        *entry = (value + ((target - value) >> self.rate)) as u16;
    }
}
