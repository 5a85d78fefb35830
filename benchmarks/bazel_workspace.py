"""What ``bazel build`` of a large workspace costs, against ``qyn1 pack`` of the same tree.

``python -m benchmarks.bazel_workspace [--files 2000] [--library 20] [--mode balanced] [--rounds 3]`` makes a workspace
of the benchmark projects' files (``python -m benchmarks.corpora fetch projects.toml``), with one `filegroup` for every
``--library`` files of a project, and builds one package of them all:

- pack: ``qyn1 pack`` of the folder;
- cold: Bazel is not running and has built nothing;
- clean: Bazel is running and ``bazel clean`` has removed what it built;
- cold, unsealed and clean, unsealed: the same for a `genrule` that concatenates the files, which is what Bazel itself
  costs;
- no-op: nothing changed;
- change: one file changed.

Rounds alternate between all of them, so that a busy machine slows all of them alike. The numbers are medians of wall
and CPU seconds; CPU is that of the client, of Bazel's server and of its workers.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.inputs import projects
from qyn1_core import envelope
from qyn1_core.measuring.suite import corpora_root
from qyn1_plugins.host import default_host

PROJECT: Final = Path(__file__).parents[1]
TICKS: Final = os.sysconf("SC_CLK_TCK")
WORKSPACE: Final = f"""\
workspace(name = "measured")
local_repository(name = "qyn1", path = "{PROJECT}")
load("@qyn1//integrations/bazel:repositories.bzl", "qyn1_register_toolchains")
qyn1_register_toolchains()
"""
PACKAGE: Final = """\
load("@qyn1//:defs.bzl", "qyn1_package")

qyn1_package(
    name = "package",
    recipients = ["{recipient}"],
    deps = {libraries},
)

genrule(
    name = "unsealed",
    srcs = {libraries},
    outs = ["unsealed.txt"],
    cmd = "cat $(SRCS) > $@",
)
"""


@dataclass
class Measured:
    """Wall and CPU seconds of each run of one kind."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def make_workspace(folder: Path, files: int, library: int, recipient: str) -> tuple[int, int, int]:
    """Files, bytes and libraries of the workspace written to ``folder``."""
    count = size = 0
    labels = []
    for project in projects(corpora_root(), default_host().detect_language):
        taken = project.files[: files - count]
        for file in taken:
            place = folder / project.name / file.path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(file.data)
        declared = []
        for begin in range(0, len(taken), library):
            sources = [file.path for file in taken[begin : begin + library]]
            declared.append(
                f'filegroup(name = "l{begin}", srcs = {json.dumps(sources)}, visibility = ["//:__pkg__"])\n'
            )
            labels.append(f"//{project.name}:l{begin}")
        if taken:
            (folder / project.name / "BUILD.bazel").write_text("".join(declared))
        count += len(taken)
        size += sum(len(file.data) for file in taken)
    (folder / "WORKSPACE").write_text(WORKSPACE)
    (folder / "BUILD.bazel").write_text(PACKAGE.format(recipient=recipient, libraries=json.dumps(labels)))
    return count, size, len(labels)


def process_tree_cpu(root: int) -> float:
    """CPU seconds of a process, of its descendants, and of those that have ended."""
    parents: dict[int, list[int]] = {}
    seconds: dict[int, float] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it has ended
                continue
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
            seconds[int(entry.name)] = sum(map(int, fields[11:15])) / TICKS
    waiting, total = [root], 0.0
    while waiting:
        process = waiting.pop()
        total += seconds.get(process, 0.0)
        waiting += parents.get(process, [])
    return total


