//! Morpheme: the balanced codec, a model of tokens.

mod coder;
mod completion;
mod contexts;
mod mixing;
mod model;
mod numbers;
mod prior;
mod spelling;
mod tokens;
mod training;

use crate::CodecError;
use coder::{BitCoder, Decoder, Encoder};
use model::{Knowledge, Model, Token};
use tokens::{cut, Layout, UNLISTED};

/// First byte of a payload that holds the bytes as they are.
const STORED: u8 = 0;
/// First byte of a payload that the model made.
const MODELLED: u8 = 1;

pub use model::memory;
pub use training::train;

/// A prior that was parsed and expanded; share it between threads.
pub struct Prior(Knowledge);

impl Prior {
    /// Reads the content that `train` made.
    pub fn parse(content: &[u8]) -> Result<Self, CodecError> {
        Ok(Prior(prior::build(prior::read(content)?)))
    }
}

/// The payload of `data`, which decodes with the same prior.
pub fn encode(data: &[u8], prior: Option<&Prior>) -> Vec<u8> {
    if data.is_empty() {
        return Vec::new();
    }
    let mut coder = Encoder::new(vec![MODELLED]);
    let mut model = Model::new(data.len(), prior.map(|prior| &prior.0));
    code_all(&mut coder, &mut model, data);
    let payload = coder.finish();
    if payload.len() <= data.len() {
        return payload;
    }
    let mut stored = vec![STORED];
    stored.extend_from_slice(data);
    stored
}

fn code_all<C: BitCoder>(coder: &mut C, model: &mut Model<'_>, data: &[u8]) {
    let mut layout = Layout::default();
    let mut at = 0;
    while at < data.len() {
        let width = layout.width();
        let cut = cut(data, at, &mut layout);
        let word = &data[at + usize::from(cut.space)..at + cut.length];
        let morph = cut.morph.unwrap_or_else(|| model.dictionary.find(word).unwrap_or(UNLISTED));
        let target = Token { morph, space: cut.space };
        // Writing cannot fail: only a decoder meets impossible tokens.
        let coded = model.code(coder, &data[..at], width, target, word);
        debug_assert!(coded.is_ok());
        at += cut.length;
    }
}

/// The `raw_size` bytes that `payload` stands for.
pub fn decode(payload: &[u8], raw_size: usize, prior: Option<&Prior>) -> Result<Vec<u8>, CodecError> {
    let (&mode, rest) = match payload.split_first() {
        None if raw_size == 0 => return Ok(Vec::new()),
        None => return Err(CodecError::Truncated),
        Some(_) if raw_size == 0 => return Err(CodecError::TrailingData),
        Some(parts) => parts,
    };
    match mode {
        STORED if rest.len() < raw_size => Err(CodecError::Truncated),
        STORED if rest.len() > raw_size => Err(CodecError::TrailingData),
        STORED => Ok(rest.to_vec()),
        MODELLED => {
            let mut coder = Decoder::new(rest);
            let mut model = Model::new(raw_size, prior.map(|prior| &prior.0));
            let mut out = Vec::with_capacity(raw_size);
            let mut layout = Layout::default();
            let nothing = Token { morph: UNLISTED, space: false };
            while out.len() < raw_size {
                if coder.exhausted() {
                    return Err(CodecError::Truncated);
                }
                let token = model.code(&mut coder, &out, layout.width(), nothing, &[])?;
                tokens::write(token.morph, token.space, model.word(token), &mut layout, &mut out, raw_size)?;
            }
            coder.finish()?;
            Ok(out)
        }
        _ => Err(CodecError::Corrupt("its first byte names no known mode")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        let text = b"def f(x):\n    return x\n\n\n\tclass A:\n    \t  pass\n   \n \nfoo  bar   baz \t\n".to_vec();
        let mut noise = Vec::new();
        let mut state = 1u32;
        for _ in 0..5000 {
            state = state.wrapping_mul(1664525).wrapping_add(1013904223);
            noise.push((state >> 24) as u8);
        }
        for data in [text.clone(), text.repeat(50), noise, vec![b' '; 1000], vec![b'\n'; 777], b"a".repeat(1000), Vec::new()] {
            let payload = encode(&data, None);
            assert_eq!(decode(&payload, data.len(), None).as_deref(), Ok(&data[..]));
        }
    }
}
