//! Tokens to payload and back: the container of `chunked-rans`.

use crate::rans::framing::{read_size, write_size, BitReader, BitWriter};
use crate::rans::lanes::{is_lane_start, lane_count, segment, LaneDecoder, LaneEncoder};
use crate::rans::range_coder::{RangeDecoder, RangeEncoder, EVEN};
use crate::rans::tables::{
    decode_entries, levels_of_counts, normalise, starts, Entries, TableCoder,
};
use crate::CodecError;

use super::alphabet::{
    first_literal_context, inner_literal_context, is_measured, is_run, join_value, length_context,
    split_value, Stream, Token, DISTANCE_DIRECT_BITS, FIRST_DISTANCE, FIRST_PHRASE_GROUP,
    FIRST_RUN, INITIAL_DISTANCES, LENGTH_DIRECT_BITS, MIN_LENGTH, RUN_DIRECT_BITS, STREAMS,
};
use super::prior::{Prior, MAX_PHRASE};

/// Kind byte of a block that is stored as it is.
pub const STORED: u8 = 0;
const CODED: u8 = 1;
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
type Symbols = Vec<u32>;

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
fn run_length(token: &Token) -> usize {
    (join_value(token.symbol - FIRST_RUN, RUN_DIRECT_BITS).0 + token.detail) as usize + 1
}

