//! Where an encoder's time goes: a clock between its stages, and a recorder that makes a between.
//!
//! A model and its coder take turns decision by decision, far too quickly for a clock. A
//! `Recorder` in the place of the coder keeps thousands of decisions and then hands them to the
//! coder at once. Only a profiler comes here; an encoder that is not asked for its times
//! is compiled without any of this.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// A part of an encoder's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Cutting text into tokens.
    Lex,
    /// Finding matches, predicting, learning.
    Model,
    /// Turning what the model says into bytes.
    Coder,
}

impl Stage {
    const ALL: [Stage; 3] = [Stage::Lex, Stage::Model, Stage::Coder];

    fn name(self) -> &'static str {
        match self {
            Stage::Lex => "lex",
            Stage::Model => "model",
            Stage::Coder => "entropy coder",
        }
    }
}

/// Names and times of the stages that an encoder tells apart.
pub type Times = Vec<(&'static str, Duration)>;

/// A monotonic clock that charges all time since it was started to some stage.
pub struct Clock {
    since: Cell<Instant>,
    spent: [Cell<Option<Duration>>; 3],
}

impl Clock {
    /// A clock that runs.
    pub fn start() -> Self {
        Clock {
            since: Cell::new(Instant::now()),
            spent: Default::default(),
        }
    }

    /// Charges the time since the last charge to `stage`.
    pub fn charge(&self, stage: Stage) {
        let now = Instant::now();
        let spent = &self.spent[stage as usize];
        let elapsed = now.saturating_duration_since(self.since.replace(now));
        spent.set(Some(spent.get().unwrap_or_default() + elapsed));
    }

    /// The time of each stage that was ever charged.
    pub fn times(&self) -> Times {
        let spent = |stage: Stage| Some((stage.name(), self.spent[stage as usize].get()?));
        Stage::ALL.into_iter().filter_map(spent).collect()
    }
}

/// Decisions that are kept before the coder gets them: they stay in the nearest cache.
const KEPT: usize = 4096;

/// Stands in a coder's place, and has it work on many decisions at once.
pub struct Recorder<'a, C, P> {
    coder: C,
    pass: P,
    clock: &'a Clock,
    decisions: Vec<u32>, // probability << 1 | bit
}

impl<'a, C, P: Fn(&mut C, bool, u32)> Recorder<'a, C, P> {
    /// In the place of `coder`, which `pass` hands a bit and its probability (below 2^31).
    pub fn new(coder: C, clock: &'a Clock, pass: P) -> Self {
        Recorder {
            coder,
            pass,
            clock,
            decisions: Vec::with_capacity(KEPT),
        }
    }

    /// Keeps one decision. The time since the clock's last charge is the model's.
    #[inline(always)]
    pub fn record(&mut self, bit: bool, probability: u32) {
        self.decisions.push(probability << 1 | u32::from(bit));
        if self.decisions.len() == KEPT {
            self.flush();
        }
    }

    #[cold]
    #[inline(never)]
    fn flush(&mut self) {
        self.clock.charge(Stage::Model);
        for decision in self.decisions.drain(..) {
            (self.pass)(&mut self.coder, decision & 1 != 0, decision >> 1);
        }
        self.clock.charge(Stage::Coder);
    }

    /// The coder, which has got all decisions. What follows is its time.
    pub fn finish(mut self) -> C {
        self.flush();
        self.coder
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_decision_arrives_in_order_and_all_time_is_charged() {
        let clock = Clock::start();
        let sink: Vec<(bool, u32)> = Vec::new();
        let mut recorder = Recorder::new(sink, &clock, |sink, bit, probability| {
            sink.push((bit, probability));
        });
        let decisions: Vec<(bool, u32)> = (0..10_000u32)
            .map(|n| (n % 3 == 0, n * 7 % 65536))
            .collect();
        for &(bit, probability) in &decisions {
            recorder.record(bit, probability);
        }
        assert_eq!(recorder.finish(), decisions);
        let names: Vec<&str> = clock.times().iter().map(|&(name, _)| name).collect();
        assert_eq!(names, ["model", "entropy coder"]);
    }
}
