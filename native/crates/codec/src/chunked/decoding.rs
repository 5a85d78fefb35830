//! Payload to bytes.

use crate::rans::framing::{read_size, BitReader};
use crate::rans::lanes::{lane_count, LaneDecoder};
use crate::rans::range_coder::{RangeDecoder, EVEN};
use crate::rans::tables::{decode_entries, normalise, Entries, TableCoder};
use crate::CodecError;

use super::alphabet::{
    first_literal_context, inner_literal_context, is_measured, is_run, join_value, Stream,
    FIRST_DISTANCE, INITIAL_DISTANCES, LENGTH_DIRECT_BITS, MIN_LENGTH, STREAMS,
};
use super::payload::{CODED, MAX_BLOCK, STORED};
use super::prior::{Prior, MAX_PHRASE};

/// `raw_size` bytes out of `payload`. Allocates in proportion to `raw_size`, never past it.
pub fn decode(payload: &[u8], raw_size: usize, prior: &Prior) -> Result<Vec<u8>, CodecError> {
    let (&kind, rest) = match payload.split_first() {
        Some(parts) if raw_size > 0 => parts,
        Some(_) => return Err(CodecError::TrailingData),
        None if raw_size == 0 => return Ok(Vec::new()),
        None => return Err(CodecError::Truncated),
    };
    match kind {
        STORED if rest.len() == raw_size => return Ok(rest.to_vec()),
        STORED => {
            return Err(CodecError::Corrupt(
                "a stored block has not its declared size",
            ))
        }
        CODED if raw_size <= MAX_BLOCK => {}
        _ => return Err(CodecError::Corrupt("unknown kind")),
    }
    let (head_size, used) = read_size(rest)?;
    let (head, body) = rest[used..]
        .split_at_checked(head_size)
        .ok_or(CodecError::Truncated)?;
    expand(
        decode_streams(head, body, raw_size, prior)?,
        raw_size,
        prior,
    )
}

/// The decoding tables of one block: those of the prior, and its own.
enum Table<'a> {
    Shared(&'a Entries),
    Own(Box<Entries>),
}

impl Table<'_> {
    fn entries(&self) -> &Entries {
        match self {
            Table::Shared(entries) => entries,
            Table::Own(entries) => entries,
        }
    }
}

/// What the streams of a block say.
struct Decoded {
    symbols: Vec<u8>,
    /// Of each token: which of the last distances, a distance, the literals of a run, or a phrase.
    values: Vec<u32>,
    /// Of each repetition, in order.
    lengths: Vec<u32>,
    literals: Vec<u8>,
}

