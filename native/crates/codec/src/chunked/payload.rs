//! Tokens to payload.

use std::borrow::Cow;

use crate::rans::framing::{write_size, BitWriter};
use crate::rans::lanes::{is_lane_start, lane_count, segment, LaneEncoder};
use crate::rans::range_coder::{RangeEncoder, EVEN};
use crate::rans::tables::{encode_entries, levels_of_counts, normalise, TableCoder};

use super::alphabet::{
    first_literal_context, inner_literal_context, is_measured, is_run, join_value, length_context,
    split_value, Stream, Token, FIRST_RUN, LENGTH_DIRECT_BITS, MIN_LENGTH, RUN_DIRECT_BITS,
    STREAMS,
};
use super::prior::{Prior, StaticTable};

/// Kind byte of a block that is stored as it is.
pub const STORED: u8 = 0;
/// Kind byte of a block of tokens.
pub const CODED: u8 = 1;
/// Larger blocks are stored.
pub const MAX_BLOCK: usize = 1 << 27;

/// One block, parsed.
pub struct Parsed {
    /// What to do, in order.
    pub tokens: Vec<Token>,
    /// The literals of all runs.
    pub literals: Vec<u8>,
}

/// Symbols of one stream: `table << 8 | symbol`.
pub type Symbols = Vec<u32>;

/// All symbols of a block with their tables, lane by lane as `lanes` lanes code them.
pub fn symbols(
    tokens: &[Token],
    literals: &[u8],
    prior: &Prior,
    lanes: usize,
) -> [Symbols; STREAMS] {
    let token_segment = segment(tokens.len(), lanes);
    let literal_segment = segment(literals.len(), lanes);
    let mut out: [Symbols; STREAMS] = [
        Vec::with_capacity(tokens.len()),
        Vec::with_capacity(tokens.len()),
        Vec::with_capacity(literals.len()),
    ];
    let mut before: Option<u8> = None;
    let mut next = 0usize;
    for (index, token) in tokens.iter().enumerate() {
        let symbol = token.symbol;
        let class = before.map_or(0, |symbol| prior.classes[usize::from(symbol)]);
        let table = if is_lane_start(index, token_segment) {
            0
        } else {
            u32::from(class)
        };
        out[0].push(table << 8 | u32::from(symbol));
        if is_measured(symbol) {
            let (length, _, _) = split_value(token.length - MIN_LENGTH, LENGTH_DIRECT_BITS);
            out[1].push((length_context(symbol, before) as u32) << 8 | u32::from(length));
        } else if is_run(symbol) {
            for (offset, &literal) in literals[next..next + run_length(token)].iter().enumerate() {
                let table = if offset == 0 {
                    first_literal_context(class)
                } else if is_lane_start(next + offset, literal_segment) {
                    0
                } else {
                    inner_literal_context(literals[next + offset - 1])
                };
                out[2].push((table as u32) << 8 | u32::from(literal));
            }
            next += run_length(token);
        }
        before = Some(symbol);
    }
    out
}

/// The literals of a token that is a run.
#[inline]
pub fn run_length(token: &Token) -> usize {
    (join_value(token.symbol - FIRST_RUN, RUN_DIRECT_BITS).0 + token.detail) as usize + 1
}

/// A parsed block with its tables.
pub struct Coded {
    head: Vec<u8>,
    lanes: usize,
    /// `frequency | start << 16` of every symbol.
    pub streams: [Symbols; STREAMS],
}

/// Chooses tables for `parsed`.
pub fn code(parsed: &Parsed, prior: &Prior) -> Coded {
    let measured = parsed
        .tokens
        .iter()
        .filter(|token| is_measured(token.symbol))
        .count();
    let counts = [parsed.tokens.len(), measured, parsed.literals.len()];
    let lanes = lane_count(counts.iter().sum());
    let (mut encoder, mut coder) = (RangeEncoder::default(), TableCoder::default());
    let mut sizes = [EVEN; 32];
    for count in counts {
        encoder.number(&mut sizes, count as u32);
    }
    let mut streams = symbols(&parsed.tokens, &parsed.literals, prior, lanes);
    for (stream, symbols) in Stream::ALL.into_iter().zip(&mut streams) {
        write_tables(&mut encoder, &mut coder, stream, symbols, prior);
    }
    Coded {
        head: encoder.finish(),
        lanes,
        streams,
    }
}

/// The payload of `data`, parsed as `parsed` and coded as `coded`.
pub fn payload(data: &[u8], parsed: &Parsed, coded: &Coded, prior: &Prior) -> Vec<u8> {
    let mut out = vec![CODED];
    write_size(&mut out, coded.head.len());
    out.extend_from_slice(&coded.head);
    let mut encoder = LaneEncoder::new(coded.lanes);
    for stream in coded.streams.iter().rev() {
        encoder.stream(stream);
    }
    encoder.finish(&mut out);
    let mut bits = BitWriter::default();
    for token in &parsed.tokens {
        bits.write(token.detail, prior.tokens[usize::from(token.symbol)].width);
    }
    for token in parsed
        .tokens
        .iter()
        .filter(|token| is_measured(token.symbol))
    {
        let (_, low, width) = split_value(token.length - MIN_LENGTH, LENGTH_DIRECT_BITS);
        bits.write(low, width);
    }
    out.extend_from_slice(&bits.finish());
    if out.len() <= data.len() {
        return out;
    }
    stored(data)
}

/// The payload of `data` as it is.
pub fn stored(data: &[u8]) -> Vec<u8> {
    let mut out = vec![STORED];
    out.extend_from_slice(data);
    out
}

/// Writes the tables of one stream, and makes each symbol `frequency | start << 16`.
fn write_tables(
    encoder: &mut RangeEncoder,
    coder: &mut TableCoder,
    stream: Stream,
    symbols: &mut [u32],
    prior: &Prior,
) {
    let size = stream.alphabet(prior.group_bits.len());
    let mut counts = vec![0u32; size * stream.contexts()];
    for &symbol in symbols.iter() {
        counts[(symbol >> 8) as usize * size + (symbol & 0xff) as usize] += 1;
    }
    let base = prior.tables[stream as usize].is_empty().then(|| {
        let total: Vec<u32> = (0..size)
            .map(|symbol| counts.iter().skip(symbol).step_by(size).sum())
            .collect();
        let levels = levels_of_counts(&total);
        coder.write(encoder, &levels, None);
        StaticTable::new(levels)
    });
    let references: Vec<&StaticTable> = match &base {
        Some(table) => vec![table; stream.contexts()],
        None => prior.tables[stream as usize].iter().collect(),
    };
    let chosen: Vec<Cow<[u32]>> = counts
        .chunks_exact(size)
        .zip(references)
        .map(
            |(row, table)| match coder.choose(encoder, row, &table.levels, &table.frequencies) {
                Some(own) => Cow::from(encode_entries(&normalise(&own))),
                None => Cow::from(&table.codes),
            },
        )
        .collect();
    let chosen: Vec<&[u32]> = chosen.iter().map(AsRef::as_ref).collect();
    for symbol in symbols {
        *symbol = chosen[(*symbol >> 8) as usize][(*symbol & 0xff) as usize];
    }
}
