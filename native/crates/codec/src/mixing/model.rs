//! The predictor: contexts, match models, mixer and refinement put together.

use super::adaptive::{all_moved, moved, Entry, Refiner, CERTAIN, FROZEN, UNDECIDED};
use super::contexts::{class, Surroundings, Syntax, CONTEXTS, MATCH_CONTEXT};
use super::matching::{Match, CLASSES};
use super::mixer::{Mixer, Vector, INPUTS, SETS};
use super::slots::{Store, COUNT, EXPANDED, PRIMED};
use super::tables::{tables, Slot, Tables};

/// Contexts, padded to whole vectors.
const LANES: usize = 24;
/// Where a context's inputs are: log odds of its bit history, the same as a plain
/// probability, and log odds of its run; after the first ones, those of the matches.
const LINEAR: usize = LANES;
const RUN: usize = 2 * LANES;
const MATCH_INPUTS: usize = 3 * LANES;
const BIAS: usize = MATCH_INPUTS + 4;
/// Inputs that can differ from zero end here.
pub const USED_INPUTS: usize = BIAS + 1;
const _: () = assert!(CONTEXTS <= LANES && BIAS < INPUTS);

const SET_SIZES: [usize; SETS] = [
    256 * 3,
    CLASSES * 3 * 8,
    256,
    9 * 3 * 3 * 8,
    8 * 8 * 8,
    8 * 8 * 3,
    8 * 8 * 5,
    10 * 5 * 3,
];
/// The second-layer sets.
const FINALS: usize = 3;
const FINAL_SIZES: [usize; FINALS] = [256, CLASSES * 3 * 3, POSITIONS * 9];
/// Classes of the position in the block: what a prior says counts for most at its start.
const POSITIONS: usize = 16;

/// Contexts of a run map: count, flags, half of the byte.
const RUN_CONTEXTS: usize = 64 * 2;

/// Bound on the size of a [`Learned`] and of the small state of a model.
const LEARNED_MEMORY: usize = 8 << 20;

/// What each history means, by context; then the same where only a prior has seen the context.
type Histories = [[Entry; 256]; 2 * CONTEXTS];
type Runs = [[Entry; RUN_CONTEXTS]; CONTEXTS];

/// Everything that learns across blocks: what a prior restores.
#[derive(Clone)]
pub struct Learned {
    pub mixer: Mixer<FINALS>,
    pub histories: Box<Histories>,
    pub runs: Box<Runs>,
    pub refiners: [Refiner; 3],
    pub matches: [Vec<Entry>; 2],
}

impl Learned {
    /// The state of a model that has seen nothing.
    pub fn new() -> Self {
        let t = tables();
        let mut initial = [0i16; INPUTS];
        for context in 0..CONTEXTS {
            initial[context] = 4500;
            initial[RUN + context] = 1500;
        }
        initial[MATCH_INPUTS] = 8000;
        initial[MATCH_INPUTS + 2] = 8000;
        let mut history = [UNDECIDED; 256];
        // A history starts at what it says: fill by walking the automaton.
        let mut frontier = vec![0u8];
        let mut seen = [false; 256];
        seen[0] = true;
        while let Some(state) = frontier.pop() {
            for bit in 0..2u32 {
                let next = t.next[bit as usize][usize::from(state)];
                if !seen[usize::from(next)] {
                    seen[usize::from(next)] = true;
                    let from = i64::from(history[usize::from(state)] >> 10);
                    let target = i64::from(bit * ((1 << 22) - 1));
                    history[usize::from(next)] = ((from + (target - from) / 3) as u32) << 10;
                    frontier.insert(0, next);
                }
            }
        }
        // No history stays undecided.
        history[0] = FROZEN;
        let mut run = [UNDECIDED; RUN_CONTEXTS];
        for (index, entry) in run.iter_mut().enumerate() {
            let count = (index / 8) as u32;
            if count > 0 {
                *entry = ((1 << 22) - (1 << 21) / (count + 2)) << 10;
            }
        }
        Learned {
            mixer: Mixer::new(&SET_SIZES, &FINAL_SIZES, Vector(initial)),
            histories: Box::new([history; 2 * CONTEXTS]),
            runs: Box::new([run; CONTEXTS]),
            refiners: [
                Refiner::new(t, 256 * 3, 6),
                Refiner::new(t, 1 << 13, 6),
                Refiner::new(t, 1 << 13, 6),
            ],
            matches: [Match::map(), Match::map()],
        }
    }
}

