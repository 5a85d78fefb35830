//! What each byte of a block costs.

use crate::rans::tables::{COST, COST_UNIT};

use super::alphabet::{is_measured, is_run, split_value, LENGTH_DIRECT_BITS, MIN_LENGTH};
use super::payload::{code, payload, run_length, CODED, MAX_BLOCK};
use super::prior::Prior;
use super::Level;

/// Of this many parts of a bit costs are counted.
const UNIT: u64 = 1 << 16;

/// What each byte of `data` costs in its payload, in units of 2^-16 bit: what its token does, and
/// a share of the rest. Together they are the payload's size.
pub fn costs(data: &[u8], prior: &Prior, level: Level) -> Vec<u32> {
    if data.is_empty() || data.len() > MAX_BLOCK {
        return vec![8 * UNIT as u32; data.len()];
    }
    let mut costs = vec![0u32; data.len()];
    let parsed = level.parse(data, prior);
    let coded = code(&parsed, prior);
    let payload = payload(data, &parsed, &coded, prior);
    let mut rest = 8 * UNIT * payload.len() as u64;
    if payload[0] == CODED {
        let [mut tokens, mut lengths, mut literals] = coded.streams.each_ref().map(|stream| {
            stream
                .iter()
                .map(|symbol| u64::from(COST[(symbol & 0xffff) as usize]) * (UNIT / COST_UNIT))
        });
        let mut at = 0;
        for token in &parsed.tokens {
            let meaning = &prior.tokens[usize::from(token.symbol)];
            let mut cost = tokens.next().unwrap_or(0) + u64::from(meaning.width) * UNIT;
            let mut size = token.length as usize;
            if is_measured(token.symbol) {
                let (_, _, width) = split_value(token.length - MIN_LENGTH, LENGTH_DIRECT_BITS);
                cost += lengths.next().unwrap_or(0) + u64::from(width) * UNIT;
            } else if is_run(token.symbol) {
                size = run_length(token);
                // In this order, for it ends without taking the literal after the run.
                for (to, literal) in costs[at..at + size].iter_mut().zip(literals.by_ref()) {
                    *to = literal as u32;
                    rest = rest.saturating_sub(literal);
                }
            } else {
                let phrase = prior.phrases.get((meaning.base + token.detail) as usize);
                size = phrase.map_or(0, |phrase| usize::from(phrase.length));
            }
            spread(&mut costs[at..at + size], cost);
            rest = rest.saturating_sub(cost);
            at += size;
        }
    }
    spread(&mut costs, rest);
    costs
}

/// Adds `cost` in equal parts.
fn spread(costs: &mut [u32], cost: u64) {
    let count = costs.len() as u64;
    for (number, to) in (0..count).zip(costs) {
        *to += (cost / count + u64::from(number < cost % count)) as u32;
    }
}
