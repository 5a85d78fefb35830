//! What every symbol is expected to cost, from an earlier parse of the block and the prior.

use crate::rans::tables::{levels_of_counts, normalise, COST, COST_UNIT};

use super::alphabet::{
    join_value, split_value, Stream, Token, LENGTH_DIRECT_BITS, MIN_LENGTH, STREAMS,
};
use super::payload::symbols;
use super::prior::Prior;

/// Lengths that have a price of their own are below.
pub const PRICED_LENGTHS: usize = 256;

/// How often each symbol occurs in each context.
pub struct Counts([Vec<Vec<u32>>; STREAMS]);

impl Counts {
    /// Nothing yet.
    pub fn new(prior: &Prior) -> Self {
        let groups = prior.group_bits.len();
        Counts(
            Stream::ALL.map(|stream| vec![vec![0u32; stream.alphabet(groups)]; stream.contexts()]),
        )
    }

    /// Counts some tokens and their literals, too.
    pub fn add(&mut self, tokens: &[Token], literals: &[u8], prior: &Prior) {
        for (rows, symbols) in self.0.iter_mut().zip(symbols(tokens, literals, prior, 1)) {
            for symbol in symbols {
                rows[(symbol >> 8) as usize][(symbol & 0xff) as usize] += 1;
            }
        }
    }
}

/// Prices in 1/256 bit, raw bits included.
pub struct Prices {
    /// By class of the token before, and symbol.
    pub token: Vec<[u32; 256]>,
    /// By context and length.
    pub length: Vec<[u32; PRICED_LENGTHS]>,
    /// By context and literal.
    pub literal: Vec<[u32; 256]>,
}

impl Prices {
    /// The prices that follow from `counts`.
    pub fn new(counts: &Counts, prior: &Prior) -> Self {
        let [token, length, literal] = Stream::ALL.map(|stream| {
            let rows = &counts.0[stream as usize];
            let size = rows.first().map_or(0, Vec::len);
            let total: Vec<u32> = (0..size)
                .map(|symbol| rows.iter().map(|row| row[symbol]).sum())
                .collect();
            let together = normalise(&levels_of_counts(&total));
            let statics = &prior.tables[stream as usize];
            rows.iter()
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
                    let frequencies = normalise(&levels_of_counts(&mixed));
                    let mut prices = [0u32; 256];
                    for (price, &frequency) in prices.iter_mut().zip(&frequencies) {
                        *price = COST[usize::from(frequency)];
                    }
                    prices
                })
                .collect::<Vec<[u32; 256]>>()
        });
        let bits = |width: u32| width * COST_UNIT as u32;
        let mut prices = Prices {
            token,
            length: Vec::new(),
            literal,
        };
        for row in &mut prices.token {
            for (token, price) in prior.tokens.iter().zip(row) {
                *price += bits(token.width);
            }
        }
        prices.length = length
            .iter()
            .map(|row| {
                std::array::from_fn(|length| {
                    let value = (length as u32).saturating_sub(MIN_LENGTH);
                    let (symbol, _, _) = split_value(value, LENGTH_DIRECT_BITS);
                    row[usize::from(symbol)] + bits(join_value(symbol, LENGTH_DIRECT_BITS).1)
                })
            })
            .collect();
        prices
    }
}
