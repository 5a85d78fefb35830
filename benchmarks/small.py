"""Small files packed alone: what a compressor does before it has learnt anything."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from benchmarks.contenders import carry_out
from benchmarks.inputs import Project, small_files
from benchmarks.measure import Meter
from benchmarks.own import Order
from benchmarks.peers import PEERS, compress
from qyn1_plugins.host import Host

__all__ = ["small_results"]


def small_results(
    host: Host, chosen: list[Project], language: str, scratch: Path, dictionary: Path, meter: Meter, only: list[str]
) -> Iterator[dict[str, object]]:
    """One row for each contender: bytes of all small files of ``language``, each packed alone.

    Ours count 8 bytes a file for the two sizes that stand in an index.
    """
    files = small_files(chosen, language)
    folder = scratch / f"small-{language}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for number, file in enumerate(files):
        (folder / f"{number:03}").write_bytes(file.data)
    raw = sum(len(file.data) for file in files)
    paths = sorted(folder.iterdir())

    def row(contender: str, kind: str, size: int) -> dict[str, object]:
        return {
            "language": language,
            "files": len(files),
            "raw": raw,
            "contender": contender,
            "kind": kind,
            "size": size,
        }

    for peer in PEERS:
        if not only or peer.name in only:
            sizes = (compress(peer, path, scratch, meter, dictionary=dictionary, decode=False).size for path in paths)
            yield row(peer.name, "peer", sum(sizes))
    for name in ("rans", "chunked-rans", "morpheme", "mixing"):
        if host.has_compressor(name) and (not only or name in only):
            target = scratch / "packed.blocks"
            carry_out(Order("encode", name, language, str(folder), str(target)), scratch, meter)
            yield row(name, "compressor", target.stat().st_size)
