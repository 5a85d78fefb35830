//! `rans`: an entropy coder alone, of order 0 or order 1, over bytes; and the parts that
//! `chunked` shares with it. docs/codecs.md specifies the payload.

pub mod framing;
pub mod lanes;
pub mod range_coder;
pub mod tables;

use crate::CodecError;
use framing::{read_size, write_size};
use lanes::{is_lane_start, lane_count, segment, LaneDecoder, LaneEncoder};
use range_coder::{RangeDecoder, RangeEncoder};
use tables::{
    decode_entries, encode_entries, levels_of_counts, normalise, table_cost, Entries, TableCoder,
    COST_UNIT,
};

const STORED: u8 = 0;
const ORDER_0: u8 = 1;
const ORDER_1: u8 = 2;

/// The header of one order: its bytes, the distinct tables, the table of each previous byte.
struct Plan {
    head: Vec<u8>,
    tables: Vec<Vec<u8>>,
    table_of: [u16; 256],
    cost: u64,
}

/// The payload of `data`.
pub fn encode(data: &[u8]) -> Vec<u8> {
    if data.is_empty() {
        return Vec::new();
    }
    let lanes = lane_count(data.len());
    let segment = segment(data.len(), lanes);
    let mut counts = vec![0u32; 256];
    let mut pairs = vec![0u32; 1 << 16];
    for (index, &symbol) in data.iter().enumerate() {
        counts[usize::from(symbol)] += 1;
        if !is_lane_start(index, segment) {
            pairs[usize::from(data[index - 1]) << 8 | usize::from(symbol)] += 1;
        }
    }
    let plain = plan_order_0(&counts);
    let paired = plan_order_1(&counts, &pairs);
    let (order, plan) = if plain.cost <= paired.cost {
        (ORDER_0, plain)
    } else {
        (ORDER_1, paired)
    };
    let coded: Vec<Vec<u32>> = plan
        .tables
        .iter()
        .map(|levels| encode_entries(&normalise(levels)))
        .collect();
    let symbols: Vec<u32> = data
        .iter()
        .enumerate()
        .map(|(index, &symbol)| {
            let table = if is_lane_start(index, segment) {
                0
            } else {
                plan.table_of[usize::from(data[index - 1])]
            };
            coded[usize::from(table)][usize::from(symbol)]
        })
        .collect();
    let mut out = vec![order];
    write_size(&mut out, plan.head.len());
    out.extend_from_slice(&plan.head);
    let mut encoder = LaneEncoder::new(lanes);
    encoder.stream(&symbols);
    encoder.finish(&mut out);
    if out.len() <= data.len() {
        return out;
    }
    let mut out = vec![STORED];
    out.extend_from_slice(data);
    out
}

fn plan_order_0(counts: &[u32]) -> Plan {
    let base = levels_of_counts(counts);
    let mut encoder = RangeEncoder::default();
    TableCoder::default().write(&mut encoder, &base, None);
    let head = encoder.finish();
    let cost = table_cost(counts, &normalise(&base)) + 8 * COST_UNIT * head.len() as u64;
    Plan {
        head,
        tables: vec![base],
        table_of: [0; 256],
        cost,
    }
}

fn plan_order_1(counts: &[u32], pairs: &[u32]) -> Plan {
    let base = levels_of_counts(counts);
    let frequencies = normalise(&base);
    let (mut encoder, mut coder) = (RangeEncoder::default(), TableCoder::default());
    coder.write(&mut encoder, &base, None);
    let mut plan = Plan {
        head: Vec::new(),
        tables: vec![base.clone()],
        table_of: [0; 256],
        cost: 0,
    };
    for (previous, row) in pairs.chunks_exact(256).enumerate() {
        if base[previous] == 0 {
            continue;
        }
        match coder.choose(&mut encoder, row, &base, &frequencies) {
            Some(levels) => {
                plan.cost += table_cost(row, &normalise(&levels));
                plan.table_of[previous] = plan.tables.len() as u16;
                plan.tables.push(levels);
            }
            None => plan.cost += table_cost(row, &frequencies),
        }
    }
    plan.head = encoder.finish();
    plan.cost += 8 * COST_UNIT * plan.head.len() as u64;
    plan
}

