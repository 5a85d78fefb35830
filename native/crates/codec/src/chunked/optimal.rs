//! The optimal parser of `chunked-rans`, level 2.
//!
//! Dynamic programming over positions, as in LZMA: a node keeps the cheapest way to reach
//! its position, with what the prices of the next token depend on. Prices come from the
//! lazy parse at first, then from the parse before. Integers only.

use crate::rans::tables::{levels_of_counts, normalise, COST, COST_UNIT};

use super::alphabet::{
    first_literal_context, inner_literal_context, length_context, split_value, Stream,
    DISTANCE_DIRECT_BITS, FIRST_DISTANCE, FIRST_PHRASE_GROUP, FIRST_RUN, INITIAL_DISTANCES,
    LENGTH_DIRECT_BITS, MAX_RUN, MIN_LENGTH, RUN_DIRECT_BITS, STREAMS, TOKEN_CLASSES,
};
use super::matches::{common_length, window, Builder};
use super::payload::{symbols, Parsed};
use super::prior::{Prior, MAX_PHRASE};

/// Positions of one run of the dynamic programme.
const WINDOW: usize = 1 << 14;
/// A repetition of this length is taken at once.
const NICE_LENGTH: usize = 200;
/// Up to this length all lengths of a repetition are tried, beyond only the full one.
const TRIED_LENGTHS: usize = 40;
const PASSES: usize = 2;
const CHAIN_DEPTH: usize = 12;
const LONG_DEPTH: usize = 8;
const HASH_BITS: u32 = 17;
/// Three bytes are worth a new distance only when it is short.
const SHORT_DISTANCE: usize = 1 << 12;
const NONE: u32 = u32::MAX;

/// `data` as tokens.
pub fn parse(data: &[u8], prior: &Prior) -> Parsed {
    let mut parsed = super::lazy::parse(data, prior);
    let matches = Matches::find(data);
    for _ in 0..PASSES {
        let prices = Prices::new(&parsed, prior);
        parsed = Programme::new(data, prior, &matches, &prices).run();
    }
    parsed
}

/// The longer and longer repetitions that each position offers, nearest first.
struct Matches {
    /// Where the matches of each position begin in `found`.
    starts: Vec<u32>,
    /// `length << 32 | distance`.
    found: Vec<u64>,
}

impl Matches {
    fn find(data: &[u8]) -> Self {
        let size = data.len();
        let mut matches = Matches {
            starts: Vec::with_capacity(size + 1),
            found: Vec::with_capacity(2 * size),
        };
        let mut heads = [
            vec![NONE; 1 << 16],
            vec![NONE; 1 << HASH_BITS],
            vec![NONE; 1 << HASH_BITS],
        ];
        let mut chains = [vec![NONE; size], vec![NONE; size]];
        for position in 0..size {
            matches.starts.push(matches.found.len() as u32);
            let word = window(data, position) as u64;
            let room = size - position;
            let limit = room.min(NICE_LENGTH);
            let mut longest = 2;
            if room >= 3 {
                let hash = ((word as u32) << 8).wrapping_mul(2_654_435_761) as usize >> 16;
                let there = std::mem::replace(&mut heads[0][hash], position as u32);
                if there != NONE && position - there as usize <= SHORT_DISTANCE {
                    matches.consider(data, position, there as usize, limit, &mut longest);
                }
            }
            let hashes = [
                (word as u32).wrapping_mul(2_654_435_761) as usize >> (32 - HASH_BITS),
                (word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - HASH_BITS)) as usize,
            ];
            for (kind, (width, depth)) in
                [(4, CHAIN_DEPTH), (8, LONG_DEPTH)].into_iter().enumerate()
            {
                if room < width {
                    continue;
                }
                let chain = &mut chains[kind];
                let mut there =
                    std::mem::replace(&mut heads[kind + 1][hashes[kind]], position as u32);
                chain[position] = there;
                for _ in 0..depth {
                    if there == NONE || longest >= limit {
                        break;
                    }
                    matches.consider(data, position, there as usize, limit, &mut longest);
                    there = chain[there as usize];
                }
            }
        }
        matches.starts.push(matches.found.len() as u32);
        matches
    }

    #[inline]
    fn consider(
        &mut self,
        data: &[u8],
        here: usize,
        there: usize,
        limit: usize,
        longest: &mut usize,
    ) {
        // Only a longer match is worth its greater distance.
        if *longest >= limit || data[there + *longest] != data[here + *longest] {
            return;
        }
        let length = common_length(data, there, here, limit);
        if length > *longest {
            *longest = length;
            self.found
                .push((length as u64) << 32 | (here - there) as u64);
        }
    }

    fn at(&self, position: usize) -> &[u64] {
        &self.found[self.starts[position] as usize..self.starts[position + 1] as usize]
    }
}

