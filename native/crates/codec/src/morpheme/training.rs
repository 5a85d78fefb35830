//! Building a prior from other people's code.
//!
//! A word, an n-gram and a node enter only when they were met in several packages, so
//! that nothing of one package alone is kept. How far to trust them is learned on
//! packages that did not contribute to the n-grams used there (every other package);
//! the n-grams that are written come from all of them.

use super::coder::Sink;
use super::model::{Model, Trust};
use super::prior::{self, build, ranked, Content, Gram, PRIOR_ROW_BITS};
use super::recent::{Recent, CONTEXTS, TOKEN_PARTS};
use super::symbols::Rows;
use super::tokens::{Cutter, Dictionary, FIRST_WORD, MOST_WORDS};
use super::{clusters::ordered, code_all, Knowledge};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Most bytes of text that are counted, and that the model is run on.
const COUNTED_BYTES: usize = 24_000_000;
const ROW_BYTES: usize = 6_000_000;
const TRUST_BYTES: usize = 4_000_000;
/// Most words that are kept.
const WORDS: usize = 16_000;
/// Most contexts of each kind that are kept.
const KEPT: [usize; CONTEXTS] = [16_000, 30_000, 16_000, 18_000, 10_000];
/// Most nodes that are kept.
const KEPT_ROWS: usize = 14_000;
/// Places (log2) of the nodes while they are learned.
const ROW_TRAINING_BITS: u32 = 17;
/// Block sizes that trust is learned on, in turn.
const BLOCKS: [usize; 4] = [8 << 10, 32 << 10, 128 << 10, 512 << 10];

/// How often and in how many packages.
#[derive(Clone, Copy, Default)]
struct Tally {
    count: u32,
    packages: u16,
    last: u16,
}

impl Tally {
    fn add(&mut self, package: usize) {
        let package = package as u16 + 1;
        if self.last != package {
            self.packages += 1;
            self.last = package;
        }
        self.count += 1;
    }
}

/// A multiplicative hasher for small integer keys: fast, and the order never shows.
#[derive(Default)]
struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 29
    }
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(byte.into());
        }
    }
    fn write_u32(&mut self, value: u32) {
        self.write_u64(value.into());
    }
    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }
    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(23) ^ value).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

type Counts = HashMap<[u32; 4], Tally, BuildHasherDefault<KeyHasher>>;

/// One file as packed tokens, each with the indentation of its line.
type Stream = Vec<(u32, u16)>;

/// At most `budget` bytes of the packages: the same share of each, whole files.
fn sample<'a>(packages: &[Vec<&'a [u8]>], budget: usize) -> Vec<Vec<&'a [u8]>> {
    let size = |package: &Vec<&[u8]>| package.iter().map(|file| file.len()).sum::<usize>();
    let mut sizes: Vec<usize> = packages.iter().map(size).collect();
    sizes.sort_unstable();
    let (mut left, mut cap) = (budget, usize::MAX);
    for (i, &size) in sizes.iter().enumerate() {
        let share = left / (sizes.len() - i);
        if size > share {
            cap = share;
            break;
        }
        left -= size;
    }
    let thin = |package: &Vec<&'a [u8]>| {
        let total = size(package).max(1);
        let mut seen = 0usize;
        let mut taken = 0usize;
        let mut files = Vec::new();
        for &file in package {
            seen += file.len();
            // Spread over the package: a file is taken when the share so far allows it.
            let allowed = (cap.min(total) as u128 * seen as u128 / total as u128) as usize;
            if taken + file.len() <= allowed {
                taken += file.len();
                files.push(file);
            }
        }
        files
    };
    packages.iter().map(thin).collect()
}

fn tokenise(file: &[u8], dictionary: &mut Dictionary) -> Stream {
    let mut stream = Vec::new();
    let mut at = 0;
    for (width, cut) in Cutter::new(file) {
        let word = &file[at + usize::from(cut.space)..at + cut.length];
        let morph = cut.morph.unwrap_or_else(|| {
            dictionary
                .find(word)
                .unwrap_or_else(|| dictionary.add(word))
        });
        stream.push((morph << 1 | u32::from(cut.space), width.min(4095) as u16));
        at += cut.length;
    }
    stream
}

