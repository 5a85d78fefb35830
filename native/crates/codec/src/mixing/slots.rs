//! What contexts remember: one entry per context, bit histories where it needs them.
//!
//! Most contexts only ever see one byte. Such a context is one 32-bit entry (check,
//! byte, count), from which the histories of its bits follow. A second byte
//! expands it: from then on each half byte has a slot of 15 bit histories.

use super::tables::{Tables, RUN_LIMIT};

/// Set in an entry whose bit histories are in slots.
pub const EXPANDED: u32 = 0x80;
/// Set in an entry that a prior supplied and that no data has confirmed yet.
pub const PRIMED: u32 = 0x40;
/// Bits of an entry that count how often its byte came in a row.
pub const COUNT: u32 = 0x3f;

const _: () = assert!(RUN_LIMIT as u32 == COUNT);

/// A slot: check byte, then the histories of a half byte by its leading bits (1 to 15).
pub type Slot = [u8; 16];

/// Entries and slots of all contexts.
pub struct Store {
    entries: Vec<u32>,
    slots: Vec<Slot>,
    entry_shift: u32,
    slot_shift: u32,
}

/// log2 of the number of entries and of slots for a block of `raw_size` bytes.
pub fn sizes(raw_size: usize) -> (u32, u32) {
    let log = usize::BITS - raw_size.max(4096).saturating_sub(1).leading_zeros();
    ((log + 3).min(25), (log + 1).min(22))
}

#[inline(always)]
fn slot_hash(hash: u64, half: u32) -> u64 {
    (hash ^ u64::from(half).wrapping_mul(0x9E37_79B9_7F4A_7C15)).wrapping_mul(0xD6E8_FEB8_6659_FD93)
}

impl Store {
    /// Empty tables for a block of `raw_size` bytes.
    pub fn new(raw_size: usize) -> Self {
        let (entries, slots) = sizes(raw_size);
        Store {
            entries: vec![0; 1 << entries],
            slots: vec![[0; 16]; 1 << slots],
            entry_shift: 64 - entries,
            slot_shift: 64 - slots,
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
        let mut victim = home;
        let mut least = u32::MAX;
        for way in 0..4 {
            let index = home ^ way;
            let entry = self.entries[index];
            if entry & 0xffff_0000 == check && entry & COUNT != 0 {
                return (index, false);
            }
            let worth = (entry & COUNT) + (entry & EXPANDED) / 16;
            if worth < least {
                least = worth;
                victim = index;
            }
        }
        self.entries[victim] = check;
        (victim, true)
    }

    /// The low half of entry `index`: byte, flags and count.
    #[inline(always)]
    pub fn get(&self, index: usize) -> u32 {
        self.entries[index] & 0xffff
    }

    /// Replaces the low half of entry `index`.
    #[inline(always)]
    pub fn set(&mut self, index: usize, value: u32) {
        let entry = &mut self.entries[index];
        *entry = *entry & 0xffff_0000 | value & 0xffff;
    }

    /// Index of the slot for the half byte that follows `half` (1 for the first half,
    /// 16 to 31 for the second) in the context `hash`; made where there is none.
    #[inline(always)]
    pub fn slot(&mut self, hash: u64, half: u32) -> usize {
        let hash = slot_hash(hash, half);
        let check = (hash >> 8) as u8;
        let home = (hash >> self.slot_shift) as usize;
        let mut victim = home;
        let mut least = u8::MAX;
        for way in 0..3 {
            let index = home ^ way;
            let slot = &self.slots[index];
            if slot[0] == check && slot[1] != 0 {
                return index;
            }
            if slot[1] < least {
                least = slot[1];
                victim = index;
            }
        }
        self.slots[victim] = [0; 16];
        self.slots[victim][0] = check;
        victim
    }

    /// The histories of slot `index`.
    #[inline(always)]
    pub fn histories(&self, index: usize) -> &Slot {
        &self.slots[index]
    }

    /// Appends the four `bits` of a half byte to the histories along its path.
    #[inline(always)]
    pub fn push(&mut self, t: &Tables, index: usize, bits: u32) {
        let slot = &mut self.slots[index];
        let mut partial = 1usize;
        for shift in (0..4).rev() {
            let bit = (bits >> shift & 1) as usize;
            slot[partial & 15] = t.next[usize::from(slot[partial & 15])][bit];
            partial = partial << 1 | bit;
        }
    }

    /// Reads the places where `hashes` will look, so that the reads overlap.
    #[inline(always)]
    pub fn touch(&self, hashes: &[u64]) -> u32 {
        hashes.iter().fold(0, |sum, hash| {
            sum ^ self.entries[(hash >> self.entry_shift) as usize]
        })
    }

    /// Reads where `slot` will look for the contexts in `mask`, so that the reads overlap.
    #[inline(always)]
    pub fn touch_slots(&self, hashes: &[u64], mut mask: u32, half: u32) -> u8 {
        let mut sum = 0;
        while mask != 0 {
            let hash = slot_hash(hashes[mask.trailing_zeros() as usize % hashes.len()], half);
            mask &= mask - 1;
            sum ^= self.slots[(hash >> self.slot_shift) as usize][0];
        }
        sum
    }

    /// Puts `count` sightings of `byte` into the slots of the context `hash`.
    pub fn sight(&mut self, t: &Tables, hash: u64, byte: u32, count: usize) {
        for (half, bits) in [(1, byte >> 4), (16 | byte >> 4, byte & 15)] {
            let slot = self.slot(hash, half);
            let mut partial = 1usize;
            for shift in (0..4).rev() {
                let bit = bits >> shift & 1;
                let history = &mut self.slots[slot][partial];
                if *history == 0 {
                    *history = t.run[count.min(RUN_LIMIT)][bit as usize];
                } else {
                    for _ in 0..count {
                        *history = t.next[usize::from(*history)][bit as usize];
                    }
                }
                partial = partial << 1 | bit as usize;
            }
        }
    }
}
