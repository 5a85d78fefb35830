//! How the numbers of a prior are written: adaptive codes for learned state, `rans`
//! for what must be read fast.

use super::coder::{Decoder, Encoder};
use crate::{rans, CodecError};

const DAMAGED: CodecError = CodecError::BadPrior("its statistics are damaged");

/// Adaptive binary contexts of one kind of number: a unary length, then its bits.
pub struct Numbers {
    length: [u16; 40],
    bits: [u16; 64],
    sign: u16,
}

const HALF: u16 = 1 << 15;

fn adapt(probability: &mut u16, bit: u32) {
    if bit != 0 {
        *probability += (65535 - *probability) >> 5;
    } else {
        *probability -= *probability >> 5;
    }
}

fn put(encoder: &mut Encoder, probability: &mut u16, bit: u32) {
    encoder.encode(bit, u32::from((*probability).max(1)));
    adapt(probability, bit);
}

fn get(decoder: &mut Decoder<'_>, probability: &mut u16) -> u32 {
    let bit = decoder.decode(u32::from((*probability).max(1)));
    adapt(probability, bit);
    bit
}

impl Numbers {
    /// Contexts that know nothing.
    pub fn new() -> Self {
        Numbers {
            length: [HALF; 40],
            bits: [HALF; 64],
            sign: HALF,
        }
    }

    /// Writes `value`, of magnitude below 2^31.
    pub fn write(&mut self, encoder: &mut Encoder, value: i32) {
        let magnitude = value.unsigned_abs().wrapping_add(1);
        let length = 31 - magnitude.leading_zeros();
        for n in 0..length {
            put(encoder, &mut self.length[n as usize], 1);
        }
        put(encoder, &mut self.length[length as usize], 0);
        for shift in (0..length).rev() {
            let top = shift + 1 == length;
            let context = (length.min(15) * 2 + u32::from(top)) as usize;
            put(encoder, &mut self.bits[context], magnitude >> shift & 1);
        }
        if value != 0 {
            put(encoder, &mut self.sign, u32::from(value < 0));
        }
    }

    /// Reads what `write` wrote.
    pub fn read(&mut self, decoder: &mut Decoder<'_>) -> Result<i32, CodecError> {
        let mut length = 0u32;
        while get(decoder, &mut self.length[length as usize]) != 0 {
            length += 1;
            if length > 30 {
                return Err(DAMAGED);
            }
        }
        let mut magnitude = 1u32;
        for shift in (0..length).rev() {
            let top = shift + 1 == length;
            let context = (length.min(15) * 2 + u32::from(top)) as usize;
            magnitude = magnitude << 1 | get(decoder, &mut self.bits[context]);
        }
        let value = (magnitude - 1) as i32;
        Ok(if value != 0 && get(decoder, &mut self.sign) != 0 {
            -value
        } else {
            value
        })
    }
}

/// Cursor over the bytes of a prior; every read is checked.
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A cursor at the start of `content`.
    pub fn new(content: &'a [u8]) -> Self {
        Reader { rest: content }
    }

    /// The next `size` bytes.
    pub fn bytes(&mut self, size: usize) -> Result<&'a [u8], CodecError> {
        if size > self.rest.len() {
            return Err(CodecError::BadPrior("it ends too early"));
        }
        let (head, tail) = self.rest.split_at(size);
        self.rest = tail;
        Ok(head)
    }

    /// The next little-endian 32-bit number.
    pub fn number(&mut self) -> Result<usize, CodecError> {
        let bytes = self.bytes(4)?;
        Ok(bytes
            .iter()
            .rev()
            .fold(0usize, |n, &byte| n << 8 | usize::from(byte)))
    }

    /// The next piece, written with its length before it.
    pub fn piece(&mut self) -> Result<&'a [u8], CodecError> {
        let size = self.number()?;
        self.bytes(size)
    }

    /// Whether nothing is left.
    pub fn is_done(&self) -> bool {
        self.rest.is_empty()
    }
}

/// Appends a little-endian 32-bit number.
pub fn push_number(out: &mut Vec<u8>, number: usize) {
    out.extend((number as u32).to_le_bytes());
}

/// Appends a piece with its length before it.
pub fn push_piece(out: &mut Vec<u8>, piece: &[u8]) {
    push_number(out, piece.len());
    out.extend(piece);
}

/// Appends `symbols`, packed by `rans`.
pub fn push_symbols(out: &mut Vec<u8>, symbols: &[u8]) {
    push_number(out, symbols.len());
    push_piece(out, &rans::encode(symbols));
}

/// Reads what [`push_symbols`] wrote; at most `limit` symbols.
pub fn read_symbols(reader: &mut Reader<'_>, limit: usize) -> Result<Vec<u8>, CodecError> {
    let size = reader.number()?;
    if size > limit {
        return Err(CodecError::BadPrior("it is larger than a prior may be"));
    }
    rans::decode(reader.piece()?, size).map_err(|_| DAMAGED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_round_trip() {
        for size in [0usize, 1, 2, 3, 1000, 70_000] {
            let symbols: Vec<u8> = (0..size)
                .map(|n| (n * n % 251) as u8 & if n % 3 == 0 { 255 } else { 3 })
                .collect();
            let mut out = Vec::new();
            push_symbols(&mut out, &symbols);
            let mut reader = Reader::new(&out);
            assert_eq!(read_symbols(&mut reader, size), Ok(symbols));
            assert!(reader.is_done());
        }
        let mut out = Vec::new();
        push_symbols(&mut out, &[7; 5000]);
        assert_eq!(
            read_symbols(&mut Reader::new(&out), 5000),
            Ok(vec![7; 5000])
        );
        assert!(out.len() < 64, "{}", out.len());
    }

    #[test]
    fn numbers_round_trip() {
        let values: Vec<i32> = (-40..40)
            .map(|n: i32| n * n * n * 1000)
            .chain([i32::MAX - 1, 1 - i32::MAX])
            .collect();
        let (mut encoder, mut numbers) = (Encoder::new(), Numbers::new());
        for &value in &values {
            numbers.write(&mut encoder, value);
        }
        let payload = encoder.finish();
        let (mut decoder, mut numbers) = (Decoder::new(&payload), Numbers::new());
        for &value in &values {
            assert_eq!(numbers.read(&mut decoder), Ok(value));
        }
        assert_eq!(decoder.finish(), Ok(()));
    }
}