fn decode_streams(
    head: &[u8],
    body: &[u8],
    raw_size: usize,
    prior: &Prior,
) -> Result<Decoded, CodecError> {
    let (mut decoder, mut coder) = (RangeDecoder::new(head), TableCoder::default());
    let mut sizes = [EVEN; 32];
    let [count, measured, literal_count] =
        std::array::from_fn(|_| decoder.number(&mut sizes) as usize);
    // Every token makes a byte, every repetition two, and every literal is one.
    if measured > count || count + measured > raw_size || literal_count > raw_size {
        return Err(CodecError::Corrupt("its counts exceed its size"));
    }
    // Tables of the blocks without a prior: one base for each stream, kept beside the others.
    let mut bases: Vec<Box<Entries>> = Vec::with_capacity(STREAMS);
    let mut chosen: Vec<Vec<Option<Box<Entries>>>> = Vec::with_capacity(STREAMS);
    for stream in Stream::ALL {
        let size = stream.alphabet(prior.group_bits.len());
        let statics = &prior.tables[stream as usize];
        let mut base = Vec::new();
        if statics.is_empty() {
            base = coder.read(&mut decoder, None, size)?;
            bases.push(decode_entries(&normalise(&base)));
        }
        let mut row = Vec::with_capacity(stream.contexts());
        for context in 0..stream.contexts() {
            let levels = statics.get(context).map_or(&base, |table| &table.levels);
            let own = coder.chosen(&mut decoder, levels)?;
            row.push(own.map(|levels| decode_entries(&normalise(&levels))));
        }
        chosen.push(row);
    }
    decoder.finish()?;
    let tables: Vec<Vec<Table>> = chosen
        .into_iter()
        .enumerate()
        .map(|(stream, row)| {
            let statics = &prior.tables[stream];
            row.into_iter()
                .enumerate()
                .map(|(context, own)| match own {
                    Some(entries) => Table::Own(entries),
                    None if statics.is_empty() => Table::Shared(&bases[stream]),
                    None => Table::Shared(&statics[context].entries),
                })
                .collect()
        })
        .collect();
    let tables: Vec<Vec<&Entries>> = tables
        .iter()
        .map(|row| row.iter().map(Table::entries).collect())
        .collect();
    let lanes = lane_count(count + measured + literal_count);
    let mut lane_decoder = LaneDecoder::new(body, lanes)?;
    let [by_class, by_length, by_literal] = [&tables[0], &tables[1], &tables[2]];
    let by_symbol: Vec<&Entries> = prior
        .classes
        .iter()
        .map(|&class| by_class[usize::from(class)])
        .collect();
    let symbols = lane_decoder.stream(count, |_, before| {
        before.map_or(by_class[0], |symbol| by_symbol[usize::from(symbol)])
    })?;
    let (contexts, detail_bits) = length_contexts(&symbols, prior);
    if contexts.len() != measured {
        return Err(CodecError::Corrupt("its counts contradict each other"));
    }
    let lengths =
        lane_decoder.stream(measured, |index, _| by_length[usize::from(contexts[index])])?;
    let length_bits: usize = lengths
        .iter()
        .map(|&symbol| join_value(symbol, LENGTH_DIRECT_BITS).1 as usize)
        .sum();
    let total = detail_bits + length_bits;
    let tail = body
        .len()
        .checked_sub(total.div_ceil(8))
        .ok_or(CodecError::Truncated)?;
    let bits = &body[tail..];
    if total % 8 > 0 && bits.last().is_some_and(|&last| last >> (total % 8) > 0) {
        return Err(CodecError::Corrupt("padding bits are set"));
    }
    let mut bits = BitReader::new(bits);
    let (values, first) = read_values(&symbols, &mut bits, literal_count, prior)?;
    let lengths = lengths
        .iter()
        .map(|&symbol| {
            let (length, width) = join_value(symbol, LENGTH_DIRECT_BITS);
            length + bits.read(width) + MIN_LENGTH
        })
        .collect();
    let inner: Vec<&Entries> = (0..=255u8)
        .map(|symbol| by_literal[inner_literal_context(symbol)])
        .collect();
    let literals = lane_decoder.stream(literal_count, |index, before| {
        match (first[index], before) {
            (0, Some(symbol)) => inner[usize::from(symbol)],
            (context, _) => by_literal[usize::from(context)],
        }
    })?;
    if 4 * lanes + lane_decoder.finish()? != tail {
        return Err(CodecError::Corrupt("its parts do not meet"));
    }
    Ok(Decoded {
        symbols,
        values,
        lengths,
        literals,
    })
}

/// The table of the length of every token that has one; the raw bits of all tokens.
fn length_contexts(symbols: &[u8], prior: &Prior) -> (Vec<u8>, usize) {
    // No branches here and in the next function: what comes next is anyone's guess.
    let mut contexts = vec![0; symbols.len() + 1];
    let (mut count, mut bits, mut after_run) = (0, 0, false);
    for &symbol in symbols {
        let token = &prior.tokens[usize::from(symbol)];
        contexts[count] = token.length_context + u8::from(after_run & (symbol < FIRST_DISTANCE));
        count += usize::from(is_measured(symbol));
        bits += token.width as usize;
        after_run = is_run(symbol);
    }
    contexts.truncate(count);
    (contexts, bits)
}

