//! Sequences to payload and back: the container of `chunked-rans`.

use crate::rans::framing::{read_size, write_size, BitReader, BitWriter};
use crate::rans::lanes::{is_lane_start, lane_count, segment, LaneDecoder, LaneEncoder};
use crate::rans::range_coder::{RangeDecoder, RangeEncoder, EVEN};
use crate::rans::tables::{decode_entries, levels_of_counts, normalise, starts, Entries, TableCoder};
use crate::CodecError;

use super::alphabet::{
    first_literal_context, inner_literal_context, join_value, length_context, run_context, split_value,
    Sequence, Stream, DISTANCE_DIRECT_BITS, FIRST_DISTANCE, FIRST_PHRASE_GROUP, INITIAL_DISTANCES,
    MIN_LENGTH, STREAMS, VALUE_DIRECT_BITS,
};
use super::prior::{Prior, MAX_PHRASE};

/// Kind byte of a block that is stored as it is.
pub const STORED: u8 = 0;
const CODED: u8 = 1;
/// Larger blocks are stored.
pub const MAX_BLOCK: usize = 1 << 27;

/// One block, parsed.
pub struct Parsed {
    /// Runs and references.
    pub sequences: Vec<Sequence>,
    /// All literals, those after the last reference included.
    pub literals: Vec<u8>,
}

/// Symbols of one stream: `table << 8 | symbol`.
type Symbols = Vec<u32>;

/// All symbols of a block with their tables, lane by lane as `lanes` lanes code them.
pub fn symbols(parsed: &Parsed, prior: &Prior, lanes: usize) -> [Symbols; STREAMS] {
    let class = |symbol: u8| prior.classes[usize::from(symbol)];
    let sequences = &parsed.sequences;
    let width = segment(sequences.len(), lanes);
    let mut out: [Symbols; STREAMS] = Default::default();
    let mut before = 0u8;
    for (index, sequence) in sequences.iter().enumerate() {
        let table = if is_lane_start(index, width) { 0 } else { usize::from(before) };
        out[0].push((table as u32) << 8 | u32::from(sequence.symbol));
        let (run, _, _) = split_value(sequence.run, VALUE_DIRECT_BITS);
        out[1].push((run_context(before, sequence.symbol) as u32) << 8 | u32::from(run));
        if sequence.is_measured() {
            let (length, _, _) = split_value(sequence.length - MIN_LENGTH, VALUE_DIRECT_BITS);
            let table = length_context(sequence.symbol, sequence.run > 0);
            out[2].push((table as u32) << 8 | u32::from(length));
        }
        before = class(sequence.symbol);
    }
    let literals = &parsed.literals;
    let width = segment(literals.len(), lanes);
    let mut next = 0usize;
    let mut push_run = |size: usize, class_before: u8| {
        for (offset, &literal) in literals[next..next + size].iter().enumerate() {
            let table = if offset == 0 {
                first_literal_context(class_before)
            } else if is_lane_start(next + offset, width) {
                0
            } else {
                inner_literal_context(literals[next + offset - 1])
            };
            out[3].push((table as u32) << 8 | u32::from(literal));
        }
        next += size;
        next
    };
    let mut before = 0u8;
    let mut done = 0;
    for sequence in sequences {
        done = push_run(sequence.run as usize, before);
        before = class(sequence.symbol);
    }
    push_run(literals.len() - done, before);
    out
}

