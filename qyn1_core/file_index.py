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
from collections.abc import Callable
from hashlib import blake2b
from typing import Final, NamedTuple

__all__ = ["FileIndex", "Known"]

_STATUS: Final = struct.Struct("<QqqQQ")
_RECORD: Final = struct.Struct("<16sHIQ")
_COUNT: Final = struct.Struct("<H")
_DIGEST: Final = 32
_RACY_NANOSECONDS: Final = 2 * 10**9


class Known(NamedTuple):
    """``language`` of a file, ``size`` of what is packed of it, and the SHA-256 of each piece of that."""

    language: str
    size: int
    digests: tuple[bytes, ...]


class FileIndex:
    """Known files by signature. ``content`` is what `pack` gave the last time (None: nothing known)."""

    def __init__(self, content: bytes | None = None, *, now: Callable[[], int] = time.time_ns) -> None:
        self._now = now
        self._old = {} if content is None else _parse(content)
        self._new: dict[bytes, Known] = {}

    @staticmethod
    def signature(path: str, status: os.stat_result) -> bytes:
        """16 bytes that change when the file changes."""
        facts = _STATUS.pack(
            status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino % (1 << 64), status.st_dev % (1 << 64)
        )
        return blake2b(facts + path.encode("utf-8"), digest_size=16).digest()

    def find(self, signature: bytes) -> Known | None:
        """What is known of the file with ``signature``; it is then remembered on."""
        known = self._old.get(signature)
        if known is not None:
            self._new[signature] = known
        return known

    def begin(self) -> int:
        """The time before a file is read, for `remember`."""
        return self._now()

    def remember(self, signature: bytes, status: os.stat_result, begun: int, known: Known) -> None:
        """Keep ``known`` unless the file is racy."""
        if max(status.st_mtime_ns, status.st_ctime_ns) < begun - _RACY_NANOSECONDS:
            self._new[signature] = known

    def changed(self) -> bool:
        """Whether anything was learned or forgotten."""
        return self._new.keys() != self._old.keys()

    def pack(self) -> bytes:
        """All that is known of the files met in this run."""
        languages = sorted({known.language for known in self._new.values()})
        numbers = {language: number for number, language in enumerate(languages)}
        parts = ["\n".join(languages).encode("utf-8")]
        parts.insert(0, _COUNT.pack(len(parts[0])))
        for signature, known in sorted(self._new.items()):
            parts.append(_RECORD.pack(signature, numbers[known.language], len(known.digests), known.size))
            parts.extend(known.digests)
        return b"".join(parts)


def _parse(content: bytes) -> dict[bytes, Known]:
    (size,) = _COUNT.unpack_from(content)
    place = _COUNT.size + size
    languages = content[_COUNT.size : place].decode("utf-8").split("\n")
    found: dict[bytes, Known] = {}
    while place < len(content):
        signature, language, pieces, raw_size = _RECORD.unpack_from(content, place)
        place += _RECORD.size
        end = place + pieces * _DIGEST
        digests = tuple(content[at : at + _DIGEST] for at in range(place, end, _DIGEST))
        found[signature] = Known(languages[language], raw_size, digests)
        place = end
    return found
