//! Ends the spelling of a word early: "is it this known word?"
//!
//! After every letter, words that began with the same letters are candidates; the
//! best one that was not refused yet is offered as one binary decision.

use super::coder::BitCoder;
use super::contexts::{hash, Candidate, Slots, STANDINGS};
use super::mixing::{squash, stretch, Apm, Chance, Mixer, Numbers, UNIT};
use super::model::standing_start;
use super::spelling::{initial, Cell};
use super::tokens::{BREAK, UNLISTED};

/// Contexts: the letters so far; and with the token before.
const CONTEXTS: usize = 2;
/// Mixer inputs: standings, direct probabilities, constant.
const INPUTS: usize = 8;
/// Longest beginning that has candidates.
pub const LONGEST: usize = 12;

/// What is learned about how far to trust each kind of evidence.
#[derive(Clone)]
pub struct CompletionTrust {
    maps: Vec<Chance>,
    direct_maps: Vec<Chance>,
    mixer: Mixer<INPUTS>,
    refine: Apm,
}

impl Default for CompletionTrust {
    fn default() -> Self {
        CompletionTrust {
            maps: (0..CONTEXTS * 4 * STANDINGS)
                .map(|i| standing_start(i / STANDINGS % 4, i % STANDINGS))
                .collect(),
            direct_maps: (0..2 * 1024).map(|i| initial(i % 1024)).collect(),
            mixer: Mixer::new(LONGEST * 16, UNIT / 3, 30),
            refine: Apm::new(1024),
        }
    }
}

impl CompletionTrust {
    /// Shows every number to `visit`.
    pub fn visit(&mut self, visit: &mut dyn FnMut(Numbers<'_>)) {
        visit(Numbers::Chances(&mut self.maps));
        visit(Numbers::Chances(&mut self.direct_maps));
        visit(Numbers::Weights(
            self.mixer.weights_mut().as_flattened_mut(),
        ));
        visit(Numbers::Points(self.refine.points_mut()));
    }
}

/// The model of early endings of one block.
#[derive(Clone)]
pub struct Completion {
    slots: [Slots; CONTEXTS],
    direct: Vec<Cell>,
    direct_mask: usize,
    /// Places of the slots that saw the current word's beginnings.
    places: Vec<[usize; CONTEXTS]>,
    refused: Vec<u32>,
}

/// The hash of the beginning whose rolling hash is `whole`, alone.
pub fn beginning_hash(whole: u32) -> u32 {
    hash(51, whole, 0, 0)
}

impl Completion {
    /// Tables of `1 << bits` slots.
    pub fn new(bits: u32) -> Self {
        Completion {
            slots: [Slots::new(bits), Slots::new(bits)],
            direct: vec![Cell::EVEN; 1 << bits],
            direct_mask: (1 << bits) - 1,
            places: Vec::new(),
            refused: Vec::new(),
        }
    }

    /// Forgets the word before.
    pub fn start(&mut self) {
        self.places.clear();
        self.refused.clear();
    }

    /// Offers a word that begins with the `length` letters whose hash is `whole`, after
    /// the token `before`. Returns the morph if it is the one (`goal`, when encoding).
    #[inline(never)]
    #[allow(clippy::too_many_arguments)] // the parts of one model, borrowed apart
    pub fn offer<C: BitCoder>(
        &mut self,
        coder: &mut C,
        trust: &mut CompletionTrust,
        prior: Option<&Slots>,
        whole: u32,
        before: u32,
        length: usize,
        goal: u32,
        rejected: &[u32],
    ) -> Option<u32> {
        if length > LONGEST {
            return None;
        }
        let hashes = [beginning_hash(whole), hash(52, whole, before, 0)];
        let mut places = [0; CONTEXTS];
        let mut lists = [[Candidate::default(); 3]; CONTEXTS];
        for k in 0..CONTEXTS {
            places[k] = self.slots[k].place(hashes[k], if k == 0 { prior } else { None });
            lists[k] = self.slots[k].at(places[k]).candidates;
        }
        self.places.push(places);
        let mut best = None;
        let mut best_score = i32::MIN;
        for candidate in lists.iter().flatten() {
            let morph = candidate.token();
            if candidate.0 == 0 || rejected.contains(&morph) || self.refused.contains(&morph) {
                continue;
            }
            let mut indices = [0; CONTEXTS];
            let mut score = 0;
            for k in 0..CONTEXTS {
                let rank = (0..3)
                    .find(|&i| lists[k][i].0 != 0 && lists[k][i].token() == morph)
                    .unwrap_or(3);
                let standing = lists[k][if rank == 3 { 0 } else { rank }].standing();
                indices[k] = (k * 4 + rank) * STANDINGS + standing as usize;
                score += i32::from(stretch(trust.maps[indices[k]].p()));
            }
            if score > best_score {
                best_score = score;
                best = Some((morph, indices));
            }
        }
        let (morph, indices) = best?;
        let direct = [hash(53, morph, 0, 0), hash(54, morph, before, 0)];
        let mut inputs = [0i16; INPUTS];
        for k in 0..CONTEXTS {
            inputs[k] = stretch(trust.maps[indices[k]].p());
        }
        let mut cells = [0; 2];
        let mut cell_maps = [0; 2];
        for k in 0..2 {
            cells[k] = direct[k] as usize & self.direct_mask;
            cell_maps[k] = k * 1024 + self.direct[cells[k]].state();
            inputs[2 + k] = stretch(trust.direct_maps[cell_maps[k]].p());
        }
        inputs[INPUTS - 1] = 256;
        let set = (length - 1) * 16
            + self.refused.len().min(3) * 4
            + usize::from(lists[1][0].0 != 0)
            + 2 * usize::from(indices[1] < 7 * STANDINGS);
        let mixed = trust.mixer.mix(&inputs, set);
        let p = squash(mixed);
        let refined = trust.refine.refine(mixed, (direct[0] >> 22) as usize);
        let final_p = ((p + refined + 1) >> 1).clamp(16, 65520);
        let bit = coder.bit(goal == morph && goal != UNLISTED, final_p as u32);
        trust.mixer.learn(&inputs, set, p, bit);
        trust.refine.learn(bit, 6);
        for k in 0..CONTEXTS {
            trust.maps[indices[k]].learn(bit, 255);
        }
        for k in 0..2 {
            trust.direct_maps[cell_maps[k]].learn(bit, 255);
            self.direct[cells[k]].learn(bit);
        }
        if bit {
            return Some(morph);
        }
        self.refused.push(morph);
        None
    }

    /// Learns which word it was.
    pub fn learn(&mut self, morph: u32) {
        if morph == UNLISTED || (BREAK..super::tokens::FIRST_WORD).contains(&morph) {
            return;
        }
        for places in &self.places {
            for k in 0..CONTEXTS {
                self.slots[k].at(places[k]).learn(morph);
            }
        }
    }
}