/// The payload of `data`, parsed as `parsed`.
pub fn encode_payload(data: &[u8], parsed: &Parsed, prior: &Prior) -> Vec<u8> {
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
    let mut coded = symbols(&parsed.tokens, &parsed.literals, prior, lanes);
    for (stream, symbols) in Stream::ALL.into_iter().zip(&mut coded) {
        let tables = write_tables(&mut encoder, &mut coder, stream, symbols, prior);
        for symbol in symbols {
            *symbol = tables[(*symbol >> 8) as usize][(*symbol & 0xff) as usize];
        }
    }
    let head = encoder.finish();
    let mut out = vec![CODED];
    write_size(&mut out, head.len());
    out.extend_from_slice(&head);
    let mut lane_encoder = LaneEncoder::new(lanes);
    for stream in coded.iter().rev() {
        lane_encoder.stream(stream);
    }
    lane_encoder.finish(&mut out);
    let mut bits = BitWriter::default();
    for token in &parsed.tokens {
        bits.write(token.detail, detail_width(token.symbol, prior));
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
    let mut out = vec![STORED];
    out.extend_from_slice(data);
    out
}

/// Writes the tables of one stream; gives `frequency | start << 16` by table and symbol.
fn write_tables(
    encoder: &mut RangeEncoder,
    coder: &mut TableCoder,
    stream: Stream,
    symbols: &[u32],
    prior: &Prior,
) -> Vec<Vec<u32>> {
    let size = stream.alphabet(prior.group_bits.len());
    let mut counts = vec![vec![0u32; size]; stream.contexts()];
    for &symbol in symbols {
        counts[(symbol >> 8) as usize][(symbol & 0xff) as usize] += 1;
    }
    let statics = &prior.tables[stream as usize];
    let mut base: (Vec<u8>, Vec<u16>) = Default::default();
    if statics.is_empty() {
        let total: Vec<u32> = (0..size)
            .map(|symbol| counts.iter().map(|row| row[symbol]).sum())
            .collect();
        let levels = levels_of_counts(&total);
        coder.write(encoder, &levels, None);
        base = (levels.clone(), normalise(&levels));
    }
    let combine = |frequencies: &[u16]| -> Vec<u32> {
        frequencies
            .iter()
            .zip(starts(frequencies))
            .map(|(&f, s)| u32::from(f) | u32::from(s) << 16)
            .collect()
    };
    counts
        .iter()
        .enumerate()
        .map(|(context, row)| {
            let (levels, frequencies) = statics.get(context).map_or((&base.0, &base.1), |table| {
                (&table.levels, &table.frequencies)
            });
            match coder.choose(encoder, row, levels, frequencies) {
                Some(own) => combine(&normalise(&own)),
                None => combine(frequencies),
            }
        })
        .collect()
}

/// How many raw bits belong to a token symbol.
pub fn detail_width(symbol: u8, prior: &Prior) -> u32 {
    match symbol {
        0..FIRST_DISTANCE => 0,
        FIRST_DISTANCE..FIRST_RUN => join_value(symbol - FIRST_DISTANCE, DISTANCE_DIRECT_BITS).1,
        FIRST_RUN..FIRST_PHRASE_GROUP => join_value(symbol - FIRST_RUN, RUN_DIRECT_BITS).1,
        _ => prior
            .group_bits
            .get(usize::from(symbol - FIRST_PHRASE_GROUP))
            .copied()
            .map_or(0, u32::from),
    }
}

/// `raw_size` bytes out of `payload`.
pub fn decode_payload(
    payload: &[u8],
    raw_size: usize,
    prior: &Prior,
) -> Result<Vec<u8>, CodecError> {
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
    let (tokens, mut literals) = decode_tokens(head, body, raw_size, prior)?;
    expand(&tokens, &mut literals, raw_size, prior)
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

fn decode_tokens(
    head: &[u8],
    body: &[u8],
    raw_size: usize,
    prior: &Prior,
) -> Result<(Vec<Token>, Vec<u8>), CodecError> {
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
    let contexts = length_contexts(&symbols);
    if contexts.len() != measured {
        return Err(CodecError::Corrupt("its counts contradict each other"));
    }
    let lengths =
        lane_decoder.stream(measured, |index, _| by_length[usize::from(contexts[index])])?;

    let detail_bits: usize = symbols
        .iter()
        .map(|&symbol| detail_width(symbol, prior) as usize)
        .sum();
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
    let mut details = BitReader::new(bits, 0);
    let mut length_lows = BitReader::new(bits, detail_bits);
    let mut lengths = lengths.into_iter();
    let tokens: Vec<Token> = symbols
        .iter()
        .map(|&symbol| {
            let mut token = Token {
                length: 0,
                detail: details.read(detail_width(symbol, prior)),
                symbol,
            };
            if is_measured(symbol) {
                let (length, width) = join_value(lengths.next().unwrap_or(0), LENGTH_DIRECT_BITS);
                token.length = (length | length_lows.read(width)) + MIN_LENGTH;
            }
            token
        })
        .collect();
    let first = first_literals(&tokens, literal_count, prior)?;
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
    Ok((tokens, literals))
}

/// The table of the length of every token that has one.
fn length_contexts(symbols: &[u8]) -> Vec<u8> {
    let mut before = None;
    let mut contexts = Vec::with_capacity(symbols.len());
    for &symbol in symbols {
        if is_measured(symbol) {
            contexts.push(length_context(symbol, before) as u8);
        }
        before = Some(symbol);
    }
    contexts
}

/// The table of every literal that begins a run, 0 for the others.
fn first_literals(
    tokens: &[Token],
    literal_count: usize,
    prior: &Prior,
) -> Result<Vec<u8>, CodecError> {
    const RUNS: CodecError = CodecError::Corrupt("its runs are not its literals");
    let mut first = vec![0; literal_count];
    let (mut next, mut class) = (0usize, 0u8);
    for token in tokens {
        if is_run(token.symbol) {
            *first.get_mut(next).ok_or(RUNS)? = first_literal_context(class) as u8;
            next += run_length(token);
        }
        class = prior.classes[usize::from(token.symbol)];
    }
    if next != literal_count {
        return Err(RUNS);
    }
    Ok(first)
}

/// Bytes that a short copy writes at once, and may write too many.
const STRIDE: usize = 16;

/// Carries the tokens out.
fn expand(
    tokens: &[Token],
    literals: &mut Vec<u8>,
    raw_size: usize,
    prior: &Prior,
) -> Result<Vec<u8>, CodecError> {
    const BEFORE_START: CodecError = CodecError::Corrupt("a distance reaches before its start");
    const SIZE: CodecError = CodecError::Corrupt("its tokens do not add up to its size");
    let literal_count = literals.len();
    literals.resize(literal_count + STRIDE, 0);
    let mut out = vec![0u8; raw_size + STRIDE];
    let (mut at, mut taken) = (0usize, 0usize);
    let mut recent = INITIAL_DISTANCES;
    for token in tokens {
        if is_run(token.symbol) {
            let run = run_length(token);
            if run > raw_size - at || run > literal_count - taken {
                return Err(SIZE);
            }
            if run <= STRIDE {
                out[at..at + STRIDE].copy_from_slice(&literals[taken..taken + STRIDE]);
            } else {
                out[at..at + run].copy_from_slice(&literals[taken..taken + run]);
            }
            at += run;
            taken += run;
            continue;
        }
        if token.symbol >= FIRST_PHRASE_GROUP {
            let group = usize::from(token.symbol - FIRST_PHRASE_GROUP);
            let base = prior.group_base.get(group).copied().unwrap_or(0);
            let phrase = prior
                .phrases
                .get((base + token.detail) as usize)
                .ok_or(CodecError::Corrupt("no such phrase"))?;
            if usize::from(phrase.length) > raw_size - at {
                return Err(SIZE);
            }
            out[at..at + MAX_PHRASE].copy_from_slice(&phrase.bytes);
            at += usize::from(phrase.length);
            continue;
        }
        let distance = if token.symbol >= FIRST_DISTANCE {
            let (base, _) = join_value(token.symbol - FIRST_DISTANCE, DISTANCE_DIRECT_BITS);
            recent = [base + token.detail + 1, recent[0], recent[1], recent[2]];
            recent[0]
        } else {
            recent[..=usize::from(token.symbol)].rotate_right(1);
            recent[0]
        };
        let (distance, length) = (distance as usize, token.length as usize);
        if distance > at {
            return Err(BEFORE_START);
        }
        if length > raw_size - at {
            return Err(SIZE);
        }
        copy(&mut out, at, distance, length);
        at += length;
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
