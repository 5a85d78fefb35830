"""Bech32 (BIP 173), the spelling of age keys: strict, and without BIP 173's limit of 90 characters.

It is a checksummed encoding, not cryptography. A post-quantum recipient has about 2000
characters, so the length is bounded by what a key line may have.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

__all__ = ["decode", "encode"]

_CHARSET: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_VALUES: Final = {character: value for value, character in enumerate(_CHARSET)}
_GENERATOR: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_MAXIMUM: Final = 4096


def _polymod(values: Iterable[int]) -> int:
    checksum = 1
    for value in values:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_GENERATOR):
            if top >> bit & 1:
                checksum ^= generator
    return checksum


def _expand(prefix: str) -> list[int]:
    codes = prefix.encode("ascii")
    return [code >> 5 for code in codes] + [0] + [code & 31 for code in codes]


def encode(prefix: str, data: bytes) -> str:
    """``data`` under a lower-case ``prefix``."""
    bits = len(data) * 8
    padding = -bits % 5
    number = int.from_bytes(data, "big") << padding
    values = [number >> shift & 31 for shift in range(bits + padding - 5, -1, -5)]
    expanded = _expand(prefix)
    checksum = _polymod(expanded + values + [0] * 6) ^ 1
    values += [checksum >> shift & 31 for shift in range(25, -1, -5)]
    return prefix + "1" + "".join(_CHARSET[value] for value in values)


def decode(text: str) -> tuple[str, bytes]:
    """The prefix in lower case, and the data. `ValueError`, which never quotes ``text``, when malformed."""
    if len(text) > _MAXIMUM:
        raise ValueError("it is too long")
    if text not in (text.lower(), text.upper()):
        raise ValueError("it mixes upper and lower case")
    text = text.lower()
    prefix, separator, rest = text.rpartition("1")
    if not separator or not prefix or not all("!" <= character <= "~" for character in prefix):
        raise ValueError("it has no valid prefix")
    if len(rest) < 6 or not set(rest) <= _VALUES.keys():
        raise ValueError("it has characters that no key has, or is too short")
    values = [_VALUES[character] for character in rest]
    if _polymod(_expand(prefix) + values) != 1:
        raise ValueError("its checksum is wrong: it was mistyped or cut off")
    values = values[:-6]
    bits = len(values) * 5
    padding = bits % 8
    number = 0
    for value in values:
        number = number << 5 | value
    if padding > 4 or number & (1 << padding) - 1:
        raise ValueError("its padding is not zero")
    return prefix, (number >> padding).to_bytes(bits // 8, "big")
