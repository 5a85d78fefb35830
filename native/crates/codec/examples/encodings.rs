//! Prints what every codec makes of some files, so that two builds can be compared:
//!
//! ```text
//! cargo run --release --example encodings -- presets/priors 30000 tests/cli/test_main_job.py ...
//! ```
//!
//! Each file's first bytes (so many, and a quarter of them for `mixing`, which an
//! emulator runs slowly) are encoded with and without the shipped prior of its
//! language, decoded again, and named with the size and a hash of the payload. The
//! output of any two builds, for any two processors, is the same.

use std::error::Error;
use std::fs;
use std::path::Path;

use qyn1_codec::{chunked, mixing, morpheme};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [priors, most, files @ ..] = arguments.as_slice() else {
        return Err("usage: encodings PRIORS_FOLDER BYTES FILE...".into());
    };
    let most: usize = most.parse()?;
    for file in files {
        let data = fs::read(file)?;
        let data = &data[..data.len().min(most)];
        let language = language(file);
        for with_prior in [false, true] {
            let name = format!("{file} {}", if with_prior { "prior" } else { "alone" });
            let find = |codec: &str| -> Outcome<Option<Vec<u8>>> {
                match with_prior {
                    true => prior(Path::new(priors), codec, language).map(Some),
                    false => Ok(None),
                }
            };
            chunked(&name, data, find("chunked-rans")?)?;
            morpheme(&name, data, find("morpheme")?)?;
            mixing(&name, &data[..data.len() / 4], language, find("mixing")?)?;
        }
    }
    Ok(())
}

fn language(file: &str) -> &'static str {
    match file.rsplit('.').next().unwrap_or_default() {
        "py" => "python",
        "js" => "javascript",
        "rs" => "rust",
        "cc" | "cpp" | "h" => "cpp",
        _ => "text",
    }
}

fn prior(folder: &Path, codec: &str, language: &str) -> Outcome<Vec<u8>> {
    let begin = format!("{codec}.{language}.");
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(&begin) {
            return Ok(fs::read(entry.path())?);
        }
    }
    Err(format!("{} has no {begin}*", folder.display()).into())
}

fn chunked(name: &str, data: &[u8], prior: Option<Vec<u8>>) -> Outcome<()> {
    let prior = match prior {
        Some(content) => chunked::Prior::parse(&content)?,
        None => chunked::Prior::none(),
    };
    for level in 1.. {
        let Some(chosen) = chunked::Level::from_number(level) else {
            return Ok(());
        };
        let payload = chunked::encode(data, &prior, chosen);
        let decoded = chunked::decode(&payload, data.len(), &prior)?;
        show(
            name,
            &format!("chunked-rans {level}"),
            data,
            &payload,
            &decoded,
        )?;
    }
    Ok(())
}

fn morpheme(name: &str, data: &[u8], prior: Option<Vec<u8>>) -> Outcome<()> {
    let prior = prior
        .map(|content| morpheme::Prior::parse(&content))
        .transpose()?;
    let payload = morpheme::encode(data, prior.as_ref());
    let decoded = morpheme::decode(&payload, data.len(), prior.as_ref())?;
    show(name, "morpheme", data, &payload, &decoded)
}

fn mixing(name: &str, data: &[u8], language: &str, prior: Option<Vec<u8>>) -> Outcome<()> {
    let prior = prior
        .map(|content| mixing::Prior::parse(&content))
        .transpose()?;
    let payload = mixing::encode(data, language, prior.as_ref());
    let decoded = mixing::decode(&payload, data.len(), language, prior.as_ref())?;
    show(name, "mixing", data, &payload, &decoded)
}

fn show(name: &str, codec: &str, data: &[u8], payload: &[u8], decoded: &[u8]) -> Outcome<()> {
    if decoded != data {
        return Err(format!("{name}: {codec} does not give back what it was given").into());
    }
    // FNV-1a: this tells builds apart, nobody attacks it.
    let hash = payload
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        });
    println!("{name} {codec} {} {hash:016x}", payload.len());
    Ok(())
}
