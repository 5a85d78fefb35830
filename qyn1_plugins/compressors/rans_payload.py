"""The payload of `rans` in numpy: the same bytes as the native extension's."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from qyn1_plugins.compressors.framing import read_size, write_size
from qyn1_plugins.compressors.lanes import LaneDecoder, encode_lanes, lane_count, previous_in_lane
from qyn1_plugins.compressors.range_coder import RangeDecoder, RangeEncoder
from qyn1_plugins.compressors.tables import (
    COST_UNIT,
    TableCoder,
    decode_entries,
    levels_of_counts,
    normalise,
    table_cost,
)
from qyn1_plugins.errors import CodecError

__all__ = ["decode", "encode"]

STORED: Final = 0
ORDER_0: Final = 1
ORDER_1: Final = 2

Levels = npt.NDArray[np.int64]


def encode(data: bytes) -> bytes:
    """The payload of ``data``, in numpy."""
    if not data:
        return b""
    symbols = np.frombuffer(data, np.uint8)
    lanes = lane_count(len(symbols))
    previous, joined = previous_in_lane(symbols, lanes)
    counts = np.bincount(symbols, minlength=256).astype(np.int64)
    # Symbols that begin a lane are coded by the order-0 table, and stay out of the pair counts.
    pairs = np.bincount(
        previous[joined].astype(np.int64) << 8 | symbols[joined].astype(np.int64), minlength=1 << 16
    ).reshape(256, 256)
    base = levels_of_counts(counts)
    heads, cost = [], []
    for order in (ORDER_0, ORDER_1):
        encoder, coder = RangeEncoder(), TableCoder()
        coder.write(encoder, base, None)
        if order == ORDER_0:
            tables = [base]
            table_of = np.zeros(256, np.int64)
            bits = table_cost(counts, normalise(base))
        else:
            tables, table_of = _refine(encoder, coder, base, pairs)
            bits = sum(
                table_cost(row, normalise(tables[table])) for row, table in zip(pairs, table_of.tolist(), strict=True)
            )
        head = encoder.finish()
        heads.append((order, head, tables, table_of))
        cost.append(bits + 8 * COST_UNIT * len(head))
    order, head, tables, table_of = heads[0] if cost[0] <= cost[1] else heads[1]
    frequencies = np.array([normalise(levels) for levels in tables])
    starts = np.cumsum(frequencies, axis=1) - frequencies
    table = np.where(joined, table_of[previous], 0)
    states, words = encode_lanes([(frequencies[table, symbols], starts[table, symbols])], lanes)
    payload = (
        bytes([order]) + write_size(len(head)) + head + states.astype("<u4").tobytes() + words.astype("<u2").tobytes()
    )
    return payload if len(payload) <= len(data) else bytes([STORED]) + data


def _refine(encoder: RangeEncoder, coder: TableCoder, base: Levels, pairs: Levels) -> tuple[list[Levels], Levels]:
    """Write the order-1 tables; gives the distinct ones and the table of each previous byte."""
    tables = [base]
    table_of = np.zeros(256, np.int64)
    for previous in np.flatnonzero(base).tolist():
        levels = coder.choose(encoder, pairs[previous], base)
        if levels is not base:
            table_of[previous] = len(tables)
            tables.append(levels)
    return tables, table_of


def decode(payload: bytes, raw_size: int) -> bytes:
    """``raw_size`` bytes out of ``payload``, in numpy; `CodecError` if it is damaged."""
    if not payload and not raw_size:
        return b""
    if not payload or not raw_size:
        raise CodecError("the block ends too early" if raw_size else "data is left over after the end of the block")
    order = payload[0]
    if order == STORED:
        if len(payload) != raw_size + 1:
            raise CodecError(f"a stored block has {len(payload) - 1} bytes, its header says {raw_size}")
        return payload[1:]
    if order not in (ORDER_0, ORDER_1):
        raise CodecError(f"the block is damaged: unknown kind {order}")
    head_size, position = read_size(payload, 1)
    head = payload[position : position + head_size]
    position += head_size
    lanes = lane_count(raw_size)
    body = payload[position + 4 * lanes :]
    if len(payload) < position + 4 * lanes or len(body) % 2:
        raise CodecError("the block ends too early")
    decoder, coder = RangeDecoder(head), TableCoder()
    base = coder.read(decoder, None, 256)
    tables = [base]
    classes = None
    if order == ORDER_1:
        classes = np.zeros(256, np.int64)
        for previous in np.flatnonzero(base).tolist():
            levels = coder.chosen(decoder, base)
            if levels is not base:
                classes[previous] = len(tables)
                tables.append(levels)
    decoder.finish()
    entries = np.concatenate([decode_entries(normalise(levels)) for levels in tables])
    states = np.frombuffer(payload, "<u4", lanes, position).astype(np.uint32)
    lane_decoder = LaneDecoder(states, np.frombuffer(body, "<u2"))
    symbols = lane_decoder.stream(raw_size, entries, None, classes)
    if 2 * lane_decoder.finish() != len(body):
        raise CodecError("data is left over after the end of the block")
    return symbols.tobytes()
