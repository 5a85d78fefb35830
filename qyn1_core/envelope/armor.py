"""age's text armor: strict PEM, read with random access and written line by line.

::

    -----BEGIN AGE ENCRYPTED FILE-----
    base64 in lines of 64 columns, the last one shorter or full, padded
    -----END AGE ENCRYPTED FILE-----

Lines end with LF or with CRLF, all in the same way. White space may stand before and
behind, up to 1024 bytes of each. Everything else is refused (`ArmorError`): since every
line has the same length, a position in the data is a position in the text.
"""

from __future__ import annotations

import binascii
import io
import os
import re
from typing import TYPE_CHECKING, BinaryIO, Final

from qyn1_core.envelope.failures import ArmorError
from qyn1_core.envelope.header import MAGIC
from qyn1_core.envelope.stream import Sink

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["ArmorReader", "ArmorWriter", "looks_armored"]

_BEGIN: Final = b"-----BEGIN AGE ENCRYPTED FILE-----"
_END: Final = b"-----END AGE ENCRYPTED FILE-----"
_TITLE: Final = b"BEGIN AGE ENCRYPTED FILE"
_COLUMNS: Final = 64
_LINE_BYTES: Final = 48
_MAXIMUM_SPACE: Final = 1024
_SPACE: Final = b" \t\r\n\v\f"
_WINDOW_LINES: Final = 4096
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/]*={0,2}")


def looks_armored(head: bytes) -> bool:
    """Whether a file that starts with ``head`` (1100 bytes are enough) is armored, well or badly."""
    return not head.startswith(MAGIC) and (head.lstrip(_SPACE).startswith(b"-----BEGIN ") or _TITLE in head.upper())


def _decode(text: bytes) -> bytes:
    """Canonical base64 with padding."""
    if not _BASE64.fullmatch(text) or len(text) % 4:
        raise ArmorError("a line of the armor is no base64 of the right length")
    try:
        data = binascii.a2b_base64(text)
    except binascii.Error:
        raise ArmorError("a line of the armor is malformed base64") from None
    if binascii.b2a_base64(data, newline=False) != text:
        raise ArmorError("a line of the armor is no canonical base64")
    return data


