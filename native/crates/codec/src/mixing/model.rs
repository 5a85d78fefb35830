//! The predictor: contexts, match models, mixer and refinement put together.

use super::adaptive::{moved, Map, Refiner};
use super::contexts::{class, Surroundings, Syntax, CONTEXTS};
use super::matching::{Match, CLASSES};
use super::mixer::{Mixer, INPUTS, SETS};
use super::slots::{Store, COUNT, EXPANDED, PRIMED};
use super::tables::{tables, Tables};

/// Where a context's inputs are: log odds of its bit history, the same as a plain
/// probability, and log odds of its run; after the first ones, those of the matches.
const LINEAR: usize = 24;
const RUN: usize = 44;
const MATCH_INPUTS: usize = 64;
const BIAS: usize = 68;
/// Inputs that can differ from zero end here.
pub const USED_INPUTS: usize = BIAS + 1;
/// Contexts, padded: masks of contexts are 32 bits.
const LANES: usize = 32;
const _: () = assert!(
    CONTEXTS <= LANES
        && CONTEXTS <= LINEAR
        && LINEAR + CONTEXTS <= RUN
        && RUN + CONTEXTS <= MATCH_INPUTS
        && BIAS < INPUTS
);

/// Count at which history and run probabilities settle.
const LIMIT: u32 = 255;

const SET_SIZES: [usize; SETS] = [
    256 * 3,
    CLASSES * 3 * 8,
    256,
    8 * 9 * 3,
    8 * 8 * 8,
    8 * 8 * 3,
    8 * 8 * 5,
    10 * 5 * 3,
];
const FINAL_SIZES: [usize; 2] = [256, CLASSES * 3 * 3];

/// Contexts of a run map: count, flags, bit index.
const RUN_CONTEXTS: usize = 64 * 8;

/// Bound on the size of a [`Learned`] and of the small state of a model.
const LEARNED_MEMORY: usize = 8 << 20;

type Histories = [[u32; 256]; CONTEXTS];
type Runs = [[u32; RUN_CONTEXTS]; CONTEXTS];

/// Everything that learns across blocks: what a prior restores.
#[derive(Clone)]
pub struct Learned {
    pub mixer: Mixer,
    pub histories: Box<Histories>,
    pub runs: Box<Runs>,
    pub refiners: [Refiner; 3],
    pub matches: [Map; 2],
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
        let mut history = [1u32 << 31; 256];
        // A history starts at what it says: fill by walking the automaton.
        let mut frontier = vec![0u8];
        let mut seen = [false; 256];
        seen[0] = true;
        while let Some(state) = frontier.pop() {
            for bit in 0..2u32 {
                let next = t.next[usize::from(state)][bit as usize];
                if !seen[usize::from(next)] {
                    seen[usize::from(next)] = true;
                    let from = i64::from(history[usize::from(state)] >> 10);
                    let target = i64::from(bit * ((1 << 22) - 1));
                    history[usize::from(next)] = ((from + (target - from) / 3) as u32) << 10;
                    frontier.insert(0, next);
                }
            }
        }
        let mut run = [1u32 << 31; RUN_CONTEXTS];
        for (index, entry) in run.iter_mut().enumerate() {
            let count = (index / 32) as u32;
            if count > 0 {
                *entry = ((1 << 22) - (1 << 21) / (count + 2)) << 10;
            }
        }
        Learned {
            mixer: Mixer::new(SET_SIZES, &FINAL_SIZES, &initial),
            histories: Box::new([history; CONTEXTS]),
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
    /// Histories of the current half byte: by its leading bits, then by context.
    local: [[u8; LANES]; 16],
    /// By bit of the byte: the contexts whose last byte has it set.
    planes: [u32; 8],
    /// Contexts whose last byte agrees with the bits so far.
    alive: u32,
    /// Contexts with bit histories in slots.
    expanded: u32,
    /// Run context of each context without the bit index; 0 when there is no run.
    run_base: [u16; CONTEXTS],
    match_class: [usize; 2],
    partial: u32,
    bit_index: u32,
    selectors: [usize; SETS],
    base: [usize; SETS],
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
            local: [[0; LANES]; 16],
            planes: [0; 8],
            alive: 0,
            expanded: 0,
            run_base: [0; CONTEXTS],
            match_class: [0; 2],
            partial: 1,
            bit_index: 0,
            selectors: [0; SETS],
            base: [0; SETS],
        };
        model.begin_byte();
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

