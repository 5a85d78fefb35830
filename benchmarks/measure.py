"""What a command costs: CPU seconds, wall seconds, peak memory."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

__all__ = ["Cost", "Meter"]


@dataclass(frozen=True)
class Cost:
    """``cpu`` is user and system time in seconds, ``wall`` real time, ``peak`` resident bytes.

    User time alone is of no use for short runs: the system splits the (exact) sum by sampling.
    """

    cpu: float
    wall: float
    peak: int


class Meter:
    """Runs commands through `benchmarks.meter` and says what each cost.

    ``scratch`` is a folder that exists; commands run in the folder where the meter was made.
    """

    def __init__(self, scratch: Path) -> None:
        self._errors = scratch / "errors"
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-E", str(Path(__file__).with_name("meter.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, command: Sequence[str], source: Path | None = None, target: Path | None = None) -> Cost:
        """Run ``command`` with ``source`` as its standard input and ``target`` as its output."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the meter has no pipes")
        order = {
            "command": list(command),
            "input": str(source) if source else "",
            "output": str(target) if target else "",
            "errors": str(self._errors),
        }
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if answer["status"]:
            text = self._errors.read_text("utf-8", "replace").strip()
            raise RuntimeError(f"{' '.join(command)} returned {answer['status']}: {text[-300:]}")
        return Cost(answer["cpu"], answer["wall"], answer["peak"])

    def __enter__(self) -> Meter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