/// The content of a prior for the language of `packages`, each a list of files.
pub fn train(packages: &[Vec<&[u8]>]) -> Vec<u8> {
    let packages = &packages[..packages.len().min(usize::from(u16::MAX) - 1)];
    let sampled = sample(packages, COUNTED_BYTES);
    let least = if packages.len() >= 8 { 3 } else { 2 };
    let mut dictionary = Dictionary::default();
    let streams: Vec<Vec<Stream>> = sampled
        .iter()
        .map(|files| {
            files
                .iter()
                .map(|file| tokenise(file, &mut dictionary))
                .collect()
        })
        .collect();

    let mut tallies = vec![[Tally::default(); 2]; (FIRST_WORD + MOST_WORDS + 1) as usize];
    let mut morphs = vec![Tally::default(); tallies.len()];
    for (package, files) in streams.iter().enumerate() {
        for &(token, _) in files.iter().flatten() {
            let morph = (token >> 1).min(FIRST_WORD + MOST_WORDS) as usize;
            tallies[morph][token as usize & 1].add(package);
            morphs[morph].add(package);
        }
    }
    let mut kept: Vec<u32> = (FIRST_WORD..FIRST_WORD + dictionary.len() as u32)
        .filter(|&morph| morphs[morph as usize].packages >= least)
        .collect();
    kept.sort_unstable_by_key(|&morph| (u32::MAX - morphs[morph as usize].count, morph));
    kept.truncate(WORDS);
    kept.sort_unstable_by(|&a, &b| dictionary.word(a).cmp(dictionary.word(b)));
    let weights: Vec<u64> = kept
        .iter()
        .map(|&morph| morphs[morph as usize].count.into())
        .collect();
    let kept: Vec<u32> = ordered(&weights, company(&kept, &streams))
        .into_iter()
        .map(|word| kept[word as usize])
        .collect();
    let words: Vec<Vec<u8>> = kept
        .iter()
        .map(|&morph| dictionary.word(morph).to_vec())
        .collect();
    let old: Vec<u32> = (0..FIRST_WORD).chain(kept.iter().copied()).collect();
    let level = |tally: Tally| {
        if tally.packages >= least {
            (tally.count.max(1).ilog2()).clamp(1, 15)
        } else {
            0
        }
    };
    let levels: Vec<[u32; 2]> = old
        .iter()
        .map(|&morph| tallies[morph as usize].map(level))
        .collect();

    // Letters of words that no prior will know.
    let mut counts = [0u32; 256];
    for morph in FIRST_WORD..FIRST_WORD + dictionary.len() as u32 {
        if morphs[morph as usize].packages == 1 {
            counts[0] += 1;
            for &letter in dictionary.word(morph) {
                counts[usize::from(letter)] += 1;
            }
        }
    }
    let letters = counts.map(|count| (count / 16).max(1).ilog2().min(15));

    // From the tokens of the streams to ranks.
    let tokens = ranked(&levels);
    let mut rank = vec![u32::MAX; tallies.len() * 2];
    for (place, &token) in tokens.iter().enumerate() {
        rank[(old[(token >> 1) as usize] << 1 | token & 1) as usize] = place as u32;
    }
    let content = |grams, nodes, trust| Content {
        words: words.clone(),
        levels: levels.clone(),
        letters,
        specials: [11, 11, 4, 4, 12, 12],
        grams,
        rows: nodes,
        trust,
    };
    let halves = [0, 1].map(|half| {
        sampled
            .iter()
            .enumerate()
            .map(|(i, files)| {
                if i % 2 == half {
                    files.clone()
                } else {
                    Vec::new()
                }
            })
            .collect::<Vec<_>>()
    });

    let no_grams = || -> [Vec<Gram>; CONTEXTS] { Default::default() };
    let plain = build(content(
        no_grams(),
        Rows::new(PRIOR_ROW_BITS),
        Trust::default(),
    ));
    let first_half: Vec<&[Stream]> = streams
        .iter()
        .enumerate()
        .map(|(i, files)| if i % 2 == 0 { &files[..] } else { &[] })
        .collect();
    let first = build(content(
        std::array::from_fn(|k| grams(k, &first_half, &rank, least.min(2))),
        nodes(&sample(&halves[0], ROW_BYTES / 2), &plain, 2),
        Trust::default(),
    ));
    let trust = trust(&sample(&halves[1], TRUST_BYTES), &first);
    drop(first);
    let all: Vec<&[Stream]> = streams.iter().map(|files| &files[..]).collect();
    let mut full = content(no_grams(), Rows::new(PRIOR_ROW_BITS), Trust::default());
    full.grams = std::array::from_fn(|k| grams(k, &all, &rank, least));
    full.rows = nodes(&sample(&sampled, ROW_BYTES), &plain, least);
    full.trust = trust;
    prior::write(&mut full)
}