/// The model of one block.
pub struct Model<'a> {
    t: &'static Tables,
    learned: Learned,
    store: Store,
    seeds: Option<&'a dyn Seeds>,
    around: Surroundings,
    matches: [Match; 2],
    hashes: [u64; CONTEXTS],
    /// Entry of each context, and its low half.
    entries: [usize; CONTEXTS],
    values: [u32; CONTEXTS],
    /// Slot of the current half byte of each expanded context.
    slots: [usize; CONTEXTS],
    /// Histories of the current half byte, and what those of the current bit say.
    histories: [Slot; CONTEXTS],
    said: [Entry; LANES],
    /// The last byte of each context, and -1 while the bits so far agree with it.
    expected: [i16; LANES],
    agrees: [i16; LANES],
    /// Log odds that a context's last byte repeats in this half, and the run context they are from.
    run_logits: [i16; LANES],
    runs: [u8; CONTEXTS],
    /// Contexts whose run is judged at the end of the half byte.
    running: u32,
    match_class: [usize; 2],
    /// Where in [`Histories`] each context's are.
    maps: [u8; CONTEXTS],
    partial: u32,
    bit_index: u32,
    base: [usize; SETS],
    /// Selector of the last second-layer set.
    stage: usize,
}

/// A byte that is known to follow a context, and how often it counts as seen.
#[derive(Clone, Copy, Default)]
pub struct Seed {
    pub byte: u8,
    pub count: u8,
}

/// Most bytes that are known of one context.
pub const SEED_LIMIT: usize = 12;

/// Where new contexts come from.
pub trait Seeds {
    /// What is known of the context `hash`, least sure first; returns how many.
    fn seed(&self, context: usize, hash: u64, out: &mut [Seed; SEED_LIMIT]) -> usize;

    /// Fetches early what `seed` would read of each context.
    fn prefetch(&self, _hashes: &[u64; CONTEXTS]) {}
}

impl<'a> Model<'a> {
    /// A model for a block of `raw_size` bytes.
    pub fn new(
        raw_size: usize,
        syntax: Syntax,
        learned: Learned,
        seeds: Option<&'a dyn Seeds>,
    ) -> Self {
        let mut model = Model {
            t: tables(),
            learned,
            store: Store::new(raw_size),
            seeds,
            around: Surroundings::new(syntax),
            matches: [Match::new(raw_size, 6), Match::new(raw_size, 16)],
            hashes: [0; CONTEXTS],
            entries: [0; CONTEXTS],
            values: [0; CONTEXTS],
            slots: [0; CONTEXTS],
            histories: [[0; 16]; CONTEXTS],
            said: [UNDECIDED; LANES],
            expected: [0; LANES],
            agrees: [0; LANES],
            run_logits: [0; LANES],
            runs: [0; CONTEXTS],
            running: 0,
            match_class: [0; 2],
            maps: [0; CONTEXTS],
            partial: 1,
            bit_index: 0,
            base: [0; SETS],
            stage: 0,
        };
        model.begin_byte(&[]);
        model
    }

    /// What the model has learned.
    pub fn into_learned(self) -> Learned {
        self.learned
    }

    /// Most bytes that a model for a block of `raw_size` bytes takes.
    pub fn memory(raw_size: usize) -> usize {
        Store::memory(raw_size) + 2 * Match::memory(raw_size) + LEARNED_MEMORY
    }

