//! Logistic mixing in integers: stretch and squash, adaptive probabilities, mixers, APMs.
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
    /// A half, never observed.
    pub const EVEN: Chance = Chance(1 << 31);

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

/// Learned numbers of one kind, as `visit` functions show them.
pub enum Numbers<'a> {
    /// Adaptive probabilities.
    Chances(&'a mut [Chance]),
    /// Mixer weights.
    Weights(&'a mut [i16]),
    /// APM points.
    Points(&'a mut [u16]),
}

/// One layer of mixing: `N` inputs, weight sets of `N` weights (`UNIT` is 1.0).
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
    pub fn mix(&self, inputs: &[i16; N], set: usize) -> i32 {
        let weights = &self.weights[set];
        let mut sum = 0i32;
        for i in 0..N {
            sum = sum.wrapping_add(i32::from(inputs[i]) * i32::from(weights[i]));
        }
        (sum >> UNIT_BITS).clamp(-LIMIT, LIMIT)
    }

    /// Moves the weights of `set` along the error of the mixed 16-bit probability `p`.
    #[inline(always)]
    pub fn learn(&mut self, inputs: &[i16; N], set: usize, p: i32, bit: bool) {
        let error =
            ((((if bit { 65535 } else { 0 }) - p) * self.rate) >> 8).clamp(-32768, 32767) as i16;
        let weights = &mut self.weights[set];
        for i in 0..N {
            let step = ((i32::from(inputs[i]) * i32::from(error)) >> 15) as i16;
            weights[i] = weights[i].saturating_add((step + 1) >> 1);
        }
    }

    /// Every weight, set by set.
    pub fn weights_mut(&mut self) -> &mut [[i16; N]] {
        &mut self.weights
    }
}

/// Adaptive probability map (secondary estimation): refines a stretched probability
/// in a small context, by interpolation between 33 learned points.
#[derive(Clone)]
pub struct Apm {
    points: Vec<u16>,
    index: usize,
}

impl Apm {
    /// `contexts` maps that start as the identity.
    pub fn new(contexts: usize) -> Self {
        let points = (0..contexts * 33)
            .map(|i| squash((i as i32 % 33 - 16) * 128).min(65535) as u16)
            .collect();
        Apm { points, index: 0 }
    }

    /// The refined 16-bit probability.
    #[inline(always)]
    pub fn refine(&mut self, stretched: i32, context: usize) -> i32 {
        let position = (stretched.clamp(-LIMIT, LIMIT) + 2048) as usize;
        let (step, fraction) = (position >> 7, (position & 127) as i32);
        let at = context * 33 + step;
        let (below, above) = (i32::from(self.points[at]), i32::from(self.points[at + 1]));
        self.index = at + usize::from(fraction >= 64);
        (below * (128 - fraction) + above * fraction) >> 7
    }

    /// Moves the nearer point of the last refinement toward `bit`.
    #[inline(always)]
    pub fn learn(&mut self, bit: bool, shift: u32) {
        let point = i32::from(self.points[self.index]);
        let target = if bit { 65535 } else { 0 };
        self.points[self.index] = (point + ((target - point) >> shift)) as u16;
    }

    /// Every point, context by context.
    pub fn points_mut(&mut self) -> &mut [u16] {
        &mut self.points
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
