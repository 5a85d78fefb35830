//! `chunked-rans`: LZ77 with phrases and static tables of the language, coded by interleaved
//! rANS. One format (docs/codecs.md), two parsers.

mod alphabet;
mod lazy;
mod matches;
mod optimal;
mod payload;
mod prior;

pub use prior::Prior;

use crate::CodecError;
use payload::{decode_payload, encode_payload, Parsed, MAX_BLOCK, STORED};

/// The parser that a level names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Level 1.
    Lazy,
    /// Level 2.
    Optimal,
}

impl Level {
    /// Level 1 or 2.
    pub fn from_number(number: u32) -> Option<Self> {
        match number {
            1 => Some(Level::Lazy),
            2 => Some(Level::Optimal),
            _ => None,
        }
    }

    fn parse(self, data: &[u8], prior: &Prior) -> Parsed {
        match self {
            Level::Lazy => lazy::parse(data, prior),
            Level::Optimal => optimal::parse(data, prior),
        }
    }
}

/// The payload of `data`.
pub fn encode(data: &[u8], prior: &Prior, level: Level) -> Vec<u8> {
    if data.is_empty() {
        return Vec::new();
    }
    if data.len() > MAX_BLOCK {
        let mut out = vec![STORED];
        out.extend_from_slice(data);
        return out;
    }
    encode_payload(data, &level.parse(data, prior), prior)
}

/// The tokens of `data`: symbols, details, lengths; and the literals. For training.
pub fn parse(data: &[u8], prior: &Prior, level: Level) -> (Vec<u8>, Vec<u32>, Vec<u32>, Vec<u8>) {
    let parsed = level.parse(data, prior);
    (
        parsed.tokens.iter().map(|token| token.symbol).collect(),
        parsed.tokens.iter().map(|token| token.detail).collect(),
        parsed.tokens.iter().map(|token| token.length).collect(),
        parsed.literals,
    )
}

/// `raw_size` bytes out of `payload`. Allocates in proportion to `raw_size`, never past it.
pub fn decode(payload: &[u8], raw_size: usize, prior: &Prior) -> Result<Vec<u8>, CodecError> {
    decode_payload(payload, raw_size, prior)
}
