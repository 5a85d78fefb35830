//! Binary arithmetic coder: a carry-less 64-bit interval and 16-bit probabilities.
//!
//! Bytes leave as soon as both ends of the interval agree on them. With 64 bits the
//! interval stays far wider than a probability step unless its ends straddle a byte
//! border for 40 bits on end, so skewed probabilities keep their precision (a 32-bit
//! interval does not). The encoder ends with the fewest bytes that, followed by
//! zeros, lie inside the interval; the decoder checks exactly those bytes, so every
//! input has one payload and anything left over is an error.

use crate::timing::Recorder;
use crate::CodecError;

/// One side of the coder. A model calls `bit` for every decision, and never knows
/// which side it serves except through `ENCODES`.
pub trait BitCoder {
    /// Whether `bit` writes (and returns its argument) or reads.
    const ENCODES: bool;

    /// Whether nothing is written or read, and the model runs to be trained.
    const TRAINS: bool = false;

    /// Codes one binary decision. `one` is the probability of a 1, out of 65536,
    /// in 1..=65535. Returns the decision; when reading, `bit` is ignored.
    fn bit(&mut self, bit: bool, one: u32) -> bool;

    /// Whether reading has run past the payload, so that going on is pointless.
    fn exhausted(&self) -> bool {
        false
    }
}

/// The last value of the lower part of the interval, which stands for a 1.
#[inline(always)]
fn split(low: u64, high: u64, one: u32) -> u64 {
    let range = high - low;
    low + (range >> 16) * u64::from(one) + (((range & 0xffff) * u64::from(one)) >> 16)
}

/// The fewest bytes (0 to 8) that end an interval, left-aligned in the word.
fn ending(low: u64, high: u64) -> (u64, usize) {
    if low == 0 {
        return (0, 0);
    }
    for count in 1..8usize {
        let step = 1u64 << (64 - 8 * count);
        if let Some(raised) = low.checked_add(step - 1) {
            let value = raised & !(step - 1);
            if value <= high {
                return (value, count);
            }
        }
    }
    (low, 8)
}

/// The writing side.
pub struct Encoder {
    low: u64,
    high: u64,
    out: Vec<u8>,
}

impl Encoder {
    /// A coder that appends to `out`.
    pub fn new(out: Vec<u8>) -> Self {
        Encoder {
            low: 0,
            high: u64::MAX,
            out,
        }
    }

    #[inline(always)]
    fn shift(&mut self) {
        while (self.low ^ self.high) >> 56 == 0 {
            self.out.push((self.high >> 56) as u8);
            self.low <<= 8;
            self.high = self.high << 8 | 255;
        }
    }

    /// Ends the stream and returns what was written.
    pub fn finish(mut self) -> Vec<u8> {
        let (value, count) = ending(self.low, self.high);
        self.out.extend_from_slice(&value.to_be_bytes()[..count]);
        self.out
    }
}

impl BitCoder for Encoder {
    const ENCODES: bool = true;

    #[inline(always)]
    fn bit(&mut self, bit: bool, one: u32) -> bool {
        let middle = split(self.low, self.high, one);
        if bit {
            self.high = middle;
        } else {
            self.low = middle + 1;
        }
        self.shift();
        bit
    }
}

impl<C, P: Fn(&mut C, bool, u32)> BitCoder for Recorder<'_, C, P> {
    const ENCODES: bool = true;

    #[inline(always)]
    fn bit(&mut self, bit: bool, one: u32) -> bool {
        self.record(bit, one);
        bit
    }
}

/// The reading side.
pub struct Decoder<'a> {
    low: u64,
    high: u64,
    value: u64,
    payload: &'a [u8],
    shifted: usize,
}

impl<'a> Decoder<'a> {
    /// A coder that reads `payload`, followed by zeros without end.
    pub fn new(payload: &'a [u8]) -> Self {
        let mut first = [0u8; 8];
        let count = payload.len().min(8);
        first[..count].copy_from_slice(&payload[..count]);
        Decoder {
            low: 0,
            high: u64::MAX,
            value: u64::from_be_bytes(first),
            payload,
            shifted: 0,
        }
    }

