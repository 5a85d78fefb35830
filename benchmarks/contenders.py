"""Everything that is measured: peers, our compressors, our modes, behind one call."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.inputs import Project, concatenation, tar_of
from benchmarks.measure import Cost, Meter
from benchmarks.own import Order
from benchmarks.peers import PEERS, Peer, Result, compress
from qyn1_core.plan import MODES
from qyn1_plugins.host import Host

__all__ = ["Contender", "Prepared", "carry_out", "contenders", "prepare"]

KINDS: Final = ("peer", "compressor", "mode")


@dataclass(frozen=True)
class Prepared:
    """A project on disk: as a tar archive, as a raw concatenation, and as a folder of its source files."""

    name: str
    language: str
    raw: int
    tar: Path
    blob: Path
    folder: Path
    dictionary: Path


@dataclass(frozen=True)
class Contender:
    """``run`` compresses a prepared project with so many threads, restores it and checks what came back.

    ``threaded`` says whether more than one thread makes a difference.
    """

    name: str
    kind: str
    threaded: bool
    run: Callable[[Prepared, int], Result]


def prepare(project: Project, scratch: Path, dictionary: Path) -> Prepared:
    """Write ``project`` below ``scratch`` in the forms that contenders take."""
    place = scratch / project.language / project.name
    folder = place / "files"
    shutil.rmtree(place, ignore_errors=True)
    for file in project.files:
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.data)
    (place / "input.tar").write_bytes(tar_of(project.files))
    (place / "input.bin").write_bytes(concatenation(project.files))
    return Prepared(
        project.name, project.language, project.size, place / "input.tar", place / "input.bin", folder, dictionary
    )


def contenders(host: Host, scratch: Path, meter: Meter) -> list[Contender]:
    """The peers, then every compressor of ours that models source, then the modes; what is available here."""
    found = [Contender(peer.name, "peer", peer.threaded, partial(_peer, peer, scratch, meter)) for peer in PEERS]
    for name in ("rans", "chunked-rans", "morpheme", "mixing"):
        if not host.has_compressor(name):
            continue
        modes = [mode for mode in MODES.values() if mode.compressors[0] == name]
        levels = host.compressor(name).levels()
        for level in sorted({levels[0], levels[-1]}):
            label = name if level == levels[0] else f"{name} level {level}"
            size = max((mode.block_size(level) for mode in modes), default=1 << 20)
            run = partial(_compressor, name, level, size, scratch, meter)
            found.append(Contender(label, "compressor", True, run))
    found += [
        Contender(f"qyn1 {name}", "mode", True, partial(_mode, name, scratch, meter))
        for name, mode in MODES.items()
        if host.has_compressor(mode.compressors[0])
    ]
    return found


def _peer(peer: Peer, scratch: Path, meter: Meter, project: Prepared, threads: int) -> Result:
    return compress(peer, project.tar, scratch, meter, dictionary=project.dictionary, threads=threads)


def carry_out(order: Order, scratch: Path, meter: Meter) -> Cost:
    """The cost of one order, carried out in a process of its own."""
    answer = scratch / "answer.json"
    meter.run([sys.executable, "-m", "benchmarks.own", order.as_json()], target=answer)
    cost = json.loads(answer.read_text("utf-8"))
    return Cost(cost["cpu"], cost["wall"], int(cost["peak"]))


def _compressor(
    name: str, level: int, block_size: int, scratch: Path, meter: Meter, project: Prepared, threads: int
) -> Result:
    packed, restored = scratch / "packed.blocks", scratch / "restored.bin"

    def order(action: str, source: Path, target: Path) -> Order:
        return Order(action, name, project.language, str(source), str(target), level, block_size, threads)

    encode = carry_out(order("encode", project.blob, packed), scratch, meter)
    decode = carry_out(order("decode", packed, restored), scratch, meter)
    if restored.read_bytes() != project.blob.read_bytes():
        raise RuntimeError(f"{name} does not restore {project.name}")
    return Result(packed.stat().st_size, encode, decode)


def _mode(name: str, scratch: Path, meter: Meter, project: Prepared, threads: int) -> Result:
    packed, restored = scratch / "packed.qyn1", scratch / "restored.files"
    packed.unlink(missing_ok=True)
    shutil.rmtree(restored, ignore_errors=True)
    pack = Order("pack", name, project.language, str(project.folder), str(packed), threads=threads)
    encode = carry_out(pack, scratch, meter)
    unpack = Order("unpack", name, project.language, str(packed), str(restored), threads=threads)
    decode = carry_out(unpack, scratch, meter)
    for path in project.folder.rglob("*"):
        if path.is_file() and (restored / path.relative_to(project.folder)).read_bytes() != path.read_bytes():
            raise RuntimeError(f"the mode {name} does not restore {path}")
    return Result(packed.stat().st_size, encode, decode)
