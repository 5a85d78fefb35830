//! The predictor: contexts, match models, mixer and refinement put together.

use super::adaptive::{moved, Map, Refiner};
use super::contexts::{class, Surroundings, Syntax, CONTEXTS};
use super::matching::{Match, CLASSES};
use super::mixer::{Mixer, INPUTS, SETS};
use super::slots::{Slot, Store, COUNT, EXPANDED, PRIMED};
use super::tables::{tables, Tables};

/// Where a context's inputs are: log odds of its bit history, the same as a plain
/// probability, and log odds of its run; after the first ones, those of the matches.
const LINEAR: usize = 32;
const RUN: usize = 64;
const MATCH_INPUTS: usize = CONTEXTS;
const BIAS: usize = 31;
const _: () = assert!(MATCH_INPUTS + 4 <= BIAS && RUN + CONTEXTS <= INPUTS);

/// Count at which history and run probabilities settle.
const LIMIT: u32 = 255;

const SET_SIZES: [usize; SETS] = [
    256 * 3,
    CLASSES * 3 * 8,
    256,
    8 * 9 * 3,
    8 * 8 * 8,
    8 * 8 * 3 * 8,
    8 * 8 * 5,
    10 * 5 * 8 * 3,
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
    pub refiners: [Refiner; 4],
    pub matches: [Map; 2],
}

impl Learned {
    /// The state of a model that has seen nothing.
    pub fn new() -> Self {
        let t = tables();
        let mut initial = [0i32; INPUTS];
        for context in 0..CONTEXTS {
            initial[context] = 9000;
            initial[RUN + context] = 3000;
        }
        initial[MATCH_INPUTS] = 16000;
        initial[MATCH_INPUTS + 2] = 16000;
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
                Refiner::new(t, 1 << 14, 6),
                Refiner::new(t, 1 << 14, 6),
                Refiner::new(t, 1 << 14, 6),
            ],
            matches: [Match::map(), Match::map()],
        }
    }
}

/// The model of one block.
pub struct Model {
    t: &'static Tables,
    learned: Learned,
    store: Store,
    around: Surroundings,
    matches: [Match; 2],
    hashes: [u64; CONTEXTS],
    /// Entry of each context, and its low half.
    entries: [usize; CONTEXTS],
    values: [u32; CONTEXTS],
    /// Slot of the current half byte of each expanded context.
    slots: [usize; CONTEXTS],
    /// Histories of the current half byte of each context.
    local: [Slot; CONTEXTS],
    /// Run context of each context without the bit index; 0 when there is no run.
    run_base: [u16; CONTEXTS],
    states: [u8; CONTEXTS],
    runs: [u16; CONTEXTS],
    match_class: [usize; 2],
    partial: u32,
    bit_index: u32,
    selectors: [usize; SETS],
    base: [usize; SETS],
}

/// Where new contexts come from.
pub trait Seeds {
    /// What is known of the context `hash`: bytes and how sure they are, least sure first.
    fn seed(&self, hash: u64) -> &[(u8, u8)];
}

impl Model {
    /// A model for a block of `raw_size` bytes.
    pub fn new(raw_size: usize, syntax: Syntax, learned: Learned) -> Self {
        let mut model = Model {
            t: tables(),
            learned,
            store: Store::new(raw_size),
            around: Surroundings::new(syntax),
            matches: [Match::new(raw_size, 6), Match::new(raw_size, 16)],
            hashes: [0; CONTEXTS],
            entries: [0; CONTEXTS],
            values: [0; CONTEXTS],
            slots: [0; CONTEXTS],
            local: [[0; 16]; CONTEXTS],
            run_base: [0; CONTEXTS],
            states: [0; CONTEXTS],
            runs: [0; CONTEXTS],
            match_class: [0; 2],
            partial: 1,
            bit_index: 0,
            selectors: [0; SETS],
            base: [0; SETS],
        };
        model.begin_byte();
        model
    }

    /// Most bytes that a model for a block of `raw_size` bytes takes.
    pub fn memory(raw_size: usize) -> usize {
        Store::memory(raw_size) + 2 * Match::memory(raw_size) + LEARNED_MEMORY
    }

