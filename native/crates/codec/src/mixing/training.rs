//! Builds a prior from packages of source code.
//!
//! What is kept: contexts (as hashes) that several packages share, the bytes that
//! followed them in several packages, and the learned state of the model. A context is
//! worth its place by the bits that it saves against plain order-2 statistics, in every
//! document where it occurs, for each bit that it costs to write down.

use std::collections::HashMap;

use super::coding::{self, Silence};
use super::contexts::{Surroundings, Syntax, CONTEXTS, MATCH_CONTEXT};
use super::model::{Learned, Model, Seed, Seeds, SEED_LIMIT};
use super::prior::{self, Known};

/// Size at which the files of a package are cut into documents.
const DOCUMENT: usize = 256 << 10;
/// Most bytes of all packages that are looked at, and that the model learns from.
const READ_LIMIT: usize = 10 << 20;
const LEARN_LIMIT: usize = 2 << 20;
/// Packages, besides the one that is predicted, that must agree on a follower.
const LEAST_PACKAGES: u32 = 2;
/// Bits that all contexts may take in a prior.
const BUDGET: u64 = 870_000 * 8;
/// Contexts gathered in one pass: bounds the memory of training.
const GATHERED: usize = 5;
/// Packages are told apart by the bits of a mask; later ones share.
const PACKAGES: usize = 128;

/// A byte that followed a context: in how many documents, in which packages.
#[derive(Clone, Copy)]
struct Follower {
    byte: u8,
    documents: u16,
    /// As `documents`, less the share of followers that were dropped.
    weight: u16,
    packages: u128,
}

/// What is known of contexts while the model learns.
struct Evidence {
    by_key: Vec<HashMap<u32, Vec<Follower>>>,
    /// The package that is predicted: its own evidence does not count.
    without: u128,
}

/// How many sightings a follower is worth that was seen in `documents` documents.
fn confidence(documents: u32) -> u8 {
    match documents {
        0..=1 => 1,
        2..=3 => 2,
        4..=7 => 4,
        8..=16 => 6,
        _ => 12,
    }
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
                let documents =
                    u32::from(follower.weight) * others / follower.packages.count_ones();
                out[count] = Seed {
                    byte: follower.byte,
                    count: confidence(documents),
                };
                count += 1;
            }
        }
        out[..count].sort_by_key(|seed| (seed.count, seed.byte));
        count
    }
}

