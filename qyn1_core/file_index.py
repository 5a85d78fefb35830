"""What is known of a project's files from the last time, so that an unchanged file need not be read.

A file counts as unchanged when its path, size, inode, device, modification time and
status-change time are what they were. The last one cannot be set by programs. A
file that changed less than two seconds before it was read is not remembered: it
might change again within the same tick of the file system's clock and look the
same (git calls such an entry racy).
"""

from __future__ import annotations

import os
import struct
import time
from array import array
from collections.abc import Callable, Iterator
from hashlib import blake2b
from heapq import merge
from itertools import accumulate
from typing import Final, NamedTuple

__all__ = ["FileIndex", "Known"]

_STATUS: Final = struct.Struct("<QqqQQ")
_RECORD: Final = struct.Struct("<16sHIQ")
_LANGUAGE: Final = struct.Struct("<H")
_PIECES: Final = struct.Struct("<I")
_SIGNATURE: Final = 16
_DIGEST: Final = 32
_BUCKETS: Final = 1 << 16  # by the first two bytes of signatures
_RACY_NANOSECONDS: Final = 2 * 10**9


class Known(NamedTuple):
    """``language`` of a file, ``size`` of what is packed of it, and the SHA-256 of each piece of that."""

    language: str
    size: int
    digests: tuple[bytes, ...]


class FileIndex:
    """Known files by signature. ``content`` is what `pack` gave the last time (None: nothing known).

    Records stay as they are packed, 62 bytes for a file of one piece; as objects they took some 400.
    """

    def __init__(self, content: bytes | None = None, *, now: Callable[[], int] = time.time_ns) -> None:
        self._now = now
        self._languages: list[str] = []
        self._old = _Records(b"\0\0" if content is None else content, self._languages)
        self._met = bytearray(len(self._old.starts))  # for each old record whether it was found
        self._learned = bytearray()
        self._learned_starts = array("Q")

    @staticmethod
    def signature(path: str, status: os.stat_result) -> bytes:
        """16 bytes that change when the file changes."""
        facts = _STATUS.pack(
            status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino % (1 << 64), status.st_dev % (1 << 64)
        )
        return blake2b(facts + path.encode("utf-8"), digest_size=_SIGNATURE).digest()

    def find(self, signature: bytes) -> Known | None:
        """What is known of the file with ``signature``; it is then remembered on."""
        number = self._old.find(signature)
        if number is None:
            return None
        self._met[number] = 1
        content, start = self._old.content, self._old.starts[number]
        _, language, pieces, size = _RECORD.unpack_from(content, start)
        start += _RECORD.size
        digests = tuple(content[at : at + _DIGEST] for at in range(start, start + pieces * _DIGEST, _DIGEST))
        return Known(self._languages[language], size, digests)

    def begin(self) -> int:
        """The time before a file is read, for `remember`."""
        return self._now()

    def remember(self, signature: bytes, status: os.stat_result, begun: int, known: Known) -> None:
        """Keep ``known`` unless the file is racy."""
        if max(status.st_mtime_ns, status.st_ctime_ns) >= begun - _RACY_NANOSECONDS:
            return
        if known.language not in self._languages:
            self._languages.append(known.language)
        language = self._languages.index(known.language)
        self._learned_starts.append(len(self._learned))
        self._learned += _RECORD.pack(signature, language, len(known.digests), known.size)
        for digest in known.digests:
            self._learned += digest

    def changed(self) -> bool:
        """Whether anything was learned or forgotten."""
        return bool(self._learned) or 0 in self._met

    def pack(self) -> bytes:
        """All that is known of the files met in this run."""
        old: Iterator[tuple[bytes | bytearray, int]] = (
            (self._old.content, start) for start, met in zip(self._old.starts, self._met, strict=True) if met
        )
        learned = sorted(self._learned_starts, key=lambda start: self._learned[start : start + _SIGNATURE])
        records = merge(
            old,
            ((self._learned, start) for start in learned),
            key=lambda record: bytes(record[0][record[1] : record[1] + _SIGNATURE]),
        )
        packed = bytearray()
        numbers = array("H")
        starts = array("Q")
        for content, start in records:
            signature, language, pieces, size = _RECORD.unpack_from(content, start)
            starts.append(len(packed))
            numbers.append(language)
            packed += _RECORD.pack(signature, 0, pieces, size)
            packed += content[start + _RECORD.size : start + _RECORD.size + pieces * _DIGEST]
        names = sorted(self._languages[language] for language in set(numbers))
        for start, language in zip(starts, numbers, strict=True):
            _LANGUAGE.pack_into(packed, start + _SIGNATURE, names.index(self._languages[language]))
        head = "\n".join(names).encode("utf-8")
        return _LANGUAGE.pack(len(head)) + head + packed


class _Records:
    """What `FileIndex.pack` gave: records in the order of their signatures, which spread evenly."""

    def __init__(self, content: bytes, languages: list[str]) -> None:
        self.content = content
        self.starts = array("Q")
        (size,) = _LANGUAGE.unpack_from(content)
        place = _LANGUAGE.size + size
        languages.extend(content[_LANGUAGE.size : place].decode("utf-8").split("\n"))
        last = bytearray(4 * (_BUCKETS + 1))
        ends = memoryview(last).cast("I")
        while place < len(content):
            bucket = content[place] << 8 | content[place + 1]
            self.starts.append(place)
            ends[bucket + 1] = len(self.starts)
            place += _RECORD.size + _PIECES.unpack_from(content, place + _SIGNATURE + _LANGUAGE.size)[0] * _DIGEST
        self._ends = array("I", accumulate(ends, max))  # of each bucket, which begins where the one before ends

    def find(self, signature: bytes) -> int | None:
        """The number of the record of ``signature``."""
        bucket = signature[0] << 8 | signature[1]
        for number in range(self._ends[bucket], self._ends[bucket + 1]):
            start = self.starts[number]
            if self.content[start : start + _SIGNATURE] == signature:
                return number
        return None
