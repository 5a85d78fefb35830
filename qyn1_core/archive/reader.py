"""Reads a QYN1 archive from any seekable source: lists it, decodes single blocks, hands out files."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, Protocol

from qyn1_core.archive.directory import Block, Directory, Method
from qyn1_core.archive.layout import (
    HEADER_SIZE,
    TRAILER_SIZE,
    DirectoryCodec,
    Flag,
    Trailer,
    checksum,
    unpack_header,
)
from qyn1_core.archive.limits import DEFAULT_LIMITS, Limits
from qyn1_core.errors import CodecError, FormatError, PluginError
from qyn1_core.room import check_room

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qyn1_core.reading_host import ReadingHost
    from qyn1_plugins.host import Host
    from qyn1_plugins.spec import Compressor

__all__ = ["ArchiveReader", "ReadableSource", "compressor_of", "decode_block"]

_CACHED_BLOCKS: Final = 4
_CACHED_BYTES: Final = 8 << 20


class ReadableSource(Protocol):
    """Random access to an archive's bytes: an open file, or the plain side of an envelope."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Move; returns the new place."""

    def read(self, size: int = -1, /) -> bytes:
        """Up to ``size`` bytes, fewer only at the end."""


def compressor_of(host: Host | ReadingHost, method: Method) -> Compressor:
    """What decodes blocks of ``method``; `PluginError` when it is not there, or not in this version."""
    compressor = host.compressor(method.compressor)
    if compressor.version != method.version:
        raise PluginError(
            f"the package needs {method.compressor} version {method.version}, here is version {compressor.version}; "
            "install the version of qyn1 (or of the plugin) that made it"
        )
    return compressor


def decode_block(host: Host | ReadingHost, block: Block, directory: Directory, payload: bytes) -> bytes:
    """The plain bytes of one block, checked against its checksum."""
    method = directory.methods[block.method]
    compressor = compressor_of(host, method)
    prior = host.prior_by_digest(method.prior) if method.prior else None
    check_room(method.memory * 1024)
    data = compressor.decode(payload, block.raw_size, method.language, prior)
    if len(data) != block.raw_size:
        raise PluginError(
            f"the compressor {method.compressor} broke its contract: {len(data)} bytes instead of {block.raw_size}"
        )
    if checksum(data) != block.checksum:
        raise CodecError("a block does not fit its checksum: the package is damaged")
    return data


class ArchiveReader:
    """An open archive. Methods may be called from several threads.

    Raises `FormatError` for bytes that are no sound archive within ``limits``.
    """

    def __init__(
        self,
        source: ReadableSource,
        host: Host | ReadingHost,
        *,
        limits: Limits = DEFAULT_LIMITS,
        portable_names: bool = True,
    ) -> None:
        self._source = source
        self._host = host
        self._lock = threading.Lock()
        self._cache: OrderedDict[int, bytes] = OrderedDict()
        self._cached = 0  # bytes in it
        size = source.seek(0, 2)
        flags = unpack_header(self._read_at(0, min(size, HEADER_SIZE)))
        if size < HEADER_SIZE + TRAILER_SIZE:
            raise FormatError("the package is truncated")
        trailer, stated = Trailer.unpack(self._read_at(size - TRAILER_SIZE, TRAILER_SIZE))
        limits.check("bytes of directory", max(trailer.raw_size, trailer.packed_size), limits.directory_size)
        place = size - TRAILER_SIZE - trailer.packed_size
        if place < HEADER_SIZE + trailer.padding:
            raise FormatError("the package is damaged: its directory is larger than the whole")
        packed = self._read_at(place, trailer.packed_size)
        trailer.check(packed, stated)
        self.directory = Directory.unpack(
            self._unpack_directory(trailer, packed), limits=limits, portable_names=portable_names
        )
        if HEADER_SIZE + self.directory.block_places[-1] + trailer.padding != place:
            raise FormatError("the package is damaged: its blocks do not fill it")
        if trailer.padding and not flags & Flag.PADDED:
            raise FormatError("the package is damaged: it has padding but says it has none")
        self._check_padding(place - trailer.padding, trailer.padding)
        self.size = size
        self.padding = trailer.padding  # bytes
        self.padded = bool(flags & Flag.PADDED)

    def _read_at(self, place: int, size: int) -> bytes:
        with self._lock:
            self._source.seek(place)
            parts = []
            left = size
            while left:
                part = self._source.read(left)
                if not part:
                    raise FormatError("the package is truncated")
                parts.append(part)
                left -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _check_padding(self, place: int, size: int) -> None:
        for begin in range(0, size, 1 << 20):
            part = self._read_at(place + begin, min(size - begin, 1 << 20))
            if part.count(0) != len(part):
                raise FormatError("the package is damaged: its padding is not zero")

    def _unpack_directory(self, trailer: Trailer, packed: bytes) -> bytes:
        if trailer.codec is DirectoryCodec.STORED:
            if trailer.raw_size != trailer.packed_size:
                raise FormatError("the package is damaged: its directory has two sizes")
            return packed
        codec = self._host.compressor("chunked-rans")
        return codec.decode(packed, trailer.raw_size, "binary", None)

    # -- blocks and files ----------------------------------------------------------

    def payload(self, number: int) -> bytes:
        """The packed bytes of block ``number``."""
        return self._read_at(
            HEADER_SIZE + self.directory.block_places[number], self.directory.blocks[number].packed_size
        )

    def block(self, number: int) -> bytes:
        """The plain bytes of block ``number``; the last few stay in memory, unless they are large."""
        with self._lock:
            if number in self._cache:
                self._cache.move_to_end(number)
                return self._cache[number]
        data = decode_block(self._host, self.directory.blocks[number], self.directory, self.payload(number))
        with self._lock:
            if number not in self._cache:
                self._cache[number] = data
                self._cached += len(data)
            while self._cache and (len(self._cache) > _CACHED_BLOCKS or self._cached > _CACHED_BYTES):
                self._cached -= len(self._cache.popitem(last=False)[1])
        return data

    def file(self, number: int) -> Iterator[bytes]:
        """The bytes of entry ``number``, one part for each block that it touches."""
        for extent in self.directory.extents(number):
            yield self.block(extent.block)[extent.offset : extent.offset + extent.size]
