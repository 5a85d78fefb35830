//! `mixing`: bitwise context mixing for source code, the maximum mode.
//!
//! Each bit is predicted by some twenty contexts and two match models, mixed by
//! two layers of gated linear mixers, refined and arithmetically coded. The tradition
//! is paq8 and lpaq (Mahoney and others); the contexts are those of source code.

mod adaptive;
mod coder;
mod coding;
mod contexts;
mod matching;
mod mixer;
mod model;
mod prior;
mod slots;
mod statistics;
mod tables;
#[cfg(test)]
mod tests;
mod training;

use crate::timing::{Clock, Recorder, Stage, Times};
use crate::CodecError;
use coder::{Decoder, Encoder};
use coding::{Channel, Ledger};
use contexts::Syntax;
use model::{Learned, Model, Seeds};
pub use prior::Prior;
pub use training::train;

/// The payload of `data`, whose text is in `language`.
pub fn encode(data: &[u8], language: &str, prior: Option<&Prior>) -> Vec<u8> {
    passed(Encoder::new(), data, language, prior).finish()
}

/// `encode`, and how long the model and the coder took. The model follows the text by itself.
pub fn encode_timed(data: &[u8], language: &str, prior: Option<&Prior>) -> (Vec<u8>, Times) {
    let clock = Clock::start();
    let recorder = Recorder::new(Encoder::new(), &clock, |coder: &mut Encoder, bit, one| {
        coder.encode(u32::from(bit), one);
    });
    let payload = passed(recorder, data, language, prior).finish().finish();
    clock.charge(Stage::Coder);
    (payload, clock.times())
}

/// The `raw_size` bytes that were encoded with the same language and prior.
pub fn decode(
    payload: &[u8],
    raw_size: usize,
    language: &str,
    prior: Option<&Prior>,
) -> Result<Vec<u8>, CodecError> {
    let mut decoder = Decoder::new(payload);
    let (data, _) = coding::run(
        model(raw_size, language, prior),
        &mut decoder,
        &[],
        raw_size,
    );
    decoder.finish()?;
    Ok(data)
}

/// What each byte of `data` costs in its payload, in units of 2^-16 bit.
pub fn costs(data: &[u8], language: &str, prior: Option<&Prior>) -> Vec<u32> {
    passed(Ledger::default(), data, language, prior).into_costs()
}

/// `channel`, after all bits of `data` have gone into it.
fn passed<C: Channel>(mut channel: C, data: &[u8], language: &str, prior: Option<&Prior>) -> C {
    let model = model(data.len(), language, prior);
    coding::run(model, &mut channel, data, data.len());
    channel
}

fn model<'a>(raw_size: usize, language: &str, prior: Option<&'a Prior>) -> Model<'a> {
    let learned = prior.map_or_else(Learned::new, Prior::learned);
    Model::new(
        raw_size,
        Syntax::of(language),
        learned,
        prior.map(|prior| prior as &dyn Seeds),
    )
}

/// Most bytes of working memory that a block of `raw_size` bytes takes.
pub fn memory(raw_size: usize) -> usize {
    Model::memory(raw_size) + raw_size.saturating_mul(2)
}
