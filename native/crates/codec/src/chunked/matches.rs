//! What both parsers need: comparing, and building tokens.

use super::alphabet::{
    split_value, Token, DISTANCE_DIRECT_BITS, FIRST_DISTANCE, FIRST_PHRASE_GROUP, FIRST_RUN,
    INITIAL_DISTANCES, MAX_RUN, RUN_DIRECT_BITS,
};
use super::payload::Parsed;
use super::prior::Prior;

/// How many bytes agree from `there` and `here` (the later one) on, at most `limit`.
#[inline]
pub fn common_length(data: &[u8], there: usize, here: usize, limit: usize) -> usize {
    let (Some(first), Some(second)) = (data.get(there..), data.get(here..)) else {
        return 0;
    };
    let limit = limit.min(second.len());
    let mut length = 0;
    while let (Some(a), Some(b)) = (
        first.get(length..).and_then(|rest| rest.first_chunk::<8>()),
        second
            .get(length..)
            .and_then(|rest| rest.first_chunk::<8>()),
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

/// Collects tokens, turning distances into repeats where they are.
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
        let parsed = Parsed {
            tokens: Vec::with_capacity(data.len() / 8),
            literals: Vec::with_capacity(data.len() / 8),
        };
        Builder {
            data,
            prior,
            done: 0,
            recent: INITIAL_DISTANCES,
            parsed,
        }
    }

    /// The tokens so far.
    pub fn parsed(&self) -> &Parsed {
        &self.parsed
    }

    /// The position up to which all is said.
    pub fn done(&self) -> usize {
        self.done
    }

    /// The four last distances.
    pub fn recent(&self) -> [u32; 4] {
        self.recent
    }

    /// Makes the bytes before `position` that nothing covers literals.
    fn literals_until(&mut self, position: usize) {
        let literals = &self.data[self.done..position];
        for run in literals.chunks(MAX_RUN) {
            let (symbol, detail, _) = split_value(run.len() as u32 - 1, RUN_DIRECT_BITS);
            self.parsed.tokens.push(Token {
                length: 0,
                detail,
                symbol: FIRST_RUN + symbol,
            });
        }
        self.parsed.literals.extend_from_slice(literals);
        self.done = position;
    }

    fn push(&mut self, position: usize, covers: usize, token: Token) {
        self.literals_until(position);
        self.parsed.tokens.push(token);
        self.done = position + covers;
    }

    /// A phrase of `length` bytes at `position`.
    pub fn phrase(&mut self, position: usize, number: u32, length: usize) {
        let group = self.prior.group(number);
        let base = self.prior.group_base.get(group).copied().unwrap_or(0);
        let token = Token {
            length: 0,
            detail: number - base,
            symbol: FIRST_PHRASE_GROUP + group as u8,
        };
        self.push(position, length, token);
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
        self.push(
            position,
            length,
            Token {
                length: length as u32,
                detail,
                symbol,
            },
        );
    }

    /// Everything, with the literals that are left.
    pub fn finish(mut self) -> Parsed {
        self.literals_until(self.data.len());
        self.parsed
    }
}
