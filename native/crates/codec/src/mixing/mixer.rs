//! Gated linear mixing of log odds in two layers.
//!
//! A first-layer set owns one weight vector per value of its selector; every set gives
//! one probability and learns from its own error. The second layer mixes those.
//! Weights are 16.16 fixed point. Source: Mahoney, "Adaptive Weighing of Context
//! Models for Lossless Data Compression" (2005), and the public designs of lpaq and paq8.

use super::tables::{Tables, INPUT_LIMIT};

/// Inputs of the first layer, padded to whole vectors.
pub const INPUTS: usize = 80;
/// First-layer sets, and so second-layer inputs.
pub const SETS: usize = 8;

/// Mixer inputs, or the weights of one selector value: 32768 is a weight of one.
pub type Vector = [i16; INPUTS];

/// Keeps the product of a second-layer weight and an input inside 31 bits.
const WEIGHT_LIMIT: i32 = (1 << 19) - 1;

#[inline(always)]
fn dots(inputs: &Vector, weights: [&Vector; SETS]) -> [i32; SETS] {
    let mut sums = [0i32; SETS];
    for (sum, weights) in sums.iter_mut().zip(weights) {
        for (x, w) in inputs.iter().zip(weights) {
            *sum = sum.wrapping_add(i32::from(*x) * i32::from(*w));
        }
    }
    sums
}

#[inline(always)]
fn train(inputs: &Vector, weights: &mut Vector, step: i16) {
    for (x, w) in inputs.iter().zip(weights) {
        // Inputs are below 2^11: twice an input fits.
        let doubled = x.wrapping_add(*x);
        let delta = ((i32::from(doubled) * i32::from(step)) >> 16) as i16;
        *w = w.saturating_add(delta.wrapping_add(1) >> 1);
    }
}

/// How far a weight vector has learned: its learning rate falls with use.
#[derive(Clone, Copy)]
pub struct Rate {
    /// Sixteenths, at the start.
    pub first: i32,
    /// Sixteenths, in the end.
    pub last: i32,
}

/// One first-layer set: weight vectors and how often each was trained.
#[derive(Clone)]
pub struct Set {
    pub weights: Vec<Vector>,
    pub uses: Vec<u16>,
    selected: usize,
    probability: i32,
}

impl Set {
    fn new(contexts: usize, initial: &Vector) -> Self {
        Set {
            weights: vec![*initial; contexts],
            uses: vec![0; contexts],
            selected: 0,
            probability: 32768,
        }
    }
}

/// One second-layer vector family.
#[derive(Clone)]
pub struct Final {
    pub weights: Vec<[i32; SETS]>,
    pub uses: Vec<u16>,
    selected: usize,
    probability: i32,
}

/// Both layers.
#[derive(Clone)]
pub struct Mixer {
    pub sets: [Set; SETS],
    pub finals: Vec<Final>,
    inputs: Vector,
    hidden: [i32; SETS],
}

#[inline(always)]
fn rate(uses: u16, rate: Rate) -> i32 {
    rate.last + (rate.first - rate.last) * 64 / (64 + i32::from(uses))
}

const FIRST_RATE: Rate = Rate {
    first: 96,
    last: 10,
};
const FINAL_RATE: Rate = Rate { first: 32, last: 6 };

impl Mixer {
    /// A mixer whose sets have the given numbers of selector values.
    pub fn new(set_sizes: [usize; SETS], final_sizes: &[usize], initial: &Vector) -> Self {
        Mixer {
            sets: set_sizes.map(|n| Set::new(n, initial)),
            finals: final_sizes
                .iter()
                .map(|&n| Final {
                    weights: vec![[65536 / SETS as i32; SETS]; n],
                    uses: vec![0; n],
                    selected: 0,
                    probability: 32768,
                })
                .collect(),
            inputs: [0; INPUTS],
            hidden: [0; SETS],
        }
    }

    /// The inputs of the next bit; each within the input limit.
    #[inline(always)]
    pub fn inputs(&mut self) -> &mut Vector {
        &mut self.inputs
    }

    /// Log odds of the next bit under the selected weights.
    #[inline(always)]
    pub fn mix(&mut self, t: &Tables, selectors: &[usize; SETS], final_selectors: &[usize]) -> i32 {
        for (set, &selector) in self.sets.iter_mut().zip(selectors) {
            set.selected = selector.min(set.weights.len() - 1);
        }
        let sets = &self.sets;
        let sums = dots(
            &self.inputs,
            std::array::from_fn(|n| &sets[n].weights[sets[n].selected]),
        );
        for ((set, hidden), sum) in self.sets.iter_mut().zip(&mut self.hidden).zip(sums) {
            let logit = sum >> 15;
            *hidden = logit.clamp(-INPUT_LIMIT, INPUT_LIMIT);
            set.probability = t.squash(logit);
        }
        let mut total = 0;
        for (last, &selector) in self.finals.iter_mut().zip(final_selectors) {
            last.selected = selector.min(last.weights.len() - 1);
            let mut sum = 0i32;
            for (x, w) in self.hidden.iter().zip(&last.weights[last.selected]) {
                sum = sum.wrapping_add(x.wrapping_mul(*w) >> 8);
            }
            let logit = sum >> 8;
            last.probability = t.squash(logit);
            total += logit.clamp(-super::tables::LOGIT_LIMIT, super::tables::LOGIT_LIMIT);
        }
        total / self.finals.len().max(1) as i32
    }

    /// Learns `bit`.
    #[inline(always)]
    pub fn update(&mut self, bit: u32) {
        let target = (bit as i32) << 16;
        for last in &mut self.finals {
            let error = target - last.probability;
            let uses = &mut last.uses[last.selected];
            let step = (error * rate(*uses, FINAL_RATE)) >> 4;
            *uses = uses.saturating_add(1);
            for (x, w) in self.hidden.iter().zip(&mut last.weights[last.selected]) {
                let delta = x.wrapping_mul(step >> 1).wrapping_add(1 << 15) >> 16;
                *w = w.wrapping_add(delta).clamp(-WEIGHT_LIMIT, WEIGHT_LIMIT);
            }
        }
        for set in &mut self.sets {
            let error = target - set.probability;
            let uses = &mut set.uses[set.selected];
            let step = (error * rate(*uses, FIRST_RATE)) >> 7;
            *uses = uses.saturating_add(1);
            let step = step.clamp(-32767, 32767) as i16;
            train(&self.inputs, &mut set.weights[set.selected], step);
        }
    }
}
