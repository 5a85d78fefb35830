//! Symbols along trees: how tokens that were not foreseen, their numbers and letters are coded.
//!
//! A symbol is the leaf of a binary tree whose shape follows static frequencies, so that
//! it takes about as many decisions as it has bits. Up to four decisions make a group.
//! For a group each of `CONTEXTS` contexts owns a row of 15 adaptive cells, found by
//! hash, and so has no context at all; what their cells say is mixed.

use super::coder::BitCoder;
use super::mixing::{squash, Chance, Meanings, Mixer, Numbers, UNIT};
use crate::prefetch::prefetch;
use std::sync::Arc;

/// Contexts that are mixed.
pub const CONTEXTS: usize = 4;
/// What the mixers take: the contexts, no context, and a constant.
const INPUTS: usize = 8;
/// Cell states: 4 bits of count, 6 of probability.
const STATES: usize = 1024;

/// What is coded: a token, a number's digits, a letter.
pub const TOKEN: usize = 0;
pub const NUMBER: usize = 1;
pub const LETTER: usize = 2;
const KINDS: usize = 3;
/// Nodes and depths, or positions, that are told apart.
const DEPTHS: usize = 32;

const BY_KNOWN: usize = KINDS * DEPTHS;

/// 65536 / (n + 1.6) for cells, which stop slowing down at `LIMIT`.
const RATES: [i32; 16] = {
    let mut rates = [0; 16];
    let mut n = 0;
    while n < 16 {
        rates[n] = (655_360 / (10 * n + 16)) as i32;
        n += 1;
    }
    rates
};
const LIMIT: u16 = 12;

/// A cell: 12 bits of probability above 4 bits of count.
#[derive(Clone, Copy)]
pub struct Cell(pub u16);

impl Cell {
    /// Never observed.
    pub const EVEN: Cell = Cell(2048 << 4);

    /// Its state, an index below `STATES`.
    #[inline(always)]
    pub fn state(self) -> usize {
        usize::from((self.0 & 15) << 6 | self.0 >> 10)
    }

    /// Moves toward `bit`.
    #[inline(always)]
    pub fn learn(&mut self, bit: bool) {
        let count = self.0 & 15;
        let p = i32::from(self.0 >> 4);
        let target = if bit { 4095 } else { 0 };
        let moved = p + (((target - p) * RATES[usize::from(count)]) >> 16);
        self.0 = (moved as u16) << 4 | (count + 1).min(LIMIT);
    }
}

/// What a cell state means before anything was learned: its own probability.
pub fn initial(state: usize) -> Chance {
    Chance(((state as u32 & 63) << 26 | 1 << 25) | 6)
}

/// Fifteen cells of a group in one context; cell 0 holds the check.
#[derive(Clone, Copy)]
#[repr(align(32))]
pub struct Row(pub [u16; 16]);

/// A row never used.
pub const FRESH: Row = {
    let mut cells = [2048 << 4; 16];
    cells[0] = 0;
    Row(cells)
};

/// Two rows in one cache line.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Pair([Row; 2]);

/// A table of rows, found by hash, two places for each.
#[derive(Clone)]
pub struct Rows {
    pairs: Vec<Pair>,
}

impl Rows {
    /// `1 << bits` rows.
    pub fn new(bits: u32) -> Self {
        Rows {
            pairs: vec![Pair([FRESH; 2]); (1 << (bits - 1)) + 1],
        }
    }

    /// The cells of every place, the check (0 in unused places) in front of 15.
    pub fn rows(&self) -> impl Iterator<Item = &[u16; 16]> {
        let places = &self.pairs[..self.pairs.len() - 1];
        places.iter().flat_map(|pair| &pair.0).map(|row| &row.0)
    }

    /// The cells of one place.
    pub fn row_mut(&mut self, place: usize) -> Option<&mut [u16; 16]> {
        let pair = self.pairs.get_mut(place >> 1)?;
        Some(&mut pair.0[place & 1].0)
    }

    /// The pair and the check of the row for `hash`.
    #[inline(always)]
    fn key(&self, hash: u32) -> (usize, u16) {
        (
            hash as usize & (self.pairs.len() - 2),
            (hash >> 16) as u16 | 1,
        )
    }

