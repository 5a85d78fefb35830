//! Morpheme: the balanced codec, a model of tokens.
//!
//! Bytes are cut into tokens (`tokens`). Contexts name candidates for the next one
//! (`contexts`); a few binary decisions with mixed probabilities (`mixing`, `coder`)
//! say whether it is one of them (`model`). A known token that is none of them is found
//! in a tree of all, and a new word is spelled letter by letter (`symbols`). A `Prior`
//! gives all of these a start (`prior`), and is made from text by `training`.

mod clusters;
mod coder;
mod columns;
mod contexts;
mod mixing;
mod model;
mod prior;
mod recent;
mod symbols;
mod tokens;
mod training;

use crate::timing::{Clock, Recorder, Stage, Times};
use crate::CodecError;
use coder::{BitCoder, Decoder, Encoder, Ledger};
use model::{Knowledge, Model, Token};
use std::sync::OnceLock;
use tokens::{Cut, Cutter, Layout, UNLISTED};

/// First byte of a payload that holds the bytes as they are.
const STORED: u8 = 0;
/// First byte of a payload that the model made.
const MODELLED: u8 = 1;

/// Line breaks that encoders choose otherwise.
const NO_TEXT: CodecError = CodecError::Corrupt("a line that is indented has no text");

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

/// What `prior` knows, or what is known without one.
fn known(prior: Option<&Prior>) -> &Knowledge {
    static NOTHING: OnceLock<Knowledge> = OnceLock::new();
    prior.map_or_else(|| NOTHING.get_or_init(prior::nothing), |prior| &prior.0)
}

/// The payload of `data`, which decodes with the same prior.
pub fn encode(data: &[u8], prior: Option<&Prior>) -> Vec<u8> {
    if data.is_empty() {
        return Vec::new();
    }
    let mut coder = Encoder::new(vec![MODELLED]);
    let mut model = Model::new(data.len(), known(prior));
    code_all(&mut coder, &mut model, data);
    shorter(coder.finish(), data)
}

/// `encode`, and how long cutting into tokens, the model and the coder took.
pub fn encode_timed(data: &[u8], prior: Option<&Prior>) -> (Vec<u8>, Times) {
    /// Tokens that are cut at once.
    const AHEAD: usize = 1024;
    if data.is_empty() {
        return (Vec::new(), Times::new());
    }
    let clock = Clock::start();
    let pass = |coder: &mut Encoder, bit, one| {
        coder.bit(bit, one);
    };
    let mut coder = Recorder::new(Encoder::new(vec![MODELLED]), &clock, pass);
    let mut model = Model::new(data.len(), known(prior));
    let mut cutter = Cutter::new(data);
    let mut ahead = Vec::with_capacity(AHEAD).into_iter();
    let tokens = std::iter::from_fn(|| {
        ahead.next().or_else(|| {
            clock.charge(Stage::Model);
            ahead = cutter.by_ref().take(AHEAD).collect::<Vec<_>>().into_iter();
            clock.charge(Stage::Lex);
            ahead.next()
        })
    });
    code_each(&mut coder, &mut model, data, tokens, |_, _| {});
    let payload = shorter(coder.finish().finish(), data);
    clock.charge(Stage::Coder);
    (payload, clock.times())
}

/// `payload`, or `data` as it is where that is shorter.
fn shorter(payload: Vec<u8>, data: &[u8]) -> Vec<u8> {
    if payload.len() <= data.len() {
        return payload;
    }
    let mut stored = vec![STORED];
    stored.extend_from_slice(data);
    stored
}

/// What each byte of `data` costs in its payload, in units of 2^-16 bit; what a token costs is
/// spread over its bytes.
pub fn costs(data: &[u8], prior: Option<&Prior>) -> Vec<u32> {
    const STORED_BYTE: u32 = 8 << 16;
    let mut costs = Vec::with_capacity(data.len());
    let mut model = Model::new(data.len(), known(prior));
    code_each(
        &mut Ledger::default(),
        &mut model,
        data,
        Cutter::new(data),
        |ledger, length| {
            let (cost, length) = (ledger.take(), length as u64);
            costs
                .extend((0..length).map(|i| (cost / length + u64::from(i < cost % length)) as u32));
        },
    );
    let sum: u64 = costs.iter().map(|&cost| u64::from(cost)).sum();
    if sum > data.len() as u64 * u64::from(STORED_BYTE) {
        return vec![STORED_BYTE; data.len()];
    }
    costs
}

fn code_all<C: BitCoder>(coder: &mut C, model: &mut Model<'_>, data: &[u8]) {
    code_each(coder, model, data, Cutter::new(data), |_, _| {});
}

/// Codes `tokens`, all of `data`, and shows the coder and the token's length to `after` after each.
#[inline(always)]
fn code_each<C: BitCoder>(
    coder: &mut C,
    model: &mut Model<'_>,
    data: &[u8],
    tokens: impl Iterator<Item = (usize, Cut)>,
    mut after: impl FnMut(&mut C, usize),
) {
    let mut at = 0;
    for (width, cut) in tokens {
        let word = &data[at + usize::from(cut.space)..at + cut.length];
        let morph = cut
            .morph
            .unwrap_or_else(|| model.dictionary.find(word).unwrap_or(UNLISTED));
        let target = Token {
            morph,
            space: cut.space,
        };
        // Writing cannot fail: only a decoder meets impossible tokens.
        let coded = model.code(coder, &data[..at], width, target, word);
        debug_assert!(coded.is_ok());
        after(coder, cut.length);
        at += cut.length;
    }
}

