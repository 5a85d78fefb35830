"""A worker as Bazel starts it, a process on two pipes: answers, cancellation, its end, and what it leaves behind."""

from __future__ import annotations

import email
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from qyn1_core.cli.work import run_step
from qyn1_core.output import TEMPORARY_PREFIX
from qyn1_core.worker import Place

LAUNCHER = Path(__file__).parents[2] / "integrations/bazel/launcher.py"
SOURCES = sorted(Path(email.__file__).parent.glob("*.py"))  # real ones, and at hand everywhere
PATIENCE = 120
NOBODY = 65534


class Worker:
    """A worker that speaks JSON."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, LAUNCHER, "work", "--worker-protocol=json", "--persistent_worker"],
            cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip

    def send(self, *requests: Mapping[str, object]) -> None:
        """All in one write with nothing in between, as Bazel 4 does."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"".join(json.dumps(request).encode() for request in requests))
        self.process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        return found

    def end(self) -> tuple[int, bytes, str]:
        """Close its input: exit code, what else it answered, and what it said on standard error."""
        answers, said = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, answers, said.decode()


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    started = Worker(tmp_path)
    yield started
    started.process.kill()
    started.process.communicate()


def step(output: str, *files: Path, mode: str = "fast") -> list[str]:
    """The arguments of a step that compresses ``files``."""
    named = [f"--file={file.name}\t{file}" for file in files]
    return ["object", f"--output={output}", "--workers=1", f"--mode={mode}", "--target=//some:library", *named]


def long_step(output: str) -> list[str]:
    """One that takes seconds at least, in blocks so small that it can be called off at once."""
    return [*step(output, *SOURCES, mode="maximum"), "--block-size=4 KiB"]


def begun(folder: Path) -> bool:
    return any(path.name.startswith(TEMPORARY_PREFIX) for path in folder.iterdir())


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


def test_many_requests_in_one_write_are_each_answered_once(worker: Worker, tmp_path: Path) -> None:
    requests = [
        {"arguments": step(f"{number}.qyn1o", *SOURCES[number : number + 2]), "requestId": number}
        for number in range(1, 9)
    ]
    worker.send(*requests)
    answers = sorted((worker.answer() for _ in requests), key=lambda answer: int(answer["requestId"]))
    assert answers == [{"exitCode": 0, "output": "", "requestId": number} for number in range(1, 9)]
    assert worker.end() == (0, b"", "")
    assert left(tmp_path) == [f"{number}.qyn1o" for number in range(1, 9)]
    for number in range(1, 9):
        alone = tmp_path / "alone.qyn1o"
        assert run_step(step(str(alone), *SOURCES[number : number + 2]), Place()) == (0, "")
        assert (tmp_path / f"{number}.qyn1o").read_bytes() == alone.read_bytes()
        alone.unlink()


def test_what_is_called_off_is_answered_and_leaves_nothing(worker: Worker, tmp_path: Path) -> None:
    worker.send({"arguments": long_step("long.qyn1o"), "requestId": 1})
    wait_for(lambda: begun(tmp_path))
    worker.send({"requestId": 1, "cancel": True}, {"arguments": step("short.qyn1o", SOURCES[0]), "requestId": 2})
    answers = [worker.answer(), worker.answer()]
    assert {"exitCode": 0, "output": "", "requestId": 1, "wasCancelled": True} in answers
    assert {"exitCode": 0, "output": "", "requestId": 2} in answers
    assert left(tmp_path) == ["short.qyn1o"]
    # What was answered cannot be called off any more, and its number is free.
    worker.send({"requestId": 2, "cancel": True}, {"arguments": step("next.qyn1o", SOURCES[1]), "requestId": 2})
    assert worker.answer() == {"exitCode": 0, "output": "", "requestId": 2}
    assert worker.end() == (0, b"", "")
    assert left(tmp_path) == ["next.qyn1o", "short.qyn1o"]


def test_a_request_that_fails_harms_no_other(worker: Worker, tmp_path: Path) -> None:
    worker.send(
        {"arguments": step("bad.qyn1o", tmp_path / "missing.py"), "requestId": 1},
        {"arguments": step("good.qyn1o", SOURCES[0]), "requestId": 2},
        {"arguments": ["object", "--nonsense"], "requestId": 3},
    )
    answers = {answer["requestId"]: answer for answer in (worker.answer() for _ in range(3))}
    assert answers[1]["exitCode"] == 3
    assert answers[1]["output"] == f"qyn1: //some:library: {tmp_path / 'missing.py'}: no such file\n"
    assert answers[2] == {"exitCode": 0, "output": "", "requestId": 2}
    assert answers[3]["exitCode"] == 2
    assert "--nonsense" in answers[3]["output"]
    assert worker.end() == (0, b"", "")
    assert left(tmp_path) == ["good.qyn1o"]


