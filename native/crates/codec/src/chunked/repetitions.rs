//! Finds repetitions for the optimal parser: for each position the longer and longer ones, nearest first.
//!
//! Of all repetitions that are long enough for a use only the nearest is worth its price. So the
//! latest position of the strings of a few widths does what a long chain of positions does. Of
//! some widths earlier positions are looked at too, and the longest repetition is carried along.

use super::matches::{common_length, window};

const NONE: u32 = u32::MAX;
const HASH_BITS: u32 = 18;
/// Bytes that are hashed, and how many positions of the same hash are looked at.
const WIDTHS: [(usize, usize); 9] = [
    (3, 1),
    (4, 1),
    (5, 1),
    (6, 1),
    (8, 4),
    (11, 1),
    (16, 4),
    (24, 8),
    (40, 1),
];
/// Three bytes are worth a new distance only when it is short.
const SHORT_DISTANCE: usize = 1 << 12;
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// The repetitions of a block.
pub struct Repetitions {
    /// Where those of each position begin in `found`.
    starts: Vec<u32>,
    /// `length << 32 | distance`.
    found: Vec<u64>,
}

impl Repetitions {
    /// Searches `data`; lengths are cut at `nice`, from which on one is taken unseen.
    pub fn find(data: &[u8], nice: usize) -> Self {
        let size = data.len();
        let mut finder = Repetitions {
            starts: Vec::with_capacity(size + 1),
            found: Vec::with_capacity(2 * size),
        };
        let mut latest: Vec<Vec<u32>> = WIDTHS.map(|_| vec![NONE; 1 << HASH_BITS]).into();
        let mut chains: Vec<Vec<u32>> = WIDTHS
            .map(|(_, depth)| vec![NONE; if depth > 1 { size } else { 0 }])
            .into();
        let (mut carried_distance, mut carried_end) = (1usize, 0usize);
        for position in 0..size {
            finder.starts.push(finder.found.len() as u32);
            let room = size - position;
            let limit = room.min(nice);
            let mut there = [NONE; WIDTHS.len()];
            for (index, hash) in hashes(data, position).into_iter().enumerate() {
                let (width, depth) = WIDTHS[index];
                if room >= width {
                    there[index] = std::mem::replace(&mut latest[index][hash], position as u32);
                    if depth > 1 {
                        chains[index][position] = there[index];
                    }
                }
            }
            let carried = carried_end.saturating_sub(position);
            let mut longest = 2;
            if carried < nice {
                if there[0] != NONE && position - there[0] as usize > SHORT_DISTANCE {
                    there[0] = NONE;
                }
                for (index, mut there) in there.into_iter().enumerate() {
                    for _ in 0..WIDTHS[index].1 {
                        if there == NONE || longest >= limit {
                            break;
                        }
                        finder.consider(data, position, there as usize, limit, &mut longest);
                        if let Some(&before) = chains[index].get(there as usize) {
                            there = before;
                        }
                    }
                }
            }
            if carried > longest {
                finder
                    .found
                    .push((carried.min(nice) as u64) << 32 | carried_distance as u64);
            } else if longest > 2 {
                let distance = finder.found.last().map_or(1, |&found| found as u32) as usize;
                carried_distance = distance;
                carried_end = position
                    + if longest < nice {
                        longest
                    } else {
                        common_length(data, position - distance, position, room)
                    };
            }
        }
        finder.starts.push(finder.found.len() as u32);
        finder
    }

    #[inline]
    fn consider(
        &mut self,
        data: &[u8],
        here: usize,
        there: usize,
        limit: usize,
        longest: &mut usize,
    ) {
        // Only a longer one is worth its greater distance.
        if data[there + *longest] != data[here + *longest] {
            return;
        }
        let length = common_length(data, there, here, limit);
        if length > *longest {
            *longest = length;
            self.found
                .push((length as u64) << 32 | (here - there) as u64);
        }
    }

    /// `length << 32 | distance` of the repetitions at `position`, lengths growing.
    pub fn at(&self, position: usize) -> &[u64] {
        &self.found[self.starts[position] as usize..self.starts[position + 1] as usize]
    }
}

/// A hash of each of `WIDTHS` from `position` on; what lies past the end counts as zeros.
#[inline]
fn hashes(data: &[u8], position: usize) -> [usize; WIDTHS.len()] {
    let words: [u64; 5] = match data
        .get(position..)
        .and_then(|rest| rest.first_chunk::<40>())
    {
        Some(bytes) => std::array::from_fn(|index| {
            u64::from_le_bytes(std::array::from_fn(|byte| bytes[8 * index + byte]))
        }),
        None => std::array::from_fn(|index| window(data, position + 8 * index) as u64),
    };
    let middle = words[0] >> 24 | words[1] << 40;
    let top = |value: u64| (value.wrapping_mul(MULTIPLIER) >> (64 - HASH_BITS)) as usize;
    let join = |value: u64, next: u64| value.wrapping_mul(MULTIPLIER).rotate_left(29) ^ next;
    let sixteen = join(words[0], words[1]);
    let twenty_four = join(sixteen, words[2]);
    [
        top(words[0] << 40),
        top(words[0] << 32),
        top(words[0] << 24),
        top(words[0] << 16),
        top(words[0]),
        top(join(words[0], middle)),
        top(sixteen),
        top(twenty_four),
        top(join(join(twenty_four, words[3]), words[4])),
    ]
}
