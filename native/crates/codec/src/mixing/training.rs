//! Builds a prior from packages of source code.
//!
//! What is kept: contexts (as hashes) that several packages share, the bytes that
//! followed them in several packages, and the learned state of the model. A context is
//! worth its place by the bits that it saves against plain order-2 statistics and the
//! contexts chosen before it, in every file where it occurs, for each bit that it costs
//! to write down.

use std::collections::HashMap;

use super::coding::{self, Silence};
use super::contexts::{Surroundings, Syntax, CONTEXTS};
use super::model::{Learned, Model, Seed, Seeds, SEED_LIMIT};
use super::prior::{self, Known, CONFIDENCES};

/// Most bytes of all packages that are looked at.
const READ_LIMIT: usize = 10 << 20;
/// What a selection of files may be ahead of an even one.
const SLACK: usize = 64 << 10;
/// Size of the blocks of many files that the model learns from, and how much of them.
const BLOCK: usize = 256 << 10;
const BLOCKS_LEARNED: usize = 1 << 20;
/// How much the model learns from files alone, and the least size of one.
const FILES_LEARNED: usize = 3 << 19;
const LEAST_FILE: usize = 256;
/// Packages, besides the one that is predicted, that must agree on a follower.
const LEAST_PACKAGES: u32 = 2;
/// Bits that all contexts may take in a prior.
const BUDGET: u64 = 945_000 * 8;
/// Contexts in the order in which they are chosen, the ones gathered in one pass
/// together: that bounds the memory of training. Those of one pass differ most.
const PASSES: [&[usize]; 5] = [
    &[0, 1, 2, 3, 8],
    &[4, 6, 12, 13],
    &[10, 22, 11, 20],
    &[5, 7, 9, 19],
    &[14, 15, 16, 17, 21],
];
/// Gain for its bits from which a context counts as chosen for the passes that follow.
const CHOSEN: u32 = 200;
/// The share of what a chosen context saves that others cannot save again, in 1/8.
const SAVED_ONCE: u32 = 5;
/// Packages are told apart by the bits of a mask; later ones share.
const PACKAGES: usize = 128;
/// Files that count as evidence: their numbers have 16 bits.
const FILES: usize = 1 << 16;

/// A byte that followed a context: in how many files, in which packages.
#[derive(Clone, Copy)]
struct Follower {
    byte: u8,
    files: u16,
    /// As `files`, less the share of followers that were dropped.
    weight: u16,
    packages: u128,
}

/// What is known of contexts while the model learns.
struct Evidence {
    by_key: Vec<HashMap<u32, Vec<Follower>>>,
    /// The package that is predicted: its own evidence does not count.
    without: u128,
}

/// How many sightings a follower is worth that was seen in `files` files.
fn confidence(files: u32) -> u8 {
    CONFIDENCES[match files {
        0..=1 => 0,
        2..=3 => 1,
        4..=7 => 2,
        8..=15 => 3,
        16..=31 => 4,
        32..=79 => 5,
        80..=255 => 6,
        _ => 7,
    }]
}

impl Seeds for Evidence {
    fn seed(&self, context: usize, hash: u64, out: &mut [Seed; SEED_LIMIT]) -> usize {
        let Some(followers) = self.by_key[context].get(&((hash >> 32) as u32)) else {
            return 0;
        };
        let mut count = 0;
        for follower in followers {
            let others = (follower.packages & !self.without).count_ones();
            if others >= LEAST_PACKAGES {
                let files = u32::from(follower.weight) * others / follower.packages.count_ones();
                out[count] = Seed {
                    byte: follower.byte,
                    count: confidence(files),
                };
                count += 1;
            }
        }
        out[..count].sort_by_key(|seed| (seed.count, seed.byte));
        count
    }
}

/// The files of a package; of a large one, an even selection of `limit` bytes.
fn selection(files: &[Vec<u8>], limit: usize) -> Vec<&[u8]> {
    let total: usize = files.iter().map(Vec::len).sum();
    let (mut passed, mut taken) = (0usize, 0usize);
    let even = |file: &&Vec<u8>| {
        passed += file.len();
        let due = (passed as u128 * limit as u128 / total.max(1) as u128) as usize;
        let fits = total <= limit || taken + file.len() <= due + SLACK;
        taken += if fits { file.len() } else { 0 };
        fits && !file.is_empty()
    };
    files.iter().filter(even).map(Vec::as_slice).collect()
}

/// `files`, joined into blocks.
fn blocks(files: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut blocks = Vec::new();
    let mut current = Vec::new();
    for file in files {
        current.extend_from_slice(file);
        if current.len() >= BLOCK {
            blocks.push(std::mem::take(&mut current));
        }
    }
    if !current.is_empty() {
        blocks.push(current);
    }
    blocks
}

