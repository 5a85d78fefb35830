//! The lazy parser of `chunked-rans`, level 1: the native twin of `chunked_lazy.py`, whose
//! docstring states every choice.

use super::alphabet::INITIAL_DISTANCES;
use super::matches::{common_length, Builder};
use super::payload::Parsed;
use super::prior::{Prior, MAX_PHRASE};
use super::rows::{Rows, AHEAD};

const MAX_HASH_BITS: u32 = 16;
const DEPTH: usize = 2;
/// Blocks below this size have no repetitions that are far away.
const NEAR: usize = 1 << 16;
const LONG: usize = 12;
const LENGTH_LIMIT: usize = 64;
const GOOD_LENGTH: u32 = 40;
const LITERAL_COST: i32 = 88;
const DISTANCE_COST: i32 = 128;
const REPEAT_COST: [i32; 4] = [72, 88, 96, 104];
const NEXT_MARGIN: i32 = 24;
const SECOND_MARGIN: i32 = 56;
const MULTIPLIER_SHORT: u64 = 0x9e37_79b9_7f4a_7c15;
const MULTIPLIER_LONG: u64 = 0xd6e8_feb8_6659_fd93;
/// Zeros behind the data, so that words can be read from everywhere.
const SLACK: usize = AHEAD + LONG;

/// What a position offers.
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

/// Hashes of the shorter and of `LONG` bytes.
type Hashes = [u32; 2];

struct Parser<'a> {
    /// The block, and `SLACK` zeros.
    data: &'a [u8],
    size: usize,
    prior: &'a Prior,
    /// Bytes of the strings of `short`, and the bits of a word that they take.
    width: usize,
    mask: u64,
    short: Rows<DEPTH>,
    long: Rows<DEPTH>,
    /// The hashes of the positions from `inserted` on, each position modulo `AHEAD`.
    hashes: [Hashes; AHEAD],
    inserted: usize,
    recent: [u32; 4],
}

/// `data` as tokens.
pub fn parse(data: &[u8], prior: &Prior) -> Parsed {
    let mut padded = Vec::with_capacity(data.len() + SLACK);
    padded.extend_from_slice(data);
    padded.resize(data.len() + SLACK, 0);
    let bits = data.len().max(1).ilog2().clamp(10, MAX_HASH_BITS);
    let width = if data.len() < NEAR { 4 } else { 5 };
    let mask = (1 << (8 * width)) - 1;
    Parser {
        data: &padded,
        size: data.len(),
        prior,
        width,
        mask,
        short: Rows::new(bits),
        long: Rows::new(bits),
        hashes: std::array::from_fn(|position| hashes(&padded, position, mask)),
        inserted: 0,
        recent: INITIAL_DISTANCES,
    }
    .run(data)
}

