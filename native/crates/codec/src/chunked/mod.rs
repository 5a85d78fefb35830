//! `chunked-rans`: LZ77 with phrases and static tables of the language, coded by interleaved
//! rANS. One format (docs/codecs.md), two parsers.

mod alphabet;
mod lazy;
mod matches;
mod payload;
mod prior;

pub use prior::Prior;

use crate::CodecError;
use payload::{decode_payload, encode_payload, MAX_BLOCK, STORED};

/// The payload of `data`.
pub fn encode(data: &[u8], prior: &Prior) -> Vec<u8> {
    if data.is_empty() {
        return Vec::new();
    }
    if data.len() > MAX_BLOCK {
        let mut out = vec![STORED];
        out.extend_from_slice(data);
        return out;
    }
    encode_payload(data, &lazy::parse(data, prior), prior)
}

/// The tokens of `data`: symbols, details, lengths; and the literals. For training.
pub fn parse(data: &[u8], prior: &Prior) -> (Vec<u8>, Vec<u32>, Vec<u32>, Vec<u8>) {
    let parsed = lazy::parse(data, prior);
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