    #[inline(always)]
    fn prefetch(&self, hash: u32) {
        prefetch(&self.pairs[self.key(hash).0]);
    }

    #[inline(always)]
    fn find(&self, hash: u32) -> Option<&Row> {
        let (pair, check) = self.key(hash);
        self.pairs[pair].0.iter().find(|row| row.0[0] == check)
    }

    #[inline(always)]
    fn place(&mut self, hash: u32, prior: &Rows) -> usize {
        let (pair, check) = self.key(hash);
        let [first, second] = &self.pairs[pair].0;
        if first.0[0] == check {
            return pair << 1;
        }
        if second.0[0] == check {
            return pair << 1 | 1;
        }
        let weaker = usize::from(second.0[1] & 15 < first.0[1] & 15);
        let row = &mut self.pairs[pair].0[weaker];
        *row = prior.find(hash).copied().unwrap_or(FRESH);
        row.0[0] = check;
        pair << 1 | weaker
    }

    /// The place of a row that belongs to no context, unused.
    #[inline(always)]
    fn spare(&mut self) -> usize {
        let last = self.pairs.len() - 1;
        self.pairs[last].0[0] = FRESH;
        last << 1
    }

    #[inline(always)]
    fn at(&mut self, place: usize) -> &mut Row {
        &mut self.pairs[place >> 1].0[place & 1]
    }
}

/// What is learned about how far to trust each context.
#[derive(Clone)]
pub struct SymbolTrust {
    meanings: Arc<Meanings>,
    /// By kind and by the node, below the first group by the depth; from `BY_KNOWN` on by kind and by which contexts know the group.
    mixer: Mixer<INPUTS>,
}

impl Default for SymbolTrust {
    fn default() -> Self {
        SymbolTrust {
            meanings: Arc::new(Meanings::new(
                (0..KINDS * (CONTEXTS + 1) * STATES).map(|i| initial(i % STATES)),
            )),
            mixer: Mixer::new(BY_KNOWN + (KINDS << CONTEXTS), UNIT / 8, 24),
        }
    }
}

impl SymbolTrust {
    /// Shows every number to `visit`.
    pub fn visit(&mut self, visit: &mut dyn FnMut(Numbers<'_>)) {
        Arc::make_mut(&mut self.meanings).visit(visit);
        visit(Numbers::Weights(
            self.mixer.weights_mut().as_flattened_mut(),
        ));
    }
}

/// An exit of a group: a leaf with its symbol, or the next group; 0 goes on in the group.
const LEAF: u32 = 1 << 31;

/// The shape of the trees, and how likely each decision is by static frequency.
#[derive(Clone, Default)]
pub struct Trees {
    /// Where each decision of a group leads: at `tree << 1 | bit`, with a leading 1 in `tree`.
    exits: Vec<[u32; 32]>,
    /// Rows without context.
    statics: Vec<Row>,
}

/// The way to a leaf: decisions from the highest bit on.
#[derive(Clone, Copy, Default)]
pub struct Path(pub u64);

impl Trees {
    /// Adds a tree over `leaves` (symbol and weight, two at least), which keep their order. Returns its first group, and shows
    /// every symbol's path to `path`.
    pub fn add(&mut self, leaves: &[(u32, u32)], path: &mut dyn FnMut(u32, Path)) -> u32 {
        let mut sums = Vec::with_capacity(leaves.len() + 1);
        sums.push(0u64);
        for &(_, weight) in leaves {
            sums.push(sums[sums.len() - 1] + u64::from(weight.max(1)));
        }
        let root = self.group();
        // Ranges still to be split: leaves, group, tree, and the path so far with its length.
        let mut open = vec![(0usize, leaves.len(), root, 1usize, 0u64, 0u32)];
        while let Some((start, end, group, tree, way, depth)) = open.pop() {
            let middle = split(&sums, start, end);
            let (left, right) = (sums[middle] - sums[start], sums[end] - sums[middle]);
            let one = (right * 4096 / (left + right)).clamp(32, 4064) as u16;
            self.statics[group as usize].0[tree] = one << 4 | 4;
            for (bit, start, end) in [(0, start, middle), (1, middle, end)] {
                let way = way | (bit as u64) << (63 - depth);
                let next = tree << 1 | bit;
                let exit = if end - start == 1 {
                    path(leaves[start].0, Path(way));
                    LEAF | leaves[start].0
                } else if next < 16 {
                    open.push((start, end, group, next, way, depth + 1));
                    0
                } else {
                    let below = self.group();
                    open.push((start, end, below, 1, way, depth + 1));
                    below
                };
                self.exits[group as usize][next] = exit;
            }
        }
        root
    }