/// What every symbol costs in every context, in 1/256 bit, raw bits included.
struct Prices {
    token: Vec<[u32; 256]>,
    length: Vec<[u32; 64]>,
    literal: Vec<[u32; 256]>,
}

impl Prices {
    fn new(parsed: &Parsed, prior: &Prior) -> Self {
        let symbols = symbols(parsed, prior, 1);
        let groups = prior.group_bits.len();
        let mut rows: [Vec<Vec<u32>>; STREAMS] = Default::default();
        for (stream, symbols) in Stream::ALL.into_iter().zip(&symbols) {
            let size = stream.alphabet(groups);
            let mut counts = vec![vec![0u32; size]; stream.contexts()];
            for &symbol in symbols {
                counts[(symbol >> 8) as usize][(symbol & 0xff) as usize] += 1;
            }
            let total: Vec<u32> = (0..size)
                .map(|symbol| counts.iter().map(|row| row[symbol]).sum())
                .collect();
            let together = normalise(&levels_of_counts(&total));
            let statics = &prior.tables[stream as usize];
            rows[stream as usize] = counts
                .iter()
                .enumerate()
                .map(|(context, row)| {
                    // What is expected without the block counts as much as 64 symbols of it.
                    let expected = statics
                        .get(context)
                        .map_or(&together, |table| &table.frequencies);
                    let mixed: Vec<u32> = row
                        .iter()
                        .zip(expected)
                        .map(|(&count, &frequency)| {
                            count
                                .saturating_mul(64)
                                .saturating_add(u32::from(frequency) + 1)
                        })
                        .collect();
                    normalise(&levels_of_counts(&mixed))
                        .iter()
                        .map(|&frequency| COST[usize::from(frequency)])
                        .collect()
                })
                .collect();
        }
        let bits = |width: u32| width * COST_UNIT as u32;
        let mut prices = Prices {
            token: vec![[0; 256]; Stream::Token.contexts()],
            length: vec![[0; 64]; Stream::Length.contexts()],
            literal: vec![[0; 256]; Stream::Literal.contexts()],
        };
        for (to, from) in prices.token.iter_mut().zip(&rows[0]) {
            for (symbol, &cost) in from.iter().enumerate() {
                to[symbol] = cost + bits(super::payload::detail_width(symbol as u8, prior));
            }
        }
        for (to, from) in prices.length.iter_mut().zip(&rows[1]) {
            for (symbol, &cost) in from.iter().enumerate() {
                to[symbol] =
                    cost + bits(super::alphabet::join_value(symbol as u8, LENGTH_DIRECT_BITS).1);
            }
        }
        for (to, from) in prices.literal.iter_mut().zip(&rows[2]) {
            to.copy_from_slice(from);
        }
        prices
    }
}

/// How a node was reached.
#[derive(Clone, Copy)]
enum Step {
    Literal,
    Distance(u32),
    Phrase(u32),
}

#[derive(Clone, Copy)]
struct Node {
    price: u32,
    length: u32,
    step: Step,
    recent: [u32; 4],
    /// Class of the token that ends here.
    class: u8,
    /// Literals in the run that ends here, and the class of the token before that run.
    run: u8,
    class_before: u8,
}