    /// Finds the entries of all contexts for the next byte.
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
        for (index, &hash) in self.hashes.iter().enumerate() {
            let (entry, _fresh) = self.store.entry(hash);
            let value = self.store.get(entry);
            self.entries[index] = entry;
            self.values[index] = value;
            let count = value & COUNT;
            self.run_base[index] = if count == 0 {
                0
            } else {
                (count.min(15) << 5 | (value & EXPANDED) >> 3 | (value & PRIMED) >> 3) as u16
            };
        }
        self.begin_half();
        let order = self.values[1..7]
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
            ((around.column.min(63) as usize / 8) * 8 + (around.tokens().min(7) as usize)) * 24
                + (if around.leading {
                    0
                } else {
                    1 + usize::from(c1 as u32 == around.above >> 16)
                }) * 8,
            (around.bracket() * 8 + class(c2)) * 8 + class(c1),
            ((around.word_length.min(9) as usize * 5) + around.part_length.min(4) as usize) * 24
                + kind * 8,
        ];
    }

    /// Finds the histories of all contexts for the next half byte.
    fn begin_half(&mut self) {
        let t = self.t;
        let first = self.bit_index == 0;
        for index in 0..CONTEXTS {
            let value = self.values[index];
            let known = value >> 8;
            self.local[index] = if value & EXPANDED != 0 {
                self.slots[index] = self.store.slot(self.hashes[index], self.partial);
                *self.store.histories(self.slots[index])
            } else {
                let mut histories = [0u8; 16];
                let run = &t.run[(value & COUNT) as usize];
                let bits = if first {
                    Some(known >> 4)
                } else if known >> 4 == self.partial & 15 {
                    Some(known & 15)
                } else {
                    None
                };
                if let Some(bits) = bits {
                    histories[1] = run[(bits >> 3) as usize & 1];
                    histories[(2 | bits >> 3) as usize & 15] = run[(bits >> 2) as usize & 1];
                    histories[(4 | bits >> 2) as usize & 15] = run[(bits >> 1) as usize & 1];
                    histories[(8 | bits >> 1) as usize & 15] = run[bits as usize & 1];
                }
                histories
            };
        }
    }

    /// Leaves the histories of the half byte `bits`.
    fn end_half(&mut self, bits: u32) {
        for index in 0..CONTEXTS {
            if self.values[index] & EXPANDED != 0 {
                self.store.push(self.t, self.slots[index], bits);
            }
        }
    }

    /// The bits of the current half byte with a leading one.
    #[inline(always)]
    fn half_partial(&self) -> usize {
        let bits = self.bit_index & 3;
        (1usize << bits) | (self.partial as usize & ((1 << bits) - 1))
    }

    /// 16-bit probability that the next bit is set.
    #[inline(always)]
    pub fn predict(&mut self) -> u32 {
        let t = self.t;
        let bit_index = self.bit_index;
        let partial = self.half_partial() & 15;
        let whole = self.partial;
        let learned = &mut self.learned;
        let inputs = learned.mixer.inputs();
        for index in 0..CONTEXTS {
            let state = self.local[index][partial];
            self.states[index] = state;
            let p = (learned.histories[index][usize::from(state)] >> 16) as i32;
            inputs[index] = t.stretch16(p);
            inputs[LINEAR + index] = (p - 32768) >> 6;
            let byte = self.values[index] >> 8 | 256;
            let agrees = byte >> (8 - bit_index) == whole && self.run_base[index] != 0;
            let run = if agrees {
                usize::from(self.run_base[index]) | bit_index as usize
            } else {
                0
            };
            self.runs[index] = run as u16;
            let st = t.stretch16((learned.runs[index][run & (RUN_CONTEXTS - 1)] >> 16) as i32);
            inputs[RUN + index] = if byte >> (7 - bit_index) & 1 != 0 {
                st
            } else {
                -st
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
            inputs[MATCH_INPUTS + 2 * which..MATCH_INPUTS + 2 * which + 2].copy_from_slice(&pair);
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
                    2 | 6 => 0,
                    _ => bit_index,
                };
        }
        let finals = [
            self.partial as usize,
            (self.match_class[longest] * 3 + expected_bit) * 3 + self.around.kind(),
        ];
        let logit = learned.mixer.mix(t, &self.selectors, &finals);
        let kind = self.around.kind();
        let recent = self.around.recent;
        let hashed = |x: u32| (x.wrapping_mul(0x9E37_79B1) >> 18) as usize;
        let p0 = t.squash(logit);
        let [r0, r1, r2, r3] = &mut learned.refiners;
        let a = r0.refine(logit, kind * 256 + self.partial as usize);
        let b = r1.refine(logit, hashed((recent & 0xff) << 8 | self.partial));
        let c = r2.refine(logit, hashed((recent & 0xffff) << 8 | self.partial));
        let d = r3.refine(
            logit,
            hashed(
                self.around
                    .word
                    .wrapping_mul(0x2545_F491)
                    .wrapping_add(self.partial << 24 | recent & 0xff),
            ),
        );
        let mixed = (2 * p0 + a + b + 2 * c + 2 * d + 4) >> 3;
        mixed.clamp(1, 65535) as u32
    }

    /// Learns the bit that came; true when it completed a byte.
    #[inline(always)]
    pub fn update(&mut self, bit: u32) -> bool {
        let t = self.t;
        let bit_index = self.bit_index;
        let learned = &mut self.learned;
        learned.mixer.update(bit);
        for refiner in &mut learned.refiners {
            refiner.update(bit);
        }
        for index in 0..CONTEXTS {
            let state = usize::from(self.states[index]);
            if state != 0 {
                let entry = &mut learned.histories[index][state];
                *entry = moved(t, *entry, bit, LIMIT);
            }
            let run = usize::from(self.runs[index]);
            if run != 0 {
                let right = u32::from(self.values[index] >> (15 - bit_index) & 1 == bit);
                let entry = &mut learned.runs[index][run & (RUN_CONTEXTS - 1)];
                *entry = moved(t, *entry, right, LIMIT);
            }
        }
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