    fn group(&mut self) -> u32 {
        self.exits.push([0; 32]);
        self.statics.push(FRESH);
        self.exits.len() as u32 - 1
    }
}

/// Where leaves `start..end` (two at least) fall into halves of nearly equal weight.
pub fn split(sums: &[u64], start: usize, end: usize) -> usize {
    let half = sums[start] + (sums[end] - sums[start]) / 2;
    let above = start + sums[start..end].partition_point(|&sum| sum <= half);
    let middle = if above > start + 1 && half - sums[above - 1] <= sums[above.min(end)] - half {
        above - 1
    } else {
        above
    };
    middle.clamp(start + 1, end - 1)
}

/// The adaptive state of one block.
#[derive(Clone)]
pub struct Symbols {
    /// Rows of this block.
    pub rows: Rows,
    statics: Vec<Row>,
    numbers: Vec<Row>,
}

/// The cells of one group, ready for its decisions.
struct Group {
    places: [usize; CONTEXTS],
    /// Where its row without context is, among the static ones or those of numbers.
    zero: usize,
    kind: usize,
}

#[inline(always)]
fn row_hash(context: u32, group: u32) -> u32 {
    let hash = (context ^ group.wrapping_mul(0x9E37_79B1)).wrapping_mul(0x85EB_CA6B);
    hash ^ hash >> 15
}

impl Symbols {
    /// A model with `1 << bits` rows for symbols of `trees`.
    pub fn new(bits: u32, trees: &Trees) -> Self {
        Symbols {
            rows: Rows::new(bits),
            statics: trees.statics.clone(),
            numbers: vec![FRESH; 1 << 10],
        }
    }

    /// Fetches what the first decisions in `contexts` from `root` on will ask.
    #[inline(always)]
    pub fn prefetch(&self, prior: &Rows, contexts: &[u32; CONTEXTS], root: u32) {
        for &context in contexts {
            let hash = row_hash(context, root);
            self.rows.prefetch(hash);
            prior.prefetch(hash);
        }
    }

    #[inline(always)]
    fn group(
        &mut self,
        prior: &Rows,
        contexts: &[u32; CONTEXTS],
        (group, zero, kind): (u32, usize, usize),
        new: &mut [bool; CONTEXTS],
    ) -> Group {
        let mut places = [self.rows.spare(); CONTEXTS];
        for k in 0..CONTEXTS {
            if !new[k] {
                places[k] = self.rows.place(row_hash(contexts[k], group), prior);
                new[k] = self.rows.at(places[k]).0[1] & 15 == 0;
            }
        }
        Group { places, zero, kind }
    }

    /// Codes one decision: that of the group at `tree` (its earlier decisions after a leading 1), and at `depth` of the symbol.
    #[inline(always)]
    fn decide<C: BitCoder>(
        &mut self,
        coder: &mut C,
        trust: &mut SymbolTrust,
        group: &Group,
        tree: usize,
        depth: usize,
        bit: bool,
    ) -> bool {
        let mut inputs = [0i16; INPUTS];
        let mut states = [0usize; CONTEXTS + 1];
        let mut cells = [Cell::EVEN; CONTEXTS + 1];
        let mut known = 0;
        for k in 0..CONTEXTS {
            cells[k] = Cell(self.rows.at(group.places[k]).0[tree]);
            known |= usize::from(cells[k].0 & 15 != 0) << k;
        }
        let zeros = match group.kind {
            NUMBER => &mut self.numbers,
            _ => &mut self.statics,
        };
        cells[CONTEXTS] = Cell(zeros[group.zero].0[tree]);
        for k in 0..=CONTEXTS {
            states[k] = (group.kind * (CONTEXTS + 1) + k) * STATES + cells[k].state();
            inputs[k] = trust.meanings.logit(states[k]);
        }
        inputs[INPUTS - 1] = 256;
        let sets = [
            group.kind * DEPTHS + depth.min(DEPTHS - 1),
            BY_KNOWN + (group.kind << CONTEXTS | known),
        ];
        let p = squash(trust.mixer.mix(&inputs, sets)).clamp(16, 65520);
        let bit = coder.bit(bit, p as u32);
        trust.mixer.learn(&inputs, sets, p, bit);
        for k in 0..=CONTEXTS {
            if C::TRAINS {
                Arc::make_mut(&mut trust.meanings).learn(states[k], bit);
            }
            cells[k].learn(bit);
        }
        zeros[group.zero].0[tree] = cells[CONTEXTS].0;
        for k in 0..CONTEXTS {
            self.rows.at(group.places[k]).0[tree] = cells[k].0;
        }
        bit
    }