/// Features of words: the token before, and the first one of the line.
const FEATURES: u32 = 1 << 12;

/// How often each word of `kept` stood with each feature, by word: (feature, count).
fn company(kept: &[u32], streams: &[Vec<Stream>]) -> Vec<Vec<(u32, u32)>> {
    let most = kept.iter().copied().max().unwrap_or(0) as usize;
    let mut number = vec![u32::MAX; most + 1];
    for (word, &morph) in kept.iter().enumerate() {
        number[morph as usize] = word as u32;
    }
    let mut pairs: Vec<u64> = Vec::new();
    for stream in streams.iter().flatten() {
        let mut recent = Recent::new(8);
        for &(token, width) in stream {
            if let Some(&word) = number.get(token as usize >> 1) {
                if word != u32::MAX {
                    let around = recent.around(width.into());
                    let pair = |feature: u32| u64::from(word) << 32 | u64::from(feature);
                    pairs.push(pair(around.back[0].wrapping_mul(0x9E37_79B1) >> 20));
                    pairs.push(pair(
                        FEATURES | around.first.wrapping_mul(0x9E37_79B1) >> 20,
                    ));
                }
            }
            recent.push(token, width.into());
        }
    }
    pairs.sort_unstable();
    let mut company = vec![Vec::new(); kept.len()];
    for same in pairs.chunk_by(|a, b| a == b) {
        company[(same[0] >> 32) as usize].push((same[0] as u32, same.len() as u32));
    }
    company
}

/// A successor that stands for all of a context's.
const TOTAL: u32 = u32::MAX;

/// The n-grams of contexts of kind `k` that were met in `least` packages.
fn grams(k: usize, packages: &[&[Stream]], rank: &[u32], least: u16) -> Vec<Gram> {
    let of = |token: u32| rank.get(token as usize).copied().unwrap_or(u32::MAX);
    let mut counts = Counts::default();
    for (package, files) in packages.iter().enumerate() {
        for stream in *files {
            let mut recent = Recent::new(8);
            for &(token, width) in stream {
                let mut context = recent.around(width.into()).contexts()[k];
                for part in &mut context[..TOKEN_PARTS[k]] {
                    *part = of(*part);
                }
                if context.iter().all(|&part| part < 1 << 24) {
                    let [a, b, c] = context;
                    counts.entry([a, b, c, TOTAL]).or_default().add(package);
                    let y = of(token);
                    if y != u32::MAX {
                        counts.entry([a, b, c, y]).or_default().add(package);
                    }
                }
                recent.push(token, width.into());
                recent.look();
            }
        }
    }
    let mut entries: Vec<([u32; 4], Tally)> = counts
        .into_iter()
        .filter(|(_, tally)| tally.packages >= least && tally.count >= 3)
        .collect();
    entries.sort_unstable_by_key(|&(key, _)| key);
    let mut grams: Vec<(u32, Gram)> = Vec::new();
    for context in entries.chunk_by(|(a, _), (b, _)| a[..3] == b[..3]) {
        // The total sorts last, and was met wherever a successor was.
        let Some((total, successors)) = context.split_last() else {
            continue;
        };
        let total = total.1.count;
        let mut best: Vec<(u32, u32)> = successors
            .iter()
            .map(|(key, tally)| (u32::MAX - tally.count, key[3]))
            .collect();
        best.sort_unstable();
        best.truncate(3);
        let mut successors = [(0, 0); 3];
        let mut size = 0;
        for &(count, token) in &best {
            let likelihood = likelihood(u32::MAX - count, total);
            if likelihood > 0 {
                successors[size] = (token, likelihood);
                size += 1;
            }
        }
        if size > 0 {
            let top = successors[0].1;
            let worth = u32::MAX - best[0].0;
            let gram = Gram {
                context: [context[0].0[0], context[0].0[1], context[0].0[2]],
                confidence: total.ilog2().min(15),
                size: size as u32,
                successors,
            };
            grams.push((worth / 2 * (top + 2), gram));
        }
    }
    grams.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.context.cmp(&b.1.context)));
    grams.truncate(KEPT[k]);
    let mut grams: Vec<Gram> = grams.into_iter().map(|(_, gram)| gram).collect();
    grams.sort_unstable_by_key(|gram| gram.context);
    grams
}

