//! The lazy parser of `chunked-rans`, level 1: the native twin of `lazy_parser.py`, whose
//! docstring states every choice.

use super::alphabet::INITIAL_DISTANCES;
use super::matches::{common_length, window, Builder};
use super::payload::Parsed;
use super::prior::{Prior, MAX_PHRASE};

const HASH_BITS: u32 = 16;
const CHAIN_DEPTH: usize = 6;
const LONG_DEPTH: usize = 2;
const LENGTH_LIMIT: usize = 64;
const GOOD_LENGTH: u32 = 40;
const LITERAL_COST: i32 = 88;
const DISTANCE_COST: i32 = 128;
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

/// The latest positions of each hash, latest first. Beside a position stand bits of the hashed
/// bytes that did not go into the hash: most strangers are known without a look at the data.
struct Rows<const DEPTH: usize> {
    rows: Vec<[u32; DEPTH]>,
}

const POSITION_BITS: u32 = 27;
const POSITION_MASK: u32 = (1 << POSITION_BITS) - 1;

impl<const DEPTH: usize> Rows<DEPTH> {
    fn new() -> Self {
        Rows {
            rows: vec![[NONE; DEPTH]; 1 << HASH_BITS],
        }
    }

    /// `hash` has the index in its high 16 bits and the tag below.
    #[inline]
    fn insert(&mut self, hash: u32, position: usize) {
        let row = &mut self.rows[(hash >> (32 - HASH_BITS)) as usize];
        row.copy_within(..DEPTH - 1, 1);
        row[0] = position as u32 | tag(hash);
    }

    #[inline]
    fn row(&self, hash: u32) -> [u32; DEPTH] {
        self.rows[(hash >> (32 - HASH_BITS)) as usize]
    }
}

#[inline]
fn tag(hash: u32) -> u32 {
    (hash << HASH_BITS) & !POSITION_MASK
}

#[inline]
fn hash_4(word: u64) -> u32 {
    (word as u32).wrapping_mul(MULTIPLIER_4)
}

#[inline]
fn hash_8(word: u64) -> u32 {
    (word.wrapping_mul(MULTIPLIER_8) >> 32) as u32
}

struct Parser<'a> {
    data: &'a [u8],
    prior: &'a Prior,
    short: Rows<CHAIN_DEPTH>,
    long: Rows<LONG_DEPTH>,
    inserted: usize,
    recent: [u32; 4],
}

/// `data` as tokens.
pub fn parse(data: &[u8], prior: &Prior) -> Parsed {
    let mut parser = Parser {
        data,
        prior,
        short: Rows::new(),
        long: Rows::new(),
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
            while offer.length < GOOD_LENGTH {
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
    #[inline]
    fn insert_before(&mut self, position: usize) {
        while self.inserted < position {
            let at = self.inserted;
            let rest = self.data.get(at..).unwrap_or(&[]);
            if let Some(bytes) = rest.first_chunk::<8>() {
                let word = u64::from_le_bytes(*bytes);
                self.short.insert(hash_4(word), at);
                self.long.insert(hash_8(word), at);
            } else if let Some(bytes) = rest.first_chunk::<4>() {
                self.short
                    .insert(hash_4(u64::from(u32::from_le_bytes(*bytes))), at);
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
        self.insert_before(position);
        let limit = (data.len() - position).min(LENGTH_LIMIT);
        let rest = &data[position..];
        if let Some(bytes) = rest.first_chunk::<8>() {
            let word = u64::from_le_bytes(*bytes);
            follow(
                data,
                self.short.row(hash_4(word)),
                hash_4(word),
                position,
                limit,
                &mut best,
            );
            follow(
                data,
                self.long.row(hash_8(word)),
                hash_8(word),
                position,
                limit,
                &mut best,
            );
        } else if let Some(bytes) = rest.first_chunk::<4>() {
            let hash = hash_4(u64::from(u32::from_le_bytes(*bytes)));
            follow(data, self.short.row(hash), hash, position, limit, &mut best);
        }
        self.consider_phrases(position, &mut best);
        for (&distance, cost) in self.recent.iter().zip(REPEAT_COST) {
            let Some(start) = position.checked_sub(distance as usize) else {
                continue;
            };
            if data[start] != data[position] || data[start + 1] != data[position + 1] {
                continue;
            }
            let length = common_length(data, start, position, limit);
            let gain = LITERAL_COST * length as i32 - cost;
            if gain > best.gain {
                best = Offer {
                    gain,
                    length: length as u32,
                    target: Target::Distance(distance),
                };
            }
        }
        best
    }

    #[inline]
    fn consider_phrases(&self, position: usize, best: &mut Offer) {
        if self.prior.phrases.is_empty() {
            return;
        }
        let window = window(self.data, position);
        let mut lengths = self.prior.lengths(window);
        let room = self.data.len() - position;
        if room < MAX_PHRASE {
            lengths &= (2 << room) - 1;
        }
        let least_cost = 2 * i32::from(self.prior.least_cost());
        while lengths > 0 {
            let length = lengths.ilog2();
            lengths &= !(1 << length);
            if LITERAL_COST * length as i32 - least_cost <= best.gain {
                break;
            }
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

/// Weighs the positions of one row.
#[inline]
fn follow<const DEPTH: usize>(
    data: &[u8],
    row: [u32; DEPTH],
    hash: u32,
    here: usize,
    limit: usize,
    best: &mut Offer,
) {
    let mut longest = 3;
    for entry in row {
        if (entry ^ tag(hash)) & !POSITION_MASK != 0 {
            continue;
        }
        let there = (entry & POSITION_MASK) as usize;
        // Distances grow along a row, so only a longer length can gain more. An empty entry is past `here`.
        if longest >= limit || there >= here {
            break;
        }
        if data[there + longest] == data[here + longest] {
            let length = common_length(data, there, here, limit);
            if length > longest {
                longest = length;
                let distance = (here - there) as u32;
                let gain =
                    LITERAL_COST * length as i32 - DISTANCE_COST - 16 * distance.ilog2() as i32;
                if gain > best.gain {
                    *best = Offer {
                        gain,
                        length: length as u32,
                        target: Target::Distance(distance),
                    };
                }
            }
        }
    }
}
