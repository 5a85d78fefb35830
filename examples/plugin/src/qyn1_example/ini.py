"""A frontend for INI files."""

from __future__ import annotations

import re

import numpy as np

from qyn1_plugins.tokens import TokenKind, TokenStream

# Alternatives in order; the last one takes any byte, so that every input is tiled.
_TOKEN = re.compile(
    rb"(?P<COMMENT>[;#][^\r\n]*)"
    rb"|(?P<NEWLINE>\r\n|\r|\n)"
    rb"|(?P<WHITESPACE>[ \t\f\v]+)"
    rb"|(?P<OPEN>\[)"
    rb"|(?P<CLOSE>\])"
    rb"|(?P<NUMBER>[0-9]+)"
    rb"|(?P<IDENTIFIER>[A-Za-z_\x80-\xff][A-Za-z0-9_.\x80-\xff-]*)"
    rb"|(?P<OPERATOR>[=:])"
    rb"|(?P<TEXT>.)",
    re.DOTALL,
)
_KIND = {name: TokenKind[name] for name in _TOKEN.groupindex}


class IniFrontend:
    """INI files: sections, keys, values, comments."""

    name = "ini"
    version = 1

    def unavailable(self) -> str | None:
        return None

    def claims(self, path: str, head: bytes) -> int:
        if b"\0" in head:
            return 0
        return 95 if path.lower().endswith((".ini", ".cfg", ".conf")) else 0

    def lex(self, data: bytes) -> TokenStream:
        kinds = bytearray()
        starts = []
        for match in _TOKEN.finditer(data):
            kinds.append(_KIND[match.lastgroup or "TEXT"])
            starts.append(match.start())
        return TokenStream.build(data, np.frombuffer(bytes(kinds), np.uint8), np.array(starts, np.uint32))
