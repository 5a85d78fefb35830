//! The loop that encoder, decoder and training share, compiled twice.

use super::coder::{Decoder, Encoder};
use super::model::{Learned, Model};
use crate::timing::Recorder;

/// Where the bits go to or come from.
pub trait Channel {
    /// Passes one bit: an encoder takes `known`, a decoder ignores it; returns the bit.
    fn bit(&mut self, known: u32, probability: u32) -> u32;

    /// Whether there is no point in going on.
    fn exhausted(&self) -> bool {
        false
    }
}

impl Channel for Encoder {
    #[inline(always)]
    fn bit(&mut self, known: u32, probability: u32) -> u32 {
        self.encode(known, probability);
        known
    }
}

impl<C, P: Fn(&mut C, bool, u32)> Channel for Recorder<'_, C, P> {
    #[inline(always)]
    fn bit(&mut self, known: u32, probability: u32) -> u32 {
        self.record(known != 0, probability);
        known
    }
}

impl Channel for Decoder<'_> {
    #[inline(always)]
    fn bit(&mut self, _: u32, probability: u32) -> u32 {
        self.decode(probability)
    }

    #[inline(always)]
    fn exhausted(&self) -> bool {
        Decoder::exhausted(self)
    }
}

/// Notes what each byte costs, in units of 2^-16 bit, and writes nothing.
///
/// This is the one place with floating point: a decoder never comes here.
#[derive(Default)]
pub struct Ledger {
    costs: Vec<u32>,
    bits: u32,
    sum: f64,
}

impl Ledger {
    /// The cost of each byte so far.
    pub fn into_costs(self) -> Vec<u32> {
        self.costs
    }
}

impl Channel for Ledger {
    #[inline(always)]
    fn bit(&mut self, known: u32, probability: u32) -> u32 {
        let share = if known != 0 {
            probability
        } else {
            65536 - probability
        };
        self.sum += 16.0 - f64::from(share).log2();
        self.bits += 1;
        if self.bits == 8 {
            self.costs.push((self.sum * 65536.0).round() as u32);
            self.bits = 0;
            self.sum = 0.0;
        }
        known
    }
}

/// Takes the bits as they are: for learning.
pub struct Silence;

impl Channel for Silence {
    #[inline(always)]
    fn bit(&mut self, known: u32, _: u32) -> u32 {
        known
    }
}

/// Passes `size` bytes, those of `known` where there are any, through `model` and `channel`;
/// returns them and what the model has learned. Fewer than `size` when the channel is exhausted.
pub fn run<C: Channel>(
    model: Model<'_>,
    channel: &mut C,
    known: &[u8],
    size: usize,
) -> (Vec<u8>, Learned) {
    #[cfg(target_arch = "x86_64")]
    return wide::run(model, channel, known, size);
    #[cfg(not(target_arch = "x86_64"))]
    portable(model, channel, known, size)
}

/// `run` for every machine.
#[inline(always)]
pub fn portable<C: Channel>(
    mut model: Model<'_>,
    channel: &mut C,
    known: &[u8],
    size: usize,
) -> (Vec<u8>, Learned) {
    let mut data = Vec::with_capacity(size);
    while data.len() < size && !channel.exhausted() {
        let known = u32::from(known.get(data.len()).copied().unwrap_or(0));
        let mut byte = 0;
        for shift in (0..8).rev() {
            let bit = channel.bit(known >> shift & 1, model.predict());
            model.update(bit);
            byte = byte << 1 | bit;
        }
        data.push(byte as u8);
        model.end_byte(&data);
    }
    (data, model.into_learned())
}

/// The same loop, compiled for AVX2 and BMI2. It is integer arithmetic that wraps alike
/// in both, so the results are identical.
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
mod wide {
    use super::{portable, Channel, Learned, Model};

    pub fn available() -> bool {
        use std::arch::is_x86_feature_detected as detected;
        detected!("avx2") && detected!("bmi1") && detected!("bmi2")
    }

    #[target_feature(enable = "avx2,bmi1,bmi2")]
    unsafe fn compiled<C: Channel>(
        model: Model<'_>,
        channel: &mut C,
        known: &[u8],
        size: usize,
    ) -> (Vec<u8>, Learned) {
        portable(model, channel, known, size)
    }

    pub fn run<C: Channel>(
        model: Model<'_>,
        channel: &mut C,
        known: &[u8],
        size: usize,
    ) -> (Vec<u8>, Learned) {
        if !available() {
            return portable(model, channel, known, size);
        }
        // SAFETY: the processor has all the features that `compiled` is compiled for.
        unsafe { compiled(model, channel, known, size) }
    }
}