    /// Codes a symbol of the tree that begins with group `root`; `path` is its way when encoding.
    /// Letters say at which `position` of the word they stand.
    #[inline(never)]
    pub fn symbol<C: BitCoder>(
        &mut self,
        coder: &mut C,
        trust: &mut SymbolTrust,
        (trees, prior): (&Trees, &Rows),
        contexts: &[u32; CONTEXTS],
        position: Option<usize>,
        (root, path): (u32, Path),
    ) -> u32 {
        let kind = if position.is_some() { LETTER } else { TOKEN };
        let mut way = path.0;
        let mut at = root;
        let mut depth = 0;
        // A context that is new to a group gets no rows for the groups below.
        let mut new = [false; CONTEXTS];
        self.prefetch(prior, contexts, root);
        loop {
            let group = self.group(prior, contexts, (at, at as usize, kind), &mut new);
            let exits = &trees.exits[at as usize];
            let mut tree = 1;
            let exit = loop {
                if tree >= 8 {
                    // The next group is fetched while the last decision of this one is made.
                    for bit in 0..2 {
                        let next = exits[tree << 1 | bit];
                        let ahead = !C::ENCODES || way >> 63 == bit as u64;
                        if ahead && next != 0 && next & LEAF == 0 {
                            self.prefetch(prior, contexts, next);
                        }
                    }
                }
                let bit = self.decide(
                    coder,
                    trust,
                    &group,
                    tree,
                    position.map_or(if depth < 4 { tree } else { depth + 12 }, |position| {
                        position * 4 + depth.min(3)
                    }),
                    way >> 63 == 1,
                );
                way <<= 1;
                depth += 1;
                tree = (tree << 1 | usize::from(bit)) & 31;
                if exits[tree] != 0 || tree >= 16 {
                    break exits[tree];
                }
            };
            if exit & LEAF != 0 {
                return exit & !LEAF;
            }
            at = exit;
        }
    }

    /// Codes a number of `bits` bits, the highest first; `salt` tells kinds of numbers apart.
    pub fn number<C: BitCoder>(
        &mut self,
        coder: &mut C,
        trust: &mut SymbolTrust,
        prior: &Rows,
        contexts: &[u32; CONTEXTS],
        (salt, bits): (u32, u32),
        number: u32,
    ) -> u32 {
        let mut value = 0;
        let mut left = bits;
        let mut new = [false; CONTEXTS];
        while left > 0 {
            let hash = row_hash(salt << 26 | left << 21 | value, 1);
            let zero = hash as usize & (self.numbers.len() - 1);
            self.prefetch(prior, contexts, hash);
            let group = self.group(prior, contexts, (hash, zero, NUMBER), &mut new);
            let mut tree = 1;
            // Groups end at bits whose number from the end is a multiple of four.
            loop {
                left -= 1;
                let bit = self.decide(
                    coder,
                    trust,
                    &group,
                    tree,
                    left as usize,
                    number >> left & 1 == 1,
                );
                tree = (tree << 1 | usize::from(bit)) & 15;
                value = value << 1 | u32::from(bit);
                if left % 4 == 0 {
                    break;
                }
            }
        }
        value
    }
}