const START: Node = Node {
    price: 0,
    length: 0,
    step: Step::Literal,
    recent: INITIAL_DISTANCES,
    class: 0,
    run: 0,
    class_before: 0,
};

struct Programme<'a> {
    data: &'a [u8],
    prior: &'a Prior,
    matches: &'a Matches,
    prices: &'a Prices,
    nodes: Vec<Node>,
}

impl<'a> Programme<'a> {
    fn new(data: &'a [u8], prior: &'a Prior, matches: &'a Matches, prices: &'a Prices) -> Self {
        Programme {
            data,
            prior,
            matches,
            prices,
            nodes: Vec::with_capacity(WINDOW + 1),
        }
    }

    fn run(mut self) -> Parsed {
        let size = self.data.len();
        let mut builder = Builder::new(self.data, self.prior);
        let (mut position, mut state) = (0, START);
        while position < size {
            let width = WINDOW.min(size - position);
            self.nodes.clear();
            self.nodes.resize(
                width + 1,
                Node {
                    price: u32::MAX,
                    ..START
                },
            );
            self.nodes[0] = Node { price: 0, ..state };
            let mut reached = width;
            let mut nice = None;
            for index in 0..width {
                if let Some(found) = self.visit(position + index, index, width) {
                    reached = index;
                    nice = Some(found);
                    break;
                }
            }
            self.emit(&mut builder, position, reached);
            state = self.nodes[reached];
            position += reached;
            if let Some(distance) = nice {
                let there = position - distance as usize;
                let length = common_length(self.data, there, position, size - position);
                builder.reference(position, distance, length);
                let symbol = match state.recent.iter().position(|&known| known == distance) {
                    Some(which) => which as u8,
                    None => FIRST_DISTANCE + split_value(distance - 1, DISTANCE_DIRECT_BITS).0,
                };
                state = Node {
                    recent: builder.recent(),
                    class: self.prior.classes[usize::from(symbol)],
                    run: 0,
                    ..state
                };
                position += length;
            }
        }
        builder.finish()
    }

    /// Tries every token at `position`; gives the distance of a repetition that is to be taken at once.
    fn visit(&mut self, position: usize, index: usize, width: usize) -> Option<u32> {
        let node = self.nodes[index];
        let data = self.data;
        let room = width - index;
        let tokens = &self.prices.token[usize::from(node.class) % TOKEN_CLASSES];
        self.literal(position, index, &node);
        if !self.prior.phrases.is_empty() {
            let window = window(data, position);
            let mut lengths = self.prior.lengths(window);
            if room < MAX_PHRASE {
                lengths &= (2 << room) - 1;
            }
            while lengths > 0 {
                let length = lengths.trailing_zeros();
                lengths &= lengths - 1;
                if let Some(number) = self.prior.find(window, length as u8) {
                    let symbol = FIRST_PHRASE_GROUP + self.prior.group(number) as u8;
                    let price = node.price + tokens[usize::from(symbol)];
                    let to = &mut self.nodes[index + length as usize];
                    if price < to.price {
                        *to = Node {
                            price,
                            length,
                            step: Step::Phrase(number),
                            recent: node.recent,
                            class: self.prior.classes[usize::from(symbol)],
                            run: 0,
                            class_before: 0,
                        };
                    }
                }
            }
        }
        let before = if node.run > 0 { Some(FIRST_RUN) } else { None };
        let limit = (data.len() - position).min(NICE_LENGTH);
        if limit < 2 {
            return None;
        }
        // What a cheaper repetition already reaches, a dearer one need not try.
        let mut reach = 1;
        for which in 0..4 {
            let distance = node.recent[which];
            let Some(there) = position.checked_sub(distance as usize) else {
                continue;
            };
            if data[there] != data[position] || data[there + 1] != data[position + 1] {
                continue;
            }
            let length = common_length(data, there, position, limit);
            if length >= NICE_LENGTH {
                return Some(distance);
            }
            let mut recent = node.recent;
            recent[..=which].rotate_right(1);
            self.repetition(
                index,
                &node,
                which as u8,
                before,
                distance,
                recent,
                reach + 1,
                length.min(room),
            );
            reach = reach.max(length);
        }
        let mut shortest = 3.max(reach + 1);
        for &found in self.matches.at(position) {
            let (length, distance) = ((found >> 32) as usize, found as u32);
            if length >= NICE_LENGTH {
                return Some(distance);
            }
            if !node.recent.contains(&distance) {
                let symbol = FIRST_DISTANCE + split_value(distance - 1, DISTANCE_DIRECT_BITS).0;
                let recent = [distance, node.recent[0], node.recent[1], node.recent[2]];
                self.repetition(
                    index,
                    &node,
                    symbol,
                    before,
                    distance,
                    recent,
                    shortest,
                    length.min(room),
                );
            }
            shortest = shortest.max(length + 1);
        }
        None
    }