/// The `raw_size` bytes that `payload` stands for.
pub fn decode(
    payload: &[u8],
    raw_size: usize,
    prior: Option<&Prior>,
) -> Result<Vec<u8>, CodecError> {
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
            let mut model = Model::new(raw_size, known(prior));
            let mut out = Vec::with_capacity(raw_size);
            let mut layout = Layout::default();
            let nothing = Token {
                morph: UNLISTED,
                space: false,
            };
            let mut wants_text = false;
            while out.len() < raw_size {
                if coder.exhausted() {
                    return Err(CodecError::Truncated);
                }
                let token = model.code(&mut coder, &out, layout.width(), nothing, &[])?;
                let (is_break, opens_line) = tokens::break_kind(token.morph);
                if wants_text && is_break {
                    return Err(NO_TEXT);
                }
                wants_text = opens_line;
                tokens::write(
                    token.morph,
                    token.space,
                    model.word(token),
                    &mut layout,
                    &mut out,
                    raw_size,
                )?;
            }
            coder.finish()?;
            if wants_text {
                return Err(NO_TEXT);
            }
            Ok(out)
        }
        _ => Err(CodecError::Corrupt("its first byte names no known mode")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] =
        b"def f(x):\n    return x\n\n\n\tclass A:\n    \t  pass\n   \n \nfoo  bar   baz \t\n";

    fn noise(count: usize, seed: u32) -> Vec<u8> {
        let mut state = seed;
        (0..count)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .collect()
    }

    fn trained() -> Prior {
        let packages: Vec<Vec<&[u8]>> = vec![vec![TEXT, include_bytes!("morpheme.rs")]; 4];
        Prior::parse(&train(&packages)).expect("what training makes can be read")
    }

    #[test]
    fn every_block_comes_back() {
        let prior = trained();
        let blocks = [
            TEXT.to_vec(),
            TEXT.repeat(50),
            noise(5000, 1),
            vec![b' '; 1000],
            vec![b'\n'; 777],
            vec![b'\t'; 100],
            b"a".repeat(1000),
            b"\r\n    x\r\n".repeat(40),
            Vec::new(),
        ];
        for data in blocks {
            for prior in [None, Some(&prior)] {
                let payload = encode(&data, prior);
                assert_eq!(
                    decode(&payload, data.len(), prior).as_deref(),
                    Ok(&data[..])
                );
                assert_eq!(encode_timed(&data, prior).0, payload);
            }
        }
    }

    #[test]
    fn costs_add_up_to_the_payload() {
        let prior = trained();
        for data in [
            TEXT.repeat(20),
            include_bytes!("morpheme.rs").to_vec(),
            noise(3000, 2),
        ] {
            for prior in [None, Some(&prior)] {
                let costs = costs(&data, prior);
                assert_eq!(costs.len(), data.len());
                let sum: u64 = costs.iter().map(|&cost| u64::from(cost)).sum();
                let size = encode(&data, prior).len() as u64;
                assert!((sum >> 19).abs_diff(size) <= 4 + size / 500, "{sum} {size}");
            }
        }
    }

    #[test]
    fn damage_ends_in_an_error_or_in_the_declared_size() {
        let prior = trained();
        let data = TEXT.repeat(8);
        for prior in [None, Some(&prior)] {
            let payload = encode(&data, prior);
            for seed in 0..400 {
                let random = noise(8, seed);
                let mut damaged = payload.clone();
                let at = (usize::from(random[0]) << 8 | usize::from(random[1])) % damaged.len();
                damaged[at] ^= random[2] | 1;
                damaged.truncate(damaged.len() - usize::from(random[3]) % 4);
                if let Ok(decoded) = decode(&damaged, data.len(), prior) {
                    assert_eq!(decoded.len(), data.len());
                }
            }
            for seed in 0..100 {
                let mut nonsense = noise(300, seed);
                nonsense[0] = MODELLED;
                assert!(
                    decode(&nonsense, 3000, prior).map_or(true, |decoded| decoded.len() == 3000)
                );
            }
        }
    }

    #[test]
    fn damaged_priors_are_refused_or_read() {
        let packages: Vec<Vec<&[u8]>> = vec![vec![TEXT, include_bytes!("morpheme.rs")]; 4];
        let content = train(&packages);
        for seed in 0..150 {
            let random = noise(8, seed);
            let mut damaged = content.clone();
            let at = (usize::from(random[0]) << 8 | usize::from(random[1])) % damaged.len();
            damaged[at] ^= random[2] | 1;
            if let Ok(prior) = Prior::parse(&damaged) {
                let payload = encode(TEXT, Some(&prior));
                assert_eq!(
                    decode(&payload, TEXT.len(), Some(&prior)).as_deref(),
                    Ok(TEXT)
                );
            }
        }
    }
}
