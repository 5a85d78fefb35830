"""Constants and integer codings of the QYN1 archive (docs/format.md is normative)."""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Final, NamedTuple

# Not `hashlib`: an envelope is opened with this library anyway, and a second OpenSSL takes 5 ms to load.
from cryptography.hazmat.primitives.hashes import SHA256, Hash

from qyn1_core.errors import FormatError

__all__ = [
    "CHECKSUM_SIZE",
    "HEADER_SIZE",
    "MAGIC",
    "TRAILER_SIZE",
    "VERSION",
    "Cursor",
    "DirectoryCodec",
    "Flag",
    "Section",
    "Trailer",
    "checksum",
    "pack_header",
    "padme",
    "put_varint",
    "unpack_header",
]

MAGIC: Final = b"QYN1"
VERSION: Final = 1
HEADER_SIZE: Final = 8
CHECKSUM_SIZE: Final = 8

_HEADER: Final = struct.Struct("<4sBBH")
_TRAILER: Final = struct.Struct("<BIIQ8s4s")
TRAILER_SIZE: Final = _TRAILER.size
_END_MAGIC: Final = b"1NYQ"
_MAX_VARINT: Final = 1 << 62


class Flag(IntEnum):
    """Bits of the header's flags byte. A reader refuses bits it does not know."""

    PADDED = 1  # zeros between the last block and the directory


class DirectoryCodec(IntEnum):
    """How the directory is compressed."""

    STORED = 0
    CHUNKED_RANS = 1  # the chunked-rans bitstream, version 1, without a prior


class Section(IntEnum):
    """Sections of the directory. Types of 128 and above may be skipped when unknown."""

    METHODS = 1
    BLOCKS = 2
    ENTRIES = 3
    PROJECT = 128


def checksum(data: bytes | memoryview) -> bytes:
    """First 8 bytes of SHA-256: finds damage and codec faults; authenticity is the envelope's work."""
    digest = Hash(SHA256())
    digest.update(data)
    return digest.finalize()[:CHECKSUM_SIZE]


def padme(size: int) -> int:
    """The Padmé length of ``size`` (Nikitin et al., PETS 2019): at most 12 % more, leaks O(log log n) bits."""
    if size < 2:
        return size
    exponent = size.bit_length() - 1
    step = (1 << (exponent - exponent.bit_length())) - 1
    return (size + step) & ~step


def put_varint(out: bytearray, value: int) -> None:
    """Append ``value`` (0 or more) as unsigned LEB128."""
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


class Cursor:
    """Reads forward through untrusted bytes; every fault is a `FormatError`."""

    def __init__(self, data: bytes, what: str) -> None:
        self._data = data
        self._what = what
        self.position = 0

    @property
    def left(self) -> int:
        """Bytes not yet read."""
        return len(self._data) - self.position

    def fail(self, why: str) -> FormatError:
        """The error to raise for a fault at this place."""
        return FormatError(f"the package is damaged or hostile: {self._what}: {why}")

    def take(self, size: int) -> bytes:
        """Exactly ``size`` bytes."""
        if size > self.left:
            raise self.fail("it ends too early")
        begin = self.position
        self.position += size
        return self._data[begin : self.position]

    def until_zero(self) -> bytes:
        """The bytes before the next zero byte, which is passed over."""
        end = self._data.find(0, self.position)
        if end < 0:
            raise self.fail("it ends inside a text")
        begin, self.position = self.position, end + 1
        return self._data[begin:end]

    def varint(self, most: int = _MAX_VARINT) -> int:
        """One canonical LEB128 integer of at most ``most``."""
        value = 0
        shift = 0
        data = self._data
        while True:
            if self.position >= len(data):
                raise self.fail("it ends inside a number")
            octet = data[self.position]
            self.position += 1
            value |= (octet & 0x7F) << shift
            if octet < 0x80:
                break
            shift += 7
            if shift > 63:
                raise self.fail("a number is too long")
        if octet == 0 and shift:
            raise self.fail("a number is not in its shortest form")
        if value > most:
            raise self.fail(f"a number is {value}, more than {most}")
        return value

    def count(self, smallest: int, most: int) -> int:
        """A number of items that take at least ``smallest`` bytes each, so that no list outgrows its bytes."""
        value = self.varint(most)
        if value * smallest > self.left:
            raise self.fail(f"{value} items cannot stand in {self.left} bytes")
        return value

    def text(self, most: int = 4096) -> str:
        """A length-prefixed UTF-8 string of at most ``most`` bytes."""
        return self.decode(self.take(self.varint(most)))

    def decode(self, raw: bytes) -> str:
        """``raw`` as UTF-8."""
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            raise self.fail("a text is not UTF-8") from None

    def finish(self) -> None:
        """Refuse bytes that are left over."""
        if self.left:
            raise self.fail(f"{self.left} bytes are left over")


def pack_header(flags: int) -> bytes:
    """The 8 bytes that begin an archive."""
    return _HEADER.pack(MAGIC, VERSION, flags, 0)


def unpack_header(raw: bytes) -> int:
    """The flags of an archive that this version reads."""
    if len(raw) < HEADER_SIZE or raw[:4] != MAGIC:
        raise FormatError("this is not a qyn1 package: it begins neither with an age header nor with the QYN1 magic")
    _, version, flags, reserved = _HEADER.unpack(raw[:HEADER_SIZE])
    if version != VERSION:
        raise FormatError(f"the package has format version {version}, this qyn1 reads version {VERSION}; update qyn1")
    if flags & ~sum(Flag) or reserved:
        raise FormatError("the package uses features that this qyn1 does not know; update qyn1")
    return int(flags)


class Trailer(NamedTuple):
    """The fixed-size end of an archive, by which a reader finds the directory."""

    codec: DirectoryCodec
    raw_size: int
    packed_size: int
    padding: int

    def pack(self, packed: bytes) -> bytes:
        """The trailer for the packed directory ``packed``."""
        digest = checksum(packed + struct.pack("<BIIQ", self.codec, self.raw_size, self.packed_size, self.padding))
        return _TRAILER.pack(self.codec, self.raw_size, self.packed_size, self.padding, digest, _END_MAGIC)

    @classmethod
    def unpack(cls, raw: bytes) -> tuple[Trailer, bytes]:
        """The trailer and the checksum that it states."""
        if len(raw) != TRAILER_SIZE:
            raise FormatError("the package is truncated: it has no trailer")
        codec, raw_size, packed_size, padding, digest, magic = _TRAILER.unpack(raw)
        if magic != _END_MAGIC:
            raise FormatError("the package is truncated or damaged: its end mark is missing")
        try:
            known = DirectoryCodec(codec)
        except ValueError:
            raise FormatError(
                f"the package's directory uses codec {codec}, unknown to this qyn1; update qyn1"
            ) from None
        return cls(known, raw_size, packed_size, padding), digest

    def check(self, packed: bytes, stated: bytes) -> None:
        """Refuse a packed directory that the checksum does not fit."""
        if self.pack(packed)[-len(_END_MAGIC) - CHECKSUM_SIZE : -len(_END_MAGIC)] != stated:
            raise FormatError("the package is damaged: its directory does not fit its checksum")