    fn literal(&mut self, position: usize, index: usize, node: &Node) {
        let tokens = &self.prices.token;
        let run_price = |class: u8, run: usize| {
            tokens[usize::from(class) % TOKEN_CLASSES][usize::from(run_symbol(run))]
        };
        let literal = usize::from(self.data[position]);
        let (price, run, class_before);
        if node.run == 0 || usize::from(node.run) >= MAX_RUN {
            price = run_price(node.class, 1)
                + self.prices.literal[first_literal_context(node.class)][literal];
            (run, class_before) = (1, node.class);
        } else {
            let run_now = usize::from(node.run);
            let context = inner_literal_context(self.data[position - 1]);
            price = (run_price(node.class_before, run_now + 1)
                + self.prices.literal[context][literal])
                .saturating_sub(run_price(node.class_before, run_now));
            (run, class_before) = (node.run + 1, node.class_before);
        }
        let price = node.price + price;
        let to = &mut self.nodes[index + 1];
        if price < to.price {
            *to = Node {
                price,
                length: 1,
                step: Step::Literal,
                recent: node.recent,
                class: self.prior.classes[usize::from(run_symbol(usize::from(run)))],
                run,
                class_before,
            };
        }
    }

    #[allow(clippy::too_many_arguments)]
    #[inline]
    fn repetition(
        &mut self,
        index: usize,
        node: &Node,
        symbol: u8,
        before: Option<u8>,
        distance: u32,
        recent: [u32; 4],
        shortest: usize,
        longest: usize,
    ) {
        let base = node.price
            + self.prices.token[usize::from(node.class) % TOKEN_CLASSES][usize::from(symbol)];
        let lengths = &self.prices.length[length_context(symbol, before)];
        let class = self.prior.classes[usize::from(symbol)];
        let first = if longest > TRIED_LENGTHS {
            longest
        } else {
            shortest
        };
        for length in first..=longest {
            let (length_symbol, _, _) = split_value(length as u32 - MIN_LENGTH, LENGTH_DIRECT_BITS);
            let price = base + lengths[usize::from(length_symbol) & 63];
            let to = &mut self.nodes[index + length];
            if price < to.price {
                *to = Node {
                    price,
                    length: length as u32,
                    step: Step::Distance(distance),
                    recent,
                    class,
                    run: 0,
                    class_before: 0,
                };
            }
        }
    }

    /// Tells `builder` the way to node `reached`.
    fn emit(&self, builder: &mut Builder, position: usize, reached: usize) {
        let mut way = Vec::new();
        let mut index = reached;
        while index > 0 {
            way.push(index);
            index -= (self.nodes[index].length as usize).clamp(1, index);
        }
        for &index in way.iter().rev() {
            let node = &self.nodes[index];
            let start = position + index - node.length as usize;
            match node.step {
                Step::Literal => {}
                Step::Phrase(number) => builder.phrase(start, number, node.length as usize),
                Step::Distance(distance) => {
                    builder.reference(start, distance, node.length as usize)
                }
            }
        }
    }
}

fn run_symbol(run: usize) -> u8 {
    FIRST_RUN + split_value(run as u32 - 1, RUN_DIRECT_BITS).0
}
