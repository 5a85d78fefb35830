"""STREAM over ChaCha20-Poly1305: the payload of an age file, with random access.

The plaintext is cut into chunks of 64 KiB; the last one may be shorter, and is empty
only when the whole payload is. Chunk i is sealed with the nonce ``i`` (11 bytes, big
endian) and a byte that is 1 for the last chunk and 0 for the others (Hoang, Reyhanitabar,
Rogaway and Vizar, "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance",
2015). A key is used for one payload only. Reordering, dropping, duplicating or appending
chunks therefore fails authentication. What it does not hide is the payload's length.
"""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Final, Protocol

from qyn1_core.envelope.failures import PayloadError
from qyn1_core.envelope.secrecy import HoldsSecret
from qyn1_core.errors import AuthenticationError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import BinaryIO

    from typing_extensions import Buffer, Self

    from qyn1_plugins.spec import CipherProvider

__all__ = ["CHUNK_SIZE", "ENCRYPTED_CHUNK_SIZE", "Sink", "StreamReader", "StreamWriter", "plaintext_size"]

CHUNK_SIZE: Final = 64 * 1024
_TAG_SIZE: Final = 16
ENCRYPTED_CHUNK_SIZE: Final = CHUNK_SIZE + _TAG_SIZE
_BATCH: Final = 16
"""Chunks in one call of the cipher: 1 MiB, enough to keep a vectorised provider busy."""


class Sink(Protocol):
    """What a writer needs of its output."""

    def write(self, data: bytes, /) -> object:
        """Take all of ``data``."""


def _nonce(chunk: int, *, last: bool) -> bytes:
    return chunk.to_bytes(11, "big") + (b"\x01" if last else b"\x00")


def _last_chunk(encrypted_size: int) -> int:
    """Number of the last chunk; `PayloadError` for a size that no payload has."""
    whole, rest = divmod(encrypted_size, ENCRYPTED_CHUNK_SIZE)
    if encrypted_size < _TAG_SIZE or 0 < rest < _TAG_SIZE:
        raise PayloadError("the package is truncated: its last chunk is incomplete")
    if rest == _TAG_SIZE and whole:
        raise PayloadError("the package is damaged: its last chunk is empty")
    return whole if rest else whole - 1


def plaintext_size(encrypted_size: int) -> int:
    """Bytes of plaintext in a payload of ``encrypted_size`` bytes, nothing being authenticated."""
    return encrypted_size - (_last_chunk(encrypted_size) + 1) * _TAG_SIZE


