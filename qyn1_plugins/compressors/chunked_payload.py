"""Tokens to payload and back: the container of `chunked-rans`, in numpy.

Kind byte; size of the header; header (range coded: counts, then every table);
states; words of the lanes; raw bits, which end with the payload. The token stream
comes first, so that the tables of lengths and literals follow from what is already
decoded.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from qyn1_plugins.compressors.chunked_alphabet import (
    CONTEXTS,
    DISTANCE_DIRECT_BITS,
    FIRST_DISTANCE,
    FIRST_PHRASE_GROUP,
    FIRST_RUN,
    INITIAL_DISTANCES,
    LENGTH_DIRECT_BITS,
    MIN_LENGTH,
    RUN_DIRECT_BITS,
    Tokens,
    is_run,
    join_value,
    length_contexts,
    literal_classes,
    literal_contexts,
    run_lengths,
    split_value,
)
from qyn1_plugins.compressors.chunked_prior import NO_PRIOR, STREAMS, Statistics, alphabet_size
from qyn1_plugins.compressors.framing import pack_bits, read_size, unpack_bits, write_size
from qyn1_plugins.compressors.lanes import LaneDecoder, encode_lanes, lane_count, previous_in_lane
from qyn1_plugins.compressors.range_coder import RangeDecoder, RangeEncoder, new_contexts
from qyn1_plugins.compressors.tables import COST, COST_UNIT, TableCoder, decode_entries, levels_of_counts, normalise
from qyn1_plugins.errors import CodecError
from qyn1_plugins.spec import COST_UNIT as SPEC_UNIT

__all__ = ["MAX_BLOCK", "decode_payload", "encode_payload", "payload_costs", "stream_symbols"]

Integers = npt.NDArray[np.int64]
Octets = npt.NDArray[np.uint8]

STORED: Final = 0
CODED: Final = 1
MAX_BLOCK: Final = 1 << 27
"""Larger blocks are stored."""


def stream_symbols(
    tokens: Tokens, statistics: Statistics, lanes: int
) -> dict[str, tuple[npt.NDArray[np.integer[Any]], Integers]]:
    """Per stream its symbols and the number of the table of each."""
    symbol, literals = tokens.symbol, tokens.literals
    before, has_before = previous_in_lane(symbol, lanes)
    runs = run_lengths(symbol, tokens.detail)
    literal_table, joined = literal_contexts(symbol, runs, statistics.classes)
    literal_before, follows = previous_in_lane(literals, lanes)
    return {
        "token": (symbol, np.where(has_before, statistics.classes[before], 0)),
        "length": (
            split_value(tokens.length[symbol < FIRST_RUN] - MIN_LENGTH, LENGTH_DIRECT_BITS)[0],
            length_contexts(symbol),
        ),
        "literal": (literals, literal_table + np.where(joined & follows, literal_classes()[literal_before], 0)),
    }


@dataclass(frozen=True)
class _Coded:
    """A parsed block with its tables; per stream frequency and start of every symbol."""

    head: bytes
    lanes: int
    streams: list[tuple[Integers, Integers]]


def encode_payload(data: bytes, tokens: Tokens, statistics: Statistics = NO_PRIOR) -> bytes:
    """The payload of ``data``, parsed as ``tokens``."""
    return _payload(data, tokens, _code(tokens, statistics), statistics)


def payload_costs(data: bytes, tokens: Tokens, statistics: Statistics = NO_PRIOR) -> Integers:
    """What each byte of ``data``, of which there are some, costs in that payload, in units of 2^-16 bit.

    What its token costs, and a share of the rest; together they are the payload's size.
    """
    coded = _code(tokens, statistics)
    payload = _payload(data, tokens, coded, statistics)
    size = len(data)
    rest = 8 * SPEC_UNIT * len(payload)
    costs = np.zeros(size, np.int64)
    if payload[0] == CODED:
        token, length, literal = (COST[frequency] * (SPEC_UNIT // COST_UNIT) for frequency, _ in coded.streams)
        symbol, measured = tokens.symbol, tokens.symbol < FIRST_RUN
        token += _detail_widths(symbol, statistics) * SPEC_UNIT
        token[measured] += length + split_value(tokens.length[measured] - MIN_LENGTH, LENGTH_DIRECT_BITS)[2] * SPEC_UNIT
        produced = _produced(tokens, statistics)
        number = np.repeat(np.arange(len(symbol)), produced)
        place = np.arange(size) - (np.cumsum(produced) - produced)[number]
        costs = token[number] // produced[number] + (place < token[number] % produced[number])
        costs[is_run(symbol)[number]] += literal
        rest -= int(costs.sum())
    rest = max(rest, 0)
    return costs + rest // size + (np.arange(size) < rest % size)


def _produced(tokens: Tokens, statistics: Statistics) -> Integers:
    """The bytes that each token makes."""
    produced: Integers = tokens.length.copy()
    produced[is_run(tokens.symbol)] = run_lengths(tokens.symbol, tokens.detail)
    phrase = tokens.symbol >= FIRST_PHRASE_GROUP
    group = tokens.symbol[phrase].astype(np.int64) - FIRST_PHRASE_GROUP
    produced[phrase] = statistics.phrase_lengths[statistics.group_base[group] + tokens.detail[phrase]]
    return produced


def _code(tokens: Tokens, statistics: Statistics) -> _Coded:
    lengths = tokens.length[tokens.symbol < FIRST_RUN]
    counts = (len(tokens.symbol), len(lengths), len(tokens.literals))
    lanes = lane_count(sum(counts))
    encoder, coder = RangeEncoder(), TableCoder()
    sizes = new_contexts(32)
    for count in counts:
        encoder.number(sizes, count)
    coded = []
    for stream, (symbols, table) in stream_symbols(tokens, statistics, lanes).items():
        size = alphabet_size(stream, len(statistics.group_bits))
        used = np.bincount(table * size + symbols, minlength=CONTEXTS[stream] * size).reshape(-1, size)
        references = statistics.levels.get(stream)
        if references is None:
            base = levels_of_counts(used.sum(axis=0))
            coder.write(encoder, base, None)
            references = np.broadcast_to(base, (CONTEXTS[stream], size))
        levels = [coder.choose(encoder, row, guess) for row, guess in zip(used, references, strict=True)]
        frequencies = _normalise_all(levels)
        starts = np.cumsum(frequencies, axis=1) - frequencies
        coded.append((frequencies[table, symbols], starts[table, symbols]))
    return _Coded(encoder.finish(), lanes, coded)


def _payload(data: bytes, tokens: Tokens, coded: _Coded, statistics: Statistics) -> bytes:
    states, words = encode_lanes(coded.streams, coded.lanes)
    lengths = tokens.length[tokens.symbol < FIRST_RUN]
    _, length_low, length_width = split_value(lengths - MIN_LENGTH, LENGTH_DIRECT_BITS)
    bits = pack_bits(
        np.concatenate((tokens.detail, length_low)),
        np.concatenate((_detail_widths(tokens.symbol, statistics), length_width)),
    )
    payload = b"".join(
        (
            bytes([CODED]),
            write_size(len(coded.head)),
            coded.head,
            states.astype("<u4").tobytes(),
            words.astype("<u2").tobytes(),
            bits,
        )
    )
    return payload if len(payload) <= len(data) else bytes([STORED]) + data


def _normalise_all(levels: list[Integers]) -> Integers:
    """Frequencies of all tables of a stream; equal tables are normalised once."""
    known: dict[bytes, Integers] = {}
    rows = []
    for row in levels:
        key = row.tobytes()
        if key not in known:
            known[key] = normalise(row)
        rows.append(known[key])
    return np.array(rows)


def _detail_widths(symbol: Octets, statistics: Statistics) -> Integers:
    widths = np.zeros(256, np.int64)
    for first, end, direct in (
        (FIRST_DISTANCE, FIRST_RUN, DISTANCE_DIRECT_BITS),
        (FIRST_RUN, FIRST_PHRASE_GROUP, RUN_DIRECT_BITS),
    ):
        widths[first:end] = join_value(np.arange(end - first), direct)[1]
    widths[FIRST_PHRASE_GROUP : FIRST_PHRASE_GROUP + len(statistics.group_bits)] = statistics.group_bits
    return widths[symbol]


def decode_payload(payload: bytes, raw_size: int, statistics: Statistics = NO_PRIOR) -> bytes:
    """``raw_size`` bytes out of ``payload``; `CodecError` if it is damaged."""
    if not payload and not raw_size:
        return b""
    if not payload or not raw_size:
        raise CodecError("the block ends too early" if raw_size else "data is left over after the end of the block")
    if payload[0] == STORED:
        if len(payload) != raw_size + 1:
            raise CodecError(f"a stored block has {len(payload) - 1} bytes, its header says {raw_size}")
        return payload[1:]
    if payload[0] != CODED or raw_size > MAX_BLOCK:
        raise CodecError(f"the block is damaged: kind {payload[0]} of {raw_size} bytes")
    return _expand(_decode_tokens(payload, raw_size, statistics), raw_size, statistics)


def _decode_tokens(payload: bytes, raw_size: int, statistics: Statistics) -> Tokens:
    head_size, position = read_size(payload, 1)
    decoder, coder = RangeDecoder(payload[position : position + head_size]), TableCoder()
    position += head_size
    sizes = new_contexts(32)
    count, measured_count, literal_count = (decoder.number(sizes) for _ in range(3))
    # Every token makes a byte, every repetition two, and every literal is one.
    if measured_count > count or count + measured_count > raw_size or literal_count > raw_size:
        raise CodecError("the block is damaged: its counts exceed its size")
    entries = {}
    for name in STREAMS:
        size = alphabet_size(name, len(statistics.group_bits))
        references = statistics.levels.get(name)
        if references is None:
            references = np.broadcast_to(coder.read(decoder, None, size), (CONTEXTS[name], size))
        entries[name] = np.concatenate([_entries(coder.chosen(decoder, guess).tobytes()) for guess in references])
    decoder.finish()
    lanes = lane_count(count + measured_count + literal_count)
    if len(payload) < position + 4 * lanes:
        raise CodecError("the block ends too early")
    states = np.frombuffer(payload, "<u4", lanes, position).astype(np.uint32)
    position += 4 * lanes
    lane_decoder = LaneDecoder(states, np.frombuffer(payload, "<u2", (len(payload) - position) // 2, position))
    classes = statistics.classes
    symbol = lane_decoder.stream(count, entries["token"], None, classes)
    measured = symbol < FIRST_RUN
    if int(measured.sum()) != measured_count:
        raise CodecError("the block is damaged: its counts contradict each other")
    symbols = lane_decoder.stream(measured_count, entries["length"], length_contexts(symbol))
    lengths, length_width = join_value(symbols.astype(np.int64), LENGTH_DIRECT_BITS)
    widths = np.concatenate((_detail_widths(symbol, statistics), length_width))
    tail = len(payload) - -(-int(widths.sum()) // 8)
    if tail < position:
        raise CodecError("the block ends too early")
    bits = unpack_bits(payload[tail:], widths)
    detail = bits[:count]
    length = np.zeros(count, np.int64)
    length[measured] = lengths + bits[count:] + MIN_LENGTH
    runs = run_lengths(symbol, detail)
    if int(runs.sum()) != literal_count:
        raise CodecError("the block is damaged: its runs are not its literals")
    table, joined = literal_contexts(symbol, runs, classes)
    literals = lane_decoder.stream(literal_count, entries["literal"], table, literal_classes(), joined)
    if position + 2 * lane_decoder.finish() != tail:
        raise CodecError("the block is damaged: its parts do not meet")
    return Tokens(symbol, detail, length, literals)


@lru_cache(1024)
def _entries(levels: bytes) -> npt.NDArray[np.uint32]:
    return decode_entries(normalise(np.frombuffer(levels, np.int64)))


def _expand(tokens: Tokens, raw_size: int, statistics: Statistics) -> bytes:
    """Carry the tokens out."""
    symbol, detail = tokens.symbol, tokens.detail
    repeated = symbol < FIRST_DISTANCE
    fresh = (symbol >= FIRST_DISTANCE) & (symbol < FIRST_RUN)
    runs = is_run(symbol)
    phrase = symbol >= FIRST_PHRASE_GROUP
    # What each token names: which of the last distances, a distance, the end of its literals, or a phrase.
    target = symbol.astype(np.int64)
    target[fresh] = join_value(target[fresh] - FIRST_DISTANCE, DISTANCE_DIRECT_BITS)[0] + detail[fresh] + 1
    target[phrase] = statistics.group_base[target[phrase] - FIRST_PHRASE_GROUP] + detail[phrase]
    produced = _produced(tokens, statistics)
    target[runs] = np.cumsum(produced[runs])
    if int(produced.sum()) != raw_size:
        raise CodecError("the block is damaged: its tokens do not add up to its size")
    before = np.cumsum(produced) - produced
    if bool(np.any(target[fresh] > before[fresh])):
        raise CodecError("the block is damaged: a distance reaches before its start")
    kind = repeated + 2 * fresh + 3 * phrase
    return _copy(kind, target, produced, before, tokens.literals.tobytes(), statistics.phrases)


def _copy(
    kinds: Integers, targets: Integers, lengths: Integers, positions: Integers, literals: bytes, phrases: list[bytes]
) -> bytes:
    """Run through the tokens; kind 0 is a run, 1 a last distance, 2 a new one, 3 a phrase."""
    out = bytearray()
    recent = list(INITIAL_DISTANCES)
    for kind, target, length, position in zip(
        kinds.tolist(), targets.tolist(), lengths.tolist(), positions.tolist(), strict=True
    ):
        if kind == 3:
            out += phrases[target]
            continue
        if kind == 0:
            out += literals[target - length : target]
            continue
        if kind == 2:
            distance = target
            recent.pop()
        else:
            distance = recent.pop(target)
            if distance > position:
                raise CodecError("the block is damaged: a distance reaches before its start")
        recent.insert(0, distance)
        start = position - distance
        if distance >= length:
            out += out[start : start + length]
        else:
            out += (out[start:] * (length // distance + 1))[:length]
    return bytes(out)
