//! The latest positions of each hash, for both parsers.

use crate::prefetch::prefetch;

/// Positions between what is asked from memory and what is looked at.
pub const AHEAD: usize = 16;
const NONE: u32 = u32::MAX;
const POSITION_BITS: u32 = 27;
const POSITION_MASK: u32 = (1 << POSITION_BITS) - 1;

/// `DEPTH` positions for each hash, latest first.
///
/// Beside a position stand bits of its hash that are not in the number of its row: most
/// strangers are known without a look at the data. A hash has 32 bits.
pub struct Rows<const DEPTH: usize> {
    rows: Vec<[u32; DEPTH]>,
    bits: u32,
}

impl<const DEPTH: usize> Rows<DEPTH> {
    /// `1 << bits` rows without positions; 18 bits at most.
    pub fn new(bits: u32) -> Self {
        Rows {
            rows: vec![[NONE; DEPTH]; 1 << bits],
            bits,
        }
    }

    /// Enters `position`, which is below 2^27 - 1.
    #[inline(always)]
    pub fn insert(&mut self, hash: u32, position: usize) {
        let tag = self.tag(hash);
        let row = &mut self.rows[(hash >> (32 - self.bits)) as usize];
        row.copy_within(..DEPTH - 1, 1);
        row[0] = position as u32 | tag;
    }

    /// The positions before `here` that may have `hash`.
    #[inline(always)]
    pub fn before(&self, hash: u32, here: usize) -> impl Iterator<Item = usize> {
        let tag = self.tag(hash);
        // An empty entry is past `here`.
        self.rows[(hash >> (32 - self.bits)) as usize]
            .into_iter()
            .filter(move |entry| (entry ^ tag) & !POSITION_MASK == 0)
            .map(|entry| (entry & POSITION_MASK) as usize)
            .take_while(move |&there| there < here)
    }

    /// Asks from memory what `insert` and `before` will look at.
    #[inline(always)]
    pub fn prefetch(&self, hash: u32) {
        prefetch(&self.rows[(hash >> (32 - self.bits)) as usize]);
    }

    #[inline(always)]
    fn tag(&self, hash: u32) -> u32 {
        (hash << self.bits) & !POSITION_MASK
    }
}
