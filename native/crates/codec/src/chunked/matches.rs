//! What both parsers need: comparing, and building sequences.

use super::alphabet::{split_value, Sequence, DISTANCE_DIRECT_BITS, FIRST_DISTANCE, FIRST_PHRASE_GROUP, INITIAL_DISTANCES};
use super::payload::Parsed;
use super::prior::Prior;

/// How many bytes agree from `there` and `here` (the later one) on, at most `limit`.
#[inline]
pub fn common_length(data: &[u8], there: usize, here: usize, limit: usize) -> usize {
    let (Some(first), Some(second)) = (data.get(there..), data.get(here..)) else { return 0 };
    let limit = limit.min(second.len());
    let mut length = 0;
    while let (Some(a), Some(b)) = (
        first.get(length..).and_then(|rest| rest.first_chunk::<8>()),
        second.get(length..).and_then(|rest| rest.first_chunk::<8>()),
    ) {
        let difference = u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b);
        if difference != 0 {
            return (length + difference.trailing_zeros() as usize / 8).min(limit);
        }
        length += 8;
        if length >= limit {
            return limit;
        }
    }
    while length < limit && first[length] == second[length] {
        length += 1;
    }
    length
}

/// The 16 bytes from `position` on, zeros past the end.
#[inline]
pub fn window(data: &[u8], position: usize) -> u128 {
    let rest = data.get(position..).unwrap_or(&[]);
    match rest.first_chunk::<16>() {
        Some(bytes) => u128::from_le_bytes(*bytes),
        None => {
            let mut bytes = [0u8; 16];
            bytes[..rest.len()].copy_from_slice(rest);
            u128::from_le_bytes(bytes)
        }
    }
}

/// Collects sequences, turning distances into repeats where they are.
pub struct Builder<'a> {
    data: &'a [u8],
    prior: &'a Prior,
    done: usize,
    recent: [u32; 4],
    parsed: Parsed,
}

impl<'a> Builder<'a> {
    /// Nothing yet.
    pub fn new(data: &'a [u8], prior: &'a Prior) -> Self {
        let parsed = Parsed { sequences: Vec::with_capacity(data.len() / 16), literals: Vec::with_capacity(data.len() / 8) };
        Builder { data, prior, done: 0, recent: INITIAL_DISTANCES, parsed }
    }

    /// The position up to which all is said.
    pub fn done(&self) -> usize {
        self.done
    }

    /// The four last distances.
    pub fn recent(&self) -> [u32; 4] {
        self.recent
    }

    fn push(&mut self, position: usize, covers: usize, symbol: u8, detail: u32, length: u32) {
        self.parsed.literals.extend_from_slice(&self.data[self.done..position]);
        self.parsed.sequences.push(Sequence { run: (position - self.done) as u32, length, detail, symbol });
        self.done = position + covers;
    }

    /// A phrase of `length` bytes at `position`.
    pub fn phrase(&mut self, position: usize, number: u32, length: usize) {
        let group = self.prior.group(number);
        let base = self.prior.group_base.get(group).copied().unwrap_or(0);
        self.push(position, length, FIRST_PHRASE_GROUP + group as u8, number - base, 0);
    }

    /// A repetition at `position`.
    pub fn reference(&mut self, position: usize, distance: u32, length: usize) {
        let (symbol, detail) = match self.recent.iter().position(|&known| known == distance) {
            Some(which) => {
                self.recent[..=which].rotate_right(1);
                (which as u8, 0)
            }
            None => {
                self.recent = [distance, self.recent[0], self.recent[1], self.recent[2]];
                let (symbol, detail, _) = split_value(distance - 1, DISTANCE_DIRECT_BITS);
                (FIRST_DISTANCE + symbol, detail)
            }
        };
        self.push(position, length, symbol, detail, length as u32);
    }

    /// Everything, with the literals that are left.
    pub fn finish(mut self) -> Parsed {
        self.parsed.literals.extend_from_slice(&self.data[self.done..]);
        self.parsed
    }
}
