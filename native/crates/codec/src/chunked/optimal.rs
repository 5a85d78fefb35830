//! The optimal parser of `chunked-rans`, level 2.
//!
//! Dynamic programming over positions, as in LZMA: a node keeps the cheapest way to reach
//! its position, with what the prices of the next token depend on. Prices come from the
//! lazy parse at first, then from the parse before. Integers only.

use super::alphabet::{
    first_literal_context, inner_literal_context, length_context, split_value,
    DISTANCE_DIRECT_BITS, FIRST_DISTANCE, FIRST_PHRASE_GROUP, FIRST_RUN, INITIAL_DISTANCES,
    MAX_RUN, RUN_DIRECT_BITS, TOKEN_CLASSES,
};
use super::matches::{common_length, window, Builder};
use super::payload::Parsed;
use super::prices::{Counts, Prices, PRICED_LENGTHS};
use super::prior::{Prior, MAX_PHRASE};
use super::repetitions::{Repetition, Repetitions};

/// Positions of one run of the dynamic programme.
const WINDOW: usize = 1 << 14;
/// A repetition of this length is taken at once.
const NICE_LENGTH: usize = 200;
/// Up to this length all lengths of a repetition are tried, beyond only the full one.
const TRIED_LENGTHS: usize = 40;
/// So much of a block is parsed lazily for the first prices, and parsed between one set of prices and the next.
const SAMPLE: usize = 1 << 15;

/// `data` as tokens.
pub fn parse(data: &[u8], prior: &Prior) -> Parsed {
    let sample = super::lazy::parse(&data[..data.len().min(SAMPLE)], prior);
    let mut counts = Counts::new(prior);
    counts.add(&sample.tokens, &sample.literals, prior);
    Programme::new(data, prior, counts).run()
}

/// The cheapest known way to a position.
#[derive(Clone, Copy)]
struct Arrival {
    price: u32,
    /// Distance or number of the phrase.
    target: u32,
    /// Bytes of the token.
    length: u16,
    /// Bytes of a repetition at the same distance after the token and a literal, or 0.
    tail: u16,
    /// The token's symbol; that of a run changes with every literal.
    symbol: u8,
    /// Literals in the run that ends here.
    run: u8,
}

const UNREACHED: Arrival = Arrival {
    price: u32::MAX,
    target: 0,
    length: 0,
    tail: 0,
    symbol: 0,
    run: 0,
};

/// What the prices of the tokens after a position depend on.
#[derive(Clone, Copy)]
struct State {
    recent: [u32; 4],
    /// Class of the token that ends here.
    class: u8,
    /// Class of the token before the run that ends here.
    class_before: u8,
}

struct Programme<'a> {
    data: &'a [u8],
    prior: &'a Prior,
    repetitions: Repetitions<'a>,
    counts: Counts,
    prices: Prices,
    arrivals: Vec<Arrival>,
    states: Vec<State>,
    /// The end of the repetition that is the cheapest of all that end later, and its price.
    lead: (usize, u32),
    found: Vec<Repetition>,
}

impl<'a> Programme<'a> {
    fn new(data: &'a [u8], prior: &'a Prior, counts: Counts) -> Self {
        let start = State {
            recent: INITIAL_DISTANCES,
            class: 0,
            class_before: 0,
        };
        Programme {
            data,
            prior,
            repetitions: Repetitions::new(data, NICE_LENGTH),
            prices: Prices::new(&counts, prior),
            counts,
            arrivals: vec![UNREACHED; WINDOW + 1],
            states: vec![start; WINDOW + 1],
            lead: (0, 0),
            found: Vec::new(),
        }
    }

    fn run(mut self) -> Parsed {
        let size = self.data.len();
        let mut builder = Builder::new(self.data, self.prior);
        let (mut position, mut run) = (0, 0);
        let (mut counted, mut priced) = ((0, 0), 0);
        while position < size {
            if position >= priced + SAMPLE {
                priced = position;
                let Parsed { tokens, literals } = builder.parsed();
                self.counts
                    .add(&tokens[counted.0..], &literals[counted.1..], self.prior);
                counted = (tokens.len(), literals.len());
                self.prices = Prices::new(&self.counts, self.prior);
            }
            let width = WINDOW.min(size - position);
            self.arrivals[..=width].fill(UNREACHED);
            self.arrivals[0] = Arrival {
                price: 0,
                run,
                ..UNREACHED
            };
            self.lead = (0, 0);
            let mut reached = width;
            let mut nice = None;
            for index in 0..width {
                if self.lead.0 > index && self.arrivals[index].price >= self.lead.1 {
                    continue;
                }
                if index > 0 {
                    self.enter(index);
                }
                nice = self.visit(position + index, index, width);
                if nice.is_some() {
                    reached = index;
                    break;
                }
            }
            if reached > 0 {
                if nice.is_none() {
                    self.enter(reached);
                }
                self.emit(&mut builder, position, reached);
                self.states[0] = self.states[reached];
                run = self.arrivals[reached].run;
                position += reached;
            }
            if let Some(distance) = nice {
                let there = position - distance as usize;
                let length = common_length(self.data, there, position, size - position);
                builder.reference(position, distance, length);
                let state = &mut self.states[0];
                let symbol = distance_symbol(distance, &state.recent);
                state.recent = builder.recent();
                state.class = self.prior.classes[usize::from(symbol)];
                run = 0;
                position += length;
            }
        }
        builder.finish()
    }

