//! `chunked-rans`: LZ77 with phrases and static tables of the language, coded by interleaved
//! rANS. One format (docs/codecs.md), two parsers.

mod alphabet;
mod costs;
mod decoding;
mod lazy;
mod matches;
mod optimal;
mod payload;
mod prices;
mod prior;
mod repetitions;
mod rows;

pub use costs::costs;
pub use decoding::decode;
pub use prior::Prior;

use crate::timing::{Clock, Stage, Times};
use payload::{code, payload, stored, Parsed, MAX_BLOCK};

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
    encode_timed(data, prior, level).0
}

/// `encode`, and how long its two passes took: finding matches and phrases, and coding them.
pub fn encode_timed(data: &[u8], prior: &Prior, level: Level) -> (Vec<u8>, Times) {
    if data.is_empty() {
        return (Vec::new(), Times::new());
    }
    if data.len() > MAX_BLOCK {
        return (stored(data), Times::new());
    }
    let clock = Clock::start();
    let parsed = level.parse(data, prior);
    clock.charge(Stage::Model);
    let payload = payload(data, &parsed, &code(&parsed, prior), prior);
    clock.charge(Stage::Coder);
    (payload, clock.times())
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

#[cfg(test)]
mod tests {
    use super::*;

    const PRIOR_PHRASES: [&[u8]; 4] = [b"let ", b"self.", b"    ", b"();\n"];

    /// A small deterministic source of noise (Steele, Lea, Flood: SplitMix).
    struct Noise(u64);

    impl Noise {
        fn next(&mut self) -> u64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ z >> 31
        }

        fn below(&mut self, limit: usize) -> usize {
            (self.next() % limit.max(1) as u64) as usize
        }
    }

    fn prior_content() -> Vec<u8> {
        // Two groups of two phrases; flat tables.
        let mut content = b"QCR1\x02\x01\x0b\x50\x01\x0c\x50".to_vec();
        for phrase in PRIOR_PHRASES {
            content.push(phrase.len() as u8 - 1);
            content.extend_from_slice(phrase);
        }
        for stream in alphabet::Stream::ALL {
            content.extend(std::iter::repeat_n(
                9u8,
                stream.contexts() * stream.alphabet(2),
            ));
        }
        content
    }

    fn text(noise: &mut Noise, pieces: usize) -> Vec<u8> {
        let words: [&[u8]; 8] = [
            b"let ",
            b"self.",
            b"x",
            b" = ",
            b"call",
            b"();\n",
            b"    ",
            b"\xff\x00",
        ];
        (0..pieces)
            .flat_map(|_| words[noise.below(words.len())].iter().copied())
            .collect()
    }

    #[test]
    fn blocks_of_all_sizes_round_trip_at_both_levels() {
        let mut noise = Noise(1);
        let priors = [
            Prior::none(),
            Prior::parse(&prior_content()).expect("a prior"),
        ];
        for size in [0, 1, 2, 3, 9, 40, 300, 5000] {
            let data = text(&mut noise, size);
            for prior in &priors {
                for level in [Level::Lazy, Level::Optimal] {
                    let payload = encode(&data, prior, level);
                    assert_eq!(decode(&payload, data.len(), prior).as_ref(), Ok(&data));
                    assert!(payload.len() <= data.len() + 1);
                }
            }
        }
    }

    #[test]
    fn long_repetitions_and_runs_round_trip() {
        let prior = Prior::none();
        let mut noise = Noise(2);
        let random: Vec<u8> = (0..3000).map(|_| noise.next() as u8).collect();
        for data in [
            vec![b'a'; 200_000],
            [b"ab".repeat(30_000), random.clone()].concat(),
            [random.clone(), random].concat(),
        ] {
            for level in [Level::Lazy, Level::Optimal] {
                let payload = encode(&data, &prior, level);
                assert_eq!(decode(&payload, data.len(), &prior).as_ref(), Ok(&data));
            }
        }
    }

    #[test]
    fn costs_add_up_to_the_payload() {
        let mut noise = Noise(5);
        let prior = Prior::parse(&prior_content()).expect("a prior");
        for pieces in [0, 1, 5, 400, 9000] {
            let data = text(&mut noise, pieces);
            for level in [Level::Lazy, Level::Optimal] {
                let costs = costs(&data, &prior, level);
                assert_eq!(costs.len(), data.len());
                let total: u64 = costs.into_iter().map(u64::from).sum();
                let size = encode(&data, &prior, level).len() as u64;
                assert_eq!(total, size << 19);
            }
        }
    }

    #[test]
    fn damaged_payloads_give_an_error_or_the_declared_size() {
        let mut noise = Noise(3);
        let priors = [
            Prior::none(),
            Prior::parse(&prior_content()).expect("a prior"),
        ];
        for round in 0..400 {
            let pieces = noise.below(400);
            let data = text(&mut noise, pieces);
            let prior = &priors[round % 2];
            let mut payload = encode(&data, prior, Level::Lazy);
            for _ in 0..=noise.below(4) {
                if !payload.is_empty() {
                    let at = noise.below(payload.len());
                    payload[at] = noise.next() as u8;
                }
            }
            if noise.below(4) == 0 {
                payload.truncate(noise.below(payload.len()));
            }
            let size = [data.len(), data.len() + 1, 1000, 0][noise.below(4)];
            if let Ok(decoded) = decode(&payload, size, prior) {
                assert_eq!(decoded.len(), size);
            }
        }
    }

    #[test]
    fn damaged_priors_are_refused_or_usable() {
        let mut noise = Noise(4);
        let content = prior_content();
        let data = text(&mut noise, 200);
        for _ in 0..60 {
            let mut damaged = content.clone();
            for _ in 0..=noise.below(3) {
                let at = noise.below(40);
                damaged[at] = noise.next() as u8;
            }
            if noise.below(3) == 0 {
                damaged.truncate(noise.below(damaged.len()));
            }
            if let Ok(prior) = Prior::parse(&damaged) {
                let payload = encode(&data, &prior, Level::Optimal);
                assert_eq!(decode(&payload, data.len(), &prior).as_ref(), Ok(&data));
            }
        }
    }
}
