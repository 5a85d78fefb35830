//! The lazy parser of `chunked-rans`, level 1: the native twin of `chunked_lazy.py`, whose
//! docstring states every choice.

use super::alphabet::INITIAL_DISTANCES;
use super::matches::{common_length, window, Builder};
use super::payload::Parsed;
use super::prior::{Prior, MAX_PHRASE};
use super::rows::{Rows, AHEAD};

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
        short: Rows::new(HASH_BITS),
        long: Rows::new(HASH_BITS),
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
            let Some(mut offer) = self.best(position, 0) else {
                position += 1;
                continue;
            };
            while offer.length < GOOD_LENGTH {
                let following = self.best(position + 1, offer.gain + NEXT_MARGIN);
                position += 1;
                if let Some(following) = following {
                    offer = following;
                    continue;
                }
                let Some(following) = self.best(position + 1, offer.gain + SECOND_MARGIN) else {
                    position -= 1;
                    break;
                };
                position += 1;
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
    #[inline(always)]
    fn insert_before(&mut self, position: usize) {
        while self.inserted < position {
            let at = self.inserted;
            if let Some(word) = word_at(self.data, at + AHEAD) {
                self.short.prefetch(hash_4(word));
                self.long.prefetch(hash_8(word));
                self.prior.prefetch(word);
            }
            if let Some(word) = word_at(self.data, at) {
                self.short.insert(hash_4(word), at);
                self.long.insert(hash_8(word), at);
            } else if let Some(bytes) = self.data[at..].first_chunk::<4>() {
                self.short
                    .insert(hash_4(u64::from(u32::from_le_bytes(*bytes))), at);
            }
            self.inserted += 1;
        }
    }

    /// The best offer at `position` of those that gain more than `floor`.
    #[inline(always)]
    fn best(&mut self, position: usize, floor: i32) -> Option<Offer> {
        let data = self.data;
        if position + 1 >= data.len() {
            return None;
        }
        self.insert_before(position);
        let limit = (data.len() - position).min(LENGTH_LIMIT);
        let mut best = Offer {
            gain: floor,
            ..Offer::default()
        };
        for (&distance, cost) in self.recent.iter().zip(REPEAT_COST) {
            let Some(start) = position.checked_sub(distance as usize) else {
                continue;
            };
            if data[start..start + 2] != data[position..position + 2] {
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
        // Others that gain as much come first.
        let repeated = best;
        best.gain = (best.gain - 1).max(floor);
        if let Some(word) = word_at(data, position) {
            let (short, long) = (hash_4(word), hash_8(word));
            follow(
                data,
                self.short.before(short, position),
                position,
                limit,
                &mut best,
            );
            follow(
                data,
                self.long.before(long, position),
                position,
                limit,
                &mut best,
            );
        } else if let Some(bytes) = data[position..].first_chunk::<4>() {
            let hash = hash_4(u64::from(u32::from_le_bytes(*bytes)));
            follow(
                data,
                self.short.before(hash, position),
                position,
                limit,
                &mut best,
            );
        }
        self.consider_phrases(position, &mut best);
        if best.gain < repeated.gain {
            best = repeated;
        }
        (best.gain > floor).then_some(best)
    }

    #[inline(always)]
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
#[inline(always)]
fn follow(
    data: &[u8],
    row: impl Iterator<Item = usize>,
    here: usize,
    limit: usize,
    best: &mut Offer,
) {
    for there in row {
        let distance = (here - there) as u32;
        let cost = DISTANCE_COST + 16 * distance.ilog2() as i32;
        // Only a longer length can gain more. Distances grow along a row.
        let reach = ((best.gain + cost) / LITERAL_COST).max(3) as usize;
        if reach >= limit {
            break;
        }
        if data[there + reach - 3..=there + reach] == data[here + reach - 3..=here + reach] {
            let length = common_length(data, there, here, limit);
            let gain = LITERAL_COST * length as i32 - cost;
            if gain > best.gain && length > 3 {
                *best = Offer {
                    gain,
                    length: length as u32,
                    target: Target::Distance(distance),
                };
            }
        }
    }
}

/// The eight bytes from `position` on, if there are.
#[inline(always)]
fn word_at(data: &[u8], position: usize) -> Option<u64> {
    let bytes = data.get(position..)?.first_chunk::<8>()?;
    Some(u64::from_le_bytes(*bytes))
}
