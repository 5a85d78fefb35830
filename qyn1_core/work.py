"""What workers run: one block in, one block out; bytes, strings and integers only.

A worker may be a thread, a process or another machine. In the process that made the
`Host` it is found by its token; elsewhere the default one, made once per process,
serves. No key ever comes here.
"""

from __future__ import annotations

import itertools
import os
import struct
import threading
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from weakref import WeakValueDictionary

from qyn1_core.archive import checksum
from qyn1_core.limits import lower_priority
from qyn1_plugins.host import Host, default_host
from qyn1_plugins.spec import Source

__all__ = ["Encoded", "encode_block", "register"]

_RESULT: Final = struct.Struct("<8s?Q")
_hosts: WeakValueDictionary[str, Host] = WeakValueDictionary()
_serial = itertools.count()
_lock = threading.Lock()


def register(host: Host) -> str:
    """A token by which workers in this process find ``host``."""
    with _lock:
        for token, known in _hosts.items():
            if known is host:
                return token
        token = f"{os.getpid()}-{next(_serial)}"
        _hosts[token] = host
        return token


@lru_cache(maxsize=1)
def _own_host() -> Host:
    return default_host()


@dataclass(frozen=True)
class Encoded:
    """One encoded block. ``stored`` says that the payload is the plain bytes."""

    checksum: bytes
    stored: bool
    cpu_seconds: float
    payload: bytes

    @classmethod
    def unpack(cls, result: bytes) -> Encoded:
        """What `encode_block` returned."""
        digest, stored, nanoseconds = _RESULT.unpack_from(result)
        return cls(digest, stored, nanoseconds / 1e9, result[_RESULT.size :])

    def pack_without_time(self) -> bytes:
        """What `unpack` turns back, with no time spent."""
        return _RESULT.pack(self.checksum, self.stored, 0) + self.payload


def encode_block(
    token: str, background: bool, compressor: str, level: int, language: str, prior: bytes, data: bytes
) -> bytes:
    """Encode ``data``; the result is for `Encoded.unpack`.

    ``prior`` is a digest, or empty. Bytes that do not shrink are stored as they are. A worker
    that was started for this run goes into the ``background``, and stays there.
    """
    begin = time.thread_time_ns()
    if background and token.partition("-")[0] in (str(os.getpid()), str(os.getppid())):
        lower_priority()
    host = _hosts.get(token) or _own_host()
    source = Source(data, language, lambda: host.frontend(language).lex(data))
    payload = host.compressor(compressor).encode(source, host.prior_by_digest(prior) if prior else None, level)
    stored = len(payload) >= len(data)
    spent = time.thread_time_ns() - begin
    return _RESULT.pack(checksum(data), stored, spent) + (data if stored else payload)