class ArmorReader(io.RawIOBase):
    """The bytes inside an armored file: readable and seekable."""

    def __init__(self, source: BinaryIO) -> None:
        super().__init__()
        self._source = source
        end = source.seek(0, os.SEEK_END)
        source.seek(0)
        head = source.read(_MAXIMUM_SPACE + len(_BEGIN) + 2)
        start = len(head) - len(head.lstrip(_SPACE))
        first = head[start:]
        if start > _MAXIMUM_SPACE or not first.startswith(_BEGIN):
            raise ArmorError(f"the armor does not begin with {_BEGIN.decode()}")
        rest = first[len(_BEGIN) :]
        self._newline = b"\r\n" if rest.startswith(b"\r\n") else b"\n"
        if not rest.startswith(self._newline):
            raise ArmorError("the first line of the armor does not end where it should")
        self._body = start + len(_BEGIN) + len(self._newline)
        self._width = _COLUMNS + len(self._newline)
        text_size = self._find_end(end) - self._body
        self._full_lines, last = divmod(text_size, self._width)
        self.size = self._full_lines * _LINE_BYTES
        self._last_columns = 0
        if last:
            self._last_columns = last - len(self._newline)
            if self._last_columns <= 0:
                raise ArmorError("the armor has an empty or malformed last line")
            self.size += len(self._line(self._full_lines, self._last_columns))
        elif self._full_lines:
            # A full last line may end in padding.
            self.size += len(self._line(self._full_lines - 1, _COLUMNS)) - _LINE_BYTES
            self._full_lines -= 1
            self._last_columns = _COLUMNS
        self._position = 0
        self._window = b""
        self._window_start = 0

    def _find_end(self, end: int) -> int:
        """Offset of the END line."""
        begin = max(self._body, end - _MAXIMUM_SPACE - len(_END))
        self._source.seek(begin)
        tail = self._source.read(end - begin).rstrip(_SPACE)
        if not tail.endswith(_END):
            raise ArmorError(f"the armor does not end with {_END.decode()}")
        return begin + len(tail) - len(_END)

    def _text(self, offset: int, size: int) -> bytes:
        self._source.seek(offset)
        text = self._source.read(size)
        if len(text) != size:
            raise ArmorError("the armored file became shorter while it was read")
        return text

    def _line(self, number: int, columns: int) -> bytes:
        """The data of the last line, which alone may be padded."""
        text = self._text(self._body + number * self._width, columns + len(self._newline))
        if not text.endswith(self._newline):
            raise ArmorError("the last line of the armor has the wrong length")
        return _decode(text[:columns])

    def _full(self, first: int, end: int) -> bytes:
        """The data of the whole lines ``first`` to ``end`` (exclusive)."""
        text = self._text(self._body + first * self._width, (end - first) * self._width)
        lines = text.split(self._newline)
        if lines.pop() or len(lines) != end - first or any(len(line) != _COLUMNS for line in lines):
            raise ArmorError("a line of the armor has the wrong length")
        data = _decode(b"".join(lines))
        if len(data) != (end - first) * _LINE_BYTES:
            raise ArmorError("a line of the armor is padded, and is not the last one")
        return data

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Position in the data."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move to a position in the data."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        self._position = max(base + offset, 0)
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        """``size`` bytes, fewer only at the end; all that is left when negative or None."""
        end = self.size if size is None or size < 0 else min(self.size, self._position + size)
        parts: list[bytes] = []
        while self._position < end:
            offset = self._position - self._window_start
            if not 0 <= offset < len(self._window):
                self._load(self._position // _LINE_BYTES)
                offset = self._position - self._window_start
            part = self._window[offset : offset + end - self._position]
            parts.append(part)
            self._position += len(part)
        return b"".join(parts)

    def readall(self) -> bytes:
        """All that is left."""
        return self.read()

    def readline(self, size: int | None = -1, /) -> bytes:
        """Up to and with the next LF, at most ``size`` bytes (8192 by default)."""
        start = self._position
        piece = self.read(8192 if size is None or size < 0 else size)
        line = piece[: piece.find(b"\n") + 1] or piece
        self._position = start + len(line)
        return line

    def readinto(self, buffer: Buffer, /) -> int:
        """Fill ``buffer``; returns how many bytes were there."""
        with memoryview(buffer).cast("B") as view:
            data = self.read(len(view))
            view[: len(data)] = data
        return len(data)

    def _load(self, line: int) -> None:
        """Decode a window of lines that starts with ``line``."""
        end = min(line + _WINDOW_LINES, self._full_lines)
        data = self._full(line, end) if line < end else b""
        if end == self._full_lines and self._last_columns:
            data += self._line(self._full_lines, self._last_columns)
        self._window = data
        self._window_start = line * _LINE_BYTES


class ArmorWriter:
    """Writes armor around what it is given; `close` writes the end of it."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._pending = bytearray()
        sink.write(_BEGIN + b"\n")

    def write(self, data: bytes, /) -> int:
        """Take ``data``."""
        self._pending += data
        whole = len(self._pending) // _LINE_BYTES * _LINE_BYTES
        if whole:
            self._lines(bytes(self._pending[:whole]))
            del self._pending[:whole]
        return len(data)

    def close(self) -> None:
        """Write what is left and the last line. The sink stays open."""
        if self._pending:
            self._lines(bytes(self._pending))
        self._sink.write(_END + b"\n")

    def _lines(self, data: bytes) -> None:
        text = binascii.b2a_base64(data, newline=False)
        self._sink.write(b"".join(text[at : at + _COLUMNS] + b"\n" for at in range(0, len(text), _COLUMNS)))
