//! The numbers in a prior's content, in columns of like kind that `rans` packs.
//!
//! A number below 16 is its own class. A larger one is named by a class of its size and
//! its three highest bits; the lower bits are written plainly.

use crate::rans::framing::{read_size, write_size, BitReader, BitWriter};
use crate::{rans, CodecError};

/// Most numbers in all columns.
const MOST_NUMBERS: usize = 1 << 23;
const DAMAGED: CodecError = CodecError::BadPrior("its columns are damaged");

/// One side of the columns: what codes a content never knows whether it writes or reads.
pub trait Columns {
    /// Whether numbers are written (and returned as given) or read.
    const WRITES: bool;

    /// The next number (below 2^24) of `column`; when reading, `number` is ignored.
    fn number(&mut self, column: usize, number: u32) -> u32;

    /// Whether reading has run past the end, so that going on is pointless.
    fn exhausted(&self) -> bool {
        false
    }
}

/// The writing side.
pub struct ColumnWriter {
    columns: Vec<Vec<u8>>,
    lows: BitWriter,
}

impl ColumnWriter {
    /// So many empty columns.
    pub fn new(columns: usize) -> Self {
        ColumnWriter {
            columns: vec![Vec::new(); columns],
            lows: BitWriter::default(),
        }
    }

    /// Appends everything to `out`.
    pub fn finish(self, mut out: Vec<u8>) -> Vec<u8> {
        for column in &self.columns {
            let packed = rans::encode(column);
            write_size(&mut out, column.len());
            write_size(&mut out, packed.len());
            out.extend_from_slice(&packed);
        }
        out.extend_from_slice(&self.lows.finish());
        out
    }
}

impl Columns for ColumnWriter {
    const WRITES: bool = true;

    fn number(&mut self, column: usize, number: u32) -> u32 {
        if number < 16 {
            self.columns[column].push(number as u8);
            return number;
        }
        let low = number.ilog2() - 2;
        self.columns[column].push((16 + (low - 2) * 4 + (number >> low & 3)) as u8);
        self.lows.write(number & ((1 << low) - 1), low);
        number
    }
}

/// The reading side.
pub struct ColumnReader {
    columns: Vec<std::vec::IntoIter<u8>>,
    lows: BitReader,
    bits: usize,
    used: usize,
    short: bool,
}

impl ColumnReader {
    /// Unpacks `columns` columns.
    pub fn new(columns: usize, mut data: &[u8]) -> Result<Self, CodecError> {
        let mut left = MOST_NUMBERS;
        let mut unpacked = Vec::with_capacity(columns);
        for _ in 0..columns {
            let (count, used) = read_size(data).map_err(|_| DAMAGED)?;
            let (size, more) = read_size(&data[used..]).map_err(|_| DAMAGED)?;
            left = left.checked_sub(count).ok_or(DAMAGED)?;
            let (packed, rest) = data[used + more..].split_at_checked(size).ok_or(DAMAGED)?;
            let column = rans::decode(packed, count).map_err(|_| DAMAGED)?;
            unpacked.push(column.into_iter());
            data = rest;
        }
        Ok(ColumnReader {
            columns: unpacked,
            lows: BitReader::new(data),
            bits: data.len() * 8,
            used: 0,
            short: false,
        })
    }

    /// Checks that everything was read, and nothing more.
    pub fn finish(self) -> Result<(), CodecError> {
        let rest = self.columns.iter().any(|column| column.len() > 0);
        if self.short || rest || self.used > self.bits || self.used + 8 <= self.bits {
            return Err(DAMAGED);
        }
        Ok(())
    }
}

impl Columns for ColumnReader {
    const WRITES: bool = false;

    #[inline(always)]
    fn number(&mut self, column: usize, _number: u32) -> u32 {
        let Some(class) = self.columns[column].next() else {
            self.short = true;
            return 0;
        };
        let class = u32::from(class);
        if class < 16 {
            return class;
        }
        let low = ((class - 16) / 4 + 2).min(21);
        self.used += low as usize;
        (4 | (class & 3)) << low | self.lows.read(low)
    }

    fn exhausted(&self) -> bool {
        self.short
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_and_nothing_may_be_left() {
        let numbers: Vec<u32> = (0..24)
            .flat_map(|bit| [(1 << bit) - 1, 1 << bit, (1 << bit) + 5])
            .collect();
        let mut writer = ColumnWriter::new(2);
        for (i, &number) in numbers.iter().enumerate() {
            writer.number(i % 2, number);
        }
        let content = writer.finish(Vec::new());
        let mut reader = ColumnReader::new(2, &content).expect("whole columns");
        for (i, &number) in numbers.iter().enumerate() {
            assert_eq!(reader.number(i % 2, 0), number);
        }
        assert_eq!(reader.finish(), Ok(()));
        for end in 0..content.len() {
            let read = ColumnReader::new(2, &content[..end]).and_then(|mut reader| {
                for i in 0..numbers.len() {
                    reader.number(i % 2, 0);
                }
                reader.finish()
            });
            assert_eq!(read, Err(DAMAGED));
        }
    }
}