/// A probability in sixteen steps.
fn likelihood(count: u32, total: u32) -> u32 {
    const STEPS: [u64; 15] = [
        30, 45, 65, 95, 140, 200, 280, 380, 490, 600, 710, 810, 890, 945, 980,
    ];
    STEPS
        .iter()
        .take_while(|&&step| u64::from(count) * 1000 >= step * u64::from(total))
        .count() as u32
}

/// The nodes of the byte model that were met in `least` packages.
fn nodes(packages: &[Vec<&[u8]>], knowledge: &Knowledge, least: u16) -> Rows {
    let mut symbols = knowledge.fresh_symbols(ROW_TRAINING_BITS);
    let mut seen = vec![(0u16, 0u16); 1 << ROW_TRAINING_BITS];
    for files in packages.iter().filter(|files| !files.is_empty()) {
        let before = symbols.rows.clone();
        let text: Vec<u8> = files.concat();
        for block in text.chunks(BLOCKS[2]) {
            let mut model = Model::new(block.len(), knowledge);
            model.resume(None, Some(symbols));
            code_all(&mut Sink, &mut model, block);
            symbols = model.into_learned().1;
        }
        for ((old, new), (check, packages)) in before.rows().zip(symbols.rows.rows()).zip(&mut seen)
        {
            if new[0] != *check {
                (*check, *packages) = (new[0], 0);
            }
            if old != new {
                *packages += 1;
            }
        }
    }
    let mut best: Vec<(u32, usize)> = symbols
        .rows
        .rows()
        .enumerate()
        .filter(|&(place, row)| row[0] != 0 && seen[place].1 >= least)
        .map(|(place, row)| {
            (
                u32::from(u16::MAX - seen[place].1) << 4 | (15 - u32::from(row[1] & 15)),
                place,
            )
        })
        .collect();
    best.sort_unstable();
    best.truncate(KEPT_ROWS);
    let rows: Vec<[u16; 16]> = symbols.rows.rows().copied().collect();
    let mut kept = Rows::new(PRIOR_ROW_BITS);
    for (_, place) in best {
        let pair = place & ((1 << PRIOR_ROW_BITS) - 2);
        for at in [pair, pair + 1] {
            if let Some(free) = kept.row_mut(at).filter(|row| row[0] == 0) {
                *free = rows[place];
                break;
            }
        }
    }
    kept
}

/// Trust in what `knowledge` says, learned on other packages.
fn trust(packages: &[Vec<&[u8]>], knowledge: &Knowledge) -> Trust {
    let mut trust = Trust::default();
    let mut turn = 0;
    for files in packages {
        let text: Vec<u8> = files.concat();
        let mut rest = &text[..];
        while !rest.is_empty() {
            let (block, after) = rest.split_at(rest.len().min(BLOCKS[turn % BLOCKS.len()]));
            let mut model = Model::new(block.len(), knowledge);
            model.resume(Some(trust), None);
            code_all(&mut Sink, &mut model, block);
            trust = model.into_learned().0;
            rest = after;
            turn += 1;
        }
    }
    trust
}
