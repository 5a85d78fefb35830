//! Sizes and raw bit fields as the codecs write them.

use crate::CodecError;

/// Appends `value` in LEB128: seven bits a byte, lowest first.
pub fn write_size(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Reads a size below 2^28 in its shortest form, and how many bytes it took.
pub fn read_size(data: &[u8]) -> Result<(usize, usize), CodecError> {
    let mut value = 0usize;
    for index in 0..4 {
        let byte = *data.get(index).ok_or(CodecError::Truncated)?;
        value |= usize::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            if byte == 0 && index > 0 {
                break;
            }
            return Ok((value, index + 1));
        }
    }
    Err(CodecError::Corrupt("a size is malformed"))
}

/// Appends bit fields, lowest bit first.
#[derive(Default)]
pub struct BitWriter {
    out: Vec<u8>,
    buffer: u64,
    filled: u32,
}

impl BitWriter {
    /// Appends the low `width` (32 or fewer) bits of `value`.
    pub fn write(&mut self, value: u32, width: u32) {
        self.buffer |= (u64::from(value) & ((1u64 << width) - 1)) << self.filled;
        self.filled += width;
        while self.filled >= 8 {
            self.out.push(self.buffer as u8);
            self.buffer >>= 8;
            self.filled -= 8;
        }
    }

    /// All fields, padded with zero bits to a whole byte.
    pub fn finish(mut self) -> Vec<u8> {
        if self.filled > 0 {
            self.out.push(self.buffer as u8);
        }
        self.out
    }
}

/// Reads bit fields, lowest bit first; zeros past the end.
pub struct BitReader {
    /// What is read, and eight zeros.
    data: Vec<u8>,
    position: usize,
}

impl BitReader {
    /// Reads from the first bit of `data` on.
    pub fn new(data: &[u8]) -> Self {
        BitReader {
            data: [data, &[0; 8]].concat(),
            position: 0,
        }
    }

    /// The next field of `width` (32 or fewer) bits.
    #[inline]
    pub fn read(&mut self, width: u32) -> u32 {
        let rest = self.data.get(self.position >> 3..);
        let word = rest.and_then(|rest| rest.first_chunk::<8>());
        let word = word.map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let value = (word >> (self.position & 7)) & ((1u64 << width) - 1);
        self.position += width as usize;
        value as u32
    }
}