class StreamWriter(HoldsSecret):
    """Seals what is written to it. `close` writes the last chunk, and without it the file does not open.

    As a context manager it closes on success only: after an exception the output stays
    without its last chunk, so that nobody takes it for complete.
    """

    def __init__(self, key: bytes, sink: Sink, cipher: CipherProvider, finish: Callable[[], None]) -> None:
        self._key = key
        self._sink = sink
        self._cipher = cipher
        self._finish = finish
        self._buffer = bytearray()
        self._chunk = 0
        self._closed = False

    def write(self, data: Buffer, /) -> int:
        """Take ``data``; returns its length in bytes."""
        if self._closed:
            raise ValueError("write to a closed envelope")
        with memoryview(data).cast("B") as view:
            for begin in range(0, len(view), _BATCH * CHUNK_SIZE):
                self._buffer += view[begin : begin + _BATCH * CHUNK_SIZE]
                # The last chunk is sealed differently, so one byte more than whole chunks must be there.
                if len(self._buffer) > _BATCH * CHUNK_SIZE:
                    self._seal((len(self._buffer) - 1) // CHUNK_SIZE)
            return len(view)

    def close(self) -> None:
        """Seal what is left and write it. The sink stays open. Does nothing the second time."""
        if self._closed:
            return
        self._seal(max(len(self._buffer) - 1, 0) // CHUNK_SIZE)
        self._closed = True
        [sealed] = self._cipher.seal(self._key, [_nonce(self._chunk, last=True)], [bytes(self._buffer)])
        self._buffer.clear()
        self._sink.write(sealed)
        self._finish()

    def abandon(self) -> None:
        """Close without a last chunk: what was written so far does not open."""
        self._closed = True
        self._buffer.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()

    def _seal(self, count: int) -> None:
        """Seal ``count`` whole chunks from the front of the buffer."""
        for begin in range(0, count, _BATCH):
            chunks = range(begin, min(begin + _BATCH, count))
            nonces = [_nonce(self._chunk + i, last=False) for i in chunks]
            with memoryview(self._buffer) as view:
                texts = [bytes(view[i * CHUNK_SIZE : (i + 1) * CHUNK_SIZE]) for i in chunks]
            for sealed in self._cipher.seal(self._key, nonces, texts):
                self._sink.write(sealed)
        self._chunk += count
        del self._buffer[: count * CHUNK_SIZE]


class StreamReader(HoldsSecret, io.RawIOBase):
    """The plaintext of a payload: readable, seekable, and never a byte that is not authentic.

    The last chunk is authenticated at once, so `size` can be trusted and a truncated or
    extended payload is refused (`PayloadError`) before anything is read. Not thread-safe.
    """

    def __init__(self, key: bytes, source: BinaryIO, start: int, cipher: CipherProvider) -> None:
        super().__init__()
        self._key = key
        self._source = source
        self._start = start
        self._cipher = cipher
        self._encrypted_size = source.seek(0, os.SEEK_END) - start
        self._last = _last_chunk(self._encrypted_size)
        self.size: int = self._encrypted_size - (self._last + 1) * _TAG_SIZE
        self._position = 0
        self._plain = b""
        self._first_plain = self._end_plain = 0
        self._load(self._last, self._last + 1)

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Position in the plaintext, in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move to a position in the plaintext; one behind the end reads as empty."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}.get(whence)
        if base is None:
            raise ValueError(f"unknown whence {whence}")
        if base + offset < 0:
            raise ValueError(f"negative position {base + offset}")
        self._position = base + offset
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        """``size`` bytes, fewer only at the end; all that is left when negative or None."""
        if self.closed:
            raise ValueError("read from a closed envelope")
        end = self.size if size is None or size < 0 else min(self.size, self._position + size)
        parts: list[bytes] = []
        while self._position < end:
            chunk = self._position // CHUNK_SIZE
            if not self._first_plain <= chunk < self._end_plain:
                wanted = (end - 1) // CHUNK_SIZE + 1
                # Who asks for the chunk after the last ones is reading on: make the call worth it.
                if chunk == self._end_plain:
                    wanted = max(wanted, chunk + _BATCH)
                self._load(chunk, min(wanted, chunk + _BATCH, self._last + 1))
            offset = self._position - self._first_plain * CHUNK_SIZE
            part = self._plain[offset : offset + end - self._position]
            parts.append(part)
            self._position += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def readall(self) -> bytes:
        """All that is left."""
        return self.read()

    def readinto(self, buffer: Buffer, /) -> int:
        """Fill ``buffer``; returns how many bytes were there."""
        with memoryview(buffer).cast("B") as view:
            data = self.read(len(view))
            view[: len(data)] = data
        return len(data)

    def _load(self, first: int, end: int) -> None:
        """Open the chunks ``first`` to ``end`` (exclusive) and keep them."""
        self._source.seek(self._start + first * ENCRYPTED_CHUNK_SIZE)
        size = min(end * ENCRYPTED_CHUNK_SIZE, self._encrypted_size) - first * ENCRYPTED_CHUNK_SIZE
        data = self._source.read(size)
        if len(data) != size:
            raise PayloadError("the package became shorter while it was read")
        nonces = [_nonce(chunk, last=chunk == self._last) for chunk in range(first, end)]
        texts = [data[begin : begin + ENCRYPTED_CHUNK_SIZE] for begin in range(0, size, ENCRYPTED_CHUNK_SIZE)]
        try:
            opened = self._cipher.open(self._key, nonces, texts)
        except AuthenticationError:
            raise PayloadError(
                "the package was changed after it was sealed, or is truncated or damaged: its content does not "
                "authenticate"
            ) from None
        self._plain = opened[0] if len(opened) == 1 else b"".join(opened)
        self._first_plain, self._end_plain = first, end
