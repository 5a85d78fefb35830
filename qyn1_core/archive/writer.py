"""Writes a QYN1 archive: header, blocks as they come, directory, trailer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from qyn1_core.archive.directory import Directory, Method
from qyn1_core.archive.layout import (
    TRAILER_SIZE,
    DirectoryCodec,
    Flag,
    Trailer,
    pack_header,
    padme,
)
from qyn1_core.archive.tables import Block, BlockTable, Entry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qyn1_plugins.host import Host

__all__ = ["ArchiveWriter", "Sink"]


class Sink(Protocol):
    """Where an archive goes: a file, or the plain side of an envelope."""

    def write(self, data: bytes, /) -> object:
        """Take all of ``data``."""


class ArchiveWriter:
    """One archive, written front to back; `finish` makes it whole."""

    def __init__(self, out: Sink, host: Host, *, padded: bool = False) -> None:
        self._out = out
        self._host = host
        self._padded = padded
        self._methods: dict[Method, int] = {}
        self._blocks = BlockTable()
        self.size = 0
        self._write(pack_header(Flag.PADDED if padded else 0))

    def _write(self, data: bytes) -> None:
        self._out.write(data)
        self.size += len(data)

    def add_block(self, method: Method, raw_size: int, checksum: bytes, payload: bytes) -> None:
        """Append one block. Blocks stand in the order in which they are added."""
        number = self._methods.setdefault(method, len(self._methods))
        self._blocks.append(Block(number, raw_size, len(payload), checksum))
        self._write(payload)

    def finish(self, entries: Sequence[Entry], facts: Mapping[str, str]) -> Directory:
        """Write the directory for ``entries`` (in the order of their bytes) and the trailer."""
        directory = Directory(tuple(self._methods), self._blocks, entries, facts)
        raw = directory.pack()
        codec, packed = self._pack_directory(raw)
        padding = 0
        if self._padded:
            whole = self.size + len(packed) + TRAILER_SIZE
            padding = padme(whole) - whole
            for begin in range(0, padding, 1 << 20):
                self._write(bytes(min(padding - begin, 1 << 20)))
        self._write(packed)
        self._write(Trailer(codec, len(raw), len(packed), padding).pack(packed))
        return directory

    def _pack_directory(self, raw: bytes) -> tuple[DirectoryCodec, bytes]:
        from qyn1_plugins.spec import Source  # noqa: PLC0415  (who only reads archives starts quicker without)

        codec = self._host.compressor("chunked-rans")
        packed = codec.encode(
            Source(raw, "binary", lambda: self._host.frontend("binary").lex(raw)), None, codec.levels()[0]
        )
        if len(packed) < len(raw):
            return DirectoryCodec.CHUNKED_RANS, packed
        return DirectoryCodec.STORED, raw
