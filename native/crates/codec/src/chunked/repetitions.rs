//! Finds repetitions for the optimal parser: at a position longer and longer ones.
//!
//! Of all repetitions that are long enough for a use only the nearest is worth its price. So the
//! latest positions of the strings of a few widths do what a long chain of positions does; and the
//! longest repetition is carried along, though its start may be forgotten.

use super::matches::{common_length, window};
use super::rows::{Rows, AHEAD};

/// Three bytes are worth a new distance only when it is short.
const SHORT_DISTANCE: usize = 1 << 12;
/// From this length on only longer repetitions are looked for.
const LONG: usize = 20;
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// A repetition: its length and distance.
pub type Repetition = (u32, u32);

/// The strings of a block up to a position.
pub struct Repetitions<'a> {
    data: &'a [u8],
    nice: usize,
    three: Rows<1>,
    four: Rows<2>,
    six: Rows<4>,
    nine: Rows<2>,
    sixteen: Rows<4>,
    thirty_two: Rows<8>,
    /// The hashes of the positions from `inserted` on, each position modulo `AHEAD`.
    hashes: [[u32; 6]; AHEAD],
    inserted: usize,
    /// Distance and end of the longest repetition so far.
    carried: (usize, usize),
    found: Vec<Repetition>,
}

impl<'a> Repetitions<'a> {
    /// Lengths are cut at `nice`.
    pub fn new(data: &'a [u8], nice: usize) -> Self {
        let bits = data.len().max(1).ilog2().saturating_sub(3).clamp(10, 18);
        Repetitions {
            data,
            nice,
            three: Rows::new(bits.min(14)),
            four: Rows::new(bits.min(16)),
            six: Rows::new(bits),
            nine: Rows::new(bits),
            sixteen: Rows::new(bits),
            thirty_two: Rows::new(bits),
            hashes: std::array::from_fn(|position| hashes(data, position)),
            inserted: 0,
            carried: (1, 0),
            found: Vec::new(),
        }
    }

    /// The repetitions at `position`, lengths growing. Positions may be left out, but not come again.
    #[inline]
    pub fn at(&mut self, position: usize) -> &[Repetition] {
        self.enter_before(position);
        self.found.clear();
        let data = self.data;
        let room = data.len() - position;
        let limit = room.min(self.nice);
        let carried = self.carried.1.saturating_sub(position);
        if carried >= self.nice {
            self.found.push((self.nice as u32, self.carried.0 as u32));
            return &self.found;
        }
        let [three, four, six, nine, sixteen, thirty_two] = self.hashes[position % AHEAD];
        let far = self
            .sixteen
            .before(sixteen, position)
            .chain(self.thirty_two.before(thirty_two, position));
        let mut best = (2, 1);
        if carried >= LONG {
            // Only a longer one can be of use.
            best.0 = carried;
            self.found.push((carried as u32, self.carried.0 as u32));
            look(data, position, limit, far, &mut best, &mut self.found);
        } else {
            let near = self
                .three
                .before(three, position)
                .filter(|there| position - there <= SHORT_DISTANCE);
            let others = near
                .chain(self.four.before(four, position))
                .chain(self.six.before(six, position))
                .chain(self.nine.before(nine, position))
                .chain(far);
            look(data, position, limit, others, &mut best, &mut self.found);
            if carried > best.0 {
                self.found.push((carried as u32, self.carried.0 as u32));
            }
        }
        let (longest, distance) = best;
        if longest > carried.max(2) {
            let end = if longest == self.nice {
                common_length(data, position - distance, position, room)
            } else {
                longest
            };
            self.carried = (distance, position + end);
        }
        &self.found
    }

    #[inline]
    fn enter_before(&mut self, position: usize) {
        while self.inserted < position {
            let at = self.inserted;
            let ahead = hashes(self.data, at + AHEAD);
            self.three.prefetch(ahead[0]);
            self.four.prefetch(ahead[1]);
            self.six.prefetch(ahead[2]);
            self.nine.prefetch(ahead[3]);
            self.sixteen.prefetch(ahead[4]);
            self.thirty_two.prefetch(ahead[5]);
            let here = std::mem::replace(&mut self.hashes[at % AHEAD], ahead);
            self.three.insert(here[0], at);
            self.four.insert(here[1], at);
            self.six.insert(here[2], at);
            self.nine.insert(here[3], at);
            self.sixteen.insert(here[4], at);
            self.thirty_two.insert(here[5], at);
            self.inserted += 1;
        }
    }
}

/// Adds what is longer than `best` (length and distance) of the repetitions from `candidates`.
#[inline(always)]
fn look(
    data: &[u8],
    position: usize,
    limit: usize,
    candidates: impl Iterator<Item = usize>,
    best: &mut (usize, usize),
    found: &mut Vec<Repetition>,
) {
    for there in candidates {
        if best.0 >= limit {
            break;
        }
        // Only a longer one is worth its greater distance.
        if data[there + best.0] != data[position + best.0] {
            continue;
        }
        let length = common_length(data, there, position, limit);
        if length > best.0 {
            *best = (length, position - there);
            found.push((length as u32, (position - there) as u32));
        }
    }
}

/// A hash of 3, 4, 6, 9, 16 and 32 bytes from `position` on; what lies past the end counts as zeros.
#[inline(always)]
fn hashes(data: &[u8], position: usize) -> [u32; 6] {
    let halves = |window: u128| (window as u64, (window >> 64) as u64);
    let (low, high) = halves(window(data, position));
    let (third, fourth) = halves(window(data, position + 16));
    let top = |value: u64| (value.wrapping_mul(MULTIPLIER) >> 32) as u32;
    let join = |value: u64, next: u64| value.wrapping_mul(MULTIPLIER).rotate_left(29) ^ next;
    let sixteen = join(low, high);
    [
        top(low & 0xff_ffff),
        top(low & 0xffff_ffff),
        top(low & 0xffff_ffff_ffff),
        top(join(low, high & 0xff)),
        top(sixteen),
        top(join(join(sixteen, third), fourth)),
    ]
}