/// Files of a package, joined into documents; of a large package, an even selection.
fn documents(files: &[Vec<u8>], limit: usize) -> Vec<Vec<u8>> {
    let total: usize = files.iter().map(Vec::len).sum();
    let mut documents = Vec::new();
    let mut current = Vec::new();
    let (mut passed, mut taken) = (0usize, 0usize);
    for file in files {
        passed += file.len();
        let due = (passed as u128 * limit as u128) / total.max(1) as u128;
        if total > limit && taken + file.len() > (due as usize) + DOCUMENT / 4 {
            continue;
        }
        taken += file.len();
        current.extend_from_slice(file);
        if current.len() >= DOCUMENT {
            documents.push(std::mem::take(&mut current));
        }
    }
    if !current.is_empty() {
        documents.push(current);
    }
    documents
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

/// What each byte costs, in eighths of a bit, under order-2 statistics of all documents.
fn costs(packages: &[Vec<Vec<u8>>]) -> Vec<Vec<u8>> {
    let mut counts = vec![0u32; 1 << 24];
    let mut totals = vec![0u32; 1 << 16];
    let all = || packages.iter().flatten();
    for document in all() {
        let mut recent = 0usize;
        for &byte in document {
            counts[recent << 8 | usize::from(byte)] += 1;
            totals[recent] += 1;
            recent = (recent << 8 | usize::from(byte)) & 0xffff;
        }
    }
    all()
        .map(|document| {
            let mut recent = 0usize;
            let cost = |&byte: &u8| {
                let cost =
                    logarithm(totals[recent]) - logarithm(counts[recent << 8 | usize::from(byte)]);
                recent = (recent << 8 | usize::from(byte)) & 0xffff;
                cost.min(255) as u8
            };
            document.iter().map(cost).collect()
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
    /// Documents of all followers.
    total: u32,
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
            let documents = same.len() as u16;
            let follower = Follower {
                byte: (same[0] >> 24) as u8,
                documents,
                weight: documents,
                packages,
            };
            followers.push((
                same.iter().map(|event| (event & 0xff) as i64).sum::<i64>(),
                follower,
            ));
        }
    }
    for (gain, follower) in &mut followers {
        let documents = u32::from(follower.documents);
        let own = i64::from(logarithm(total + 1) - logarithm(documents)) * i64::from(documents);
        // Orders 0 to 2 cannot beat order 2, and are wanted all the same.
        *gain = if context <= 2 {
            i64::from(documents) * 16
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

/// The contexts that are worth most for what they take.
fn evidence(packages: &[Vec<Vec<u8>>], syntax: Syntax) -> Evidence {
    let costs = costs(packages);
    let owner: Vec<usize> = packages
        .iter()
        .enumerate()
        .flat_map(|(package, documents)| vec![package.min(PACKAGES - 1); documents.len()])
        .collect();
    let mut candidates: Vec<Candidate> = Vec::new();
    let wanted: Vec<usize> = (0..CONTEXTS)
        .filter(|&context| context != MATCH_CONTEXT)
        .collect();
    for contexts in wanted.chunks(GATHERED) {
        let mut events: Vec<Vec<u64>> = vec![Vec::new(); contexts.len()];
        for (number, (document, costs)) in packages
            .iter()
            .flatten()
            .zip(&costs)
            .enumerate()
            .take(1 << 16)
        {
            let mut around = Surroundings::new(syntax);
            for (position, (&byte, &cost)) in document.iter().zip(costs).enumerate() {
                let hashes = around.hashes();
                for (events, &context) in events.iter_mut().zip(contexts) {
                    let event =
                        hashes[context] >> 32 << 32 | u64::from(byte) << 24 | (number as u64) << 8;
                    events.push(event | u64::from(cost));
                }
                around.byte(&document[..=position]);
            }
        }
        for (mut events, &context) in events.into_iter().zip(contexts) {
            events.sort_unstable();
            events.dedup_by_key(|event| *event >> 8);
            let groups = events.chunk_by(|a, b| a >> 32 == b >> 32);
            candidates.extend(groups.filter_map(|group| candidate(context, group, &owner)));
        }
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
        let sum: u32 = candidate
            .followers
            .iter()
            .map(|f| u32::from(f.documents))
            .sum();
        for follower in &mut candidate.followers {
            follower.weight = (u32::from(follower.documents) * sum / candidate.total) as u16;
        }
        by_key[candidate.context].insert(candidate.key, candidate.followers);
    }
    Evidence { by_key, without: 0 }
}

/// Teaches the mixer and the small tables by coding some documents, each without the
/// evidence of its own package.
fn learn(packages: &[Vec<Vec<u8>>], syntax: Syntax, evidence: &mut Evidence) -> Learned {
    let total: usize = packages.iter().flatten().map(Vec::len).sum();
    let every = total.div_ceil(LEARN_LIMIT).max(1);
    let mut learned = Learned::new();
    let numbered = packages
        .iter()
        .enumerate()
        .flat_map(|(package, documents)| documents.iter().map(move |d| (package, d)));
    for (number, (package, document)) in numbered.enumerate() {
        if number % every != every / 2 {
            continue;
        }
        evidence.without = 1 << package.min(PACKAGES - 1);
        let model = Model::new(document.len(), syntax, learned, Some(evidence));
        (_, learned) = coding::run(model, &mut Silence, document, document.len());
    }
    learned
}

/// The content of a prior of `packages`, each a list of files in `language`.
///
/// The same packages in the same order give the same bytes.
pub fn train(packages: &[Vec<Vec<u8>>], language: &str) -> Vec<u8> {
    let syntax = Syntax::of(language);
    let limit = package_limit(packages);
    let packages: Vec<Vec<Vec<u8>>> = packages
        .iter()
        .map(|files| documents(files, limit))
        .collect();
    let mut evidence = evidence(&packages, syntax);
    let learned = learn(&packages, syntax, &mut evidence);
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