/// The most bytes of one package with which all stay within `READ_LIMIT`.
fn package_limit(packages: &[Vec<Vec<u8>>]) -> usize {
    let sizes: Vec<usize> = packages
        .iter()
        .map(|files| files.iter().map(Vec::len).sum())
        .collect();
    let (mut low, mut high) = (0, READ_LIMIT);
    while low < high {
        let middle = (low + high).div_ceil(2);
        if sizes.iter().map(|&size| size.min(middle)).sum::<usize>() <= READ_LIMIT {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    low
}

/// 8 times the binary logarithm of `n`, which is at least 1.
fn logarithm(n: u32) -> u32 {
    // 2^(k/8) in 1/256
    const STEPS: [u64; 8] = [256, 280, 305, 332, 363, 395, 431, 470];
    let whole = 31 - n.leading_zeros();
    let mantissa = (u64::from(n) << 8) >> whole;
    8 * whole + STEPS.iter().filter(|&&step| step <= mantissa).count() as u32 - 1
}

/// What each byte of each file costs, in eighths of a bit, under order-2 statistics of all files.
fn costs(packages: &[Vec<&[u8]>]) -> Vec<Vec<u8>> {
    let mut counts = vec![0u32; 1 << 24];
    let mut totals = vec![0u32; 1 << 16];
    let all = || packages.iter().flatten();
    for file in all() {
        let mut recent = 0usize;
        for &byte in *file {
            counts[recent << 8 | usize::from(byte)] += 1;
            totals[recent] += 1;
            recent = (recent << 8 | usize::from(byte)) & 0xffff;
        }
    }
    all()
        .map(|file| {
            let mut recent = 0usize;
            let cost = |&byte: &u8| {
                let cost =
                    logarithm(totals[recent]) - logarithm(counts[recent << 8 | usize::from(byte)]);
                recent = (recent << 8 | usize::from(byte)) & 0xffff;
                cost.min(255) as u8
            };
            file.iter().map(cost).collect()
        })
        .collect()
}

/// A context that could be kept, followers by falling gain.
struct Candidate {
    context: usize,
    key: u32,
    followers: Vec<Follower>,
    /// Of each follower (the first bears the context's cost): gain for its bits, never rising.
    rates: Vec<u32>,
    /// Files of all followers.
    total: u32,
}

impl Candidate {
    /// What `follower` costs where this context is known, in eighths of a bit.
    fn cost(&self, follower: &Follower) -> u32 {
        logarithm(self.total + 1) - logarithm(u32::from(follower.files))
    }
}

/// Bits that a context takes in a prior, and each of its followers.
const CONTEXT_BITS: u64 = 12;
const FOLLOWER_BITS: u64 = 7;

fn candidate(context: usize, group: &[u64], owner: &[usize]) -> Option<Candidate> {
    let mut followers = Vec::new();
    let mut total = 0u32;
    for same in group.chunk_by(|a, b| a >> 24 == b >> 24) {
        let packages = same.iter().fold(0u128, |mask, event| {
            mask | 1 << owner[(event >> 8 & 0xffff) as usize]
        });
        total += same.len() as u32;
        if packages.count_ones() >= LEAST_PACKAGES {
            let files = same.len() as u16;
            let follower = Follower {
                byte: (same[0] >> 24) as u8,
                files,
                weight: files,
                packages,
            };
            followers.push((
                same.iter().map(|event| (event & 0xff) as i64).sum::<i64>(),
                follower,
            ));
        }
    }
    for (gain, follower) in &mut followers {
        let files = u32::from(follower.files);
        let own = i64::from(logarithm(total + 1) - logarithm(files)) * i64::from(files);
        // Orders 0 to 2 cannot beat order 2, and are wanted all the same.
        *gain = if context <= 2 {
            i64::from(files) * 16
        } else {
            *gain - own
        };
    }
    followers.retain(|(gain, _)| *gain > 0);
    followers.sort_by_key(|(gain, follower)| (std::cmp::Reverse(*gain), follower.byte));
    followers.truncate(SEED_LIMIT);
    let mut least = u32::MAX;
    let mut rates = Vec::with_capacity(followers.len());
    for (n, (gain, _)) in followers.iter().enumerate() {
        let bits = if n == 0 {
            CONTEXT_BITS + FOLLOWER_BITS
        } else {
            FOLLOWER_BITS
        };
        least = least.min((*gain as u64 * 64 / bits).min(u64::from(u32::MAX)) as u32);
        rates.push(least);
    }
    let followers: Vec<Follower> = followers
        .into_iter()
        .map(|(_, follower)| follower)
        .collect();
    (!followers.is_empty()).then(|| Candidate {
        context,
        key: (group[0] >> 32) as u32,
        followers,
        rates,
        total,
    })
}

/// The rate at which candidates with at least that rate fill the budget.
fn threshold(candidates: &[Candidate]) -> u32 {
    let mut all: Vec<(u32, u64)> = Vec::new();
    for candidate in candidates {
        all.extend(candidate.rates.iter().enumerate().map(|(n, &rate)| {
            (
                rate,
                if n == 0 {
                    CONTEXT_BITS + FOLLOWER_BITS
                } else {
                    FOLLOWER_BITS
                },
            )
        }));
    }
    all.sort_unstable_by_key(|&(rate, _)| std::cmp::Reverse(rate));
    let mut bits = 0;
    for (rate, cost) in all {
        bits += cost;
        if bits > BUDGET {
            return rate + 1;
        }
    }
    1
}

/// Calls `visit` with every byte of `file`: its position and the hashes of its contexts.
fn follow(file: &[u8], syntax: Syntax, mut visit: impl FnMut(usize, &[u64; CONTEXTS])) {
    let mut around = Surroundings::new(syntax);
    for position in 0..file.len() {
        visit(position, &around.hashes());
        around.byte(&file[..=position]);
    }
}

/// What a pass over all files finds of `contexts`.
fn gather(
    packages: &[Vec<&[u8]>],
    syntax: Syntax,
    contexts: &[usize],
    costs: &[Vec<u8>],
) -> Vec<Candidate> {
    let owner: Vec<usize> = packages
        .iter()
        .enumerate()
        .flat_map(|(package, files)| vec![package.min(PACKAGES - 1); files.len()])
        .collect();
    let mut events: Vec<Vec<u64>> = vec![Vec::new(); contexts.len()];
    let files = packages.iter().flatten().zip(costs).take(FILES);
    for (number, (file, costs)) in files.enumerate() {
        follow(file, syntax, |position, hashes| {
            let what =
                u64::from(file[position]) << 24 | (number as u64) << 8 | u64::from(costs[position]);
            for (events, &context) in events.iter_mut().zip(contexts) {
                events.push(hashes[context] >> 32 << 32 | what);
            }
        });
    }
    let mut candidates = Vec::new();
    for (mut events, &context) in events.into_iter().zip(contexts) {
        events.sort_unstable();
        events.dedup_by_key(|event| *event >> 8);
        let groups = events.chunk_by(|a, b| a >> 32 == b >> 32);
        candidates.extend(groups.filter_map(|group| candidate(context, group, &owner)));
    }
    candidates
}

/// Lowers `costs` by what the better ones of `candidates` save.
fn discount(
    packages: &[Vec<&[u8]>],
    syntax: Syntax,
    contexts: &[usize],
    candidates: &[Candidate],
    costs: &mut [Vec<u8>],
) {
    let mut chosen: HashMap<(usize, u32), Vec<(u8, u8)>> = HashMap::new();
    for candidate in candidates.iter().filter(|c| c.rates[0] >= CHOSEN) {
        let followers = candidate.followers.iter().zip(&candidate.rates);
        let kept = followers.filter(|&(_, &rate)| rate >= CHOSEN);
        chosen.insert(
            (candidate.context, candidate.key),
            kept.map(|(f, _)| (f.byte, candidate.cost(f).min(255) as u8))
                .collect(),
        );
    }
    for (file, costs) in packages.iter().flatten().zip(costs).take(FILES) {
        follow(file, syntax, |position, hashes| {
            let cost = &mut costs[position];
            let least = contexts
                .iter()
                .filter_map(|&context| chosen.get(&(context, (hashes[context] >> 32) as u32)))
                .flatten()
                .filter(|follower| follower.0 == file[position])
                .fold(*cost, |least, follower| least.min(follower.1));
            *cost -= (u32::from(*cost - least) * SAVED_ONCE / 8) as u8;
        });
    }
}

/// The contexts that are worth most for what they take.
fn evidence(packages: &[Vec<&[u8]>], syntax: Syntax) -> Evidence {
    let mut costs = costs(packages);
    let mut candidates: Vec<Candidate> = Vec::new();
    for contexts in PASSES {
        let found = gather(packages, syntax, contexts, &costs);
        discount(packages, syntax, contexts, &found, &mut costs);
        candidates.extend(found);
    }
    let threshold = threshold(&candidates);
    let mut by_key: Vec<HashMap<u32, Vec<Follower>>> = vec![HashMap::new(); CONTEXTS];
    for mut candidate in candidates {
        let kept = candidate
            .rates
            .iter()
            .filter(|&&rate| rate >= threshold)
            .count();
        if kept == 0 {
            continue;
        }
        candidate.followers.truncate(kept);
        let sum: u32 = candidate.followers.iter().map(|f| u32::from(f.files)).sum();
        for follower in &mut candidate.followers {
            follower.weight = (u32::from(follower.files) * sum / candidate.total) as u16;
        }
        by_key[candidate.context].insert(candidate.key, candidate.followers);
    }
    Evidence { by_key, without: 0 }
}

/// Teaches `learned` by coding some of `texts`, which come with the number of their package,
/// about `limit` bytes, each without the evidence of its own package.
fn learn(
    texts: &[(usize, &[u8])],
    limit: usize,
    syntax: Syntax,
    evidence: &mut Evidence,
    mut learned: Learned,
) -> Learned {
    let total: usize = texts.iter().map(|(_, text)| text.len()).sum();
    let every = total.div_ceil(limit).max(1);
    for &(package, text) in texts.iter().skip(every / 2).step_by(every) {
        evidence.without = 1 << package.min(PACKAGES - 1);
        let model = Model::new(text.len(), syntax, learned, Some(evidence));
        (_, learned) = coding::run(model, &mut Silence, text, text.len());
    }
    learned
}

/// What the model learns from blocks of many files, and then from files alone.
fn learned(packages: &[Vec<&[u8]>], syntax: Syntax, evidence: &mut Evidence) -> Learned {
    let joined: Vec<Vec<Vec<u8>>> = packages.iter().map(|files| blocks(files)).collect();
    let numbered = joined.iter().enumerate();
    let many: Vec<(usize, &[u8])> = numbered
        .flat_map(|(package, blocks)| blocks.iter().map(move |b| (package, b.as_slice())))
        .collect();
    let numbered = packages.iter().enumerate();
    let alone: Vec<(usize, &[u8])> = numbered
        .flat_map(|(package, files)| files.iter().map(move |&file| (package, file)))
        .filter(|(_, file)| file.len() >= LEAST_FILE)
        .collect();
    let learned = learn(&many, BLOCKS_LEARNED, syntax, evidence, Learned::new());
    learn(&alone, FILES_LEARNED, syntax, evidence, learned)
}

/// The content of a prior of `packages`, each a list of files in `language`.
///
/// The same packages in the same order give the same bytes.
pub fn train(packages: &[Vec<Vec<u8>>], language: &str) -> Vec<u8> {
    let syntax = Syntax::of(language);
    let limit = package_limit(packages);
    let packages: Vec<Vec<&[u8]>> = packages
        .iter()
        .map(|files| selection(files, limit))
        .collect();
    let mut evidence = evidence(&packages, syntax);
    let learned = learned(&packages, syntax, &mut evidence);
    let known = evidence
        .by_key
        .into_iter()
        .map(|contexts| {
            let known = |(key, followers): (u32, Vec<Follower>)| {
                let seed = |f: &Follower| Seed {
                    byte: f.byte,
                    count: confidence(u32::from(f.weight)),
                };
                let mut followers: Vec<Seed> = followers.iter().map(seed).collect();
                followers.sort_by_key(|seed| (seed.count, seed.byte));
                Known { key, followers }
            };
            contexts.into_iter().map(known).collect()
        })
        .collect();
    prior::write(&learned, known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_is_even() {
        let files: Vec<Vec<u8>> = (0..1000).map(|n| vec![n as u8; 2000]).collect();
        assert_eq!(selection(&files, 2_000_000).len(), 1000);
        let some = selection(&files, 500_000);
        let size: usize = some.iter().map(|file| file.len()).sum();
        assert!((500_000..=500_000 + SLACK).contains(&size), "{size}");
        let late = some
            .iter()
            .filter(|file| files[500..].iter().any(|f| f == *file))
            .count();
        assert!(late * 3 > some.len(), "{late} of {}", some.len());
    }

    #[test]
    fn what_contexts_foresee_is_saved_once() {
        let shared: Vec<u8> = b"from collections.abc import Mapping, Sequence\n".to_vec();
        // The same letters in any order, so that two before them say little.
        let own = |n: u32| -> Vec<u8> {
            let mut state = n;
            let letter = |_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                shared[(state >> 16) as usize % shared.len()]
            };
            let letters: Vec<u8> = (0..300).map(letter).collect();
            [shared.clone(), letters].concat()
        };
        let files: Vec<Vec<u8>> = (1..200).map(own).collect();
        let packages =
            [0, 100].map(|from| files[from..].iter().take(100).map(Vec::as_slice).collect());
        let mut after = costs(&packages);
        let before = after.clone();
        let found = gather(&packages, Syntax::Python, PASSES[1], &after);
        discount(&packages, Syntax::Python, PASSES[1], &found, &mut after);
        let sum = |costs: &[Vec<u8>], range: std::ops::Range<usize>| -> u32 {
            costs
                .iter()
                .flat_map(|file| &file[range.clone()])
                .map(|&cost| u32::from(cost))
                .sum()
        };
        let size = shared.len();
        assert!(sum(&after, 8..size) * 4 < sum(&before, 8..size) * 3);
        assert!(before
            .iter()
            .flatten()
            .zip(after.iter().flatten())
            .all(|(b, a)| a <= b));
    }
}
