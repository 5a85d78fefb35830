"""The worker answers what Bazel sends, whole or in pieces, and nothing else goes to its output."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qyn1_core.cli.work import run_step
from qyn1_core.errors import FormatError
from qyn1_core.worker import JsonProtocol, Place, ProtoProtocol, Request, Response, WorkProtocol, serve

# What Bazel 4.2.3 sends: no line break between two requests, fields that we do not use, a text with braces.
RECORDED = (
    b'{"arguments":["object","--file=a.py\\ta.py\\t644\\t\\t","--output=bazel-out/k8-fastbuild/bin/a.qyn1o"],'
    b'"inputs":[{"path":"a.py","digest":"9f86d081"},{"path":"launcher.py","digest":""}],"requestId":1}'
    b'{"arguments":["}{\\"\\\\"],"inputs":[],"requestId":2,"verbosity":10,"sandboxDir":"__sandbox/2"}\n'
    b'{"requestId":1,"cancel":true}'
)
EXPECTED = [
    Request(("object", "--file=a.py\ta.py\t644\t\t", "--output=bazel-out/k8-fastbuild/bin/a.qyn1o"), 1),
    Request(('}{"\\',), 2, sandbox="__sandbox/2"),
    Request((), 1, cancel=True),
]


def message(*fields: tuple[int, int | bytes]) -> bytes:
    """A length-delimited protocol buffer of small fields."""
    body = b"".join(
        bytes([number << 3, value]) if isinstance(value, int) else bytes([number << 3 | 2, len(value)]) + value
        for number, value in fields
    )
    return bytes([len(body)]) + body


# The fields of worker_protocol.proto, and one that is not in it.
RECORDED_PROTO = (
    message((1, b"object"), (1, b"="), (2, b"\x0a\x04a.py"), (3, 1), (15, 7))
    + message((1, b"}{"), (3, 2), (5, 10), (6, b"__s2/x"))
    + message((3, 1), (4, 1))
)
EXPECTED_PROTO = [Request(("object", "="), 1), Request(("}{",), 2, sandbox="__s2/x"), Request((), 1, cancel=True)]


def pieces(data: bytes, size: int) -> Callable[[int], bytes]:
    """A `read` that gives ``size`` bytes at a time."""
    parts = iter([data[i : i + size] for i in range(0, len(data), size)])
    return lambda _: next(parts, b"")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
def test_json_requests_however_they_arrive(size: int) -> None:
    assert list(JsonProtocol().requests(pieces(RECORDED, size))) == EXPECTED


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
def test_proto_requests_however_they_arrive(size: int) -> None:
    assert list(ProtoProtocol().requests(pieces(RECORDED_PROTO, size))) == EXPECTED_PROTO


@given(st.lists(st.tuples(st.lists(st.text()), st.integers(1, 2**31 - 1)), max_size=5), st.integers(1, 50))
def test_any_json_request_is_found_between_its_neighbours(work: list[tuple[list[str], int]], size: int) -> None:
    data = b"".join(
        json.dumps({"requestId": number, "arguments": arguments, "new": {"x": "}"}}).encode()
        for arguments, number in work
    )
    found = list(JsonProtocol().requests(pieces(data, size)))
    assert found == [Request(tuple(arguments), number) for arguments, number in work]


@pytest.mark.parametrize("data", [b"{", b"}", b'{"arguments":7}', b'{"arguments":["a"],"requestId":"x"}', b"nonsense"])
def test_what_is_no_json_request_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        list(JsonProtocol().requests(pieces(data, 5)))


@given(st.binary(max_size=60))
def test_hostile_proto_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        for request in ProtoProtocol().requests(pieces(data, 9)):
            assert isinstance(request, Request)
    except FormatError:
        pass


def test_responses_as_bazel_reads_them() -> None:
    response = Response(3, "no such file", 70_000, cancelled=True)
    assert json.loads(JsonProtocol().encode(response)) == {
        "exitCode": 3,
        "output": "no such file",
        "requestId": 70_000,
        "wasCancelled": True,
    }
    assert ProtoProtocol().encode(response) == b"\x16\x08\x03\x12\x0cno such file\x18\xf0\xa2\x04\x20\x01"
    assert json.loads(JsonProtocol().encode(Response(0, ""))) == {"exitCode": 0, "output": ""}
    assert ProtoProtocol().encode(Response(0, "")) == b"\0"


class Worker:
    """A worker on two pipes, in a thread."""

    def __init__(self, protocol: WorkProtocol, run: Callable[[Sequence[str], Place], tuple[int, str]]) -> None:
        self._requests, self._answers = os.pipe(), os.pipe()
        self._thread = threading.Thread(
            target=serve, args=(protocol, self._requests[0], self._answers[1], run), daemon=True
        )
        self._thread.start()
        self._read = os.fdopen(self._answers[0], "rb")

    def send(self, **request: object) -> None:
        os.write(self._requests[1], json.dumps(request).encode())

    def answer(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(self._read.readline())
        return found

    def close(self) -> bytes:
        """End of input; what else the worker said."""
        os.close(self._requests[1])
        self._thread.join(timeout=30)
        assert not self._thread.is_alive()
        os.close(self._answers[1])
        rest = self._read.read()
        self._read.close()
        os.close(self._requests[0])
        return rest


@pytest.fixture
def start() -> Iterator[Callable[[Callable[[Sequence[str], Place], tuple[int, str]]], Worker]]:
    workers: list[Worker] = []

    def make(run: Callable[[Sequence[str], Place], tuple[int, str]]) -> Worker:
        workers.append(Worker(JsonProtocol(), run))
        return workers[-1]

    yield make
    for worker in workers:
        assert worker.close() == b""


def test_requests_with_an_id_run_side_by_side(start: Callable[..., Worker]) -> None:
    meeting = threading.Barrier(2, timeout=30)

    def run(arguments: Sequence[str], _: Place) -> tuple[int, str]:
        meeting.wait()
        return 0, arguments[0]

    worker = start(run)
    worker.send(arguments=["a"], requestId=1)
    worker.send(arguments=["b"], requestId=2)
    answers = {answer["requestId"]: answer["output"] for answer in (worker.answer(), worker.answer())}
    assert answers == {1: "a\n", 2: "b\n"}


def test_a_cancelled_request_gets_one_answer_that_says_so(start: Callable[..., Worker]) -> None:
    begun = threading.Event()

    def run(_: Sequence[str], place: Place) -> tuple[int, str]:
        begun.set()
        while True:
            place.cancelled.wait(timeout=30)
            place.check()

    worker = start(run)
    worker.send(arguments=[], requestId=5)
    assert begun.wait(timeout=30)
    worker.send(cancel=True, requestId=99)  # unknown: it was answered already, as far as the worker knows
    worker.send(cancel=True, requestId=5)
    assert worker.answer() == {"exitCode": 0, "output": "", "requestId": 5, "wasCancelled": True}


def test_a_fault_of_ours_is_answered_too(start: Callable[..., Worker]) -> None:
    def run(_: Sequence[str], __: Place) -> tuple[int, str]:
        raise ZeroDivisionError("oh")

    worker = start(run)
    worker.send(arguments=[], requestId=5)
    answer = worker.answer()
    assert answer["exitCode"] == 1
    assert "ZeroDivisionError" in str(answer["output"])


def test_worker_and_one_shot_write_the_same_bytes(tmp_path: Path, start: Callable[..., Worker]) -> None:
    sandbox = tmp_path / "sandbox"
    sandbox.mkdir()
    for folder in (tmp_path, sandbox):
        (folder / "a.py").write_text("def f(x):\n    return x + 1\n" * 50)
        (folder / "object.params").write_text("object\n--output=a.qyn1o\n--workers=1\n--file=src/a.py\ta.py\t755\n")
    assert run_step(["@object.params"], Place(tmp_path)) == (0, "")
    worker = start(run_step)
    worker.send(arguments=["@object.params"], requestId=1, sandboxDir=str(sandbox))
    assert worker.answer() == {"exitCode": 0, "output": "", "requestId": 1}
    assert (sandbox / "a.qyn1o").read_bytes() == (tmp_path / "a.qyn1o").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["object", "--output=out", "--target=//a:b", "--file=missing.py"], 3, "//a:b: missing.py: no such file"),
        (["object", "--output=out", "--file=folder"], 1, "folder: is a folder"),
        (["object", "--output=out", "--file=a.py\ta.py\t600"], 2, "mode '600'"),
        (["object", "--output=out", "--file=a.py\ta.py\t644\tlib"], 2, "strip_prefix: a.py does not lie below 'lib'"),
        (["object", "--output=out", "--file=../../a.py"], 2, "cannot be a path in a package"),
        (["object", "--output=out", "--mode=fats", "--file=a.py"], 2, "--mode"),
        (["object", "--output=out", "--preset=nope", "--file=a.py"], 2, "nope"),
        (["object", "--output=out", "--language=klingon", "--file=a.py"], 7, "klingon"),
        (["object", "--output=out", "--manifest=a.py", "--file=a.py"], 2, "a.py"),
        (["link", "--output=out", "a.py"], 2, "no recipient"),
        (["link", "--output=out", "--no-encrypt", "a.py\t//x:y"], 6, "//x:y is no object"),
        (["link", "--output=out", "--no-encrypt", "gone.qyn1o"], 3, "gone.qyn1o"),
        (["unpack", "x"], 2, "a build step is one of"),
        (["@gone"], 2, "gone"),
        ([], 2, "a build step is one of"),
    ],
)
def test_a_failing_step_says_why_and_leaves_no_output(
    tmp_path: Path, start: Callable[..., Worker], arguments: list[str], code: int, says: str
) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    (tmp_path / "folder").mkdir()
    worker = start(run_step)
    worker.send(arguments=arguments, requestId=1, sandboxDir=str(tmp_path))
    answer = worker.answer()
    assert answer["exitCode"] == code, answer
    assert says in str(answer["output"])
    assert "Traceback" not in str(answer["output"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.py", "folder"]
