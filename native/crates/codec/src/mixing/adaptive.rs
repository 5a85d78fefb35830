//! Adaptive probabilities: entries of direct maps and refinement stages (APM, also called SSE).

use super::tables::Tables;
use crate::prefetch::prefetch;

/// A probability of 22 bits and a count of 10: its rate of change is 1 / (count + 1.5).
pub type Entry = u32;

/// One half, nothing seen.
pub const UNDECIDED: Entry = 1 << 31;
/// One half for ever: a count with a rate of zero.
pub const FROZEN: Entry = UNDECIDED | 256;
/// The count at which the rate stops falling.
const SETTLED: u32 = 255;
/// The largest 22-bit probability.
pub const CERTAIN: i32 = (1 << 22) - 1;

/// `entry` after it moved towards `target`, a 22-bit probability, at the `rate` of its count.
#[inline(always)]
fn moved_at(entry: Entry, target: i32, rate: i32) -> Entry {
    let probability = (entry >> 10) as i32;
    // A product of 17 and 15 bits.
    let moved = probability + ((((target - probability) >> 6) * rate) >> 9);
    let count = entry & 1023;
    (moved as u32) << 10 | (count + u32::from(count < SETTLED))
}

/// `entry` after it moved towards `target`, a 22-bit probability.
#[inline(always)]
pub fn moved(t: &Tables, entry: Entry, target: i32) -> Entry {
    moved_at(entry, target, t.reciprocal[entry as usize & 511])
}

/// All of `entries` after they moved towards `target`.
#[inline(always)]
pub fn all_moved<const N: usize>(t: &Tables, entries: &[Entry; N], target: i32) -> [Entry; N] {
    let mut rates = [0; N];
    for (rate, &entry) in rates.iter_mut().zip(entries) {
        *rate = t.reciprocal[entry as usize & 511];
    }
    let mut moved = [0; N];
    for ((moved, &entry), &rate) in moved.iter_mut().zip(entries).zip(&rates) {
        *moved = moved_at(entry, target, rate);
    }
    moved
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

    /// Fetches the middle of a context's row early.
    #[inline(always)]
    pub fn prefetch(&self, context: usize) {
        prefetch(&self.entries[context * 33 + 16]);
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