    /// Finds the entries of all contexts for the next byte.
    #[inline(always)]
    fn begin_byte(&mut self) {
        for (class, found) in self.match_class.iter_mut().zip(&self.matches) {
            *class = found.class();
        }
        let longest = usize::from(self.match_class[1] != 0);
        let expected = match self.matches[longest].expected() {
            Some(byte) => u32::from(byte) | (self.match_class[longest].min(12) as u32 + 1) << 8,
            None => 0,
        };
        self.hashes = self.around.hashes(expected);
        std::hint::black_box(self.store.touch(&self.hashes));
        self.alive = 0;
        self.expanded = 0;
        self.planes = [0; 8];
        for (index, &hash) in self.hashes.iter().enumerate() {
            let (entry, fresh) = self.store.entry(hash);
            if let (true, Some(seeds)) = (fresh, self.seeds) {
                let mut found = [Seed::default(); SEED_LIMIT];
                let count = seeds.seed(index, hash, &mut found);
                if let Some((last, rest)) = found[..count].split_last() {
                    let mut flags = PRIMED;
                    if !rest.is_empty() {
                        flags |= EXPANDED;
                        for seed in &found[..count] {
                            self.store.sight(
                                self.t,
                                hash,
                                u32::from(seed.byte),
                                usize::from(seed.count),
                            );
                        }
                    }
                    self.store.set(
                        entry,
                        u32::from(last.byte) << 8 | flags | u32::from(last.count) & COUNT,
                    );
                }
            }
            let value = self.store.get(entry);
            self.entries[index] = entry;
            self.values[index] = value;
            let count = value & COUNT;
            self.alive |= u32::from(count != 0) << index;
            self.expanded |= u32::from(value & EXPANDED != 0) << index;
            for (bit, plane) in self.planes.iter_mut().enumerate() {
                *plane |= (value >> (15 - bit) & 1) << index;
            }
            self.run_base[index] =
                (count.min(15) << 5 | (value & EXPANDED) >> 3 | (value & PRIMED) >> 3) as u16;
        }
        self.begin_half();
        let order = self.values[1..8]
            .iter()
            .filter(|&value| value & COUNT != 0)
            .count();
        let c1 = self.around.recent as u8;
        let c2 = (self.around.recent >> 8) as u8;
        let around = &self.around;
        let kind = around.kind();
        self.base = [
            kind * 256,
            self.match_class[longest] * 24,
            usize::from(c1),
            (order * 3 + kind) * 8,
            (around.place as usize * 8 + class(c1)) * 8,
            ((around.column.min(63) as usize / 8) * 8 + (around.tokens().min(7) as usize)) * 3
                + (if around.leading {
                    0
                } else {
                    1 + usize::from(c1 as u32 == around.above >> 16)
                }),
            (around.bracket() * 8 + class(c2)) * 8 + class(c1),
            ((around.word_length.min(9) as usize * 5) + around.part_length.min(4) as usize) * 3
                + kind,
        ];
    }

    /// Finds the histories of all contexts for the next half byte.
    #[inline(always)]
    fn begin_half(&mut self) {
        let t = self.t;
        let second = self.bit_index != 0;
        self.local = [[0; LANES]; 16];
        std::hint::black_box(
            self.store
                .touch_slots(&self.hashes, self.expanded, self.partial),
        );
        let mut mask = self.expanded;
        while mask != 0 {
            let index = mask.trailing_zeros() as usize;
            mask &= mask - 1;
            let slot = self.store.slot(self.hashes[index], self.partial);
            self.slots[index] = slot;
            for (row, &history) in self
                .local
                .iter_mut()
                .zip(self.store.histories(slot))
                .skip(1)
            {
                row[index] = history;
            }
        }
        // A context with one byte: the histories along its path, if it still is the path.
        let mut mask = self.alive & !self.expanded;
        while mask != 0 {
            let index = mask.trailing_zeros() as usize;
            mask &= mask - 1;
            let value = self.values[index];
            let run = &t.run[(value & COUNT) as usize];
            let bits = value >> if second { 8 } else { 12 } & 15;
            self.local[1][index] = run[(bits >> 3) as usize & 1];
            self.local[(2 | bits >> 3) as usize & 15][index] = run[(bits >> 2) as usize & 1];
            self.local[(4 | bits >> 2) as usize & 15][index] = run[(bits >> 1) as usize & 1];
            self.local[(8 | bits >> 1) as usize & 15][index] = run[bits as usize & 1];
        }
    }

