//! Adaptive binary range coder for the small header of a block.
//!
//! The carry-propagating coder of LZMA (I. Pavlov, LZMA specification), with 12-bit
//! probabilities that move by a sixteenth, and without its constant first byte and
//! its trailing zero bytes: past the end the decoder reads zeros.

use crate::CodecError;

const PROBABILITY_BITS: u32 = 12;
const ADAPTATION_SHIFT: u32 = 4;
const TOP: u32 = 1 << 24;

/// A probability of a zero bit, in 1/4096.
pub type Context = u16;

/// The probability one half.
pub const EVEN: Context = 1 << (PROBABILITY_BITS - 1);

fn adapt(context: &mut Context, bit: bool) {
    if bit {
        *context -= *context >> ADAPTATION_SHIFT;
    } else {
        *context += ((1 << PROBABILITY_BITS) - *context) >> ADAPTATION_SHIFT;
    }
}

/// The roundest value inside [low, low + range): all bytes after its last set bit are zeros.
fn roundest(low: u64, range: u32) -> u64 {
    (0..=32)
        .rev()
        .map(|shift| (low + (1u64 << shift) - 1) >> shift << shift)
        .find(|&rounded| rounded < low + u64::from(range))
        .unwrap_or(low)
}

/// Codes bits into the bytes of `finish`.
pub struct RangeEncoder {
    low: u64,
    range: u32,
    cache: u8,
    pending: usize,
    started: bool,
    out: Vec<u8>,
}

impl Default for RangeEncoder {
    fn default() -> Self {
        RangeEncoder {
            low: 0,
            range: u32::MAX,
            cache: 0,
            pending: 0,
            started: false,
            out: Vec::new(),
        }
    }
}

impl RangeEncoder {
    /// One bit by an adaptive probability.
    pub fn bit(&mut self, context: &mut Context, bit: bool) {
        let bound = (self.range >> PROBABILITY_BITS) * u32::from(*context);
        if bit {
            self.low += u64::from(bound);
            self.range -= bound;
        } else {
            self.range = bound;
        }
        adapt(context, bit);
        self.fill();
    }

    /// The low `count` bits of `value`, most significant first, at probability one half.
    pub fn direct(&mut self, value: u32, count: u32) {
        for shift in (0..count).rev() {
            self.range >>= 1;
            if value >> shift & 1 != 0 {
                self.low += u64::from(self.range);
            }
            self.fill();
        }
    }

    /// A number below 2^32 - 1 in Exp-Golomb form.
    pub fn number(&mut self, contexts: &mut [Context; 32], value: u32) {
        let value = value.saturating_add(1);
        let width = 32 - value.leading_zeros();
        for context in contexts.iter_mut().take(width as usize - 1) {
            self.bit(context, true);
        }
        if width < 32 {
            self.bit(&mut contexts[width as usize - 1], false);
        }
        self.direct(value, width - 1);
    }

    fn fill(&mut self) {
        while self.range < TOP {
            self.range <<= 8;
            self.shift_low();
        }
    }

    fn shift_low(&mut self) {
        if self.low < 0xff00_0000 || self.low > u64::from(u32::MAX) {
            let carry = (self.low >> 32) as u8;
            if self.started {
                self.out.push(self.cache.wrapping_add(carry));
            }
            self.started = true;
            for _ in 0..self.pending {
                self.out.push(0xffu8.wrapping_add(carry));
            }
            self.pending = 0;
            self.cache = (self.low >> 24) as u8;
        } else {
            self.pending += 1;
        }
        self.low = (self.low << 8) & u64::from(u32::MAX);
    }

    /// Everything coded, in as few bytes as decode to it.
    pub fn finish(mut self) -> Vec<u8> {
        self.low = roundest(self.low, self.range);
        for _ in 0..5 {
            self.shift_low();
        }
        while self.out.last() == Some(&0) {
            self.out.pop();
        }
        self.out
    }
}

/// Reads what `RangeEncoder` coded. Any bytes decode to something.
pub struct RangeDecoder<'a> {
    data: &'a [u8],
    position: usize,
    code: u32,
    range: u32,
}

impl<'a> RangeDecoder<'a> {
    /// Begins at the first byte of `data`.
    pub fn new(data: &'a [u8]) -> Self {
        let mut decoder = RangeDecoder {
            data,
            position: 0,
            code: 0,
            range: u32::MAX,
        };
        for _ in 0..4 {
            decoder.code = decoder.code << 8 | decoder.next();
        }
        decoder
    }

    /// An error unless the bytes are those that the encoder ends with.
    pub fn finish(&self) -> Result<(), CodecError> {
        let read = (self.position - 4..self.position).map(|at| self.byte(at));
        let window = read.fold(0, |window, byte| window << 8 | byte);
        let low = window.wrapping_sub(self.code);
        let ends = self.data.len() <= self.position && self.data.last() != Some(&0);
        if ends && roundest(u64::from(low), self.range) as u32 == window {
            return Ok(());
        }
        Err(CodecError::Corrupt("its header does not end as it should"))
    }

    fn byte(&self, at: usize) -> u32 {
        u32::from(self.data.get(at).copied().unwrap_or(0))
    }

    fn next(&mut self) -> u32 {
        self.position += 1;
        self.byte(self.position - 1)
    }

    fn fill(&mut self) {
        while self.range < TOP {
            self.range <<= 8;
            self.code = self.code << 8 | self.next();
        }
    }

    /// The next bit by an adaptive probability.
    pub fn bit(&mut self, context: &mut Context) -> bool {
        let bound = (self.range >> PROBABILITY_BITS) * u32::from(*context);
        let bit = self.code >= bound;
        if bit {
            self.code -= bound;
            self.range -= bound;
        } else {
            self.range = bound;
        }
        adapt(context, bit);
        self.fill();
        bit
    }

    /// `count` (31 or fewer) bits at probability one half.
    pub fn direct(&mut self, count: u32) -> u32 {
        let mut value = 0;
        for _ in 0..count {
            self.range >>= 1;
            value <<= 1;
            if self.code >= self.range {
                self.code -= self.range;
                value |= 1;
            }
            self.fill();
        }
        value
    }

    /// The next number.
    pub fn number(&mut self, contexts: &mut [Context; 32]) -> u32 {
        let mut width = 1;
        while width < 32 && self.bit(&mut contexts[width - 1]) {
            width += 1;
        }
        (1u32 << (width - 1) | self.direct(width as u32 - 1)) - 1
    }
}
