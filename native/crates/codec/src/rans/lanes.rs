//! Interleaved rANS (J. Duda, arXiv 1311.2540; F. Giesen, arXiv 1402.3392) over lanes.
//!
//! A block has N lanes, each a 32-bit state, 2^16 or more; they share one sequence of
//! 16-bit words. A stream of n symbols is cut into contiguous segments of
//! `ceil(n / N)` symbols, lane j codes segment j. Decoding goes row by row (the
//! first symbol of every segment, then the second, ...), lanes ascending; a lane that
//! falls under 2^16 takes the next word. Streams follow each other on the same
//! states, so that a block pays for its states once.

use super::tables::{Entries, SCALE, SCALE_BITS};
use crate::CodecError;

const LOWER_BOUND: u32 = 1 << 16;
const SYMBOLS_PER_LANE: usize = 2048;
const MAX_LANES: usize = 1024;

/// Lanes for `symbols` symbols in all streams: the power of two at or below `symbols / 2048`, 1 to 1024.
pub fn lane_count(symbols: usize) -> usize {
    let mut lanes = 1;
    while lanes < MAX_LANES && symbols >= 2 * lanes * SYMBOLS_PER_LANE {
        lanes *= 2;
    }
    lanes
}

/// Symbols in the segment of each lane.
pub fn segment(count: usize, lanes: usize) -> usize {
    count.div_ceil(lanes)
}

/// Whether the symbol at `index` has no predecessor in its lane.
pub fn is_lane_start(index: usize, segment: usize) -> bool {
    segment == 0 || index % segment == 0
}

/// Codes streams, last one first.
pub struct LaneEncoder {
    states: Vec<u32>,
    words: Vec<u16>,
}

impl LaneEncoder {
    /// All lanes at their bound.
    pub fn new(lanes: usize) -> Self {
        LaneEncoder {
            states: vec![LOWER_BOUND; lanes],
            words: Vec::new(),
        }
    }

    /// Codes one stream, given as `frequency | start << 16` of each symbol. Frequencies are not 0.
    pub fn stream(&mut self, symbols: &[u32]) {
        let count = symbols.len();
        let lanes = self.states.len();
        let segment = segment(count, lanes);
        for row in (0..segment).rev() {
            let active = (count - row).div_ceil(segment).min(lanes);
            for (lane, state) in self.states[..active].iter_mut().enumerate().rev() {
                let symbol = symbols[lane * segment + row];
                let (frequency, start) = ((symbol & 0xffff).max(1), symbol >> 16);
                let mut x = *state;
                if x >= frequency << (32 - SCALE_BITS) {
                    self.words.push(x as u16);
                    x >>= 16;
                }
                *state = ((x / frequency) << SCALE_BITS) + x % frequency + start;
            }
        }
    }

    /// Appends the states that the decoder begins with, then the words it reads.
    pub fn finish(self, out: &mut Vec<u8>) {
        for state in self.states {
            out.extend_from_slice(&state.to_le_bytes());
        }
        for word in self.words.iter().rev() {
            out.extend_from_slice(&word.to_le_bytes());
        }
    }
}

/// Decodes stream after stream.
pub struct LaneDecoder<'a> {
    states: Vec<u32>,
    words: &'a [u8],
    position: usize,
}

impl<'a> LaneDecoder<'a> {
    /// `data` begins with the states of `lanes` lanes; words follow.
    pub fn new(data: &'a [u8], lanes: usize) -> Result<Self, CodecError> {
        let (heads, words) = data
            .split_at_checked(4 * lanes)
            .ok_or(CodecError::Truncated)?;
        let states: Vec<u32> = heads
            .chunks_exact(4)
            .map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect();
        if states.iter().any(|&state| state < LOWER_BOUND) {
            return Err(CodecError::Corrupt("a state is below its bound"));
        }
        Ok(LaneDecoder {
            states,
            words,
            position: 0,
        })
    }

    /// The next `count` symbols. `table` gives the decoding table of a symbol by its index and
    /// the symbol before it in its lane, `None` at the start of a lane.
    pub fn stream<'t>(
        &mut self,
        count: usize,
        table: impl Fn(usize, Option<u8>) -> &'t Entries,
    ) -> Result<Vec<u8>, CodecError> {
        let lanes = self.states.len();
        let segment = segment(count, lanes);
        let mut out = vec![0u8; count];
        for row in 0..segment {
            let active = (count - row).div_ceil(segment).min(lanes);
            // Where a whole row of words is at hand, none of its reads can run out.
            let plenty = self.words.len().saturating_sub(self.position) >= 2 * active;
            if !plenty {
                self.last_row(row, segment, active, &mut out, &table)?;
                continue;
            }
            let words = &self.words[self.position..self.position + 2 * active];
            let mut taken = 0;
            for (lane, state) in self.states[..active].iter_mut().enumerate() {
                let index = lane * segment + row;
                let before = if row == 0 { None } else { Some(out[index - 1]) };
                let x = *state;
                let entry = table(index, before)[x as usize & (SCALE - 1)];
                out[index] = (entry >> 24) as u8;
                // No branch: whether a lane takes a word is anyone's guess.
                let x = (entry >> SCALE_BITS & 0xfff) * (x >> SCALE_BITS) + (entry & 0xfff);
                let word = u32::from(words[taken]) | u32::from(words[taken + 1]) << 8;
                let low = x < LOWER_BOUND;
                *state = if low { x << 16 | word } else { x };
                taken += 2 * usize::from(low);
            }
            self.position += taken;
        }
        Ok(out)
    }

    fn last_row<'t>(
        &mut self,
        row: usize,
        segment: usize,
        active: usize,
        out: &mut [u8],
        table: &impl Fn(usize, Option<u8>) -> &'t Entries,
    ) -> Result<(), CodecError> {
        for (lane, state) in self.states[..active].iter_mut().enumerate() {
            let index = lane * segment + row;
            let before = if row == 0 { None } else { Some(out[index - 1]) };
            let x = *state;
            let entry = table(index, before)[x as usize & (SCALE - 1)];
            out[index] = (entry >> 24) as u8;
            *state = (entry >> SCALE_BITS & 0xfff) * (x >> SCALE_BITS) + (entry & 0xfff);
            if *state < LOWER_BOUND {
                let word = self
                    .words
                    .get(self.position..self.position + 2)
                    .ok_or(CodecError::Truncated)?;
                *state = *state << 16 | u32::from(word[0]) | u32::from(word[1]) << 8;
                self.position += 2;
            }
        }
        Ok(())
    }

    /// The number of bytes of words read; an error unless every state is where the encoder began.
    pub fn finish(self) -> Result<usize, CodecError> {
        if self.states.iter().any(|&state| state != LOWER_BOUND) {
            return Err(CodecError::Corrupt("a state does not end at its bound"));
        }
        Ok(self.position)
    }
}