/// `raw_size` bytes out of `payload`.
pub fn decode(payload: &[u8], raw_size: usize) -> Result<Vec<u8>, CodecError> {
    let (&order, rest) = match payload.split_first() {
        Some(parts) if raw_size > 0 => parts,
        Some(_) => return Err(CodecError::TrailingData),
        None if raw_size == 0 => return Ok(Vec::new()),
        None => return Err(CodecError::Truncated),
    };
    match order {
        STORED if rest.len() == raw_size => return Ok(rest.to_vec()),
        STORED => {
            return Err(CodecError::Corrupt(
                "a stored block has not its declared size",
            ))
        }
        ORDER_0 | ORDER_1 => {}
        _ => return Err(CodecError::Corrupt("unknown kind")),
    }
    let (head_size, used) = read_size(rest)?;
    let (head, body) = rest[used..]
        .split_at_checked(head_size)
        .ok_or(CodecError::Truncated)?;
    let mut lane_decoder = LaneDecoder::new(body, lane_count(raw_size))?;
    let (mut decoder, mut coder) = (RangeDecoder::new(head), TableCoder::default());
    let base = coder.read(&mut decoder, None, 256)?;
    let mut tables = vec![decode_entries(&normalise(&base))];
    let mut table_of = [0u16; 256];
    if order == ORDER_1 {
        for (previous, table) in table_of.iter_mut().enumerate() {
            if base[previous] > 0 {
                if let Some(levels) = coder.chosen(&mut decoder, &base)? {
                    *table = tables.len() as u16;
                    tables.push(decode_entries(&normalise(&levels)));
                }
            }
        }
    }
    decoder.finish()?;
    let by_previous: Vec<&Entries> = table_of
        .iter()
        .map(|&table| tables[usize::from(table)].as_ref())
        .collect();
    let first: &Entries = tables[0].as_ref();
    let out = lane_decoder.stream(raw_size, |_, before| {
        before.map_or(first, |symbol| by_previous[usize::from(symbol)])
    })?;
    let read = lane_decoder.finish()?;
    if 4 * lane_count(raw_size) + read != body.len() {
        return Err(CodecError::TrailingData);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(seed: u32) -> impl Iterator<Item = u32> {
        std::iter::successors(Some(seed), |&x| {
            Some(x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223))
        })
        .map(|x| x >> 8)
    }

    fn skewed(size: usize, seed: u32) -> Vec<u8> {
        noise(seed)
            .take(size)
            .map(|x| (x % 64 * (x >> 8) % 64 / 16) as u8 + b'a')
            .collect()
    }

    #[test]
    fn blocks_of_all_sizes_round_trip() {
        for size in [0, 1, 2, 10, 1000, 4096, 70_000] {
            let data = skewed(size, size as u32 + 1);
            let payload = encode(&data);
            assert_eq!(decode(&payload, size).as_ref(), Ok(&data));
            assert!(payload.len() <= size + 1);
        }
    }

    #[test]
    fn damaged_payloads_give_an_error_or_the_declared_size() {
        let payload = encode(&skewed(3000, 7));
        let mut random = noise(9);
        let mut next = |limit: usize| random.next().unwrap_or(0) as usize % limit;
        for _ in 0..1000 {
            let mut damaged = payload.clone();
            for _ in 0..=next(3) {
                let at = next(damaged.len());
                damaged[at] = next(256) as u8;
            }
            if next(4) == 0 {
                damaged.truncate(next(damaged.len()));
            }
            let size = [3000, 2999, 70_000, 1][next(4)];
            if let Ok(decoded) = decode(&damaged, size) {
                assert_eq!(decoded.len(), size);
            }
        }
    }

    #[test]
    fn any_levels_normalise_to_4096() {
        let mut random = noise(11);
        for size in 2..=256 {
            let levels: Vec<u8> = (0..size)
                .map(|_| (random.next().unwrap_or(0) % 50) as u8)
                .collect();
            let frequencies = normalise(&levels);
            assert_eq!(frequencies.iter().map(|&f| u32::from(f)).sum::<u32>(), 4096);
            assert!(frequencies.iter().all(|&f| f < 4096));
            if levels.iter().filter(|&&level| level > 0).count() > 1 {
                assert!(levels
                    .iter()
                    .zip(&frequencies)
                    .all(|(&level, &f)| (level > 0) == (f > 0)));
            }
        }
    }
}
