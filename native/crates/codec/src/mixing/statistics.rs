//! How the numbers of a prior are written: adaptive codes for learned state, static
//! codes (range ANS, Duda 2013) for what must be read fast.

use super::coder::{Decoder, Encoder};
use crate::CodecError;

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

const SCALE_BITS: u32 = 12;
const SCALE: u32 = 1 << SCALE_BITS;
const LOWEST: u32 = 1 << 16;

/// Frequencies that sum to 4096, no present symbol below 1.
fn normalise(symbols: &[u8]) -> [u32; 256] {
    let mut counts = [0u64; 256];
    for &symbol in symbols {
        counts[usize::from(symbol)] += 1;
    }
    let mut frequencies = [0u32; 256];
    let total = symbols.len().max(1) as u64;
    for (frequency, &count) in frequencies.iter_mut().zip(&counts) {
        if count > 0 {
            *frequency = ((count * u64::from(SCALE) / total) as u32).max(1);
        }
    }
    loop {
        let sum: u32 = frequencies.iter().sum();
        if sum == SCALE || symbols.is_empty() {
            return frequencies;
        }
        // The largest takes the difference, bit by bit where it would vanish.
        let largest = (0..256)
            .max_by_key(|&n| (frequencies[n], 255 - n))
            .unwrap_or(0);
        if sum < SCALE {
            frequencies[largest] += SCALE - sum;
        } else {
            frequencies[largest] -= (sum - SCALE).min(frequencies[largest] / 2);
        }
    }
}

/// Appends `symbols` in a static order-0 code.
pub fn push_symbols(out: &mut Vec<u8>, symbols: &[u8]) {
    push_number(out, symbols.len());
    if symbols.is_empty() {
        return;
    }
    let frequencies = normalise(symbols);
    let mut starts = [0u32; 256];
    let mut sum = 0;
    for n in 0..256 {
        starts[n] = sum;
        sum += frequencies[n];
    }
    for group in frequencies.chunks_exact(8) {
        out.push(
            group
                .iter()
                .enumerate()
                .fold(0, |mask, (n, &f)| mask | u8::from(f > 0) << n),
        );
    }
    for &frequency in frequencies.iter().filter(|&&f| f > 0) {
        out.extend(((frequency - 1) as u16).to_le_bytes());
    }
    let mut words: Vec<u16> = Vec::new();
    let mut states = [LOWEST; 2];
    for (index, &symbol) in symbols.iter().enumerate().rev() {
        let state = &mut states[index & 1];
        let frequency = frequencies[usize::from(symbol)];
        if u64::from(*state) >= u64::from(frequency) << (32 - SCALE_BITS) {
            words.push(*state as u16);
            *state >>= 16;
        }
        *state =
            (*state / frequency) << SCALE_BITS | (*state % frequency + starts[usize::from(symbol)]);
    }
    push_number(out, words.len());
    for state in states {
        out.extend(state.to_le_bytes());
    }
    for word in words.iter().rev() {
        out.extend(word.to_le_bytes());
    }
}

/// Reads what [`push_symbols`] wrote; at most `limit` symbols.
pub fn read_symbols(reader: &mut Reader<'_>, limit: usize) -> Result<Vec<u8>, CodecError> {
    let size = reader.number()?;
    if size > limit {
        return Err(CodecError::BadPrior("it is larger than a prior may be"));
    }
    if size == 0 {
        return Ok(Vec::new());
    }
    let present = reader.bytes(32)?;
    // By slot: symbol, frequency, offset in the symbol's range.
    let mut table: Vec<(u8, u16, u16)> = Vec::with_capacity(SCALE as usize);
    for symbol in 0..=255u8 {
        if present[usize::from(symbol / 8)] >> (symbol % 8) & 1 != 0 {
            let bytes = reader.bytes(2)?;
            let frequency = u32::from(bytes[0]) + 256 * u32::from(bytes[1]) + 1;
            if table.len() as u32 + frequency > SCALE {
                return Err(DAMAGED);
            }
            table.extend((0..frequency).map(|offset| (symbol, frequency as u16, offset as u16)));
        }
    }
    if table.len() as u32 != SCALE {
        return Err(DAMAGED);
    }
    let word_count = reader.number()?;
    let mut states = [0u32; 2];
    for state in &mut states {
        *state = reader.number()? as u32;
    }
    let words = reader.bytes(word_count.checked_mul(2).ok_or(DAMAGED)?)?;
    let mut words = words
        .chunks_exact(2)
        .map(|pair| u32::from(pair[0]) + 256 * u32::from(pair[1]));
    let mut symbols = Vec::with_capacity(size);
    for index in 0..size {
        let state = &mut states[index & 1];
        let (symbol, frequency, offset) = table[(*state & (SCALE - 1)) as usize];
        *state = u32::from(frequency)
            .wrapping_mul(*state >> SCALE_BITS)
            .wrapping_add(u32::from(offset));
        if *state < LOWEST {
            *state = *state << 16 | words.next().ok_or(DAMAGED)?;
        }
        symbols.push(symbol);
    }
    if states != [LOWEST; 2] || words.next().is_some() {
        return Err(DAMAGED);
    }
    Ok(symbols)
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
        assert!(out.len() < 64);
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
