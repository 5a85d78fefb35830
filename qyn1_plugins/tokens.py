"""`TokenStream`: the lossless result of lexing, as a numpy structure of arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from qyn1_plugins.token_kinds import TokenKind

__all__ = ["TokenKind", "TokenStream", "line_starts"]

_DTYPES: Final = (
    ("kind", np.uint8),
    ("start", np.uint32),
    ("depth", np.uint16),
    ("line_start", np.uint32),
    ("indent", np.uint16),
)


@dataclass(frozen=True, eq=False)
class TokenStream:
    """Tokens that tile ``data``: token i is ``data[start[i]:start[i + 1]]``.

    Shapes, for n tokens and m lines:

    - ``kind``: uint8 (n,), values of `TokenKind`
    - ``start``: uint32 (n,), byte offsets, ``start[0] == 0``, strictly ascending
    - ``depth``: uint16 (n,), open brackets before the token (an opener has the
      outside depth, its closer the same), saturating at 65535
    - ``line_start``: uint32 (m,), offset of each line's first byte; a line ends
      after LF, CRLF or lone CR; empty for empty data
    - ``indent``: uint16 (m,), bytes of leading spaces and tabs of each line,
      saturating at 65535

    Empty data has no tokens and no lines.
    """

    data: bytes
    kind: npt.NDArray[np.uint8]
    start: npt.NDArray[np.uint32]
    depth: npt.NDArray[np.uint16]
    line_start: npt.NDArray[np.uint32]
    indent: npt.NDArray[np.uint16]

    @classmethod
    def build(
        cls,
        data: bytes,
        kind: npt.NDArray[np.uint8],
        start: npt.NDArray[np.uint32],
    ) -> TokenStream:
        """Derive depth, lines and indentation from ``data``, ``kind`` and ``start``."""
        line_start = line_starts(data)
        return cls(data, kind, start, _depths(kind), line_start, _indents(data, line_start))

    @classmethod
    def of_bytes(cls, data: bytes, kind: bytes | bytearray, start: bytes) -> TokenStream:
        """`build` from what lexers give: one byte for each kind, a little-endian uint32 for each start."""
        starts = np.frombuffer(start, np.dtype("<u4")).astype(np.uint32, copy=False)
        return cls.build(data, np.frombuffer(kind, np.uint8), starts)

    def __len__(self) -> int:
        return len(self.kind)

    def __iter__(self) -> Iterator[tuple[TokenKind, bytes]]:
        """Each token as (kind, bytes)."""
        for kind, begin, end in zip(self.kind.tolist(), self.start.tolist(), self.end.tolist(), strict=True):
            yield TokenKind(kind), self.data[begin:end]

    @cached_property
    def end(self) -> npt.NDArray[np.uint32]:
        """Offset after each token: uint32 (n,)."""
        if not len(self.start):
            return self.start
        return np.append(self.start[1:], np.uint32(len(self.data)))

    def same_as(self, other: TokenStream) -> bool:
        """Whether every array is equal (the test between two lexers of one language)."""
        return self.data == other.data and all(
            np.array_equal(getattr(self, name), getattr(other, name)) for name, _ in _DTYPES
        )

    def fault(self) -> str | None:
        """Why this stream breaks the tiling law, or None when it holds."""
        for name, dtype in _DTYPES:
            values = getattr(self, name)
            if values.dtype != dtype or values.ndim != 1:
                return f"{name} is {values.ndim}-dimensional {values.dtype}, not a row of {np.dtype(dtype)}"
        count = len(self.kind)
        if len(self.start) != count or len(self.depth) != count:
            return f"arrays differ in length: {count} kinds, {len(self.start)} starts, {len(self.depth)} depths"
        if not self.data:
            return None if count == 0 else "tokens for empty data"
        if count == 0:
            return "no token for data that is not empty"
        if self.start[0] != 0:
            return f"the first token starts at {self.start[0]}, not 0"
        if count > 1 and not bool(np.all(self.start[1:] > self.start[:-1])):
            return "token starts do not ascend"
        if self.start[-1] >= len(self.data):
            return "the last token starts past the end"
        if int(self.kind.max()) > max(TokenKind):
            return f"unknown token kind {int(self.kind.max())}"
        return None


def line_starts(data: bytes) -> npt.NDArray[np.uint32]:
    """Offset of each line's first byte, as `TokenStream.line_start`."""
    if not data:
        return np.zeros(0, np.uint32)
    octets = np.frombuffer(data, np.uint8)
    is_lf = octets == 0x0A
    is_lone_cr = octets == 0x0D
    is_lone_cr[:-1] &= ~is_lf[1:]
    breaks = np.flatnonzero(is_lf | is_lone_cr) + 1
    starts = np.concatenate(([0], breaks)).astype(np.uint32)
    return starts[starts < len(data)]


def _indents(data: bytes, line_start: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint16]:
    if not len(line_start):
        return np.zeros(0, np.uint16)
    octets = np.frombuffer(data, np.uint8)
    solid = np.flatnonzero((octets != 0x20) & (octets != 0x09))
    first_solid = np.searchsorted(solid, line_start)
    ends = np.append(solid, len(data))[first_solid]
    return np.minimum(ends - line_start, 65535).astype(np.uint16)


def _depths(kind: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint16]:
    """Brackets open before each token; a closer without an opener counts as depth 0."""
    opens = (kind == TokenKind.OPEN).astype(np.int64)
    closes = (kind == TokenKind.CLOSE).astype(np.int64)
    level = np.cumsum(opens - closes)
    # Reflecting the running level at zero is what "ignore an unmatched closer" means.
    floor = np.minimum(np.minimum.accumulate(level), 0) if len(level) else level
    after = level - floor
    before = np.concatenate(([0], after[:-1])) if len(after) else after
    return np.minimum(np.where(closes == 1, after, before), 65535).astype(np.uint16)
