//! The byte model: spells tokens that the token model did not foresee.
//!
//! A byte is coded as eight binary decisions. Each of `ORDERS` contexts owns a node
//! of 15 cells per nibble; a cell (12-bit probability, 4-bit count) is looked up in a
//! learned map of what cells in that state turn out to mean, and the answers are mixed.

use super::coder::BitCoder;
use super::mixing::{squash, stretch, Apm, Chance, Mixer, Numbers, UNIT};

/// Contexts that are mixed.
pub const ORDERS: usize = 6;
/// What the mixers take: the contexts, order 0 and a constant.
const INPUTS: usize = ORDERS + 2;
/// Cell states: 4 bits of count, 6 of probability.
const STATES: usize = 1024;

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
const LIMIT: u16 = 10;

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

/// Fifteen cells of one nibble in one context; cell 0 holds the check.
#[derive(Clone, Copy)]
#[repr(align(32))]
struct Node([u16; 16]);

const FRESH: Node = {
    let mut cells = [2048 << 4; 16];
    cells[0] = 0;
    Node(cells)
};

/// What is learned about how far to trust each context.
#[derive(Clone)]
pub struct SpellingTrust {
    maps: Vec<Chance>,
    order0_map: Vec<Chance>,
    by_place: Mixer<INPUTS>,
    by_tree: Mixer<INPUTS>,
    refine: Apm,
}

impl Default for SpellingTrust {
    fn default() -> Self {
        SpellingTrust {
            maps: (0..2 * ORDERS * STATES)
                .map(|i| initial(i % STATES))
                .collect(),
            order0_map: (0..STATES).map(initial).collect(),
            by_place: Mixer::new(8 * 3, UNIT / 4, 40),
            by_tree: Mixer::new(2 * 256, UNIT / 4, 40),
            refine: Apm::new(256 * 4),
        }
    }
}

impl SpellingTrust {
    /// Shows every number to `visit`.
    pub fn visit(&mut self, visit: &mut dyn FnMut(Numbers<'_>)) {
        visit(Numbers::Chances(&mut self.maps));
        visit(Numbers::Chances(&mut self.order0_map));
        visit(Numbers::Weights(
            self.by_place.weights_mut().as_flattened_mut(),
        ));
        visit(Numbers::Weights(
            self.by_tree.weights_mut().as_flattened_mut(),
        ));
        visit(Numbers::Points(self.refine.points_mut()));
    }
}

/// A table of nodes, found by hash, three places for each.
#[derive(Clone)]
pub struct Nodes {
    nodes: Vec<Node>,
    mask: usize,
}

impl Nodes {
    /// `1 << bits` nodes.
    pub fn new(bits: u32) -> Self {
        Nodes {
            nodes: vec![FRESH; 1 << bits],
            mask: (1 << bits) - 1,
        }
    }

    /// The cells of every place, the check (0 in unused places) in front of 15.
    pub fn rows(&self) -> impl Iterator<Item = &[u16; 16]> {
        self.nodes.iter().map(|node| &node.0)
    }

    /// The same, to be filled.
    pub fn rows_mut(&mut self) -> impl Iterator<Item = &mut [u16; 16]> {
        self.nodes.iter_mut().map(|node| &mut node.0)
    }

    /// The first place and the check of a node. `salt` is 0 for the upper nibble and
    /// tells the lower ones apart, which lie near it, on the same page of memory.
    #[inline(always)]
    fn key(&self, hash: u32, salt: u32) -> (usize, u16) {
        let near = (hash ^ salt)
            .wrapping_mul(0x9E37_79B1)
            .wrapping_add(salt << 27);
        let first = (hash >> 3 & !63 | near >> 26) as usize & self.mask;
        (first, (near >> 8) as u16 | 1)
    }

    #[inline(always)]
    fn find(&self, hash: u32, salt: u32) -> Option<&Node> {
        let (first, check) = self.key(hash, salt);
        [first, first ^ 1, first ^ 2]
            .into_iter()
            .map(|place| &self.nodes[place])
            .find(|node| node.0[0] == check)
    }

    /// The check at the first place of a node.
    #[inline(always)]
    fn peek(&self, hash: u32, salt: u32) -> u16 {
        self.nodes[self.key(hash, salt).0].0[0]
    }

