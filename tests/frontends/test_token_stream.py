"""A token stream knows depth, lines and indentation, and says when it is broken."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qyn1_plugins.frontends.python import PythonFrontend
from qyn1_plugins.tokens import TokenKind, TokenStream

FRONTEND = PythonFrontend()


def built(data: bytes, starts: list[int], kinds: list[int] | None = None) -> TokenStream:
    kinds = [TokenKind.TEXT] * len(starts) if kinds is None else kinds
    return TokenStream.build(data, np.array(kinds, np.uint8), np.array(starts, np.uint32))


def test_brackets_have_the_depth_outside_them() -> None:
    stream = FRONTEND.lex(b"a(b[c])d)(e")
    assert stream.depth.tolist() == [0, 0, 1, 1, 2, 1, 0, 0, 0, 0, 1]


@given(data=st.lists(st.sampled_from([b"(", b")", b"a "]), max_size=60).map(b"".join))
def test_depth_is_that_of_a_plain_count(data: bytes) -> None:
    stream = FRONTEND.lex(data)
    level, wanted = 0, []
    for kind, _ in stream:
        level = max(level - (kind == TokenKind.CLOSE), 0)
        wanted.append(level)
        level += kind == TokenKind.OPEN
    assert stream.depth.tolist() == wanted


def test_depth_saturates() -> None:
    stream = FRONTEND.lex(b"(" * 70_000)
    assert int(stream.depth[-1]) == 65535


@given(data=st.text(alphabet="a \t\r\n\x0c\x0b").map(str.encode))
def test_lines_end_after_lf_crlf_and_cr(data: bytes) -> None:
    stream = FRONTEND.lex(data)
    lines = data.replace(b"\x0c", b"a").replace(b"\x0b", b"a").splitlines(keepends=True)
    offsets = [sum(map(len, lines[:number])) for number in range(len(lines))]
    assert stream.line_start.tolist() == offsets
    assert stream.indent.tolist() == [len(line) - len(line.lstrip(b" \t")) for line in lines]


def test_no_data_has_no_tokens_and_no_lines() -> None:
    stream = FRONTEND.lex(b"")
    assert (len(stream), len(stream.end), len(stream.line_start), stream.fault()) == (0, 0, 0, None)


@pytest.mark.parametrize(
    ("stream", "fault"),
    [
        (built(b"abc", []), "no token"),
        (built(b"", [0]), "empty data"),
        (built(b"abc", [1]), "starts at 1"),
        (built(b"abc", [0, 2, 2]), "ascend"),
        (built(b"abc", [0, 3]), "past the end"),
        (built(b"abc", [0], [99]), "kind 99"),
        (replace(built(b"abc", [0]), kind=np.zeros(2, np.uint8)), "length"),
        (replace(built(b"abc", [0]), start=np.zeros(1, np.int64)), "int64"),
    ],
)
def test_a_broken_stream_says_what_is_wrong(stream: TokenStream, fault: str) -> None:
    assert fault in (stream.fault() or "")


def test_streams_are_compared_array_by_array() -> None:
    stream = FRONTEND.lex(b"a b")
    assert stream.same_as(FRONTEND.lex(b"a b"))
    assert not stream.same_as(FRONTEND.lex(b"a c"))
    assert not stream.same_as(built(b"a b", [0]))