    /// Finds out what is known of all contexts of the byte after `history`.
    #[inline(always)]
    fn begin_byte(&mut self, history: &[u8]) {
        self.partial = 1;
        self.bit_index = 0;
        for found in &mut self.matches {
            found.prefetch(history);
        }
        self.hashes = self.around.hashes();
        for &hash in &self.hashes {
            self.store.prefetch_entry(hash);
            self.store.prefetch_slot(hash, 1);
        }
        if let Some(seeds) = self.seeds {
            seeds.prefetch(&self.hashes);
        }
        for found in &mut self.matches {
            found.byte(history);
        }
        for (class, found) in self.match_class.iter_mut().zip(&self.matches) {
            *class = found.class();
        }
        let longest = self.longest();
        let expected = match self.matches[longest].expected() {
            Some(byte) => u32::from(byte) | (self.match_class[longest].min(12) as u32 + 1) << 8,
            None => 0,
        };
        self.hashes[MATCH_CONTEXT] = self.around.match_hash(expected);
        for context in 0..CONTEXTS {
            let hash = self.hashes[context];
            let (entry, fresh) = self.store.entry(hash);
            if fresh {
                self.plant(context, entry);
            }
            let value = self.store.get(entry);
            let count = value & COUNT;
            self.entries[context] = entry;
            self.values[context] = value;
            self.maps[context] = (context + CONTEXTS * usize::from(value & PRIMED != 0)) as u8;
            self.expected[context] = (value >> 8) as i16;
            self.agrees[context] = -i16::from(count != 0);
            self.runs[context] = (count.min(15) << 3 | (value & (EXPANDED | PRIMED)) >> 5) as u8;
        }
        self.begin_half();
        self.select();
    }

    /// Gives the new entry of `context` what a prior knows of it.
    #[inline(always)]
    fn plant(&mut self, context: usize, entry: usize) {
        let Some(seeds) = self.seeds else { return };
        let hash = self.hashes[context];
        let mut found = [Seed::default(); SEED_LIMIT];
        let count = seeds.seed(context, hash, &mut found);
        let Some((last, rest)) = found[..count].split_last() else {
            return;
        };
        let mut flags = PRIMED;
        if !rest.is_empty() {
            flags |= EXPANDED;
            for seed in &found[..count] {
                self.store
                    .sight(self.t, hash, u32::from(seed.byte), usize::from(seed.count));
            }
        }
        self.store.set(
            entry,
            u32::from(last.byte) << 8 | flags | u32::from(last.count) & COUNT,
        );
    }

    /// The match model that found more.
    #[inline(always)]
    fn longest(&self) -> usize {
        usize::from(self.match_class[1] != 0)
    }

    /// Selects weights, as far as whole bytes do.
    #[inline(always)]
    fn select(&mut self) {
        let known = |flags: u32| {
            let values = self.values[1..8].iter();
            values.filter(|&value| value & flags != 0).count()
        };
        let order = known(COUNT);
        let primed = known(PRIMED).div_ceil(2).min(2);
        let around = &self.around;
        let c1 = around.recent as u8;
        let c2 = (around.recent >> 8) as u8;
        let kind = around.kind();
        let in_set = [
            kind * 256,
            self.match_class[self.longest()] * 24,
            usize::from(c1),
            ((order * 3 + kind) * 3 + primed) * 8,
            (around.place as usize * 8 + class(c1)) * 8,
            ((around.column.min(63) as usize / 8) * 8 + (around.tokens().min(7) as usize)) * 3
                + (if around.leading {
                    0
                } else {
                    1 + usize::from(u32::from(c1) == around.above >> 16)
                }),
            (around.bracket() * 8 + class(c2)) * 8 + class(c1),
            ((around.word_length.min(9) as usize * 5) + around.part_length.min(4) as usize) * 3
                + kind,
        ];
        let mut start = 0;
        for ((base, selector), size) in self.base.iter_mut().zip(in_set).zip(SET_SIZES) {
            *base = start + selector;
            start += size;
        }
        let position = (usize::BITS - around.position().leading_zeros()) as usize;
        self.stage = FINAL_SIZES[0] + FINAL_SIZES[1] + position.min(POSITIONS - 1) * 9 + order;
    }