impl Parser<'_> {
    fn run(&mut self, data: &[u8]) -> Parsed {
        let mut builder = Builder::new(data, self.prior);
        let mut position = 0;
        while position < self.size {
            let Some(mut offer) = self.best(position, 0) else {
                position += 1;
                continue;
            };
            while offer.length < GOOD_LENGTH {
                if let Some(following) = self.best(position + 1, offer.gain + NEXT_MARGIN) {
                    position += 1;
                    offer = following;
                } else if let Some(following) = self.best(position + 2, offer.gain + SECOND_MARGIN)
                {
                    position += 2;
                    offer = following;
                } else {
                    break;
                }
            }
            match offer.target {
                Target::Phrase(number) => {
                    builder.phrase(position, number, offer.length as usize);
                    position += offer.length as usize;
                }
                Target::Distance(distance) => {
                    let (start, length) =
                        self.grow(position, offer.length as usize, distance, builder.done());
                    builder.reference(start, distance, length);
                    self.recent = builder.recent();
                    position = start + length;
                }
            }
        }
        builder.finish()
    }

    /// Enters all positions before `position` into the rows.
    #[inline(always)]
    fn insert_before(&mut self, position: usize) {
        if self.inserted < position {
            self.insert(position);
        }
    }

    fn insert(&mut self, end: usize) {
        let Parser {
            data,
            mask,
            short,
            long,
            hashes: pending,
            ..
        } = self;
        for at in self.inserted..end {
            let ahead = hashes(data, at + AHEAD, *mask);
            short.prefetch(ahead[0]);
            long.prefetch(ahead[1]);
            let here = std::mem::replace(&mut pending[at % AHEAD], ahead);
            short.insert(here[0], at);
            long.insert(here[1], at);
        }
        self.inserted = end;
    }

    /// The best offer at `position` of those that gain more than `floor`.
    #[inline(always)]
    fn best(&mut self, position: usize, floor: i32) -> Option<Offer> {
        if position + 1 >= self.size {
            return None;
        }
        self.insert_before(position);
        let data = self.data;
        let limit = (self.size - position).min(LENGTH_LIMIT);
        let here = word(data, position);
        let mut best = Offer {
            gain: floor,
            ..Offer::default()
        };
        for (&distance, cost) in self.recent.iter().zip(REPEAT_COST) {
            let there = position.wrapping_sub(distance as usize);
            if (here ^ word(data, there)) as u16 != 0 || there >= position {
                continue;
            }
            let length = common(data, there, position, here, limit);
            let gain = LITERAL_COST * length as i32 - cost;
            if gain > best.gain {
                best = Offer {
                    gain,
                    length: length as u32,
                    target: Target::Distance(distance),
                };
            }
        }
        let [short, long] = self.hashes[position % AHEAD];
        let reach = (best.gain + DISTANCE_COST) / LITERAL_COST;
        let found = self.consider_long(self.long.positions(long), position, here, limit, &mut best);
        if !found && reach < LONG as i32 {
            self.consider_short(
                self.short.positions(short),
                position,
                here,
                limit,
                &mut best,
            );
        }
        self.consider_phrases(position, &mut best);
        (best.gain > floor).then_some(best)
    }

    /// Weighs repetitions of `LONG` bytes and more; whether one is the best.
    #[inline(always)]
    fn consider_long(
        &self,
        candidates: [usize; DEPTH],
        position: usize,
        here: u64,
        limit: usize,
        best: &mut Offer,
    ) -> bool {
        let mut found = false;
        for there in candidates {
            if there >= position {
                continue;
            }
            let distance = position - there;
            let length = common(self.data, there, position, here, limit);
            let gain = LITERAL_COST * length as i32 - distance_cost(distance);
            if gain > best.gain && length >= LONG {
                found = true;
                *best = Offer {
                    gain,
                    length: length as u32,
                    target: Target::Distance(distance as u32),
                };
            }
        }
        found
    }

    /// Weighs repetitions of `width` bytes and more.
    #[inline(always)]
    fn consider_short(
        &self,
        candidates: [usize; DEPTH],
        position: usize,
        here: u64,
        limit: usize,
        best: &mut Offer,
    ) {
        let [first, second] = candidates.map(|there| there.min(position));
        let next = word(self.data, position + 8);
        let first = self.offer(first, position, here, next, limit);
        let second = self.offer(second, position, here, next, limit);
        let offer = if second.gain > first.gain {
            second
        } else {
            first
        };
        if offer.gain > best.gain {
            *best = offer;
        }
    }

    /// What the repetition of `there` offers, if it has `width` bytes; `position` itself offers nothing.
    #[inline(always)]
    fn offer(&self, there: usize, position: usize, here: u64, next: u64, limit: usize) -> Offer {
        // Nothing here is foreseeable, so there are next to no branches.
        let distance = position - there;
        let difference = here ^ word(self.data, there) | u64::from(distance == 0);
        let second = next ^ word(self.data, there + 8);
        let mut length = difference.trailing_zeros() / 8;
        length += if length == 8 {
            second.trailing_zeros() / 8
        } else {
            0
        };
        let mut length = (length as usize).min(limit);
        if length == 16 {
            length = common_length(self.data, there, position, limit);
        }
        let gain = LITERAL_COST * length as i32 - distance_cost(distance | 1);
        Offer {
            gain: if length < self.width { 0 } else { gain },
            length: length as u32,
            target: Target::Distance(distance as u32),
        }
    }

    #[inline(always)]
    fn consider_phrases(&self, position: usize, best: &mut Offer) {
        if self.prior.phrases.is_empty() {
            return;
        }
        let window =
            u128::from(word(self.data, position)) | u128::from(word(self.data, position + 8)) << 64;
        let least_cost = 2 * i32::from(self.prior.least_cost());
        // Shorter ones cannot gain more.
        let shortest = ((best.gain + least_cost) / LITERAL_COST + 1).min(31) as u32;
        let longest = (self.size - position).min(MAX_PHRASE) as u32;
        if shortest > longest {
            return;
        }
        let mut lengths = self.prior.lengths(window) >> shortest << shortest & ((2 << longest) - 1);
        while lengths > 0 {
            let length = lengths.ilog2();
            lengths ^= 1 << length;
            if let Some(number) = self.prior.find(window, length as u8) {
                let cost = self
                    .prior
                    .group_cost
                    .get(self.prior.group(number))
                    .copied()
                    .unwrap_or(0);
                let gain = LITERAL_COST * length as i32 - 2 * i32::from(cost);
                if gain > best.gain {
                    *best = Offer {
                        gain,
                        length,
                        target: Target::Phrase(number),
                    };
                    let shortest = ((gain + least_cost) / LITERAL_COST + 1).min(31) as u32;
                    lengths = lengths >> shortest << shortest;
                }
            }
        }
    }

    fn grow(&self, position: usize, length: usize, distance: u32, done: usize) -> (usize, usize) {
        let (data, distance) = (self.data, distance as usize);
        let (mut position, mut length) = (position, length);
        if length == LENGTH_LIMIT {
            length = common_length(data, position - distance, position, self.size - position);
        }
        while position > done
            && position > distance
            && data[position - 1] == data[position - 1 - distance]
        {
            position -= 1;
            length += 1;
        }
        (position, length)
    }
}

/// What naming a new distance takes.
#[inline(always)]
fn distance_cost(distance: usize) -> i32 {
    DISTANCE_COST + 16 * distance.ilog2() as i32
}

/// As `common_length`, with the eight bytes from `position` on at hand.
#[inline(always)]
fn common(data: &[u8], there: usize, position: usize, here: u64, limit: usize) -> usize {
    let length = (here ^ word(data, there)).trailing_zeros() as usize / 8;
    if length < 8 {
        return length.min(limit);
    }
    common_length(data, there, position, limit)
}

/// The eight bytes from `position`, which is below 2^32, on; zeros where they are not all there.
#[inline(always)]
fn word(data: &[u8], position: usize) -> u64 {
    // Without the mask each use would also check that the end does not overflow.
    let position = position & u32::MAX as usize;
    match data.get(position..position + 8) {
        Some(bytes) => u64::from_le_bytes(bytes.try_into().unwrap_or_default()),
        None => 0,
    }
}

#[inline(always)]
fn hashes(data: &[u8], position: usize, mask: u64) -> Hashes {
    let low = word(data, position) & mask;
    let short = low.wrapping_mul(MULTIPLIER_SHORT);
    let high = word(data, position + LONG - 8) >> 8;
    let long = short.wrapping_add(high.wrapping_mul(MULTIPLIER_LONG));
    [(short >> 32) as u32, (long >> 32) as u32]
}
