"""The ``qyn1`` stanza: what anyone may know of a package without a key.

It is no recipient: its body is the plain facts, which the header MAC authenticates for
whoever holds a key, and which other age implementations skip as an unknown type.
docs/envelope.md specifies the encoding.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from qyn1_core.envelope.failures import HeaderError
from qyn1_core.envelope.header import Stanza
from qyn1_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Self

__all__ = ["STANZA_TYPE", "PublicFacts", "decode_facts", "encode_facts", "facts_of"]

STANZA_TYPE: Final = "qyn1"
_ENCODING: Final = "1"
_MAXIMUM_PLUGINS: Final = 255
_MAXIMUM_TEXT: Final = 255
_MAXIMUM_VERSION: Final = 0xFFFF
# What could fake the output of `inspect`: controls, line and paragraph separators, bidirectional
# marks, the byte-order mark, surrogates. A list, not Unicode categories: those change with Python's version.
_FORBIDDEN: Final = "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"


class _Facts(NamedTuple):
    format_version: int
    plugins: tuple[str, ...]
    name: str | None


class PublicFacts(_Facts):
    """What stands in clear, authenticated, in the header of a package.

    ``format_version`` is the version of the archive inside (0 to 65535), ``plugins`` names
    what a reader needs (sorted, each once, at most 255), ``name`` is the project's, if its
    owner wants it public. A text has 1 to 255 bytes of UTF-8 and no control characters.
    """

    __slots__ = ()

    def __new__(cls, format_version: int, plugins: tuple[str, ...] = (), name: str | None = None) -> Self:
        """Raises `ConfigError` for what cannot stand there."""
        if not 0 <= format_version <= _MAXIMUM_VERSION:
            raise ConfigError(f"the format version {format_version} is not between 0 and {_MAXIMUM_VERSION}")
        plugins = tuple(sorted(set(plugins), key=_utf8))
        if len(plugins) > _MAXIMUM_PLUGINS:
            raise ConfigError(f"{len(plugins)} plugins are needed; a package can name {_MAXIMUM_PLUGINS}")
        for text in (*plugins, *([] if name is None else [name])):
            if not _is_text(text):
                raise ConfigError(
                    f"{text!r} cannot stand in a package's public facts: a name has 1 to {_MAXIMUM_TEXT} bytes of "
                    "UTF-8 and no control characters"
                )
        return super().__new__(cls, format_version, plugins, name)


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _is_text(text: str) -> bool:
    if not 1 <= len(_utf8(text)) <= _MAXIMUM_TEXT:
        return False
    if text.isascii():
        return text.isprintable()  # most texts are, and go without the time that compiling the pattern takes
    return not re.search(_FORBIDDEN, text)


def encode_facts(facts: PublicFacts) -> Stanza:
    """The stanza for ``facts``; equal facts give equal bytes."""
    body = bytearray(facts.format_version.to_bytes(2, "big"))
    body.append(len(facts.plugins))
    for text in (*facts.plugins, facts.name or ""):
        encoded = text.encode()
        body.append(len(encoded))
        body += encoded
    return Stanza(STANZA_TYPE, (_ENCODING,), bytes(body))


def decode_facts(stanza: Stanza) -> PublicFacts | None:
    """The facts in a ``qyn1`` stanza, or None when a later version encoded them.

    Raises `HeaderError` for every body that `encode_facts` does not make.
    """
    if stanza.arguments != (_ENCODING,):
        return None
    try:
        facts = _decode(stanza.body)
    except (ValueError, IndexError, ConfigError):
        raise HeaderError("the public facts in the header are malformed") from None
    if encode_facts(facts) != stanza:
        raise HeaderError("the public facts in the header are not in their canonical form")
    return facts


def _decode(body: bytes) -> PublicFacts:
    texts: list[str] = []
    at = 3
    for _ in range(body[2] + 1):
        end = at + 1 + body[at]
        texts.append(body[at + 1 : end].decode())
        at = end
    *plugins, name = texts
    return PublicFacts(int.from_bytes(body[:2], "big"), tuple(plugins), name or None)


def facts_of(stanzas: Sequence[Stanza]) -> PublicFacts | None:
    """The facts in a header, if it has any."""
    found = [stanza for stanza in stanzas if stanza.type == STANZA_TYPE]
    if len(found) > 1:
        raise HeaderError("the header has more than one stanza of public facts")
    return decode_facts(found[0]) if found else None