    #[inline(always)]
    fn shift(&mut self) {
        while (self.low ^ self.high) >> 56 == 0 {
            let next = self.payload.get(self.shifted + 8).copied().unwrap_or(0);
            self.shifted += 1;
            self.low <<= 8;
            self.high = self.high << 8 | 255;
            self.value = self.value << 8 | u64::from(next);
        }
    }

    /// Checks that the payload ended exactly as the encoder ends it.
    pub fn finish(self) -> Result<(), CodecError> {
        let (value, count) = ending(self.low, self.high);
        let length = self.shifted + count;
        match self.payload.len() {
            given if given < length => Err(CodecError::Truncated),
            given if given > length => Err(CodecError::TrailingData),
            _ if self.payload[self.shifted..] != value.to_be_bytes()[..count] => Err(
                CodecError::Corrupt("its last bytes are not those of an encoder"),
            ),
            _ => Ok(()),
        }
    }
}

impl BitCoder for Decoder<'_> {
    const ENCODES: bool = false;

    #[inline(always)]
    fn bit(&mut self, _bit: bool, one: u32) -> bool {
        let middle = split(self.low, self.high, one);
        let bit = self.value <= middle;
        if bit {
            self.high = middle;
        } else {
            self.low = middle + 1;
        }
        self.shift();
        bit
    }

    #[inline(always)]
    fn exhausted(&self) -> bool {
        self.shifted > self.payload.len()
    }
}

/// A side that goes nowhere: for training a model on text.
pub struct Sink;

impl BitCoder for Sink {
    const ENCODES: bool = true;
    const TRAINS: bool = true;

    #[inline(always)]
    fn bit(&mut self, bit: bool, _one: u32) -> bool {
        bit
    }
}

/// A side that writes nothing and adds up what decisions cost. This is the one place with
/// floating point: a decoder never comes here.
#[derive(Default)]
pub struct Ledger {
    sum: f64,
}

impl Ledger {
    /// What the decisions since the last call cost, in units of 2^-16 bit.
    pub fn take(&mut self) -> u64 {
        (std::mem::take(&mut self.sum) * 65536.0).round() as u64
    }
}

impl BitCoder for Ledger {
    const ENCODES: bool = true;

    #[inline(always)]
    fn bit(&mut self, bit: bool, one: u32) -> bool {
        let share = if bit { one } else { 65536 - one };
        self.sum += 16.0 - f64::from(share).log2();
        bit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(count: usize) -> Vec<(bool, u32)> {
        let mut state = 0x1234_5678_9abc_def1u64;
        (0..count)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                let one = match (state >> 8) % 4 {
                    0 => 1,
                    1 => 65535,
                    _ => ((state >> 20) as u32 & 0xffff).clamp(1, 65535),
                };
                (((state >> 40) as u32 & 0xffff) < one, one)
            })
            .collect()
    }

    #[test]
    fn decisions_come_back_and_the_end_is_exact() {
        for count in [0, 1, 2, 3, 10, 100, 20_000] {
            let decisions = noise(count);
            let mut encoder = Encoder::new(Vec::new());
            for &(bit, one) in &decisions {
                encoder.bit(bit, one);
            }
            let payload = encoder.finish();
            let mut decoder = Decoder::new(&payload);
            for &(bit, one) in &decisions {
                assert_eq!(decoder.bit(false, one), bit);
            }
            assert_eq!(decoder.finish(), Ok(()));

            let mut longer = payload.clone();
            longer.push(0);
            let mut decoder = Decoder::new(&longer);
            decisions.iter().for_each(|&(_, one)| {
                decoder.bit(false, one);
            });
            assert_eq!(decoder.finish(), Err(CodecError::TrailingData));
        }
    }

    #[test]
    fn skewed_decisions_cost_next_to_nothing() {
        let mut encoder = Encoder::new(Vec::new());
        for _ in 0..1_000_000 {
            encoder.bit(true, 65535);
        }
        assert!(encoder.finish().len() < 8);
    }
}