    /// Settles the state of a node by its cheapest arrival.
    #[inline]
    fn enter(&mut self, index: usize) {
        let arrival = &self.arrivals[index];
        let mut span = usize::from(arrival.length);
        if arrival.tail > 0 {
            span += 1 + usize::from(arrival.tail);
        }
        let before = self.states[index - span];
        let mut state = before;
        state.class = self.prior.classes[usize::from(arrival.symbol)];
        if arrival.run > 0 {
            if arrival.run == 1 {
                state.class_before = before.class;
            }
        } else if arrival.symbol < FIRST_RUN {
            let distance = arrival.target;
            let which = state
                .recent
                .iter()
                .position(|&known| known == distance)
                .unwrap_or(3);
            state.recent[..=which].rotate_right(1);
            state.recent[0] = distance;
            if arrival.tail > 0 {
                state.class = self.prior.classes[0];
            }
        }
        self.states[index] = state;
    }

    /// Tries every token at `position`; gives the distance of a repetition that is to be taken at once.
    fn visit(&mut self, position: usize, index: usize, width: usize) -> Option<u32> {
        let node = self.arrivals[index];
        let state = self.states[index];
        let data = self.data;
        let room = width - index;
        let class = usize::from(state.class) % TOKEN_CLASSES;
        self.literal(position, index, &node, &state);
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
                    let price = node.price + self.prices.token[class][usize::from(symbol)];
                    let to = &mut self.arrivals[index + length as usize];
                    if price < to.price {
                        *to = Arrival {
                            price,
                            target: number,
                            length: length as u16,
                            tail: 0,
                            symbol,
                            run: 0,
                        };
                    }
                }
            }
        }
        let before = (node.run > 0).then_some(FIRST_RUN);
        let limit = (data.len() - position).min(NICE_LENGTH);
        if limit < 2 {
            return None;
        }
        // What a cheaper repetition already reaches, a dearer one need not try.
        let mut reach = 1;
        for (which, &distance) in state.recent.iter().enumerate() {
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
            let base = node.price + self.prices.token[class][which];
            self.repetition(
                position,
                index,
                base,
                which as u8,
                before,
                distance,
                reach + 1,
                length,
                room,
            );
            reach = reach.max(length);
        }
        let mut shortest = 3.max(reach + 1);
        let mut repetitions = std::mem::take(&mut self.found);
        repetitions.clear();
        repetitions.extend_from_slice(self.repetitions.at(position));
        for &(length, distance) in &repetitions {
            let length = length as usize;
            if length >= NICE_LENGTH {
                self.found = repetitions;
                return Some(distance);
            }
            if length >= shortest {
                if !state.recent.contains(&distance) {
                    let symbol = FIRST_DISTANCE + split_value(distance - 1, DISTANCE_DIRECT_BITS).0;
                    let base = node.price + self.prices.token[class][usize::from(symbol)];
                    self.repetition(
                        position, index, base, symbol, before, distance, shortest, length, room,
                    );
                }
                shortest = length + 1;
            }
        }
        self.found = repetitions;
        None
    }

    #[inline]
    fn literal(&mut self, position: usize, index: usize, node: &Arrival, state: &State) {
        let tokens = &self.prices.token;
        let run_price = |class: u8, run: usize| {
            tokens[usize::from(class) % TOKEN_CLASSES][usize::from(run_symbol(run))]
        };
        let literal = usize::from(self.data[position]);
        let (price, run);
        if node.run == 0 || usize::from(node.run) >= MAX_RUN {
            price = run_price(state.class, 1)
                + self.prices.literal[first_literal_context(state.class)][literal];
            run = 1;
        } else {
            let run_now = usize::from(node.run);
            let context = inner_literal_context(self.data[position - 1]);
            price = (run_price(state.class_before, run_now + 1)
                + self.prices.literal[context][literal])
                .saturating_sub(run_price(state.class_before, run_now));
            run = node.run + 1;
        }
        let price = node.price + price;
        let to = &mut self.arrivals[index + 1];
        if price < to.price {
            *to = Arrival {
                price,
                target: 0,
                length: 1,
                tail: 0,
                symbol: run_symbol(usize::from(run)),
                run,
            };
        }
    }

    #[allow(clippy::too_many_arguments)]
    #[inline]
    fn repetition(
        &mut self,
        position: usize,
        index: usize,
        base: u32,
        symbol: u8,
        before: Option<u8>,
        distance: u32,
        shortest: usize,
        full: usize,
        room: usize,
    ) {
        let longest = full.min(room);
        let lengths = &self.prices.length[length_context(symbol, before)];
        let first = if longest > TRIED_LENGTHS {
            longest
        } else {
            shortest
        };
        if first > longest {
            return;
        }
        for length in first..=longest {
            let price = base + lengths[length % PRICED_LENGTHS];
            let to = &mut self.arrivals[index + length];
            if price < to.price {
                *to = Arrival {
                    price,
                    target: distance,
                    length: length as u16,
                    tail: 0,
                    symbol,
                    run: 0,
                };
            }
        }
        let price = base + lengths[longest % PRICED_LENGTHS];
        if self.lead.0 <= index || price <= self.lead.1 {
            self.lead = (index + longest, price);
        }
        self.tail(position, index, price, symbol, distance, longest, room);
    }

    /// Tries a literal and the same distance again after a repetition.
    #[allow(clippy::too_many_arguments)]
    #[inline]
    fn tail(
        &mut self,
        position: usize,
        index: usize,
        price: u32,
        symbol: u8,
        distance: u32,
        length: usize,
        room: usize,
    ) {
        let here = position + length + 1;
        let limit = room.saturating_sub(length + 1).min(NICE_LENGTH);
        let there = here - distance as usize;
        if limit < 2
            || self.data[here] != self.data[there]
            || self.data[here + 1] != self.data[there + 1]
        {
            return;
        }
        let tail = common_length(self.data, there, here, limit);
        let prices = &self.prices;
        let class = self.prior.classes[usize::from(symbol)];
        let run_class = self.prior.classes[usize::from(FIRST_RUN)];
        let price = price
            + prices.token[usize::from(class) % TOKEN_CLASSES][usize::from(FIRST_RUN)]
            + prices.literal[first_literal_context(class)][usize::from(self.data[here - 1])]
            + prices.token[usize::from(run_class) % TOKEN_CLASSES][0]
            + prices.length[length_context(0, Some(FIRST_RUN))][tail % PRICED_LENGTHS];
        let to = &mut self.arrivals[index + length + 1 + tail];
        if price < to.price {
            *to = Arrival {
                price,
                target: distance,
                length: length as u16,
                tail: tail as u16,
                symbol,
                run: 0,
            };
        }
    }

    /// Tells `builder` the way to node `reached`.
    fn emit(&self, builder: &mut Builder, position: usize, reached: usize) {
        let mut way = Vec::new();
        let mut index = reached;
        while index > 0 {
            way.push(index);
            let arrival = &self.arrivals[index];
            let tail = usize::from(arrival.tail);
            index -= usize::from(arrival.length) + tail + usize::from(tail > 0);
        }
        for &index in way.iter().rev() {
            let arrival = &self.arrivals[index];
            let (length, tail) = (usize::from(arrival.length), usize::from(arrival.tail));
            let end = position + index;
            if arrival.symbol >= FIRST_PHRASE_GROUP {
                builder.phrase(end - length, arrival.target, length);
            } else if arrival.symbol < FIRST_RUN {
                let start = end - length - tail - usize::from(tail > 0);
                builder.reference(start, arrival.target, length);
                if tail > 0 {
                    builder.reference(end - tail, arrival.target, tail);
                }
            }
        }
    }
}

fn distance_symbol(distance: u32, recent: &[u32; 4]) -> u8 {
    match recent.iter().position(|&known| known == distance) {
        Some(which) => which as u8,
        None => FIRST_DISTANCE + split_value(distance - 1, DISTANCE_DIRECT_BITS).0,
    }
}

#[inline]
fn run_symbol(run: usize) -> u8 {
    FIRST_RUN + split_value(run as u32 - 1, RUN_DIRECT_BITS).0
}