/// What each token names; and the table of every literal that begins a run, 0 for the others.
fn read_values(
    symbols: &[u8],
    details: &mut BitReader,
    literal_count: usize,
    prior: &Prior,
) -> Result<(Vec<u32>, Vec<u8>), CodecError> {
    let mut first = vec![0; literal_count + 1];
    let (mut next, mut class) = (0usize, 0u8);
    let values = symbols
        .iter()
        .map(|&symbol| {
            let token = &prior.tokens[usize::from(symbol)];
            let value = token.base + details.read(token.width);
            // If no run begins here, this is written over by the next one.
            first[next.min(literal_count)] = first_literal_context(class) as u8;
            let run = if is_run(symbol) { value as usize } else { 0 };
            next = (next + run).min(literal_count + 1);
            class = prior.classes[usize::from(symbol)];
            value
        })
        .collect();
    if next != literal_count {
        return Err(CodecError::Corrupt("its runs are not its literals"));
    }
    first.truncate(literal_count);
    Ok((values, first))
}

/// Bytes that a short copy writes at once, and may write too many.
const STRIDE: usize = 16;

/// Carries the tokens out.
fn expand(mut decoded: Decoded, raw_size: usize, prior: &Prior) -> Result<Vec<u8>, CodecError> {
    const SIZE: CodecError = CodecError::Corrupt("its tokens do not add up to its size");
    let literal_count = decoded.literals.len();
    decoded.literals.resize(literal_count + STRIDE, 0);
    let Decoded {
        symbols,
        values,
        lengths,
        literals,
    } = decoded;
    let mut lengths = lengths.into_iter();
    let mut out = vec![0u8; raw_size + STRIDE];
    let (mut at, mut taken) = (0usize, 0usize);
    let mut recent = INITIAL_DISTANCES;
    for (symbol, value) in symbols.into_iter().zip(values) {
        if is_measured(symbol) {
            let which = usize::from(symbol.min(FIRST_DISTANCE - 1));
            let distance = if symbol < FIRST_DISTANCE {
                recent[which]
            } else {
                value
            };
            recent = [
                distance,
                recent[usize::from(which < 1)],
                recent[1 + usize::from(which < 2)],
                recent[2 + usize::from(which < 3)],
            ];
            let (distance, length) = (distance as usize, lengths.next().unwrap_or(0) as usize);
            if distance > at {
                return Err(CodecError::Corrupt("a distance reaches before its start"));
            }
            if length > raw_size - at {
                return Err(SIZE);
            }
            copy(&mut out, at, distance, length);
            at += length;
        } else if is_run(symbol) {
            let run = value as usize;
            if run > raw_size - at || run > literal_count - taken {
                return Err(SIZE);
            }
            out[at..at + STRIDE].copy_from_slice(&literals[taken..taken + STRIDE]);
            if run > STRIDE {
                out[at..at + run].copy_from_slice(&literals[taken..taken + run]);
            }
            at += run;
            taken += run;
        } else {
            let phrase = prior
                .phrases
                .get(value as usize)
                .ok_or(CodecError::Corrupt("no such phrase"))?;
            let length = usize::from(phrase.length);
            if length > raw_size - at {
                return Err(SIZE);
            }
            out[at..at + MAX_PHRASE].copy_from_slice(&phrase.bytes);
            at += length;
        }
    }
    if at != raw_size {
        return Err(SIZE);
    }
    out.truncate(raw_size);
    Ok(out)
}

/// Repeats `length` bytes from `distance` back; `out` has `STRIDE` bytes to spare.
#[inline]
fn copy(out: &mut [u8], at: usize, distance: usize, length: usize) {
    if distance >= STRIDE {
        for from in (at - distance..at - distance + length).step_by(STRIDE) {
            out.copy_within(from..from + STRIDE, from + distance);
        }
    } else {
        for index in at..at + length {
            out[index] = out[index - distance];
        }
    }
}