    /// Finds the histories and runs of all contexts for the next half byte.
    #[inline(always)]
    fn begin_half(&mut self) {
        let second = self.bit_index != 0;
        if second {
            for context in 0..CONTEXTS {
                if self.values[context] & EXPANDED != 0 {
                    self.store.prefetch_slot(self.hashes[context], self.partial);
                }
            }
        }
        self.running = 0;
        for context in 0..CONTEXTS {
            let value = self.values[context];
            let agrees = self.agrees[context] != 0;
            let run = usize::from(self.runs[context] | u8::from(second));
            self.runs[context] = run as u8;
            self.run_logits[context] = self
                .t
                .stretch16((self.learned.runs[context][run % RUN_CONTEXTS] >> 16) as i32)
                as i16;
            self.running |= u32::from(agrees) << context;
            self.histories[context] = if value & EXPANDED != 0 {
                let slot = self.store.slot(self.hashes[context], self.partial);
                self.slots[context] = slot;
                *self.store.histories(slot)
            } else {
                // A context with one byte: the histories along its path, if it still is the path.
                let count = if agrees { value & COUNT } else { 0 };
                let bits = value >> if second { 8 } else { 12 } & 15;
                self.t.paths[count as usize][bits as usize]
            };
        }
    }

    /// Leaves the histories and judges the runs of the half byte that is complete.
    #[inline(always)]
    fn end_half(&mut self) {
        let second = self.bit_index == 8;
        for context in 0..CONTEXTS {
            if self.values[context] & EXPANDED != 0 {
                *self.store.histories(self.slots[context]) = self.histories[context];
            }
        }
        let mut mask = self.running;
        while mask != 0 {
            let context = mask.trailing_zeros() as usize % CONTEXTS;
            mask &= mask - 1;
            let bits = self.values[context] >> if second { 8 } else { 12 };
            // What share of the bits up to the first wrong one was right.
            let target = match (bits ^ self.partial) & 15 {
                0 => CERTAIN,
                1 => CERTAIN / 4 * 3,
                2..=3 => CERTAIN / 3 * 2,
                4..=7 => CERTAIN / 2,
                _ => 0,
            };
            let entry =
                &mut self.learned.runs[context][usize::from(self.runs[context]) % RUN_CONTEXTS];
            *entry = moved(self.t, *entry, target);
        }
    }

    /// The bits of the current half byte with a leading one.
    #[inline(always)]
    fn half_partial(&self) -> usize {
        let bits = self.bit_index & 3;
        ((1usize << bits) | (self.partial as usize & ((1 << bits) - 1))) & 15
    }

