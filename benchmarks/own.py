"""Encode, decode, pack or unpack once, in a process of its own, and report the cost.

The order is one JSON object as the only argument (`Order`); the answer is one JSON object on
standard output. Interpreter start, imports and (for single compressors) the loading of the
prior are not counted: a library's user pays them once. Packing counts everything but imports.
"""

from __future__ import annotations

import json
import struct
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from qyn1_core import Sealing, pack, resolve, unpack
from qyn1_core.report import peak_rss
from qyn1_plugins.host import Host, default_host
from qyn1_plugins.spec import Source

__all__ = ["Order"]

_FRAME: Final = struct.Struct("<II")
_T = TypeVar("_T")


@dataclass(frozen=True)
class Order:
    """What to do once.

    ``name`` is a compressor (``encode``, ``decode``) or a mode (``pack``, ``unpack``); ``source``
    and ``target`` are paths: a file, or for ``pack`` and the target of ``unpack`` a folder; ``source`` of
    ``encode`` may be a folder too, whose files are then encoded one by one. ``level``
    None is the compressor's default; ``block_size`` is in bytes.
    """

    action: str
    name: str
    language: str
    source: str
    target: str
    level: int | None = None
    block_size: int = 1 << 20
    threads: int = 1

    def as_json(self) -> str:
        """The argument that carries this order."""
        return json.dumps(asdict(self))


@contextmanager
def _measured(answer: dict[str, float]) -> Iterator[None]:
    before, started = time.process_time(), time.perf_counter()
    yield
    answer["cpu"] = time.process_time() - before
    answer["wall"] = time.perf_counter() - started
    answer["peak"] = peak_rss()


def _each(function: Callable[[_T], bytes], items: Iterable[_T], threads: int) -> list[bytes]:
    if threads == 1:
        return [function(item) for item in items]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, items))


def _encode(order: Order, host: Host, answer: dict[str, float]) -> None:
    compressor = host.compressor(order.name)
    prior = host.prior(order.name, order.language)
    lex = host.frontend(order.language).lex
    level = compressor.levels().start if order.level is None else order.level

    def encode(data: bytes) -> bytes:
        return compressor.encode(Source(data, order.language, partial(lex, data)), prior, level)

    source = Path(order.source)
    files = sorted(source.iterdir()) if source.is_dir() else [source]
    size = order.block_size
    contents = [file.read_bytes() for file in files]
    blocks = [data[at : at + size] for data in contents for at in range(0, len(data), size)]
    encode(b"a\n")
    with _measured(answer):
        payloads = _each(encode, blocks, order.threads)
    with Path(order.target).open("wb") as target:
        pairs = zip(blocks, payloads, strict=True)
        target.writelines(_FRAME.pack(len(block), len(payload)) + payload for block, payload in pairs)


def _decode(order: Order, host: Host, answer: dict[str, float]) -> None:
    compressor = host.compressor(order.name)
    prior = host.prior(order.name, order.language)
    lex = host.frontend(order.language).lex
    packed = Path(order.source).read_bytes()
    blocks: list[tuple[int, bytes]] = []
    at = 0
    while at < len(packed):
        raw_size, size = _FRAME.unpack_from(packed, at)
        at += _FRAME.size
        blocks.append((raw_size, packed[at : at + size]))
        at += size

    def decode(block: tuple[int, bytes]) -> bytes:
        return compressor.decode(block[1], block[0], order.language, prior)

    warm = compressor.encode(Source(b"a\n", order.language, partial(lex, b"a\n")), prior, compressor.levels().start)
    decode((2, warm))
    with _measured(answer):
        contents = _each(decode, blocks, order.threads)
    Path(order.target).write_bytes(b"".join(contents))


def _pack(order: Order, host: Host, answer: dict[str, float]) -> None:
    source = Path(order.source)
    priors = resolve(source, command_line={"mode": order.name, "workers": order.threads}, environ={}, host=host)
    with _measured(answer):
        pack(source, Path(order.target), Sealing.open(), priors=priors, host=host)


def _unpack(order: Order, host: Host, answer: dict[str, float]) -> None:
    with _measured(answer):
        unpack(Path(order.source), Path(order.target), workers=order.threads, host=host)


_ACTIONS: Final = {"encode": _encode, "decode": _decode, "pack": _pack, "unpack": _unpack}


def main(argument: str) -> None:
    """Carry out the order in ``argument``."""
    order = Order(**json.loads(argument))
    answer: dict[str, float] = {}
    _ACTIONS[order.action](order, default_host(), answer)
    print(json.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1])
