//! `mixing`: bitwise context mixing for source code, the maximum mode.
//!
//! Each bit is predicted by some thirty contexts and two match models, mixed by
//! two layers of gated linear mixers, refined and arithmetically coded. The tradition
//! is paq8 and lpaq (Mahoney and others); the contexts are those of source code.

mod adaptive;
mod coder;
mod contexts;
mod matching;
mod mixer;
mod model;
mod slots;
mod tables;

use crate::CodecError;
use coder::{Decoder, Encoder};
use contexts::Syntax;
use model::{Learned, Model};

/// The payload of `data`.
pub fn encode(data: &[u8], language: &str) -> Vec<u8> {
    let mut model = Model::new(data.len(), Syntax::of(language), Learned::new());
    let mut encoder = Encoder::new();
    for (position, &byte) in data.iter().enumerate() {
        for shift in (0..8).rev() {
            let bit = u32::from(byte >> shift & 1);
            let probability = model.predict();
            encoder.encode(bit, probability);
            model.update(bit);
        }
        model.end_byte(&data[..=position]);
    }
    encoder.finish()
}

/// The `raw_size` bytes that were encoded.
pub fn decode(payload: &[u8], raw_size: usize, language: &str) -> Result<Vec<u8>, CodecError> {
    let mut model = Model::new(raw_size, Syntax::of(language), Learned::new());
    let mut decoder = Decoder::new(payload);
    let mut data = Vec::with_capacity(raw_size);
    while data.len() < raw_size {
        let mut byte = 0u8;
        for _ in 0..8 {
            let bit = decoder.decode(model.predict());
            byte = byte << 1 | bit as u8;
            model.update(bit);
        }
        if decoder.exhausted() {
            return Err(CodecError::Truncated);
        }
        data.push(byte);
        model.end_byte(&data);
    }
    decoder.finish()?;
    Ok(data)
}

/// Most bytes of working memory that a block of `raw_size` bytes takes.
pub fn memory(raw_size: usize) -> usize {
    Model::memory(raw_size) + raw_size.saturating_mul(2)
}
