//! Gated linear mixing of log odds in two layers.
//!
//! A first-layer set owns one weight vector per value of its selector; every set gives
//! one probability and learns from its own error. The second layer mixes those.
//! Source: Mahoney, "Adaptive Weighing of Context Models for Lossless Data
//! Compression" (2005), and the public designs of lpaq and paq8.

use super::tables::{Tables, INPUT_LIMIT, LOGIT_LIMIT};
use crate::prefetch::prefetch;

/// Inputs of the first layer, padded to whole vectors.
pub const INPUTS: usize = 80;
/// First-layer sets, and so second-layer inputs.
pub const SETS: usize = 8;

/// Mixer inputs, or the weights of one selector value: 32768 is a weight of one.
#[derive(Clone, Copy)]
#[repr(align(32))]
pub struct Vector(pub [i16; INPUTS]);

/// Keeps the product of a second-layer weight and an input inside 31 bits.
const WEIGHT_LIMIT: i32 = (1 << 19) - 1;

/// Steps up to this size are skipped: they hardly move a weight, and where nearly all is right, moving none is better.
const IDLE_STEP: i32 = 600;

#[inline(always)]
fn dot(inputs: &Vector, weights: &Vector) -> i32 {
    let mut sum = 0i32;
    for (x, w) in inputs.0.iter().zip(&weights.0) {
        sum = sum.wrapping_add(i32::from(*x) * i32::from(*w));
    }
    sum
}

/// Moves `weights` by the rounded product of inputs, here `doubled`, and `step`.
#[inline(always)]
fn train(doubled: &Vector, weights: &mut Vector, step: i16) {
    for (x, w) in doubled.0.iter().zip(&mut weights.0) {
        let delta = ((i32::from(*x) * i32::from(step)) >> 16) as i16;
        *w = w.saturating_add(delta.wrapping_add(1) >> 1);
    }
}

/// Learning rates by sixteenths of uses: high at first, then steady.
const fn rates(first: u32, last: u32) -> [u8; 256] {
    let mut rates = [0; 256];
    let mut n = 0;
    while n < 256 {
        rates[n] = (last + (first - last) * 4 / (4 + n as u32)) as u8;
        n += 1;
    }
    rates
}

static FIRST_RATES: [u8; 256] = rates(96, 34);
static FINAL_RATES: [u8; 256] = rates(32, 12);

/// The rate after `uses`, which are counted up to where the rate is steady.
#[inline(always)]
fn rate(rates: &[u8; 256], uses: &mut u16) -> i32 {
    let rate = rates[usize::from(*uses >> 4) & 255];
    *uses = (*uses + 1).min(4095);
    i32::from(rate)
}

/// Weight vectors of one layer, those of all its sets one after the other, and how often each was trained.
#[derive(Clone)]
pub struct Layer<V> {
    pub weights: Vec<V>,
    pub uses: Vec<u16>,
}

impl<V: Copy> Layer<V> {
    fn new(sizes: &[usize], initial: V) -> Self {
        let size = sizes.iter().sum();
        Layer {
            weights: vec![initial; size],
            uses: vec![0; size],
        }
    }
}

/// Both layers. Selectors count through the sets of a layer.
#[derive(Clone)]
pub struct Mixer<const FINALS: usize> {
    pub first: Layer<Vector>,
    pub last: Layer<[i32; SETS]>,
    pub inputs: Vector,
    selected: [usize; SETS],
    selected_last: [usize; FINALS],
    hidden: [i32; SETS],
    probabilities: [i32; SETS],
    probabilities_last: [i32; FINALS],
}

impl<const FINALS: usize> Mixer<FINALS> {
    /// A mixer whose sets have the given numbers of selector values.
    pub fn new(sizes: &[usize; SETS], final_sizes: &[usize; FINALS], initial: Vector) -> Self {
        Mixer {
            first: Layer::new(sizes, initial),
            last: Layer::new(final_sizes, [65536 / SETS as i32; SETS]),
            inputs: Vector([0; INPUTS]),
            selected: [0; SETS],
            selected_last: [0; FINALS],
            hidden: [0; SETS],
            probabilities: [32768; SETS],
            probabilities_last: [32768; FINALS],
        }
    }

    /// Fetches the first-layer weights of `selector` early.
    #[inline(always)]
    pub fn prefetch(&self, selector: usize) {
        if let Some(weights) = self.first.weights.get(selector) {
            prefetch(&weights.0[0]);
            prefetch(&weights.0[32]);
            prefetch(&weights.0[64]);
        }
    }

    /// Log odds of the next bit under the selected weights.
    #[inline(always)]
    pub fn mix(
        &mut self,
        t: &Tables,
        selectors: &[usize; SETS],
        final_selectors: &[usize; FINALS],
    ) -> i32 {
        let mut sums = [0; SETS];
        for set in 0..SETS {
            let selected = selectors[set].min(self.first.weights.len() - 1);
            self.selected[set] = selected;
            sums[set] = dot(&self.inputs, &self.first.weights[selected]);
        }
        let hidden = sums.map(|sum| (sum >> 15).clamp(-INPUT_LIMIT, INPUT_LIMIT));
        self.hidden = hidden;
        for (probability, logit) in self.probabilities.iter_mut().zip(hidden) {
            *probability = t.squash_input(logit);
        }
        let mut total = 0;
        for set in 0..FINALS {
            let selected = final_selectors[set].min(self.last.weights.len() - 1);
            let weights = self.last.weights[selected];
            let mut sum = 0i32;
            for (x, w) in hidden.iter().zip(&weights) {
                sum = sum.wrapping_add(x.wrapping_mul(*w) >> 8);
            }
            let logit = (sum >> 8).clamp(-LOGIT_LIMIT, LOGIT_LIMIT);
            self.selected_last[set] = selected;
            self.probabilities_last[set] = t.squash(logit);
            total += logit;
        }
        total / FINALS as i32
    }

    /// Learns `bit`.
    #[inline(always)]
    pub fn update(&mut self, bit: u32) {
        let target = (bit as i32) << 16;
        // Copies, so that it is plain that nothing overlaps.
        let hidden = self.hidden;
        for set in 0..FINALS {
            let selected = self.selected_last[set];
            let error = target - self.probabilities_last[set];
            let step = (error * rate(&FINAL_RATES, &mut self.last.uses[selected])) >> 5;
            let mut weights = self.last.weights[selected];
            for (x, w) in hidden.iter().zip(&mut weights) {
                let delta = x.wrapping_mul(step).wrapping_add(1 << 15) >> 16;
                *w = w.wrapping_add(delta).clamp(-WEIGHT_LIMIT, WEIGHT_LIMIT);
            }
            self.last.weights[selected] = weights;
        }
        let mut doubled = self.inputs;
        for x in &mut doubled.0 {
            *x = x.wrapping_add(*x);
        }
        for set in 0..SETS {
            let selected = self.selected[set];
            let error = target - self.probabilities[set];
            let step = (error * rate(&FIRST_RATES, &mut self.first.uses[selected])) >> 7;
            if step.abs() > IDLE_STEP {
                let step = step.clamp(-32767, 32767) as i16;
                train(&doubled, &mut self.first.weights[selected], step);
            }
        }
    }
}
