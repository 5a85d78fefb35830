//! The lazy parser of `chunked-rans`, level 1: the native twin of `lazy_parser.py`, whose
//! docstring states every choice.

use super::alphabet::INITIAL_DISTANCES;
use super::matches::{common_length, window, Builder};
use super::payload::Parsed;
use super::prior::{Prior, MAX_PHRASE};

const HASH_BITS: u32 = 17;
const CHAIN_DEPTH: usize = 6;
const LONG_DEPTH: usize = 2;
const LENGTH_LIMIT: usize = 64;
const LITERAL_COST: i32 = 88;
const DISTANCE_COST: i32 = 112;
const REPEAT_COST: [i32; 4] = [72, 88, 96, 104];
const NEXT_MARGIN: i32 = 24;
const SECOND_MARGIN: i32 = 56;
const MULTIPLIER_4: u32 = 2_654_435_761;
const MULTIPLIER_8: u64 = 0x9e37_79b9_7f4a_7c15;
const NONE: u32 = u32::MAX;

/// What a position offers; a gain of 0 or less is nothing.
#[derive(Clone, Copy, Default)]
struct Offer {
    gain: i32,
    length: u32,
    target: Target,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    Distance(u32),
    Phrase(u32),
}

impl Default for Target {
    fn default() -> Self {
        Target::Distance(0)
    }
}

/// Chains of earlier positions with the same hash.
struct Chains {
    heads: Vec<u32>,
    previous: Vec<u32>,
}

impl Chains {
    fn new(size: usize) -> Self {
        Chains { heads: vec![NONE; 1 << HASH_BITS], previous: vec![NONE; size] }
    }

    #[inline]
    fn insert(&mut self, hash: usize, position: usize) {
        if let (Some(head), Some(previous)) = (self.heads.get_mut(hash), self.previous.get_mut(position)) {
            *previous = *head;
            *head = position as u32;
        }
    }

    #[inline]
    fn before(&self, position: usize) -> Option<usize> {
        match self.previous.get(position) {
            Some(&found) if found != NONE => Some(found as usize),
            _ => None,
        }
    }
}

struct Parser<'a> {
    data: &'a [u8],
    prior: &'a Prior,
    short: Chains,
    long: Chains,
    inserted: usize,
    recent: [u32; 4],
}

/// `data` as tokens.
pub fn parse(data: &[u8], prior: &Prior) -> Parsed {
    let mut parser = Parser {
        data,
        prior,
        short: Chains::new(data.len()),
        long: Chains::new(data.len()),
        inserted: 0,
        recent: INITIAL_DISTANCES,
    };
    parser.run()
}

impl Parser<'_> {
    fn run(&mut self) -> Parsed {
        let size = self.data.len();
        let mut builder = Builder::new(self.data, self.prior);
        let mut position = 0;
        while position < size {
            let mut offer = self.best(position);
            if offer.gain <= 0 {
                position += 1;
                continue;
            }
            loop {
                let mut following = self.best(position + 1);
                if following.gain > offer.gain + NEXT_MARGIN {
                    position += 1;
                } else {
                    following = self.best(position + 2);
                    if following.gain <= offer.gain + SECOND_MARGIN {
                        break;
                    }
                    position += 2;
                }
                offer = following;
            }
            match offer.target {
                Target::Phrase(number) => {
                    builder.phrase(position, number, offer.length as usize);
                    position += offer.length as usize;
                }
                Target::Distance(distance) => {
                    let (start, length) = self.grow(position, offer.length as usize, distance, builder.done());
                    builder.reference(start, distance, length);
                    self.recent = builder.recent();
                    position = start + length;
                }
            }
        }
        builder.finish()
    }

    /// Enters all positions up to and including `position` into the chains.
    #[inline]
    fn insert_through(&mut self, position: usize) {
        while self.inserted <= position {
            let at = self.inserted;
            let rest = self.data.get(at..).unwrap_or(&[]);
            if let Some(bytes) = rest.first_chunk::<8>() {
                let word = u64::from_le_bytes(*bytes);
                self.short.insert((word as u32).wrapping_mul(MULTIPLIER_4) as usize >> (32 - HASH_BITS), at);
                self.long.insert((word.wrapping_mul(MULTIPLIER_8) >> (64 - HASH_BITS)) as usize, at);
            } else if let Some(bytes) = rest.first_chunk::<4>() {
                let word = u32::from_le_bytes(*bytes);
                self.short.insert(word.wrapping_mul(MULTIPLIER_4) as usize >> (32 - HASH_BITS), at);
            }
            self.inserted += 1;
        }
    }

    fn best(&mut self, position: usize) -> Offer {
        let data = self.data;
        let mut best = Offer::default();
        if position + 1 >= data.len() {
            return best;
        }
        self.insert_through(position);
        let limit = (data.len() - position).min(LENGTH_LIMIT);
        let mut candidate = self.short.before(position);
        for _ in 0..CHAIN_DEPTH {
            let Some(there) = candidate else { break };
            consider(data, position, there, limit, &mut best);
            candidate = self.short.before(there);
        }
        let mut candidate = self.long.before(position);
        for _ in 0..LONG_DEPTH {
            let Some(there) = candidate else { break };
            consider(data, position, there, limit, &mut best);
            candidate = self.long.before(there);
        }
        self.consider_phrases(position, &mut best);
        for (&distance, cost) in self.recent.iter().zip(REPEAT_COST) {
            let Some(start) = position.checked_sub(distance as usize) else { continue };
            if data[start] != data[position] || data[start + 1] != data[position + 1] {
                continue;
            }
            let length = common_length(data, start, position, limit);
            let gain = LITERAL_COST * length as i32 - cost;
            if gain > best.gain {
                best = Offer { gain, length: length as u32, target: Target::Distance(distance) };
            }
        }
        best
    }

    #[inline]
    fn consider_phrases(&self, position: usize, best: &mut Offer) {
        let data = self.data;
        let mut lengths = self.prior.lengths(data[position], data[position + 1]);
        let room = data.len() - position;
        if room < MAX_PHRASE {
            lengths &= (2 << room) - 1;
        }
        if lengths == 0 {
            return;
        }
        let window = window(data, position);
        while lengths > 0 {
            let length = lengths.trailing_zeros();
            lengths &= lengths - 1;
            if let Some(number) = self.prior.find(window, length as u8) {
                let cost = self.prior.group_cost.get(self.prior.group(number)).copied().unwrap_or(0);
                let gain = LITERAL_COST * length as i32 - 2 * i32::from(cost);
                if gain > best.gain {
                    *best = Offer { gain, length, target: Target::Phrase(number) };
                }
            }
        }
    }

    fn grow(&self, position: usize, length: usize, distance: u32, done: usize) -> (usize, usize) {
        let (data, distance) = (self.data, distance as usize);
        let (mut position, mut length) = (position, length);
        if length == LENGTH_LIMIT {
            length = common_length(data, position - distance, position, data.len() - position);
        }
        while position > done && position > distance && data[position - 1] == data[position - 1 - distance] {
            position -= 1;
            length += 1;
        }
        (position, length)
    }
}

#[inline]
fn consider(data: &[u8], here: usize, there: usize, limit: usize, best: &mut Offer) {
    let length = common_length(data, there, here, limit);
    if length < 4 {
        return;
    }
    let distance = (here - there) as u32;
    let gain = LITERAL_COST * length as i32 - DISTANCE_COST - 16 * distance.ilog2() as i32;
    if gain > best.gain {
        *best = Offer { gain, length: length as u32, target: Target::Distance(distance) };
    }
}
