//! What the whole codec promises: every byte back, one form, no panic on anything.

use super::*;

/// A small linear congruential generator: the tests are the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % bound.max(1)
    }
}

const LANGUAGES: [&str; 5] = ["python", "javascript", "rust", "cpp", "text"];

fn source(random: &mut Random, size: usize) -> Vec<u8> {
    const PIECES: [&str; 24] = [
        "def ",
        "return ",
        "self",
        ".",
        "(",
        ")",
        ",\n",
        "    ",
        "\n",
        "\"",
        "'",
        "# note\n",
        "// note\n",
        "/*",
        "*/",
        "fooBar",
        "foo_bar",
        " = ",
        "0x1F",
        "[",
        "]",
        "{\n",
        "}\n",
        "`",
    ];
    let mut data = Vec::new();
    while data.len() < size {
        if random.next(20) == 0 {
            data.push(random.next(256) as u8);
        } else {
            data.extend(PIECES[random.next(PIECES.len())].bytes());
        }
    }
    data
}

fn small_prior(language: &str) -> Vec<u8> {
    let mut random = Random(7);
    let packages: Vec<Vec<Vec<u8>>> = (0..4)
        .map(|_| (0..2).map(|_| source(&mut random, 3000)).collect())
        .collect();
    train(&packages, language)
}

#[test]
fn source_and_noise_come_back() {
    let mut random = Random(1);
    for language in LANGUAGES {
        let content = small_prior(language);
        let prior = Prior::parse(&content).unwrap();
        for prior in [None, Some(&prior)] {
            for size in [0, 1, 2, 100, 6000] {
                let data = source(&mut random, size);
                let payload = encode(&data, language, prior);
                assert_eq!(encode_timed(&data, language, prior).0, payload);
                assert_eq!(decode(&payload, data.len(), language, prior), Ok(data));
                let noise: Vec<u8> = (0..size).map(|_| random.next(256) as u8).collect();
                let payload = encode(&noise, language, prior);
                assert!(
                    payload.len() <= size + size / 20 + 16,
                    "{size} -> {}",
                    payload.len()
                );
                assert_eq!(decode(&payload, size, language, prior), Ok(noise));
            }
        }
    }
}

#[test]
fn costs_add_up_to_the_payload() {
    let data = source(&mut Random(8), 4000);
    let costs = costs(&data, "cpp", None);
    assert_eq!(costs.len(), data.len());
    let bits = costs.iter().map(|&cost| u64::from(cost)).sum::<u64>() >> 16;
    let payload = 8 * encode(&data, "cpp", None).len() as u64;
    assert!(
        bits.abs_diff(payload) <= payload / 100 + 64,
        "{bits} {payload}"
    );
}

#[test]
fn a_prior_makes_similar_code_smaller() {
    let content = small_prior("python");
    let prior = Prior::parse(&content).unwrap();
    let data = source(&mut Random(99), 3000);
    let (without, with) = (
        encode(&data, "python", None).len(),
        encode(&data, "python", Some(&prior)).len(),
    );
    assert!(with * 100 < without * 97, "{without} -> {with}");
}

#[test]
fn training_is_repeatable() {
    assert_eq!(small_prior("rust"), small_prior("rust"));
}

#[test]
fn damaged_payloads_neither_panic_nor_pass() {
    let data = source(&mut Random(3), 2000);
    let payload = encode(&data, "python", None);
    let mut random = Random(4);
    for _ in 0..60 {
        let mut damaged = payload.clone();
        let position = random.next(damaged.len());
        damaged[position] ^= 1 << random.next(8);
        assert_ne!(
            decode(&damaged, data.len(), "python", None).as_ref(),
            Ok(&data)
        );
    }
    for _ in 0..40 {
        let noise: Vec<u8> = (0..random.next(300))
            .map(|_| random.next(256) as u8)
            .collect();
        let _ = decode(&noise, 500, "cpp", None);
    }
    let mut longer = payload.clone();
    longer.push(0);
    assert_eq!(
        decode(&longer, data.len(), "python", None),
        Err(CodecError::TrailingData)
    );
    assert_eq!(
        decode(&[], 1 << 20, "python", None)
            .map(|data| data.len())
            .ok()
            .filter(|&n| n != 1 << 20),
        None
    );
}

#[test]
fn damaged_priors_are_refused_or_still_round_trip() {
    let content = small_prior("python");
    let mut random = Random(5);
    let data = source(&mut random, 200);
    assert!(matches!(Prior::parse(&[]), Err(CodecError::BadPrior(_))));
    for length in (0..content.len()).step_by(97) {
        assert!(
            matches!(
                Prior::parse(&content[..length]),
                Err(CodecError::BadPrior(_))
            ),
            "{length}"
        );
    }
    let mut longer = content.clone();
    longer.push(0);
    assert!(matches!(
        Prior::parse(&longer),
        Err(CodecError::BadPrior(_))
    ));
    for _ in 0..120 {
        let mut damaged = content.clone();
        for _ in 0..=random.next(3) {
            let position = random.next(damaged.len());
            damaged[position] = random.next(256) as u8;
        }
        match Prior::parse(&damaged) {
            Err(error) => assert!(matches!(error, CodecError::BadPrior(_)), "{error}"),
            Ok(prior) => {
                let payload = encode(&data, "python", Some(&prior));
                assert_eq!(
                    decode(&payload, data.len(), "python", Some(&prior)).as_ref(),
                    Ok(&data)
                );
            }
        }
    }
}

#[test]
fn portable_and_vector_loops_give_the_same_bytes() {
    let data = source(&mut Random(6), 5000);
    let mut encoder = Encoder::new();
    coding::portable(
        model(data.len(), "javascript", None),
        &mut encoder,
        &data,
        data.len(),
    );
    assert_eq!(encoder.finish(), encode(&data, "javascript", None));
}

#[test]
fn memory_stays_within_its_bound() {
    assert!(memory(64 << 10) < 40 << 20);
    assert!(memory(4 << 20) < 256 << 20);
    assert!(memory(usize::MAX) > 0);
}
