//! Logistic mixing in integers: stretch and squash, adaptive probabilities, mixers.
//!
//! The scheme is that of Mahoney's paq8 and lpaq: a probability p enters as
//! stretch(p) = ln(p / (1 - p)), a mixer sums them with weights chosen by a small
//! context, squash turns the sum back, and the weights move along the coding error.
//! Probabilities have 16 bits, the logistic domain 8 fractional bits and ±2047.

/// Largest magnitude of a stretched probability: ln(p / (1 - p)) = 8.
pub const LIMIT: i32 = 2047;

/// 1 / (1 + e^-x) * 65536 at x = (i - 32) / 4, for i in 0..=64.
const SQUASH_POINTS: [i32; 65] = squash_points();

/// e^(1/4) - 1 and its powers are all that the table needs; fixed point with 40
/// fractional bits keeps the table the same on every machine and compiler.
const fn squash_points() -> [i32; 65] {
    const ONE: u128 = 1 << 40;
    const ROOT: u128 = 1_411_800_876_008; // e^(1/4) * 2^40
    let mut points = [0i32; 65];
    let mut power = ONE; // e^(i/4)
    let mut i = 0;
    while i <= 32 {
        let upper = (power * 65536 + (ONE + power) / 2) / (ONE + power);
        points[32 + i] = upper as i32;
        points[32 - i] = 65536 - upper as i32;
        power = power * ROOT / ONE;
        i += 1;
    }
    points
}

/// The probability (1..=65535 of 65536) whose stretch is `x`.
#[inline(always)]
pub fn squash(x: i32) -> i32 {
    let x = x.clamp(-LIMIT, LIMIT) + 2048;
    let index = (x >> 6) as usize;
    let fraction = x & 63;
    let (below, above) = (SQUASH_POINTS[index], SQUASH_POINTS[index + 1]);
    (below + (((above - below) * fraction) >> 6)).clamp(16, 65520)
}

/// stretch(p / 4096) for every 12-bit p: the inverse of `squash` by search.
static STRETCH: [i16; 4096] = stretch_table();

const fn stretch_table() -> [i16; 4096] {
    let mut table = [0i16; 4096];
    let mut x = -LIMIT;
    let mut p = 0;
    while p < 4096 {
        let middle = p * 16 + 8;
        while x < LIMIT && const_squash(x) < middle {
            x += 1;
        }
        table[p as usize] = x as i16;
        p += 1;
    }
    table
}

const fn const_squash(x: i32) -> i32 {
    let x = x + 2048;
    let index = (x >> 6) as usize;
    let (below, above) = (SQUASH_POINTS[index], SQUASH_POINTS[index + 1]);
    below + (((above - below) * (x & 63)) >> 6)
}

/// ln(p / (1 - p)) with 8 fractional bits, of a 16-bit probability.
#[inline(always)]
pub fn stretch(p: i32) -> i16 {
    STRETCH[(p >> 4) as usize & 4095]
}

/// 65536 / (n + 1.5): how far the n-th observation moves a probability.
const RATES: [u32; 1024] = {
    let mut rates = [0u32; 1024];
    let mut n = 0;
    while n < 1024 {
        rates[n] = (131_072 / (2 * n + 3)) as u32;
        n += 1;
    }
    rates
};

/// An adaptive probability: 22 bits of it above a 10-bit count of observations.
#[derive(Clone, Copy)]
pub struct Chance(pub u32);

impl Chance {
    /// The 16-bit probability of a 1.
    #[inline(always)]
    pub fn p(self) -> i32 {
        (self.0 >> 16) as i32
    }

    /// Moves toward `bit` by 1 / (n + 1.5), with n at most `limit` (< 1024).
    #[inline(always)]
    pub fn learn(&mut self, bit: bool, limit: u32) {
        let n = self.0 & 1023;
        let p = (self.0 >> 10) as i32;
        let target = if bit { (1 << 22) - 1 } else { 0 };
        let moved = p + ((i64::from(target - p) * i64::from(RATES[n as usize])) >> 16) as i32;
        let count = if n < limit { n + 1 } else { limit };
        self.0 = (moved as u32) << 10 | count;
    }
}

/// What states of evidence turn out to mean: learned in training, looked up in blocks.
#[derive(Clone)]
pub struct Meanings {
    chances: Vec<Chance>,
    logits: Vec<i16>,
}