def test_requests_have_sandboxes_of_their_own(worker: Worker, tmp_path: Path) -> None:
    for name, source in (("1", SOURCES[0]), ("2", SOURCES[1])):
        (tmp_path / name).mkdir()
        (tmp_path / name / "same.py").write_bytes(source.read_bytes())
    arguments = ["object", "--output=out.qyn1o", "--workers=1", "--mode=fast", "--file=same.py"]
    worker.send(*({"arguments": arguments, "requestId": int(name), "sandboxDir": name} for name in ("1", "2")))
    assert {worker.answer()["exitCode"], worker.answer()["exitCode"]} == {0}
    assert worker.end() == (0, b"", "")
    assert left(tmp_path) == ["1", "2", "out.qyn1o", "out.qyn1o", "same.py", "same.py"]
    assert (tmp_path / "1/out.qyn1o").read_bytes() != (tmp_path / "2/out.qyn1o").read_bytes()


def test_at_the_end_of_requests_the_last_is_still_answered(worker: Worker, tmp_path: Path) -> None:
    worker.send({"arguments": step("last.qyn1o", *SOURCES), "requestId": 4})
    code, answers, said = worker.end()
    assert (code, json.loads(answers), said) == (0, {"exitCode": 0, "output": "", "requestId": 4}, "")
    assert left(tmp_path) == ["last.qyn1o"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to send")
def test_terminated_it_calls_off_what_it_does_and_leaves_nothing(worker: Worker, tmp_path: Path) -> None:
    worker.send(*({"arguments": long_step(f"{number}.qyn1o"), "requestId": number} for number in (1, 2)))
    wait_for(lambda: len(left(tmp_path)) == 2)
    worker.process.send_signal(signal.SIGTERM)
    code, answers, said = worker.end()
    assert (code, said) == (143, "qyn1: terminated\n")
    assert {json.loads(line)["wasCancelled"] for line in answers.splitlines()} == {True}
    assert left(tmp_path) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows makes such things otherwise")
@pytest.mark.parametrize(
    ("make", "code", "says"),
    [
        (lambda place: place.symlink_to("nowhere"), 3, "no such file"),
        (lambda place: place.symlink_to(place.name), 1, "cannot be read: Too many levels of symbolic links"),
        (Path.mkdir, 1, "is a folder; name its files, in Bazel with glob()"),
        (os.mkfifo, 1, "is not a regular file"),
    ],
    ids=["dangling", "loop", "folder", "pipe"],
)
def test_a_source_that_cannot_be_read_is_named_with_its_target(
    worker: Worker, tmp_path: Path, make: Callable[[Path], object], code: int, says: str
) -> None:
    make(tmp_path / "source.py")
    worker.send({"arguments": step("out.qyn1o", SOURCES[0], Path("source.py")), "requestId": 1})
    answer = worker.answer()
    assert answer["exitCode"] == code
    assert answer["output"] == f"qyn1: //some:library: source.py: {says}\n"
    assert left(tmp_path) == ["source.py"]


def run_as_somebody_else(arguments: list[str], folder: Path) -> list[object]:
    """What `run_step` returns to a user who is not root. That user need not be able to start this Python."""
    answer, told = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            os.write(told, json.dumps(run_step(arguments, Place(folder))).encode())
        finally:
            os._exit(0)
    os.close(told)
    os.waitpid(child, 0)
    with os.fdopen(answer, "rb") as file:
        found: list[object] = json.loads(file.read())
    return found


@pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")  # Python 3.12
def test_a_source_that_may_not_be_read_is_named_with_its_target() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        arguments = step("out.qyn1o", Path("source.py"))
        (folder / "source.py").write_text("x = 1\n")
        assert run_step(arguments, Place(folder)) == (0, "")  # loads what is loaded late, too
        (folder / "out.qyn1o").unlink()
        assert run_as_somebody_else(arguments, folder) == [0, ""]
        (folder / "out.qyn1o").unlink()
        (folder / "source.py").chmod(0o000)
        says = "source.py: no permission to read it; exclude it or change its mode"
        assert run_as_somebody_else(arguments, folder) == [4, f"qyn1: //some:library: {says}"]
        assert left(folder) == ["source.py"]


@pytest.mark.parametrize("text", [b'{"arguments": 7}', b"nonsense }", b'{"arguments": ["object"'])
def test_what_is_no_request_ends_it_with_one_line(worker: Worker, text: bytes) -> None:
    assert worker.process.stdin is not None
    worker.process.stdin.write(text)
    code, answers, said = worker.end()
    assert (code, answers) == (6, b"")
    assert said.startswith("qyn1: ")
    assert said.count("\n") == 1
