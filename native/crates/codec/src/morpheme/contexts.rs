//! What followed a context: hashed slots of three candidates each.

use crate::prefetch::prefetch;

/// A candidate: a 23-bit token above 9 bits of standing; 0 is none.
///
/// A standing below 256 was earned in this block: hits (4 bits) and misses since the
/// last hit (4 bits). From 256 on it comes from a prior: 4 bits of probability and
/// 4 bits of confidence.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Candidate(pub u32);

/// Standings that exist.
pub const STANDINGS: usize = 512;

impl Candidate {
    /// A candidate seen once.
    #[inline(always)]
    pub fn fresh(token: u32) -> Self {
        Candidate(token << 9 | 0x10)
    }

    /// A candidate of a prior: likelihood 0 to 15, confidence 0 to 15.
    pub fn known(token: u32, likelihood: u32, confidence: u32) -> Self {
        Candidate(token << 9 | 0x100 | likelihood.min(15) << 4 | confidence.min(15))
    }

    /// The token.
    #[inline(always)]
    pub fn token(self) -> u32 {
        self.0 >> 9
    }

    /// Its standing, an index below `STANDINGS`.
    #[inline(always)]
    pub fn standing(self) -> u32 {
        self.0 & 511
    }

    /// How it ranks in its slot.
    #[inline(always)]
    fn strength(self) -> i32 {
        let (high, low) = ((self.0 >> 4 & 15) as i32, (self.0 & 15) as i32);
        if self.0 == 0 {
            -100
        } else if self.0 & 0x100 != 0 {
            high * 3 - 8
        } else {
            high * 4 - low * 3
        }
    }

    #[inline(always)]
    fn hit(self) -> Self {
        let (high, low) = (self.0 >> 4 & 15, self.0 & 15);
        let hits = if self.0 & 0x100 != 0 {
            2 + high / 3
        } else {
            (high.saturating_sub(low / 2)).max(1) + 1
        };
        Candidate((self.0 & !511) | hits.min(15) << 4)
    }

    #[inline(always)]
    fn miss(self) -> Self {
        let (high, low) = (self.0 >> 4 & 15, self.0 & 15);
        if self.0 == 0 {
            self
        } else if self.0 & 0x100 != 0 {
            Candidate((self.0 & !0xf0) | high.saturating_sub(1) << 4)
        } else {
            Candidate((self.0 & !0xf) | (low + 1).min(15))
        }
    }
}

/// What followed one context, best first, with 32 bits of the context's hash.
#[derive(Clone, Copy, Default)]
pub struct Slot {
    /// Tells contexts apart that share a place; 0 only in slots never used.
    pub check: u32,
    /// Candidates, best first.
    pub candidates: [Candidate; 3],
}

impl Slot {
    /// Learns that `token` followed.
    #[inline(always)]
    pub fn learn(&mut self, token: u32) {
        let list = &mut self.candidates;
        let mut at = 3;
        for (i, candidate) in list.iter_mut().enumerate() {
            if candidate.0 != 0 && candidate.token() == token {
                *candidate = candidate.hit();
                at = i;
            } else {
                *candidate = candidate.miss();
            }
        }
        if at == 3 {
            at = if list[0].0 == 0 {
                0
            } else if list[1].0 == 0 {
                1
            } else {
                2
            };
            list[at] = Candidate::fresh(token);
        }
        while at > 0 && list[at].strength() >= list[at - 1].strength() {
            list.swap(at, at - 1);
            at -= 1;
        }
    }
}

/// Two slots in one half of a cache line.
#[derive(Clone, Copy, Default)]
#[repr(align(32))]
struct Pair([Slot; 2]);

/// A table of slots, found by hash, two places for each.
#[derive(Clone)]
pub struct Slots {
    pairs: Vec<Pair>,
    mask: usize,
}

impl Slots {
    /// A table of `1 << bits` slots.
    pub fn new(bits: u32) -> Self {
        Slots {
            pairs: vec![Pair::default(); 1 << (bits - 1)],
            mask: (1 << (bits - 1)) - 1,
        }
    }

    #[inline(always)]
    fn pair(&self, hash: u32) -> usize {
        (hash >> 7 ^ hash.rotate_left(11)) as usize & self.mask
    }

    /// Fetches the place of `hash`.
    #[inline(always)]
    pub fn prefetch(&self, hash: u32) {
        prefetch(&self.pairs[self.pair(hash)]);
    }

    /// The place of the slot for `hash`; a new slot, taken over from `prior` where that
    /// knows the context, if there was none.
    #[inline(always)]
    pub fn place(&mut self, hash: u32, prior: &Slots) -> usize {
        let check = hash | 1;
        let pair = self.pair(hash);
        let [first, second] = self.pairs[pair].0;
        if first.check == check {
            return pair << 1;
        }
        if second.check == check {
            return pair << 1 | 1;
        }
        let weaker = usize::from(second.candidates[0].strength() < first.candidates[0].strength());
        self.pairs[pair].0[weaker] = match prior.find(hash) {
            Some(slot) => *slot,
            None => Slot {
                check,
                ..Slot::default()
            },
        };
        pair << 1 | weaker
    }

    /// Sets the slot for `hash`, over the weaker one of its pair.
    pub fn put(&mut self, hash: u32, candidates: [Candidate; 3]) {
        let pair = self.pair(hash);
        let [first, second] = self.pairs[pair].0;
        let weaker = usize::from(second.candidates[0].strength() < first.candidates[0].strength());
        self.pairs[pair].0[weaker] = Slot {
            check: hash | 1,
            candidates,
        };
    }

    /// The slot for `hash`, if it is there.
    #[inline(always)]
    pub fn find(&self, hash: u32) -> Option<&Slot> {
        self.pairs[self.pair(hash)]
            .0
            .iter()
            .find(|slot| slot.check == hash | 1)
    }

    /// The slot at a place that `place` gave.
    #[inline(always)]
    pub fn at(&mut self, place: usize) -> &mut Slot {
        &mut self.pairs[place >> 1].0[place & 1]
    }
}

/// Mixes up to four numbers into one hash.
#[inline(always)]
pub fn hash(salt: u32, a: u32, b: u32, c: u32) -> u32 {
    let x = (u64::from(a) | u64::from(b) << 32).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let y = (u64::from(c) | u64::from(salt) << 32).wrapping_mul(0xC2B2_AE3D_27D4_EB4F);
    let z = x ^ y.rotate_left(32);
    ((z ^ z >> 29).wrapping_mul(0x1656_67B1_9E37_79F9) >> 32) as u32
}