impl Meanings {
    /// States that begin as `chances` say.
    pub fn new(chances: impl Iterator<Item = Chance>) -> Self {
        let chances: Vec<Chance> = chances.collect();
        let logits = chances.iter().map(|chance| stretch(chance.p())).collect();
        Meanings { chances, logits }
    }

    /// The log odds of `state`.
    #[inline(always)]
    pub fn logit(&self, state: usize) -> i16 {
        self.logits[state]
    }

    /// Moves the meaning of `state` toward `bit`.
    pub fn learn(&mut self, state: usize, bit: bool) {
        self.chances[state].learn(bit, 1000);
        self.logits[state] = stretch(self.chances[state].p());
    }

    /// Shows every probability to `visit`.
    pub fn visit(&mut self, visit: &mut dyn FnMut(Numbers<'_>)) {
        visit(Numbers::Chances(&mut self.chances));
        for (logit, chance) in self.logits.iter_mut().zip(&self.chances) {
            *logit = stretch(chance.p());
        }
    }
}

/// Learned numbers of one kind, as `visit` functions show them.
pub enum Numbers<'a> {
    /// Adaptive probabilities.
    Chances(&'a mut [Chance]),
    /// Mixer weights.
    Weights(&'a mut [i16]),
}

/// One layer of mixing: `N` inputs, weight sets of `N` weights (`UNIT` is 1.0). Two sets are chosen
/// for each decision, and their sum is what weighs.
///
/// Inputs and weights have 16 bits, so that compilers make one multiply-add of eight.
#[derive(Clone)]
pub struct Mixer<const N: usize> {
    weights: Vec<[i16; N]>,
    rate: i32,
}

/// A weight of 1.0.
pub const UNIT: i16 = 1 << UNIT_BITS;
const UNIT_BITS: u32 = 13;
/// An error this small moves next to no weight.
const IDLE: i32 = 160;

impl<const N: usize> Mixer<N> {
    /// `sets` weight sets that all start at `weight`; the error counts `rate` / 256.
    pub fn new(sets: usize, weight: i16, rate: i32) -> Self {
        Mixer {
            weights: vec![[weight; N]; sets],
            rate,
        }
    }

    /// The weighted sum of `inputs` in the logistic domain.
    #[inline(always)]
    pub fn mix(&self, inputs: &[i16; N], sets: [usize; 2]) -> i32 {
        let [first, second] = [&self.weights[sets[0]], &self.weights[sets[1]]];
        let mut sum = 0i32;
        for i in 0..N {
            let weight = first[i].saturating_add(second[i]);
            sum = sum.wrapping_add(i32::from(inputs[i]) * i32::from(weight));
        }
        (sum >> UNIT_BITS).clamp(-LIMIT, LIMIT)
    }

    /// Moves the weights of both sets along the error of the mixed 16-bit probability `p`.
    #[inline(always)]
    pub fn learn(&mut self, inputs: &[i16; N], sets: [usize; 2], p: i32, bit: bool) {
        let error = (if bit { 65535 } else { 0 }) - p;
        if error.abs() < IDLE {
            return;
        }
        let error = ((error * self.rate) >> 8).clamp(-32768, 32767) as i16;
        let mut steps = [0i16; N];
        for i in 0..N {
            let step = ((i32::from(inputs[i]) * i32::from(error)) >> 15) as i16;
            steps[i] = (step + 1) >> 1;
        }
        for set in sets {
            for (weight, step) in self.weights[set].iter_mut().zip(&steps) {
                *weight = weight.saturating_add(*step);
            }
        }
    }

    /// Every weight, set by set.
    pub fn weights_mut(&mut self) -> &mut [[i16; N]] {
        &mut self.weights
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squash_is_the_logistic_function() {
        for x in (-2047..=2047).step_by(13) {
            let exact = 65536.0 / (1.0 + (-f64::from(x) / 256.0).exp());
            assert!(
                (f64::from(squash(x)) - exact).abs() < 130.0,
                "{x}: {} {exact}",
                squash(x)
            );
        }
    }

    #[test]
    fn stretch_inverts_squash() {
        for x in -1500..=1500 {
            assert!(
                (i32::from(stretch(squash(x))) - x).abs() <= 1 + x.abs() / 25,
                "{x}: {}",
                stretch(squash(x))
            );
        }
    }
}
