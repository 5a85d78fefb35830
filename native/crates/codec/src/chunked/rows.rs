//! The latest positions of each hash, for both parsers.

use crate::prefetch::prefetch;

/// Positions between what is asked from memory and what is looked at.
pub const AHEAD: usize = 16;
const NONE: u32 = u32::MAX;
/// Bits of a hash above its highest ones, which stand beside a position, that number a row.
const MAX_BITS: u32 = 18;
const ROW_SHIFT: u32 = 8;
const TAG: u32 = 0xf800_0000;

/// `DEPTH` positions for each hash, latest first.
///
/// Beside a position stand bits of its hash that are not in the number of its row: most
/// strangers are known without a look at the data.
pub struct Rows<const DEPTH: usize> {
    rows: Box<[[u32; DEPTH]]>,
    mask: u32,
}

impl<const DEPTH: usize> Rows<DEPTH> {
    /// `1 << bits` rows without positions; 18 bits at most.
    pub fn new(bits: u32) -> Self {
        let count = 1 << bits.min(MAX_BITS);
        Rows {
            rows: vec![[NONE; DEPTH]; count].into(),
            mask: count as u32 - 1,
        }
    }

    /// Enters `position`, which is below 2^27 - 1.
    #[inline(always)]
    pub fn insert(&mut self, hash: u32, position: usize) {
        let row = &mut self.rows[(hash >> ROW_SHIFT & self.mask) as usize];
        row.copy_within(..DEPTH - 1, 1);
        row[0] = position as u32 | (hash & TAG);
    }

    /// The positions that may have `hash`, latest first. What is empty or of another hash is
    /// given as a position past all that were entered.
    #[inline(always)]
    pub fn positions(&self, hash: u32) -> [usize; DEPTH] {
        let tag = hash & TAG;
        self.rows[(hash >> ROW_SHIFT & self.mask) as usize].map(|entry| (entry ^ tag) as usize)
    }

    /// Those of them that are before `here`.
    #[inline(always)]
    pub fn before(&self, hash: u32, here: usize) -> impl Iterator<Item = usize> {
        let positions = self.positions(hash).into_iter();
        positions.filter(move |&there| there < here)
    }

    /// Asks from memory what `insert` and `before` will look at.
    #[inline(always)]
    pub fn prefetch(&self, hash: u32) {
        prefetch(&self.rows[(hash >> ROW_SHIFT & self.mask) as usize]);
    }
}
