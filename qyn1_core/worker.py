"""A persistent worker for build systems that speak Bazel's worker protocol.

Bazel (https://bazel.build/remote/creating) starts the command once, with
``--persistent_worker``, and sends it work on standard input: JSON objects, or
length-delimited protocol buffers. Versions before 5 put nothing between two JSON
objects, so they are told apart by their braces, not by lines. Requests with an id
run side by side, are relative to a sandbox folder if they name one, and can be
cancelled. Nothing but responses goes to standard output.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from qyn1_core.errors import FormatError

__all__ = ["Cancelled", "JsonProtocol", "Place", "ProtoProtocol", "Request", "Response", "expand", "serve"]

_READ_SIZE: Final = 1 << 16
_MAXIMUM_REQUEST: Final = 256 << 20
_MOST_AT_ONCE: Final = 64  # Bazel's --worker_max_multiplex_instances is the limit that counts
_STRUCTURE: Final = re.compile(rb'["\\{}]')


class Cancelled(Exception):
    """The build system does not want the result any more."""


@dataclass(frozen=True)
class Place:
    """Where an action runs: the folder that its paths are relative to, and whether it was called off."""

    base: Path = Path()
    cancelled: threading.Event = field(default_factory=threading.Event)

    def check(self, _event: object = None) -> None:
        """Raise `Cancelled` when the action was called off. Fit to be a progress observer."""
        if self.cancelled.is_set():
            raise Cancelled


@dataclass(frozen=True)
class Request:
    """Work to do, or (``cancel``) work to call off. ``number`` 0: one at a time, nothing beside it."""

    arguments: tuple[str, ...]
    number: int = 0
    cancel: bool = False
    sandbox: str = ""


@dataclass(frozen=True)
class Response:
    """What became of the request ``number``. ``output`` is shown to the user."""

    exit_code: int
    output: str
    number: int = 0
    cancelled: bool = False


class WorkProtocol(Protocol):
    """How requests and responses are written."""

    def requests(self, read: Callable[[int], bytes]) -> Iterator[Request]:
        """The requests that ``read`` gives, each as soon as it is complete. Raises `FormatError`."""

    def encode(self, response: Response) -> bytes:
        """``response`` as bytes."""


class JsonProtocol:
    """JSON objects, with or without white space between them."""

    def requests(self, read: Callable[[int], bytes]) -> Iterator[Request]:
        """The requests that ``read`` gives, each as soon as it is complete. Raises `FormatError`."""
        buffer = bytearray()
        depth, in_text, position = 0, False, 0
        while part := read(_READ_SIZE):
            buffer += part
            if len(buffer) > _MAXIMUM_REQUEST:
                raise FormatError(f"a work request of more than {_MAXIMUM_REQUEST} bytes")
            while match := _STRUCTURE.search(buffer, position):
                position = match.end()
                mark = match[0]
                if mark == b"\\":
                    if position == len(buffer):
                        position -= 1  # what it escapes has not come yet
                        break
                    position += 1
                elif mark == b'"':
                    in_text = not in_text
                elif not in_text:
                    depth += 1 if mark == b"{" else -1
                    if depth < 0:
                        raise FormatError("a work request begins with a closing brace")
                    if depth == 0:
                        yield _json_request(bytes(buffer[:position]))
                        del buffer[:position]
                        position = 0
            else:
                position = len(buffer)
        if buffer.strip():
            raise FormatError("the last work request is not complete")

    def encode(self, response: Response) -> bytes:
        """``response`` as a line of JSON."""
        document: dict[str, object] = {"exitCode": response.exit_code, "output": response.output}
        if response.number:
            document["requestId"] = response.number
        if response.cancelled:
            document["wasCancelled"] = True
        return json.dumps(document).encode() + b"\n"


def _json_request(raw: bytes) -> Request:
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        raise FormatError("a work request is not JSON") from None
    arguments = document.get("arguments", [])
    number = document.get("requestId", 0)
    cancel = document.get("cancel", False)
    sandbox = document.get("sandboxDir", "")
    if (
        not isinstance(arguments, list)
        or not all(isinstance(argument, str) for argument in arguments)
        or not isinstance(number, int)
        or not isinstance(cancel, bool)
        or not isinstance(sandbox, str)
    ):
        raise FormatError("a work request has a field of the wrong type")
    return Request(tuple(arguments), number, cancel, sandbox)


class ProtoProtocol:
    """Messages of Bazel's worker_protocol.proto, each after its length as a varint."""

    def requests(self, read: Callable[[int], bytes]) -> Iterator[Request]:
        """The requests that ``read`` gives, each as soon as it is complete. Raises `FormatError`."""
        buffer = bytearray()
        while part := read(_READ_SIZE):
            buffer += part
            while (head := _varint(buffer, 0)) is not None:
                size, begin = head
                if size > _MAXIMUM_REQUEST:
                    raise FormatError(f"a work request of {size} bytes, more than {_MAXIMUM_REQUEST}")
                if len(buffer) < begin + size:
                    break
                yield _proto_request(bytes(buffer[begin : begin + size]))
                del buffer[: begin + size]
        if buffer:
            raise FormatError("the last work request is not complete")

    def encode(self, response: Response) -> bytes:
        """``response`` after its length."""
        body = bytearray()
        if response.exit_code:
            body += b"\x08" + _put_varint(response.exit_code)
        if response.output:
            text = response.output.encode("utf-8", "replace")
            body += b"\x12" + _put_varint(len(text)) + text
        if response.number:
            body += b"\x18" + _put_varint(response.number)
        if response.cancelled:
            body += b"\x20\x01"
        return _put_varint(len(body)) + bytes(body)


