"""The age v1 header: strict parsing, one spelling for each value, no cryptography.

Grammar (https://age-encryption.org/v1)::

    header = "age-encryption.org/v1" LF 1*stanza "---" SP mac LF
    stanza = "->" 1*(SP argument) LF *(64 base64 LF) (0 to 63 base64) LF

Arguments are printable ASCII without spaces. Base64 is RFC 4648 §4 without padding,
and only the canonical form: unused bits are zero. Everything else is refused.
"""

from __future__ import annotations

import binascii
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from qyn1_core.envelope.failures import HeaderError

if TYPE_CHECKING:
    from typing import BinaryIO

__all__ = [
    "MAGIC",
    "MAXIMUM_HEADER",
    "MAXIMUM_STANZAS",
    "Header",
    "Stanza",
    "decode_base64",
    "encode_base64",
    "read_header",
    "serialise_mac",
    "serialise_stanzas",
]

MAGIC: Final = b"age-encryption.org/"
_VERSION_LINE: Final = b"age-encryption.org/v1\n"
_FOOTER: Final = b"---"
_MAC_SIZE: Final = 32
_COLUMNS: Final = 64

MAXIMUM_HEADER: Final = 2 * 1024 * 1024
"""Bytes: room for 1024 post-quantum stanzas, far above what real files have."""
MAXIMUM_STANZAS: Final = 1024
_MAXIMUM_LINE: Final = 8192

_ARGUMENT: Final = re.compile(rb"[!-~]+")
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/]*")


class Stanza(NamedTuple):
    """One recipient's (or another party's) part of the header.

    ``type`` is its first argument, ``arguments`` the rest, ``body`` the decoded bytes.
    """

    type: str
    arguments: tuple[str, ...]
    body: bytes


class Header(NamedTuple):
    """A parsed header.

    ``authenticated`` is what the MAC covers: every byte up to and with ``---``;
    ``size`` counts the bytes of the whole header.
    """

    stanzas: tuple[Stanza, ...]
    mac: bytes
    authenticated: bytes
    size: int


def encode_base64(data: bytes) -> bytes:
    """Base64 without padding."""
    return binascii.b2a_base64(data, newline=False).rstrip(b"=")


def decode_base64(text: bytes) -> bytes:
    """The bytes of canonical base64 without padding; `ValueError` for everything else."""
    if not _BASE64.fullmatch(text) or len(text) % 4 == 1:
        raise ValueError("not base64 without padding")
    try:
        data = binascii.a2b_base64(text + b"=" * (-len(text) % 4))
    except binascii.Error as error:
        raise ValueError(str(error)) from None
    if encode_base64(data) != text:
        raise ValueError("not canonical base64")
    return data


def serialise_stanzas(stanzas: tuple[Stanza, ...]) -> bytes:
    """The header up to and with ``---``: the bytes that the MAC covers."""
    lines = [_VERSION_LINE]
    for stanza in stanzas:
        lines.append(b"-> " + " ".join((stanza.type, *stanza.arguments)).encode("ascii") + b"\n")
        text = encode_base64(stanza.body)
        # A last line of 64 columns is followed by an empty one: a body always ends with a short line.
        for begin in range(0, len(text) + 1, _COLUMNS):
            lines.append(text[begin : begin + _COLUMNS] + b"\n")
    lines.append(_FOOTER)
    return b"".join(lines)


def serialise_mac(mac: bytes) -> bytes:
    """What follows the authenticated part: the end of the footer line."""
    return b" " + encode_base64(mac) + b"\n"


class _Lines:
    """Lines of the header, with their limits."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self.consumed: list[bytes] = []
        self.size = 0

    def next(self, what: str) -> bytes:
        """One line with its LF."""
        line = self._source.readline(_MAXIMUM_LINE)
        self.size += len(line)
        if self.size > MAXIMUM_HEADER:
            raise HeaderError(f"the header is longer than {MAXIMUM_HEADER} bytes")
        if not line.endswith(b"\n"):
            problem = "is too long" if len(line) == _MAXIMUM_LINE else "is cut off"
            raise HeaderError(f"{what} of the header {problem}")
        self.consumed.append(line)
        return line


def read_header(source: BinaryIO) -> Header:
    """The header that starts at the position of ``source``, which is left behind it."""
    lines = _Lines(source)
    first = source.read(len(_VERSION_LINE))
    if first != _VERSION_LINE:
        if first.startswith(MAGIC):
            raise HeaderError("the file is in another version of the age format; this qyn1 reads version 1")
        raise HeaderError("the file is no sealed package: it does not start with an age v1 header")
    lines.size = len(first)
    stanzas: list[Stanza] = []
    while True:
        line = lines.next("a line")
        if line.startswith(_FOOTER):
            break
        if len(stanzas) == MAXIMUM_STANZAS:
            raise HeaderError(f"the header has more than {MAXIMUM_STANZAS} stanzas")
        stanzas.append(_read_stanza(line, lines))
    if not stanzas:
        raise HeaderError("the header names no recipient")
    text = line[len(_FOOTER) : -1]
    if not text.startswith(b" "):
        raise HeaderError("the last line of the header is malformed")
    try:
        mac = decode_base64(text[1:])
    except ValueError as error:
        raise HeaderError(f"the MAC of the header is {error}") from None
    if len(mac) != _MAC_SIZE:
        raise HeaderError(f"the MAC of the header has {len(mac)} bytes, not {_MAC_SIZE}")
    authenticated = _VERSION_LINE + b"".join(lines.consumed[:-1]) + _FOOTER
    return Header(tuple(stanzas), mac, authenticated, lines.size)


def _read_stanza(line: bytes, lines: _Lines) -> Stanza:
    if not line.startswith(b"-> "):
        raise HeaderError("a stanza of the header does not start with '-> '")
    arguments = line[3:-1].split(b" ")
    if not all(_ARGUMENT.fullmatch(argument) for argument in arguments):
        raise HeaderError("a stanza of the header has a malformed argument")
    body: list[bytes] = []
    while True:
        text = lines.next("a stanza")[:-1]
        if len(text) > _COLUMNS:
            raise HeaderError(f"a stanza of the header has a line of more than {_COLUMNS} columns")
        try:
            body.append(decode_base64(text))
        except ValueError as error:
            raise HeaderError(f"the body of a stanza is {error}") from None
        if len(text) < _COLUMNS:
            break
    kind, *rest = (argument.decode("ascii") for argument in arguments)
    return Stanza(kind, tuple(rest), b"".join(body))
