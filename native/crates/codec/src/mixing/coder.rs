//! Binary arithmetic coder: carry-less, 64-bit interval, 16-bit probabilities.
//!
//! The interval is 64 bits wide, so skewed probabilities keep their precision even
//! where the ends of the interval straddle a byte boundary for long.

use crate::CodecError;

/// Splits the interval: the part of a set bit ends here.
#[inline(always)]
fn split(low: u64, high: u64, probability: u32) -> u64 {
    let range = high - low;
    low + (range >> 16) * u64::from(probability)
        + (((range & 0xffff) * u64::from(probability)) >> 16)
}

/// The fewest bytes that name a value of the interval, zeros following unwritten.
fn closing(low: u64, high: u64) -> Vec<u8> {
    for length in 0..8u32 {
        let unit = 1u64 << (63 - 8 * length) << 1; // 0 when length is 0: only the value 0 qualifies
        let value = if unit == 0 {
            if low == 0 {
                0
            } else {
                continue;
            }
        } else {
            match low.checked_add(unit - 1) {
                Some(sum) => sum & !(unit - 1),
                None => continue,
            }
        };
        if value <= high {
            return value.to_be_bytes()[..length as usize].to_vec();
        }
    }
    low.to_be_bytes().to_vec()
}

/// Writes bits.
pub struct Encoder {
    low: u64,
    high: u64,
    out: Vec<u8>,
}

impl Encoder {
    /// An encoder with nothing written.
    pub fn new() -> Self {
        Encoder {
            low: 0,
            high: u64::MAX,
            out: Vec::new(),
        }
    }

    /// Codes `bit`, whose probability of being set is `probability` / 65536, 1 to 65535.
    #[inline(always)]
    pub fn encode(&mut self, bit: u32, probability: u32) {
        let middle = split(self.low, self.high, probability);
        if bit != 0 {
            self.high = middle;
        } else {
            self.low = middle + 1;
        }
        while (self.low ^ self.high) >> 56 == 0 {
            self.out.push((self.high >> 56) as u8);
            self.low <<= 8;
            self.high = self.high << 8 | 255;
        }
    }

    /// The payload.
    pub fn finish(mut self) -> Vec<u8> {
        self.out.extend(closing(self.low, self.high));
        self.out
    }
}

/// Reads what an [`Encoder`] wrote, and nothing else: a payload has one valid form.
pub struct Decoder<'a> {
    low: u64,
    high: u64,
    code: u64,
    payload: &'a [u8],
    /// Bytes that have left the interval.
    passed: usize,
}

impl<'a> Decoder<'a> {
    /// A decoder at the start of `payload`.
    pub fn new(payload: &'a [u8]) -> Self {
        let mut decoder = Decoder {
            low: 0,
            high: u64::MAX,
            code: 0,
            payload,
            passed: 0,
        };
        for index in 0..8 {
            decoder.code = decoder.code << 8 | decoder.byte(index);
        }
        decoder
    }

    fn byte(&self, index: usize) -> u64 {
        u64::from(self.payload.get(index).copied().unwrap_or(0))
    }

    /// The next bit.
    #[inline(always)]
    pub fn decode(&mut self, probability: u32) -> u32 {
        let middle = split(self.low, self.high, probability);
        let bit = u32::from(self.code <= middle);
        if bit != 0 {
            self.high = middle;
        } else {
            self.low = middle + 1;
        }
        while (self.low ^ self.high) >> 56 == 0 {
            self.low <<= 8;
            self.high = self.high << 8 | 255;
            self.code = self.code << 8 | self.byte(self.passed + 8);
            self.passed += 1;
        }
        bit
    }

    /// Whether more bytes were used up than there are.
    #[inline(always)]
    pub fn exhausted(&self) -> bool {
        self.passed > self.payload.len()
    }

    /// Checks that the payload ends here, as the encoder would have ended it.
    pub fn finish(self) -> Result<(), CodecError> {
        let rest = self
            .payload
            .get(self.passed..)
            .ok_or(CodecError::Truncated)?;
        let expected = closing(self.low, self.high);
        if rest == expected.as_slice() {
            Ok(())
        } else if rest.len() < expected.len() {
            Err(CodecError::Truncated)
        } else if rest.len() > expected.len() {
            Err(CodecError::TrailingData)
        } else {
            Err(CodecError::Corrupt(
                "its last bytes are not those of an encoder",
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skewed_bits_round_trip_at_their_entropy() {
        let bits: Vec<u32> = (0..200_000u32).map(|i| u32::from(i % 1000 == 0)).collect();
        let mut encoder = Encoder::new();
        for &bit in &bits {
            encoder.encode(bit, 65);
        }
        let payload = encoder.finish();
        assert!(payload.len() < 290, "{}", payload.len());
        let mut decoder = Decoder::new(&payload);
        for &bit in &bits {
            assert_eq!(decoder.decode(65), bit);
        }
        assert_eq!(decoder.finish(), Ok(()));
    }

    #[test]
    fn only_the_one_form_is_accepted() {
        let mut encoder = Encoder::new();
        for i in 0..400u32 {
            encoder.encode((i * i % 3) & 1, 30000);
        }
        let payload = encoder.finish();
        let decode = |bytes: &[u8]| {
            let mut decoder = Decoder::new(bytes);
            for _ in 0..400 {
                decoder.decode(30000);
            }
            decoder.finish()
        };
        assert_eq!(decode(&payload), Ok(()));
        let mut longer = payload.clone();
        longer.push(0);
        assert_eq!(decode(&longer), Err(CodecError::TrailingData));
        assert_eq!(
            decode(&payload[..payload.len() / 2]),
            Err(CodecError::Truncated)
        );
    }
}
