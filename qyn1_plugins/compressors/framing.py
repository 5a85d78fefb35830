"""Sizes and raw bit fields as the codecs write them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from qyn1_plugins.errors import CodecError

__all__ = ["pack_bits", "read_size", "unpack_bits", "write_size"]


def write_size(value: int) -> bytes:
    """LEB128: seven bits a byte, lowest first, the high bit on all but the last."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_size(data: bytes, position: int) -> tuple[int, int]:
    """The size at ``position`` (below 2^28, shortest form only) and the position after it."""
    value = 0
    for index in range(4):
        if position + index >= len(data):
            raise CodecError("the block ends too early")
        byte = data[position + index]
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            if byte == 0 and index:
                break
            return value, position + index + 1
    raise CodecError("the block is damaged: a size is malformed")


def pack_bits(values: npt.NDArray[np.int64], widths: npt.NDArray[np.int64]) -> bytes:
    """The low ``widths[i]`` bits of each value, one after the other, lowest bit first."""
    total = int(widths.sum())
    ends = np.cumsum(widths)
    index = np.arange(total) - np.repeat(ends - widths, widths)
    return np.packbits((np.repeat(values, widths) >> index & 1).astype(np.uint8), bitorder="little").tobytes()


def unpack_bits(data: bytes, widths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The fields of ``widths`` (0 to 32 each); ``data`` must have exactly their bits, padded with zeros."""
    ends = np.cumsum(widths)
    total = int(ends[-1]) if len(ends) else 0
    if len(data) != -(-total // 8):
        raise CodecError(
            "the block ends too early" if len(data) < -(-total // 8) else "data is left over after the end of the block"
        )
    if total % 8 and data[-1] >> total % 8:
        raise CodecError("the block is damaged: padding bits are set")
    octets = np.frombuffer(data + bytes(8), np.uint8).astype(np.int64)
    starts = ends - widths
    first = starts >> 3
    window: npt.NDArray[np.int64] = octets[first]
    for index in range(1, 5):
        window |= octets[first + index] << 8 * index
    fields: npt.NDArray[np.int64] = window >> (starts & 7) & ((1 << widths) - 1)
    return fields
