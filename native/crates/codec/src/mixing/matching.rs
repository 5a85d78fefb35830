//! Match models: what followed the last time these bytes were seen.

use super::adaptive::{moved, Entry, CERTAIN, UNDECIDED};
use super::tables::Tables;
use crate::prefetch::prefetch;

/// Longest match length that is told apart.
const LENGTH_LIMIT: u32 = 65535;
/// Classes of match length.
pub const CLASSES: usize = 16;

/// Finds the most recent place with the same `least` bytes before it and predicts what came next.
pub struct Match {
    table: Vec<u32>,
    shift: u32,
    least: usize,
    /// Where the table has what was last seen like this.
    slot: usize,
    /// Where the predicted byte is; 0: nowhere.
    pointer: usize,
    /// Bytes that agree before `pointer`; 0 when the last prediction failed.
    length: u32,
    /// Failed bytes since `pointer` was found, up to 7.
    misses: u32,
    /// The predicted byte with a leading one, or 0 for no prediction.
    expected: u32,
    context: usize,
    active: bool,
}

impl Match {
    fn bits(raw_size: usize) -> u32 {
        (usize::BITS - raw_size.max(4096).saturating_sub(1).leading_zeros()).min(20)
    }

    /// Bytes of the table for a block of `raw_size` bytes.
    pub fn memory(raw_size: usize) -> usize {
        4 << Self::bits(raw_size)
    }

    /// A model for blocks of `raw_size` bytes that wants `least` equal bytes.
    pub fn new(raw_size: usize, least: usize) -> Self {
        let bits = Self::bits(raw_size);
        Match {
            table: vec![0; 1 << bits],
            shift: 64 - bits,
            least,
            slot: 0,
            pointer: 0,
            length: 0,
            misses: 0,
            expected: 0,
            context: 0,
            active: false,
        }
    }

    /// The probabilities that a match model learns, at the start.
    pub fn map() -> Vec<Entry> {
        let mut map = vec![UNDECIDED; CLASSES * 8 * 8 * 2];
        for (index, entry) in map.iter_mut().enumerate() {
            let class = (index / 128) as u32;
            let wrong = (1 << 21) / (class + 2);
            *entry = (if index & 1 == 1 {
                (1 << 22) - wrong
            } else {
                wrong
            }) << 10;
        }
        map
    }

    /// The byte that is predicted, if any.
    #[inline(always)]
    pub fn expected(&self) -> Option<u8> {
        (self.expected != 0).then_some(self.expected as u8)
    }

    /// Class of the match length, 0 (no match) to 15.
    #[inline(always)]
    pub fn class(&self) -> usize {
        if self.expected == 0 {
            return 0;
        }
        let l = self.length;
        (match l {
            0 => 1,
            1..=7 => 2 + l / 3,
            8..=11 => 5,
            12..=15 => 6,
            16..=23 => 7,
            24..=31 => 8,
            32..=47 => 9,
            48..=95 => 10,
            96..=191 => 11,
            192..=399 => 12,
            400..=999 => 13,
            1000..=3999 => 14,
            _ => 15,
        }) as usize
    }

    /// Fetches early what [`Match::byte`] will read.
    #[inline(always)]
    pub fn prefetch(&mut self, history: &[u8]) {
        if let Some(start) = history.len().checked_sub(self.least) {
            let mut hash = 0u64;
            for &byte in &history[start..] {
                hash = (hash + u64::from(byte) + 1).wrapping_mul(0x2F0B_4C47_9E37_79B1);
            }
            self.slot = (hash.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift) as usize;
            prefetch(&self.table[self.slot]);
        }
    }

    /// Moves on by one byte; `history` ends with it, and [`Match::prefetch`] has seen it.
    pub fn byte(&mut self, history: &[u8]) {
        let position = history.len();
        if self.pointer > 0 {
            if self.expected != 0 && history.last() == history.get(self.pointer) {
                self.length = (self.length + 1).min(LENGTH_LIMIT);
            } else {
                self.length = 0;
                self.misses = (self.misses + 1).min(7);
            }
            self.pointer += 1;
        }
        if position >= self.least {
            let slot = self.slot;
            if self.length < self.least as u32 {
                let candidate = self.table[slot] as usize;
                if candidate > 0 {
                    let agree = history[..candidate]
                        .iter()
                        .rev()
                        .zip(history.iter().rev())
                        .take(400)
                        .take_while(|(a, b)| a == b)
                        .count();
                    if agree >= self.least
                        || (agree as u32 > self.length && agree >= 4 && self.misses > 0)
                    {
                        self.pointer = candidate;
                        self.length = agree as u32;
                        self.misses = 0;
                    }
                }
            }
            self.table[slot] = position as u32;
        }
        if self.misses >= 7 && self.length == 0 {
            self.pointer = 0;
        }
        self.expected = match history.get(self.pointer) {
            Some(&byte) if self.pointer > 0 => 256 | u32::from(byte),
            _ => 0,
        };
    }

    /// Two mixer inputs for the bit after `partial` (a leading one and the bits so far).
    #[inline(always)]
    pub fn predict(
        &mut self,
        t: &Tables,
        map: &[Entry],
        partial: u32,
        bit_index: u32,
        class: usize,
    ) -> [i32; 2] {
        self.active = self.expected != 0 && self.expected >> (8 - bit_index) == partial;
        if !self.active {
            return [0; 2];
        }
        let bit = self.expected >> (7 - bit_index) & 1;
        self.context =
            (((class * 8 + self.misses as usize) * 8 + bit_index as usize) << 1) | bit as usize;
        let probability = (map[self.context] >> 16) as i32;
        [t.stretch16(probability), (probability - 32768) >> 6]
    }

    /// Bit that is predicted by the last `predict`: 0 none, 1 clear, 2 set.
    #[inline(always)]
    pub fn bit_state(&self) -> usize {
        if self.active {
            1 + (self.context & 1)
        } else {
            0
        }
    }

    /// Learns `bit`.
    #[inline(always)]
    pub fn update(&self, t: &Tables, map: &mut [Entry], bit: u32) {
        if self.active {
            let entry = &mut map[self.context];
            *entry = moved(t, *entry, bit as i32 * CERTAIN);
        }
    }
}
