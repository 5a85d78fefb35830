"""Sequences to payload and back: the container of `chunked-rans`, in numpy.

Kind byte; size of the header; header (range coded: counts, then every table);
states; words of the lanes; raw bits, which end with the payload. The reference stream comes first, so that the
tables of runs, lengths and literals follow from what is already decoded.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from qyn1_plugins.compressors.chunked_prior import NO_PRIOR, STREAMS, Statistics, alphabet_size
from qyn1_plugins.compressors.framing import pack_bits, read_size, unpack_bits, write_size
from qyn1_plugins.compressors.lanes import LaneDecoder, encode_lanes, lane_count, previous_in_lane
from qyn1_plugins.compressors.range_coder import RangeDecoder, RangeEncoder, new_contexts
from qyn1_plugins.compressors.sequences import (
    CONTEXTS,
    FIRST_DISTANCE,
    FIRST_PHRASE_GROUP,
    INITIAL_DISTANCES,
    MIN_LENGTH,
    Sequences,
    join_value,
    length_contexts,
    literal_classes,
    literal_contexts,
    run_contexts,
    split_value,
)
from qyn1_plugins.compressors.tables import TableCoder, decode_entries, levels_of_counts, normalise
from qyn1_plugins.errors import CodecError

__all__ = ["MAX_BLOCK", "decode_payload", "encode_payload", "stream_symbols"]

Integers = npt.NDArray[np.int64]
Octets = npt.NDArray[np.uint8]

STORED: Final = 0
CODED: Final = 1
MAX_BLOCK: Final = 1 << 27
"""Larger blocks are stored."""
VALUE_DIRECT_BITS: Final = 4
DISTANCE_DIRECT_BITS: Final = 2


def stream_symbols(
    sequences: Sequences, statistics: Statistics, lanes: int
) -> dict[str, tuple[npt.NDArray[np.integer], Integers]]:
    """Per stream its symbols and the number of the table of each."""
    reference, run = sequences.reference, sequences.run
    classes = statistics.classes
    before, joined = previous_in_lane(reference, lanes)
    measured = reference < FIRST_PHRASE_GROUP
    literals = sequences.literals
    literal_table, literal_joined = literal_contexts(reference, run, len(literals), classes)
    literal_before, literal_follows = previous_in_lane(literals, lanes)
    literal_joined &= literal_follows
    return {
        "reference": (reference, np.where(joined, classes[before], 0)),
        "run": (split_value(run, VALUE_DIRECT_BITS)[0], run_contexts(reference, classes)),
        "length": (
            split_value(sequences.length[measured] - MIN_LENGTH, VALUE_DIRECT_BITS)[0],
            length_contexts(reference[measured], run[measured]),
        ),
        "literal": (literals, literal_table + np.where(literal_joined, literal_classes()[literal_before], 0)),
    }


def encode_payload(data: bytes, sequences: Sequences, statistics: Statistics = NO_PRIOR) -> bytes:
    """The payload of ``data``, parsed as ``sequences``."""
    reference, run = sequences.reference, sequences.run
    measured = reference < FIRST_PHRASE_GROUP
    lengths = sequences.length[measured]
    lanes = lane_count(2 * len(reference) + len(lengths) + len(sequences.literals))
    encoder, coder = RangeEncoder(), TableCoder()
    sizes = new_contexts(32)
    for count in (len(reference), len(lengths), len(sequences.literals)):
        encoder.number(sizes, count)
    coded = []
    for stream, (symbols, table) in stream_symbols(sequences, statistics, lanes).items():
        size = alphabet_size(stream, len(statistics.group_bits))
        counts = np.bincount(table * size + symbols, minlength=CONTEXTS[stream] * size).reshape(-1, size)
        references = statistics.levels.get(stream)
        if references is None:
            base = levels_of_counts(counts.sum(axis=0))
            coder.write(encoder, base, None)
            references = np.broadcast_to(base, (CONTEXTS[stream], size))
        levels = [coder.choose(encoder, row, guess) for row, guess in zip(counts, references, strict=True)]
        frequencies = _normalise_all(levels)
        starts = np.cumsum(frequencies, axis=1) - frequencies
        coded.append((frequencies[table, symbols], starts[table, symbols]))
    head = encoder.finish()
    states, words = encode_lanes(coded, lanes)
    _, run_low, run_width = split_value(run, VALUE_DIRECT_BITS)
    _, length_low, length_width = split_value(lengths - MIN_LENGTH, VALUE_DIRECT_BITS)
    bits = pack_bits(
        np.concatenate((sequences.detail, run_low, length_low)),
        np.concatenate((_detail_widths(reference, statistics), run_width, length_width)),
    )
    payload = b"".join(
        (
            bytes([CODED]),
            write_size(len(head)),
            head,
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


def _detail_widths(reference: Octets, statistics: Statistics) -> Integers:
    widths = np.zeros(256, np.int64)
    widths[FIRST_DISTANCE:FIRST_PHRASE_GROUP] = join_value(
        np.arange(FIRST_PHRASE_GROUP - FIRST_DISTANCE), DISTANCE_DIRECT_BITS
    )[1]
    widths[FIRST_PHRASE_GROUP : FIRST_PHRASE_GROUP + len(statistics.group_bits)] = statistics.group_bits
    return widths[reference]


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
    return _expand(_decode_sequences(payload, raw_size, statistics), raw_size, statistics)


def _decode_sequences(payload: bytes, raw_size: int, statistics: Statistics) -> Sequences:
    head_size, position = read_size(payload, 1)
    decoder, coder = RangeDecoder(payload[position : position + head_size]), TableCoder()
    position += head_size
    sizes = new_contexts(32)
    count, measured_count, literal_count = (decoder.number(sizes) for _ in range(3))
    if measured_count > count or literal_count + MIN_LENGTH * count > raw_size:
        raise CodecError("the block is damaged: its counts exceed its size")
    entries = {}
    for name in STREAMS:
        size = alphabet_size(name, len(statistics.group_bits))
        references = statistics.levels.get(name)
        if references is None:
            references = np.broadcast_to(coder.read(decoder, None, size), (CONTEXTS[name], size))
        entries[name] = np.concatenate([_entries(coder.chosen(decoder, guess).tobytes()) for guess in references])
    lanes = lane_count(2 * count + measured_count + literal_count)
    if len(payload) < position + 4 * lanes:
        raise CodecError("the block ends too early")
    states = np.frombuffer(payload, "<u4", lanes, position).astype(np.uint32)
    position += 4 * lanes
    lane_decoder = LaneDecoder(states, np.frombuffer(payload, "<u2", (len(payload) - position) // 2, position))
    classes = statistics.classes
    reference = lane_decoder.stream(count, entries["reference"], None, classes)
    measured = reference < FIRST_PHRASE_GROUP
    if int(measured.sum()) != measured_count:
        raise CodecError("the block is damaged: its counts contradict each other")
    symbols = lane_decoder.stream(count, entries["run"], run_contexts(reference, classes))
    run, run_width = join_value(symbols.astype(np.int64), VALUE_DIRECT_BITS)
    # Whether a run is empty is known from its symbol alone.
    symbols = lane_decoder.stream(
        measured_count, entries["length"], length_contexts(reference[measured], symbols[measured].astype(np.int64))
    )
    lengths, length_width = join_value(symbols.astype(np.int64), VALUE_DIRECT_BITS)
    widths = np.concatenate((_detail_widths(reference, statistics), run_width, length_width))
    tail = len(payload) - -(-int(widths.sum()) // 8)
    if tail < position:
        raise CodecError("the block ends too early")
    bits = unpack_bits(payload[tail:], widths)
    run += bits[count : 2 * count]
    length = np.zeros(count, np.int64)
    length[measured] = lengths + bits[2 * count :] + MIN_LENGTH
    if int(run.sum()) > literal_count:
        raise CodecError("the block is damaged: its runs exceed its literals")
    table, joined = literal_contexts(reference, run, literal_count, classes)
    literals = lane_decoder.stream(literal_count, entries["literal"], table, literal_classes(), joined)
    if position + 2 * lane_decoder.finish() != tail:
        raise CodecError("the block is damaged: its parts do not meet")
    return Sequences(run, reference, bits[:count], length, literals)


@lru_cache(1024)
def _entries(levels: bytes) -> npt.NDArray[np.uint32]:
    return decode_entries(normalise(np.frombuffer(levels, np.int64)))


def _expand(sequences: Sequences, raw_size: int, statistics: Statistics) -> bytes:
    """Carry the sequences out."""
    reference, run = sequences.reference, sequences.run
    distance_symbol = np.clip(reference.astype(np.int64) - FIRST_DISTANCE, 0, FIRST_PHRASE_GROUP - FIRST_DISTANCE - 1)
    # What each reference names: a distance, a phrase number, or which of the last distances.
    target = join_value(distance_symbol, DISTANCE_DIRECT_BITS)[0] + sequences.detail + 1
    phrase = np.flatnonzero(reference >= FIRST_PHRASE_GROUP)
    if len(phrase):
        target[phrase] = statistics.group_base[reference[phrase] - FIRST_PHRASE_GROUP] + sequences.detail[phrase]
    repeated = reference < FIRST_DISTANCE
    target[repeated] = reference[repeated]
    produced = sequences.length.copy()
    produced[phrase] = statistics.phrase_lengths[target[phrase]]
    if int(produced.sum()) + len(sequences.literals) != raw_size:
        raise CodecError("the block is damaged: its sequences do not add up to its size")
    before = np.cumsum(run + produced) - produced
    fresh = (reference >= FIRST_DISTANCE) & (reference < FIRST_PHRASE_GROUP)
    if bool(np.any(target[fresh] > before[fresh])):
        raise CodecError("the block is damaged: a distance reaches before its start")
    return _copy(sequences, target, before, statistics.phrases)


def _copy(sequences: Sequences, targets: Integers, positions: Integers, phrases: list[bytes]) -> bytes:
    out = bytearray()
    literals = sequences.literals.tobytes()
    taken = 0
    recent = list(INITIAL_DISTANCES)
    for kind, run, target, length, position in zip(
        sequences.reference.tolist(),
        sequences.run.tolist(),
        targets.tolist(),
        sequences.length.tolist(),
        positions.tolist(),
        strict=True,
    ):
        if run:
            out += literals[taken : taken + run]
            taken += run
        if kind >= FIRST_PHRASE_GROUP:
            out += phrases[target]
            continue
        if kind >= FIRST_DISTANCE:
            distance = target
            recent.pop()
            recent.insert(0, distance)
        else:
            distance = recent[kind]
            if kind:
                recent.insert(0, recent.pop(kind))
            if distance > position:
                raise CodecError("the block is damaged: a distance reaches before its start")
        start = position - distance
        if distance >= length:
            out += out[start : start + length]
        else:
            out += (out[start:] * (length // distance + 1))[:length]
    out += literals[taken:]
    return bytes(out)