    #[inline(always)]
    fn place(&mut self, hash: u32, salt: u32, prior: Option<&Nodes>) -> usize {
        let (first, check) = self.key(hash, salt);
        let mut weakest = first;
        for place in [first, first ^ 1, first ^ 2] {
            let found = &self.nodes[place].0;
            if found[0] == check {
                return place;
            }
            if found[1] & 15 < self.nodes[weakest].0[1] & 15 {
                weakest = place;
            }
        }
        self.nodes[weakest] = prior
            .and_then(|prior| prior.find(hash, salt))
            .copied()
            .unwrap_or(FRESH);
        self.nodes[weakest].0[0] = check;
        weakest
    }
}

/// The byte model of one block.
#[derive(Clone)]
pub struct Spelling {
    /// The nodes of this block.
    pub nodes: Nodes,
    order0: Vec<Cell>,
}

impl Spelling {
    /// A model with `1 << bits` nodes.
    pub fn new(bits: u32) -> Self {
        Spelling {
            nodes: Nodes::new(bits),
            order0: vec![Cell::EVEN; 256 * 4],
        }
    }

    /// Codes one byte in the contexts `hashes`; `place` (0..8) says where in the token it
    /// stands.
    #[inline(never)]
    pub fn byte<C: BitCoder>(
        &mut self,
        coder: &mut C,
        trust: &mut SpellingTrust,
        prior: Option<&Nodes>,
        byte: u8,
        hashes: &[u32; ORDERS],
        place: usize,
    ) -> u8 {
        let start = usize::from(place == 0); // the first byte has contexts of its own
        let mut tree = 1usize; // the bits of this byte so far, after a leading 1
        let mut places = [0usize; ORDERS];
        for nibble in 0..2usize {
            let salt = if nibble == 0 { 0 } else { tree as u32 };
            let checks: [u16; ORDERS] = std::array::from_fn(|k| self.nodes.peek(hashes[k], salt));
            // All of these loads are to be under way before the first one is waited for.
            std::hint::black_box(&checks);
            for (place, &hash) in places.iter_mut().zip(hashes) {
                *place = self.nodes.place(hash, salt, prior);
            }
            let mut node = 1usize;
            for depth in 0..4 {
                let mut inputs = [0i16; INPUTS];
                let mut states = [0usize; ORDERS];
                for k in 0..ORDERS {
                    let cell = Cell(self.nodes.nodes[places[k]].0[node]);
                    states[k] = (start * ORDERS + k) * STATES + cell.state();
                    inputs[k] = stretch(trust.maps[states[k]].p());
                }
                let zero = (place.min(3)) * 256 + tree;
                let zero_state = self.order0[zero].state();
                inputs[ORDERS] = stretch(trust.order0_map[zero_state].p());
                inputs[ORDERS + 1] = 256;
                let place_set = place * 3
                    + if nibble == 0 {
                        usize::from(depth > 0)
                    } else {
                        2
                    };
                let (a, b) = (
                    trust.by_place.mix(&inputs, place_set),
                    trust.by_tree.mix(&inputs, start << 8 | tree),
                );
                let (pa, pb) = (squash(a), squash(b));
                let mixed = (a + b) >> 1;
                let p = squash(mixed);
                let context = place.min(3) << 8 | tree;
                let refined = trust.refine.refine(mixed, context);
                let p = ((p + refined + 1) >> 1).clamp(16, 65520);
                let bit = coder.bit(byte >> (7 - (nibble * 4 + depth)) & 1 == 1, p as u32);
                trust.by_place.learn(&inputs, place_set, pa, bit);
                trust.by_tree.learn(&inputs, start << 8 | tree, pb, bit);
                trust.refine.learn(bit, 6);
                for k in 0..ORDERS {
                    trust.maps[states[k]].learn(bit, 1000);
                    let mut cell = Cell(self.nodes.nodes[places[k]].0[node]);
                    cell.learn(bit);
                    self.nodes.nodes[places[k]].0[node] = cell.0;
                }
                trust.order0_map[zero_state].learn(bit, 1000);
                self.order0[zero].learn(bit);
                node = node << 1 | usize::from(bit);
                tree = tree << 1 | usize::from(bit);
            }
        }
        tree as u8
    }
}

/// What a cell state means before anything was learned: its own probability.
pub fn initial(state: usize) -> Chance {
    Chance(((state as u32 & 63) << 26 | 1 << 25) | 6)
}
