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
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from weakref import WeakValueDictionary

from qyn1_core.archive import checksum
from qyn1_core.limits import lower_priority
from qyn1_core.room import check_room
from qyn1_plugins.host import Host, default_host
from qyn1_plugins.spec import Compressor, Prior, Source, StageTimer, Substitute

__all__ = ["Encoded", "StageObserver", "encode_block", "encoder_memory", "register", "stages_timed"]

_RESULT: Final = struct.Struct("<8s?Q")
_hosts: WeakValueDictionary[str, Host] = WeakValueDictionary()
_serial = itertools.count()
_lock = threading.Lock()

StageObserver = Callable[[StageTimer, Mapping[str, float]], None]
"""Gets, for each block, the compressor and its seconds by stage; called in the thread that encoded."""

_stage_observer: StageObserver | None = None


@contextmanager
def stages_timed(observer: StageObserver) -> Iterator[None]:
    """While the block lasts, workers in this process have compressors say how long their stages take."""
    global _stage_observer  # noqa: PLW0603  (workers get nothing but what stands in a task)
    _stage_observer = observer
    try:
        yield
    finally:
        _stage_observer = None


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
    payload = _encode(host.compressor(compressor), source, host.prior_by_digest(prior) if prior else None, level)
    stored = len(payload) >= len(data)
    spent = time.thread_time_ns() - begin
    return _RESULT.pack(checksum(data), stored, spent) + (data if stored else payload)


def encoder_memory(compressor: Compressor, size: int) -> int:
    """Bytes that ``compressor`` takes here for a block of ``size`` bytes."""
    return compressor.memory_here(size) if isinstance(compressor, Substitute) else compressor.memory(size)


def _encode(compressor: Compressor, source: Source, prior: Prior | None, level: int) -> bytes:
    check_room(encoder_memory(compressor, len(source.data)))
    observer = _stage_observer
    if observer is None or not isinstance(compressor, StageTimer):
        return compressor.encode(source, prior, level)
    payload, seconds = compressor.encode_timed(source, prior, level)
    observer(compressor, seconds)
    return payload