class Bazel:
    """Bazel in a workspace, with an output base of its own."""

    def __init__(self, folder: Path, base: Path) -> None:
        self.folder, self.base = folder, base

    def call(self, command: str, *arguments: str) -> None:
        """Run one command, quietly."""
        subprocess.run(
            ["bazel", "--nohome_rc", "--max_idle_secs=600", f"--output_base={self.base}", command, *arguments],
            cwd=self.folder, check=True, capture_output=True, text=True,
            env={**os.environ, "QYN1": str(Path(sys.executable).with_name("qyn1"))},
        )  # fmt: skip

    def _server_cpu(self) -> float:
        process = self.base / "server/server.pid.txt"
        return process_tree_cpu(int(process.read_text())) if process.exists() else 0.0

    def build(self, into: Measured, *arguments: str) -> None:
        """Build targets and note what that cost."""
        before, begin = self._server_cpu() + children_cpu(), time.perf_counter()
        self.call("build", *arguments)
        into.wall.append(time.perf_counter() - begin)
        into.cpu.append(self._server_cpu() + children_cpu() - before)

    def actions(self, *arguments: str) -> dict[str, int]:
        """Build, and count the actions of each kind that the execution log says were run for it."""
        log = self.base.with_suffix(".log")
        self.call("build", f"--execution_log_json_file={log}", *arguments)
        return dict(Counter(re.findall(r'"mnemonic": "(\w+)"', log.read_text())))

    def forget(self) -> None:
        """End the server and remove what it made."""
        self.call("shutdown")
        subprocess.run(["chmod", "-R", "u+w", str(self.base)], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(self.base, ignore_errors=True)


def children_cpu() -> float:
    """CPU seconds of the children that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def pack(folder: Path, output: Path, mode: str, recipient: str, into: Measured) -> None:
    """Pack the folder and note what that cost."""
    before, begin = children_cpu(), time.perf_counter()
    subprocess.run(
        [
            str(Path(sys.executable).with_name("qyn1")), "pack", str(folder), "--output", str(output), "--force",
            "--quiet", f"--mode={mode}", f"--recipient={recipient}",
        ],
        check=True,
    )  # fmt: skip
    into.wall.append(time.perf_counter() - begin)
    into.cpu.append(children_cpu() - before)


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--library", type=int, default=20)
    parser.add_argument("--mode", default="balanced")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if shutil.which("bazel") is None:
        raise SystemExit("there is no bazel on PATH (Debian: bazel-bootstrap)")
    recipient = str(envelope.generate_identity().to_recipient())
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        files, size, libraries = make_workspace(root / "ws", options.files, options.library, recipient)
        changed = next(path for path in sorted((root / "ws").rglob("*.py")) if path.stat().st_size)
        bazel = Bazel(root / "ws", root / "base")
        build = ("//:package", f"--@qyn1//:mode={options.mode}")
        kinds = ("pack", "cold, unsealed", "cold", "clean, unsealed", "clean", "no-op", "change")
        results = {kind: Measured() for kind in kinds}
        for number in range(options.rounds):
            for link in (root / "ws").glob("bazel-*"):
                link.unlink()
            pack(root / "ws", root / "packed.qyn1", options.mode, recipient, results["pack"])
            bazel.build(results["cold, unsealed"], "//:unsealed")
            bazel.call("clean")
            bazel.build(results["clean, unsealed"], "//:unsealed")
            bazel.forget()
            bazel.build(results["cold"], *build)
            bazel.call("clean")
            bazel.build(results["clean"], *build)
            bazel.build(results["no-op"], *build)
            changed.write_bytes(changed.read_bytes() + b"# round %d\n" % number)
            bazel.build(results["change"], *build)
            idle = bazel.actions(*build)
            changed.write_bytes(changed.read_bytes() + b"# and again\n")
            busy = bazel.actions(*build)
            sealed = (root / "ws/bazel-bin/package.qyn1").stat().st_size
            bazel.forget()
        print(f"{files} files, {size} bytes, {libraries} libraries, mode {options.mode}")
        print(f"packed: {(root / 'packed.qyn1').stat().st_size} bytes; built: {sealed} bytes")
        print(f"actions without a change: {idle or 'none'}; after a change of one file: {busy}\n")
        print("| | wall s | CPU s | wall, times pack | CPU, times pack |\n|---|---|---|---|---|")
        for kind, measured in results.items():
            ratios = [
                median(one / other for one, other in zip(mine, packs, strict=True))
                for mine, packs in ((measured.wall, results["pack"].wall), (measured.cpu, results["pack"].cpu))
            ]
            print(
                f"| {kind} | {median(measured.wall):.2f} | {median(measured.cpu):.2f} "
                f"| {ratios[0]:.2f} | {ratios[1]:.2f} |"
            )


if __name__ == "__main__":
    main()