    /// 16-bit probability that the next bit is set.
    #[inline(always)]
    pub fn predict(&mut self) -> u32 {
        let t = self.t;
        let bit_index = self.bit_index as usize & 7;
        let node = self.half_partial();
        let recent = self.around.recent;
        let hashed = |x: u32| (x.wrapping_mul(0x9E37_79B1) >> 19) as usize;
        let last_word = self.around.word.wrapping_mul(0x2545_F491);
        let refined = [
            self.around.kind() * 256 + self.partial as usize,
            hashed((recent & 0xffff) << 8 | self.partial),
            hashed(last_word.wrapping_add(self.partial << 24 | recent & 0xff)),
        ];
        let learned = &mut self.learned;
        for (refiner, &context) in learned.refiners.iter().zip(&refined) {
            refiner.prefetch(context);
        }
        let longest = usize::from(self.match_class[1] != 0);
        let inputs = &mut learned.mixer.inputs.0;
        for (which, found) in self.matches.iter_mut().enumerate() {
            let pair = found.predict(
                t,
                &learned.matches[which],
                self.partial,
                bit_index as u32,
                self.match_class[which],
            );
            inputs[MATCH_INPUTS + 2 * which] = pair[0] as i16;
            inputs[MATCH_INPUTS + 2 * which + 1] = pair[1] as i16;
        }
        inputs[BIAS] = 256;
        let expected_bit = self.matches[longest].bit_state();
        let mut selectors = self.base;
        for (set, selector) in selectors.iter_mut().enumerate() {
            *selector += match set {
                0 => self.partial as usize,
                1 => expected_bit * 8 + bit_index,
                2 | 5..=7 => 0,
                _ => bit_index,
            };
        }
        learned.mixer.prefetch(selectors[0]);
        let inputs = &mut learned.mixer.inputs.0;
        for context in 0..CONTEXTS {
            let state = self.histories[context][node];
            let map = usize::from(self.maps[context]) % (2 * CONTEXTS);
            let said = learned.histories[map][usize::from(state)];
            self.said[context] = said;
            inputs[context] = t.stretch[(said >> 20) as usize];
        }
        for lane in 0..LANES {
            inputs[LINEAR + lane] = (((self.said[lane] >> 16) as i32 - 32768) >> 6) as i16;
        }
        for lane in 0..LANES {
            // 0 where the expected bit is set, else -1.
            let sign = !(self.expected[lane] << (8 + bit_index) >> 15);
            inputs[RUN + lane] = ((self.run_logits[lane] ^ sign) - sign) & self.agrees[lane];
        }
        let finals = [
            self.partial as usize,
            FINAL_SIZES[0]
                + (self.match_class[longest] * 3 + expected_bit) * 3
                + self.around.kind(),
            self.stage,
        ];
        let logit = learned.mixer.mix(t, &selectors, &finals);
        let p0 = t.squash(logit);
        let [r0, r1, r2] = &mut learned.refiners;
        let a = r0.refine(logit, refined[0]);
        let b = r1.refine(logit, refined[1]);
        let c = r2.refine(logit, refined[2]);
        let mixed = (p0 + a + b + c + 2) >> 2;
        mixed.clamp(1, 65535) as u32
    }

    /// Learns the bit that came.
    #[inline(always)]
    pub fn update(&mut self, bit: u32) {
        let t = self.t;
        let bit_index = self.bit_index & 7;
        let node = self.half_partial();
        let learned = &mut self.learned;
        learned.mixer.update(bit);
        for refiner in &mut learned.refiners {
            refiner.update(bit);
        }
        let moved = all_moved(t, &self.said, bit as i32 * CERTAIN);
        let next = &t.next[bit as usize & 1];
        for context in 0..CONTEXTS {
            let state = usize::from(self.histories[context][node]);
            let map = usize::from(self.maps[context]) % (2 * CONTEXTS);
            learned.histories[map][state] = moved[context];
            self.histories[context][node] = next[state];
        }
        for lane in 0..LANES {
            let expected = self.expected[lane] << (8 + bit_index) >> 15;
            self.agrees[lane] &= !(expected ^ -(bit as i16));
        }
        for (found, map) in self.matches.iter().zip(&mut learned.matches) {
            found.update(t, map, bit);
        }
        self.partial = self.partial << 1 | bit;
        self.bit_index += 1;
        if self.bit_index == 4 {
            self.end_half();
            self.begin_half();
        } else if self.bit_index == 8 {
            self.end_half();
        }
    }

    /// Completes a byte: `history` ends with it.
    #[inline(always)]
    pub fn end_byte(&mut self, history: &[u8]) {
        let t = self.t;
        let byte = self.partial & 255;
        for context in 0..CONTEXTS {
            let value = self.values[context];
            let count = value & COUNT;
            let known = value >> 8;
            let flags = value & EXPANDED;
            let value = if count == 0 {
                byte << 8 | 1
            } else if known == byte {
                byte << 8 | flags | (count + 1).min(COUNT)
            } else {
                if flags == 0 {
                    self.store
                        .sight(t, self.hashes[context], known, count as usize);
                    self.store.sight(t, self.hashes[context], byte, 1);
                }
                byte << 8 | EXPANDED | 1
            };
            self.store.set(self.entries[context], value);
        }
        self.around.byte(history);
        self.begin_byte(history);
    }
}
