//! What contexts remember: one entry per context, bit histories where it needs them.
//!
//! Most contexts only ever see one byte. Such a context is one 32-bit entry (check,
//! byte, count), from which the histories of its bits follow. A second byte
//! expands it: from then on each half byte has a slot of 15 bit histories.

use super::tables::{Slot, Tables, RUN_LIMIT};
use crate::prefetch::prefetch;

/// Set in an entry whose bit histories are in slots.
pub const EXPANDED: u32 = 0x80;
/// Set in an entry that a prior supplied and that no data has confirmed yet.
pub const PRIMED: u32 = 0x40;
/// Bits of an entry that count how often its byte came in a row.
pub const COUNT: u32 = 0x3f;

const _: () = assert!(RUN_LIMIT as u32 == COUNT);

/// Entries that compete for one place.
const WAYS: usize = 4;

/// Slots that share a cache line.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line([Slot; 4]);

/// Entries and slots of all contexts.
pub struct Store {
    entries: Vec<[u32; WAYS]>,
    lines: Vec<Line>,
    entry_shift: u32,
    line_shift: u32,
}

/// log2 of the number of entries and of slots for a block of `raw_size` bytes.
fn sizes(raw_size: usize) -> (u32, u32) {
    let log = usize::BITS - raw_size.max(4096).saturating_sub(1).leading_zeros();
    ((log + 3).min(25), (log + 1).min(22))
}

/// Hash of the half byte that follows `half` (1 for the first half, 16 to 31 for the
/// second) in the context `hash`.
#[inline(always)]
fn slot_hash(hash: u64, half: u32) -> u64 {
    (hash ^ u64::from(half).wrapping_mul(0x9E37_79B9_7F4A_7C15)).wrapping_mul(0xD6E8_FEB8_6659_FD93)
}

impl Store {
    /// Empty tables for a block of `raw_size` bytes.
    pub fn new(raw_size: usize) -> Self {
        let (entries, slots) = sizes(raw_size);
        Store {
            entries: vec![[0; WAYS]; 1 << (entries - 2)],
            lines: vec![Line([[0; 16]; 4]); 1 << (slots - 2)],
            entry_shift: 64 - (entries - 2),
            line_shift: 64 - (slots - 2),
        }
    }

    /// Bytes of the tables for a block of `raw_size` bytes.
    pub fn memory(raw_size: usize) -> usize {
        let (entries, slots) = sizes(raw_size);
        (4 << entries) + (16 << slots)
    }

    /// Index of the entry of `hash`, and whether it is new: then it was emptied.
    #[inline(always)]
    pub fn entry(&mut self, hash: u64) -> (usize, bool) {
        let check = (hash as u32) << 16;
        let home = (hash >> self.entry_shift) as usize;
        let group = &mut self.entries[home];
        for (way, &entry) in group.iter().enumerate() {
            if entry & 0xffff_0000 == check && entry & COUNT != 0 {
                return (home * WAYS + way, false);
            }
        }
        let worth = group.map(|entry| (entry & COUNT) + (entry & EXPANDED) / 16);
        let mut victim = 0;
        for way in 1..WAYS {
            if worth[way] < worth[victim] {
                victim = way;
            }
        }
        group[victim] = check;
        (home * WAYS + victim, true)
    }

    /// The low half of entry `index`: byte, flags and count.
    #[inline(always)]
    pub fn get(&self, index: usize) -> u32 {
        self.entries[index / WAYS][index % WAYS] & 0xffff
    }

    /// Replaces the low half of entry `index`.
    #[inline(always)]
    pub fn set(&mut self, index: usize, value: u32) {
        let entry = &mut self.entries[index / WAYS][index % WAYS];
        *entry = *entry & 0xffff_0000 | value & 0xffff;
    }

    /// The slot of a half byte in the context `hash` (see `slot_hash`); made where there is none.
    #[inline(always)]
    pub fn slot(&mut self, hash: u64, half: u32) -> usize {
        let hash = slot_hash(hash, half);
        let check = (hash >> 8) as u8;
        let home = (hash >> self.line_shift) as usize;
        let line = &mut self.lines[home].0;
        let mut victim = 0;
        let mut least = u8::MAX;
        for (way, slot) in line.iter().enumerate() {
            if slot[0] == check && slot[1] != 0 {
                return home * 4 + way;
            }
            if slot[1] < least {
                least = slot[1];
                victim = way;
            }
        }
        line[victim] = [0; 16];
        line[victim][0] = check;
        home * 4 + victim
    }

    /// The check byte and the histories of slot `index`.
    #[inline(always)]
    pub fn histories(&mut self, index: usize) -> &mut Slot {
        &mut self.lines[index / 4].0[index % 4]
    }

    /// Fetches early what [`Store::entry`] of `hash` will read.
    #[inline(always)]
    pub fn prefetch_entry(&self, hash: u64) {
        prefetch(&self.entries[(hash >> self.entry_shift) as usize]);
    }

    /// Fetches early what [`Store::slot`] will read.
    #[inline(always)]
    pub fn prefetch_slot(&self, hash: u64, half: u32) {
        prefetch(&self.lines[(slot_hash(hash, half) >> self.line_shift) as usize]);
    }

    /// Puts `count` sightings of `byte` into the slots of the context `hash`.
    pub fn sight(&mut self, t: &Tables, hash: u64, byte: u32, count: usize) {
        for (half, bits) in [(1, byte >> 4), (16 | byte >> 4, byte & 15)] {
            let slot = self.slot(hash, half);
            let histories = self.histories(slot);
            let mut partial = 1usize;
            for shift in (0..4).rev() {
                let bit = (bits >> shift & 1) as usize;
                let history = &mut histories[partial & 15];
                if *history == 0 {
                    *history = t.run[count.min(RUN_LIMIT)][bit];
                } else {
                    for _ in 0..count {
                        *history = t.next[bit][usize::from(*history)];
                    }
                }
                partial = partial << 1 | bit;
            }
        }
    }
}