/// The payload of `data`, parsed as `parsed`.
pub fn encode_payload(data: &[u8], parsed: &Parsed, prior: &Prior) -> Vec<u8> {
    let measured = parsed.sequences.iter().filter(|sequence| sequence.is_measured()).count();
    let counts = [parsed.sequences.len(), measured, parsed.literals.len()];
    let lanes = lane_count(2 * counts[0] + counts[1] + counts[2]);
    let (mut encoder, mut coder) = (RangeEncoder::default(), TableCoder::default());
    let mut sizes = [EVEN; 32];
    for count in counts {
        encoder.number(&mut sizes, count as u32);
    }
    let symbols = symbols(parsed, prior, lanes);
    let mut coded: Vec<Vec<u32>> = Vec::with_capacity(STREAMS);
    for (stream, symbols) in Stream::ALL.into_iter().zip(&symbols) {
        let tables = write_tables(&mut encoder, &mut coder, stream, symbols, prior);
        coded.push(
            symbols.iter().map(|&symbol| tables[(symbol >> 8) as usize][(symbol & 0xff) as usize]).collect(),
        );
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
    for sequence in &parsed.sequences {
        bits.write(sequence.detail, detail_width(sequence.symbol, prior));
    }
    for sequence in &parsed.sequences {
        let (_, low, width) = split_value(sequence.run, VALUE_DIRECT_BITS);
        bits.write(low, width);
    }
    for sequence in parsed.sequences.iter().filter(|sequence| sequence.is_measured()) {
        let (_, low, width) = split_value(sequence.length - MIN_LENGTH, VALUE_DIRECT_BITS);
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
        let total: Vec<u32> = (0..size).map(|symbol| counts.iter().map(|row| row[symbol]).sum()).collect();
        let levels = levels_of_counts(&total);
        coder.write(encoder, &levels, None);
        base = (levels.clone(), normalise(&levels));
    }
    let combine = |frequencies: &[u16]| -> Vec<u32> {
        frequencies.iter().zip(starts(frequencies)).map(|(&f, s)| u32::from(f) | u32::from(s) << 16).collect()
    };
    counts
        .iter()
        .enumerate()
        .map(|(context, row)| {
            let (levels, frequencies) =
                statics.get(context).map_or((&base.0, &base.1), |table| (&table.levels, &table.frequencies));
            match coder.choose(encoder, row, levels, frequencies) {
                Some(own) => combine(&normalise(&own)),
                None => combine(frequencies),
            }
        })
        .collect()
}

/// How many raw bits follow a reference symbol.
fn detail_width(symbol: u8, prior: &Prior) -> u32 {
    if symbol >= FIRST_PHRASE_GROUP {
        return prior.group_bits.get(usize::from(symbol - FIRST_PHRASE_GROUP)).copied().map_or(0, u32::from);
    }
    symbol.checked_sub(FIRST_DISTANCE).map_or(0, |class| join_value(class, DISTANCE_DIRECT_BITS).1)
}

/// `raw_size` bytes out of `payload`.
pub fn decode_payload(payload: &[u8], raw_size: usize, prior: &Prior) -> Result<Vec<u8>, CodecError> {
    let (&kind, rest) = match payload.split_first() {
        Some(parts) if raw_size > 0 => parts,
        Some(_) => return Err(CodecError::TrailingData),
        None if raw_size == 0 => return Ok(Vec::new()),
        None => return Err(CodecError::Truncated),
    };
    match kind {
        STORED if rest.len() == raw_size => return Ok(rest.to_vec()),
        STORED => return Err(CodecError::Corrupt("a stored block has not its declared size")),
        CODED if raw_size <= MAX_BLOCK => {}
        _ => return Err(CodecError::Corrupt("unknown kind")),
    }
    let (head_size, used) = read_size(rest)?;
    let (head, body) = rest[used..].split_at_checked(head_size).ok_or(CodecError::Truncated)?;
    let (sequences, mut literals) = decode_sequences(head, body, raw_size, prior)?;
    expand(&sequences, &mut literals, raw_size, prior)
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

fn decode_sequences(
    head: &[u8],
    body: &[u8],
    raw_size: usize,
    prior: &Prior,
) -> Result<(Vec<Sequence>, Vec<u8>), CodecError> {
    let (mut decoder, mut coder) = (RangeDecoder::new(head), TableCoder::default());
    let mut sizes = [EVEN; 32];
    let [count, measured, literal_count] = std::array::from_fn(|_| decoder.number(&mut sizes) as usize);
    if measured > count || literal_count + MIN_LENGTH as usize * count > raw_size {
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
    let tables: Vec<Vec<&Entries>> =
        tables.iter().map(|row| row.iter().map(Table::entries).collect()).collect();
    let lanes = lane_count(2 * count + measured + literal_count);
    let mut lane_decoder = LaneDecoder::new(body, lanes)?;
    let class = |symbol: u8| prior.classes[usize::from(symbol)];

    let [by_class, by_run, by_length, by_literal] = [&tables[0], &tables[1], &tables[2], &tables[3]];
    let by_symbol: Vec<&Entries> = prior.classes.iter().map(|&class| by_class[usize::from(class)]).collect();
    let references = lane_decoder.stream(count, |_, before| {
        before.map_or(by_class[0], |symbol| by_symbol[usize::from(symbol)])
    })?;
    if references.iter().filter(|&&symbol| symbol < FIRST_PHRASE_GROUP).count() != measured {
        return Err(CodecError::Corrupt("its counts contradict each other"));
    }
    let run_tables: Vec<&Entries> = references
        .iter()
        .scan(0u8, |before, &symbol| {
            let table = by_run[run_context(*before, symbol)];
            *before = class(symbol);
            Some(table)
        })
        .collect();
    let runs = lane_decoder.stream(count, |index, _| run_tables[index])?;
    let length_tables: Vec<&Entries> = references
        .iter()
        .zip(&runs)
        .filter(|(&symbol, _)| symbol < FIRST_PHRASE_GROUP)
        .map(|(&symbol, &run)| by_length[length_context(symbol, run > 0)])
        .collect();
    let lengths = lane_decoder.stream(measured, |index, _| length_tables[index])?;

    let width_of = |symbol: u8| join_value(symbol, VALUE_DIRECT_BITS).1 as usize;
    let detail_bits: usize = references.iter().map(|&symbol| detail_width(symbol, prior) as usize).sum();
    let run_bits: usize = runs.iter().map(|&symbol| width_of(symbol)).sum();
    let length_bits: usize = lengths.iter().map(|&symbol| width_of(symbol)).sum();
    let total = detail_bits + run_bits + length_bits;
    let tail = body.len().checked_sub(total.div_ceil(8)).ok_or(CodecError::Truncated)?;
    let bits = &body[tail..];
    if total % 8 > 0 && bits.last().is_some_and(|&last| last >> (total % 8) > 0) {
        return Err(CodecError::Corrupt("padding bits are set"));
    }
    let mut details = BitReader::new(bits, 0);
    let mut run_lows = BitReader::new(bits, detail_bits);
    let mut length_lows = BitReader::new(bits, detail_bits + run_bits);
    let mut lengths = lengths.into_iter();
    let sequences: Vec<Sequence> = references
        .iter()
        .zip(&runs)
        .map(|(&symbol, &run)| {
            let (run, run_width) = join_value(run, VALUE_DIRECT_BITS);
            let mut sequence = Sequence {
                run: run | run_lows.read(run_width),
                length: 0,
                detail: details.read(detail_width(symbol, prior)),
                symbol,
            };
            if symbol < FIRST_PHRASE_GROUP {
                let (length, width) = join_value(lengths.next().unwrap_or(0), VALUE_DIRECT_BITS);
                sequence.length = (length | length_lows.read(width)) + MIN_LENGTH;
            }
            sequence
        })
        .collect();
    let literal_tables = literal_tables(&sequences, literal_count, prior, by_literal)?;
    let inner: Vec<&Entries> = (0..=255u8).map(|symbol| by_literal[inner_literal_context(symbol)]).collect();
    let literals = lane_decoder.stream(literal_count, |index, before| match literal_tables[index] {
        Some(table) => table,
        None => before.map_or(by_literal[0], |symbol| inner[usize::from(symbol)]),
    })?;
    if 4 * lanes + lane_decoder.finish()? != tail {
        return Err(CodecError::Corrupt("its parts do not meet"));
    }
    Ok((sequences, literals))
}

/// The tables of the literals that begin a run.
fn literal_tables<'t>(
    sequences: &[Sequence],
    literal_count: usize,
    prior: &Prior,
    by_literal: &[&'t Entries],
) -> Result<Vec<Option<&'t Entries>>, CodecError> {
    let mut tables = vec![None; literal_count];
    let (mut next, mut before) = (0usize, 0u8);
    for sequence in sequences {
        if sequence.run > 0 {
            *tables.get_mut(next).ok_or(CodecError::Corrupt("its runs exceed its literals"))? =
                Some(by_literal[first_literal_context(before)]);
        }
        next += sequence.run as usize;
        before = prior.classes[usize::from(sequence.symbol)];
    }
    if next > literal_count {
        return Err(CodecError::Corrupt("its runs exceed its literals"));
    }
    if let Some(table) = tables.get_mut(next) {
        *table = Some(by_literal[first_literal_context(before)]);
    }
    Ok(tables)
}

/// Bytes that a short copy writes at once, and may write too many.
const STRIDE: usize = 16;

/// Carries the sequences out.
fn expand(
    sequences: &[Sequence],
    literals: &mut Vec<u8>,
    raw_size: usize,
    prior: &Prior,
) -> Result<Vec<u8>, CodecError> {
    const BEFORE_START: CodecError = CodecError::Corrupt("a distance reaches before its start");
    const SIZE: CodecError = CodecError::Corrupt("its sequences do not add up to its size");
    let literal_count = literals.len();
    literals.resize(literal_count + STRIDE, 0);
    let mut out = vec![0u8; raw_size + STRIDE];
    let (mut at, mut taken) = (0usize, 0usize);
    let mut recent = INITIAL_DISTANCES;
    for sequence in sequences {
        let run = sequence.run as usize;
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
        if sequence.symbol >= FIRST_PHRASE_GROUP {
            let group = usize::from(sequence.symbol - FIRST_PHRASE_GROUP);
            let base = prior.group_base.get(group).copied().unwrap_or(0);
            let phrase =
                prior.phrases.get((base + sequence.detail) as usize).ok_or(CodecError::Corrupt("no such phrase"))?;
            if usize::from(phrase.length) > raw_size - at {
                return Err(SIZE);
            }
            out[at..at + MAX_PHRASE].copy_from_slice(&phrase.bytes);
            at += usize::from(phrase.length);
            continue;
        }
        let distance = if sequence.symbol >= FIRST_DISTANCE {
            let (base, _) = join_value(sequence.symbol - FIRST_DISTANCE, DISTANCE_DIRECT_BITS);
            recent = [base + sequence.detail + 1, recent[0], recent[1], recent[2]];
            recent[0]
        } else {
            let which = usize::from(sequence.symbol);
            recent[..=which].rotate_right(1);
            recent[0]
        };
        let (distance, length) = (distance as usize, sequence.length as usize);
        if distance > at {
            return Err(BEFORE_START);
        }
        if length > raw_size - at {
            return Err(SIZE);
        }
        copy(&mut out, at, distance, length);
        at += length;
    }
    let rest = literal_count - taken;
    if rest != raw_size - at {
        return Err(SIZE);
    }
    out[at..raw_size].copy_from_slice(&literals[taken..literal_count]);
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