def _varint(buffer: bytes | bytearray, position: int) -> tuple[int, int] | None:
    """The varint at ``position`` and the place behind it; None when it has not come whole yet."""
    value = shift = 0
    while position < len(buffer):
        octet = buffer[position]
        position += 1
        value |= (octet & 0x7F) << shift
        if octet < 0x80:
            return value, position
        shift += 7
        if shift > 63:
            raise FormatError("a work request has a number that is too long")
    return None


def _put_varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _proto_request(raw: bytes) -> Request:
    arguments: list[str] = []
    number, cancel, sandbox = 0, False, ""
    for tag, value in _proto_fields(raw):
        if tag == 1 and isinstance(value, bytes):
            arguments.append(_proto_text(value))
        elif tag == 3 and isinstance(value, int):
            number = value
        elif tag == 4 and isinstance(value, int):
            cancel = bool(value)
        elif tag == 6 and isinstance(value, bytes):
            sandbox = _proto_text(value)
    return Request(tuple(arguments), number, cancel, sandbox)


def _proto_text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise FormatError("a work request has a text that is not UTF-8") from None


def _proto_fields(raw: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field, known or not."""
    position = 0
    while position < len(raw):
        head = _varint(raw, position)
        if head is None:
            break
        key, position = head
        kind = key & 7
        if kind == 0:
            value = _varint(raw, position)
            if value is None:
                break
            yield key >> 3, value[0]
            position = value[1]
            continue
        if kind == 2:
            length = _varint(raw, position)
            if length is None:
                break
            size, position = length
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise FormatError("a work request is not a protocol buffer")
        if position + size > len(raw):
            break
        yield key >> 3, raw[position : position + size]
        position += size
    if position != len(raw):
        raise FormatError("a work request ends inside a field")


def expand(arguments: Sequence[str], base: Path) -> list[str]:
    """``arguments`` with ``@FILE`` replaced by the lines of FILE (relative to ``base``)."""
    expanded: list[str] = []
    for argument in arguments:
        if argument.startswith("@"):
            text = (base / argument[1:]).read_text(encoding="utf-8")
            expanded.extend(text.removesuffix("\n").split("\n") if text else [])
        else:
            expanded.append(argument)
    return expanded


Runner = Callable[[Sequence[str], Place], "tuple[int, str]"]


def serve(protocol: WorkProtocol, source: int, sink: int, run: Runner) -> None:
    """Answer the requests on the descriptor ``source`` on ``sink`` until it ends.

    ``run`` does the work of one request: exit code and message. Every request gets
    one response, after which nothing of it is touched any more. Raises `FormatError`
    for bytes that are no requests. Whatever ends it before ``source`` does calls off
    what is under way.
    """
    lock = threading.Lock()
    running: dict[int, Place] = {}

    def respond(response: Response) -> None:
        data = memoryview(protocol.encode(response))
        while data:
            data = data[os.write(sink, data) :]

    def work(request: Request, place: Place) -> None:
        try:
            place.check()
            exit_code, output = run(request.arguments, place)
            cancelled = False
        except Cancelled:
            exit_code, output, cancelled = 0, "", True
        except Exception as error:  # noqa: BLE001  (without an answer the build would wait for ever)
            exit_code, output, cancelled = 1, f"qyn1: internal error: {type(error).__name__}: {error}", False
        with lock:
            # From here on a cancellation comes too late: the answer stands.
            running.pop(request.number, None)
            respond(Response(exit_code, output and output + "\n", request.number, cancelled))

    with ThreadPoolExecutor(_MOST_AT_ONCE, thread_name_prefix="qyn1-work") as pool:
        try:
            for request in protocol.requests(lambda size: os.read(source, size)):
                if request.cancel:
                    with lock:
                        called_off = running.get(request.number)
                    if called_off is not None:
                        called_off.cancelled.set()
                    continue
                place = Place(Path(request.sandbox))
                if request.number == 0:
                    work(request, place)
                    continue
                with lock:
                    running[request.number] = place
                pool.submit(work, request, place)
        except BaseException:
            # Terminated, or sent what is no request: nobody waits for what is still under way.
            with lock:
                for place in running.values():
                    place.cancelled.set()
            raise