    /// Leaves the histories of the half byte `bits`.
    #[inline(always)]
    fn end_half(&mut self, bits: u32) {
        let mut mask = self.expanded;
        while mask != 0 {
            let index = mask.trailing_zeros() as usize;
            mask &= mask - 1;
            self.store.push(self.t, self.slots[index], bits);
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
        let bit_index = self.bit_index;
        let states = &self.local[self.half_partial()];
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
            std::hint::black_box(refiner.touch(context));
        }
        let inputs = learned.mixer.inputs();
        for (index, (histories, &state)) in learned.histories.iter().zip(states).enumerate() {
            let p = (histories[usize::from(state)] >> 16) as i32;
            inputs[index] = t.stretch16(p) as i16;
            inputs[LINEAR + index] = ((p - 32768) >> 6) as i16;
        }
        inputs[RUN..MATCH_INPUTS].fill(0);
        let plane = self.planes[bit_index as usize & 7];
        let mut mask = self.alive;
        while mask != 0 {
            let index = mask.trailing_zeros() as usize % CONTEXTS;
            mask &= mask - 1;
            let run = usize::from(self.run_base[index]) | bit_index as usize;
            let st = t.stretch16((learned.runs[index][run % RUN_CONTEXTS] >> 16) as i32);
            inputs[RUN + index] = if plane >> index & 1 != 0 {
                st as i16
            } else {
                -st as i16
            };
        }
        for (which, found) in self.matches.iter_mut().enumerate() {
            let pair = found.predict(
                t,
                &learned.matches[which],
                self.partial,
                bit_index,
                self.match_class[which],
            );
            inputs[MATCH_INPUTS + 2 * which..MATCH_INPUTS + 2 * which + 2]
                .copy_from_slice(&pair.map(|x| x as i16));
        }
        inputs[BIAS] = 256;
        let bit_index = bit_index as usize;
        let longest = usize::from(self.match_class[1] != 0);
        let expected_bit = self.matches[longest].bit_state();
        for (set, selector) in self.selectors.iter_mut().enumerate() {
            *selector = self.base[set]
                + match set {
                    0 => self.partial as usize,
                    1 => expected_bit * 8 + bit_index,
                    2 | 5..=7 => 0,
                    _ => bit_index,
                };
        }
        let finals = [
            self.partial as usize,
            (self.match_class[longest] * 3 + expected_bit) * 3 + self.around.kind(),
        ];
        let logit = learned.mixer.mix(t, &self.selectors, &finals);
        let p0 = t.squash(logit);
        let [r0, r1, r2] = &mut learned.refiners;
        let a = r0.refine(logit, refined[0]);
        let b = r1.refine(logit, refined[1]);
        let c = r2.refine(logit, refined[2]);
        let mixed = (p0 + a + b + c + 2) >> 2;
        mixed.clamp(1, 65535) as u32
    }

    /// Learns the bit that came; true when it completed a byte.
    #[inline(always)]
    pub fn update(&mut self, bit: u32) -> bool {
        let t = self.t;
        let bit_index = self.bit_index;
        let half_partial = self.half_partial();
        let learned = &mut self.learned;
        learned.mixer.update(bit);
        for refiner in &mut learned.refiners {
            refiner.update(bit);
        }
        let states = &self.local[half_partial];
        for (histories, &state) in learned.histories.iter_mut().zip(states) {
            let entry = &mut histories[usize::from(state)];
            // State 0 is no history: it stays undecided.
            *entry = if state != 0 {
                moved(t, *entry, bit, LIMIT)
            } else {
                *entry
            };
        }
        let plane = self.planes[bit_index as usize & 7];
        let agreeing = if bit != 0 { plane } else { !plane };
        let mut mask = self.alive;
        while mask != 0 {
            let index = mask.trailing_zeros() as usize % CONTEXTS;
            mask &= mask - 1;
            let run = usize::from(self.run_base[index]) | bit_index as usize;
            let entry = &mut learned.runs[index][run % RUN_CONTEXTS];
            *entry = moved(t, *entry, agreeing >> index & 1, LIMIT);
        }
        self.alive &= agreeing;
        for (found, map) in self.matches.iter().zip(&mut learned.matches) {
            found.update(t, map, bit);
        }
        self.partial = self.partial << 1 | bit;
        self.bit_index += 1;
        if self.bit_index == 4 {
            self.end_half(self.partial & 15);
            self.begin_half();
        } else if self.bit_index == 8 {
            self.end_half(self.partial & 15);
        }
        self.bit_index == 8
    }

    /// Completes a byte: `history` ends with it.
    #[inline(always)]
    pub fn end_byte(&mut self, history: &[u8]) {
        let t = self.t;
        let byte = self.partial & 255;
        for index in 0..CONTEXTS {
            let value = self.values[index];
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
                        .sight(t, self.hashes[index], known, count as usize);
                    self.store.sight(t, self.hashes[index], byte, 1);
                }
                byte << 8 | EXPANDED | 1
            };
            self.store.set(self.entries[index], value);
        }
        self.around.byte(history);
        for found in &mut self.matches {
            found.byte(history);
        }
        self.partial = 1;
        self.bit_index = 0;
        self.begin_byte();
    }
}
