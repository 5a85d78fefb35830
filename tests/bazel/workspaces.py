"""Workspaces of a user outside the project, and the Bazel that builds them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[2]
OFFLINE = PROJECT / "integrations/bazel/e2e/offline"
WORKSPACE = """\
workspace(name = "user")
local_repository(name = "qyn1", path = "{project}")
load("@qyn1//integrations/bazel:repositories.bzl", "qyn1_register_toolchains")
qyn1_register_toolchains()
"""


def bazel() -> str | None:
    """The real Bazel, if there is one."""
    return shutil.which("bazel")


def installed_command() -> str | None:
    """The command ``qyn1`` of the environment that runs the tests, or the one on PATH."""
    beside = Path(sys.executable).with_name("qyn1")
    return str(beside) if beside.exists() else shutil.which("qyn1")


@dataclass
class Build:
    """What one call of Bazel did."""

    exit_code: int
    output: str
    spawns: list[dict[str, Any]] = field(default_factory=list)

    def ran(self, mnemonic: str) -> list[str]:
        """Outputs of the actions of that kind that did not come from a cache."""
        return sorted(
            spawn["listedOutputs"][0].split("/bin/", 1)[-1]
            for spawn in self.spawns
            if spawn["mnemonic"] == mnemonic and not spawn.get("remoteCacheHit")
        )

    def hits(self, mnemonic: str) -> list[str]:
        """Outputs of the actions of that kind that came from a cache."""
        return sorted(
            spawn["listedOutputs"][0].split("/bin/", 1)[-1]
            for spawn in self.spawns
            if spawn["mnemonic"] == mnemonic and spawn.get("remoteCacheHit")
        )


class Workspace:
    """A folder with a WORKSPACE, and a Bazel with an output base of its own. Close it."""

    def __init__(self, root: Path, base: Path, *, workspace: str | None = None) -> None:
        self.root = root
        self.base = base
        root.mkdir(parents=True, exist_ok=True)
        if workspace is None:
            workspace = WORKSPACE.format(project=PROJECT)
        if workspace:
            (root / "WORKSPACE").write_text(workspace)

    def write(self, path: str, content: str | bytes) -> Path:
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
        return place

    def call(self, command: str, *arguments: str, environ: dict[str, str] | None = None) -> Build:
        """Run Bazel; what it did, whether it succeeded or not."""
        log = self.base.with_suffix(".log")
        log.unlink(missing_ok=True)
        logging = [f"--execution_log_json_file={log}"] if command in ("build", "test") else []
        overrides = [
            f"--override_repository={name}={OFFLINE / name}"
            for name in ("rules_cc", "rules_java", "remote_coverage_tools")
        ]
        program = bazel()
        assert program is not None
        done = subprocess.run(
            [
                program, "--nohome_rc", "--max_idle_secs=120", f"--output_base={self.base}", command,
                *overrides, *logging, "--jobs=2", "--noshow_progress", "--nosandbox_debug", "--color=no", *arguments,
            ],
            cwd=self.root,
            env={**self._environ(), **(environ or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=540,
            check=False,
        )  # fmt: skip
        return Build(done.returncode, done.stdout, _spawns(log))

    @staticmethod
    def _environ() -> dict[str, str]:
        environ = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        environ["QYN1"] = installed_command() or ""
        return environ

    def build(self, *arguments: str, environ: dict[str, str] | None = None) -> Build:
        """``bazel build``, which must succeed."""
        done = self.call("build", *arguments, environ=environ)
        assert done.exit_code == 0, done.output
        return done

    def fails(self, *arguments: str, environ: dict[str, str] | None = None) -> str:
        """``bazel build``, which must fail; what it says."""
        done = self.call("build", *arguments, environ=environ)
        assert done.exit_code != 0, done.output
        return done.output

    def output(self, path: str) -> Path:
        """A file below ``bazel-bin``."""
        return self.root / "bazel-bin" / path

    def objects(self) -> dict[str, bytes]:
        """All objects below ``bazel-bin``."""
        top = (self.root / "bazel-bin").resolve()
        return {str(path.relative_to(top)): path.read_bytes() for path in sorted(top.rglob("*.qyn1o"))}

    def close(self) -> None:
        """End the server and remove what Bazel made."""
        self.call("shutdown")
        subprocess.run(["chmod", "-R", "u+w", str(self.base)], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(self.base, ignore_errors=True)


def _spawns(log: Path) -> list[dict[str, Any]]:
    """The records of an execution log, which stand one after the other."""
    if not log.exists():
        return []
    text = log.read_text()
    decoder = json.JSONDecoder()
    found: list[dict[str, Any]] = []
    position = 0
    while match := re.compile(r"\S").search(text, position):
        record, position = decoder.raw_decode(text, match.start())
        found.append(record)
    return found


def unpacked(package: Path, identity: Path, target: Path) -> dict[str, bytes]:
    """The files of a package by path."""
    command = installed_command()
    assert command is not None
    run([command, "unpack", str(package), "-C", str(target), "-i", str(identity), "-q"])
    return {str(path.relative_to(target)): path.read_bytes() for path in target.rglob("*") if path.is_file()}


def run(command: Sequence[str]) -> str:
    """The standard output of ``command``, which must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout
