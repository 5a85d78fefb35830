"""The pure lexers tile any bytes, and the native ones give the same tokens."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qyn1_plugins import _native
from qyn1_plugins.errors import PluginError
from qyn1_plugins.frontends.binary import RUN, BinaryFrontend
from qyn1_plugins.frontends.lexing import LanguageFrontend
from qyn1_plugins.frontends.python import PythonFrontend
from qyn1_plugins.frontends.text import TextFrontend
from qyn1_plugins.tokens import TokenKind

PYTHON, TEXT, BINARY = PythonFrontend(), TextFrontend(), BinaryFrontend()
PIECES = [
    b"'", b'"', b"'''", b'"""', b'f"', b"f'", b"F'''", b'rf"""', b'Rb"', b'T"', b'ur"', b'"\\"', b"b'x'", b"{", b"}",
    b"{{", b"}}", b"}}}", b"{ {", b":", b":=", b"!r", b"!=", b"=!", b"\\", b"\\N{", b"\\N{A b-c}", b"\\{", b"\n", b"\r",
    b"\r\n", b"\\\n", b"\\\r\n", b"\\\r", b"(", b")", b"[", b"]", b"@", b"@=", b"#x", b" ", b"\t", b"\x0c", b"\x0b",
    b"a", b"if", b"lambda", b"1", b"0x", b"_", b"1e", b".", b"..", b"...", b"+", b"-", b"->", b"0b1", b"0o7", b"j",
    b"E5", b"\x00", b"$", b"?", b"\xff", b"\xef\xbb\xbf", b"<>", b"**", b"//", b"=", b"<<", b">>", b"~", b",", b";",
]  # fmt: skip
splices = st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join)
anything = st.binary(max_size=200) | splices
frontends = pytest.mark.parametrize("frontend", [PYTHON, TEXT, BINARY], ids=lambda frontend: frontend.name)


@frontends
@given(data=anything)
def test_any_bytes_tile(frontend: LanguageFrontend, data: bytes) -> None:
    stream = frontend.lex_pure(data)
    assert stream.fault() is None
    assert b"".join(token for _, token in stream) == data


@pytest.mark.native
@frontends
@given(data=anything)
def test_native_tokens_are_the_same_on_any_bytes(frontend: LanguageFrontend, data: bytes) -> None:
    assert frontend.lex_native(data).same_as(frontend.lex_pure(data))


@pytest.mark.native
@frontends
def test_native_tokens_are_the_same_on_every_pair_of_bytes(frontend: LanguageFrontend) -> None:
    for first in range(256):
        # In one go: each pair stands on its own line, where neither is the break.
        for joint in (b"\n", b" a", b"1"):
            data = joint.join(bytes((first, second)) for second in range(256))
            assert frontend.lex_native(data).same_as(frontend.lex_pure(data))


@pytest.mark.native
@pytest.mark.parametrize("folder", [".", "json", "email", "unittest", "test"])
def test_native_tokens_are_the_same_on_the_standard_library(folder: str) -> None:
    root = Path(sysconfig.get_paths()["stdlib"], folder)
    # Lib/test, which has the hard cases, is not installed everywhere.
    pattern = {"test": "test_[fgt]*[gxne].py", ".": "[a-i]*.py"}.get(folder, "*.py")
    for path in sorted(root.glob(pattern)):
        data = path.read_bytes()
        assert PYTHON.lex_native(data).same_as(PYTHON.lex_pure(data)), path


def test_binary_data_is_cut_into_runs() -> None:
    stream = BINARY.lex(bytes(RUN + 1))
    assert stream.start.tolist() == [0, RUN]
    assert {kind for kind, _ in stream} == {TokenKind.TEXT}
    assert len(BINARY.lex(b"")) == 0


def test_prose_is_words_numbers_and_marks() -> None:
    tokens = [token for _, token in TEXT.lex(b"## It's v1.20 (\xc3\xa9t\xc3\xa9)\r\n---\n")]
    wanted = [b"##", b" ", b"It", b"'", b"s", b" ", b"v1", b".", b"20", b" ", b"(", b"\xc3\xa9t\xc3\xa9", b")"]
    assert tokens == [*wanted, b"\r\n", b"---", b"\n"]


def test_native_lexing_without_the_extension_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qyn1_plugins.frontends.lexing.native", None)
    assert PYTHON.lex(b"x").same_as(PYTHON.lex_pure(b"x"))
    with pytest.raises(PluginError, match="needs the native extension"):
        PYTHON.lex_native(b"x")


@pytest.mark.native
def test_the_extension_names_a_language_that_it_does_not_know() -> None:
    assert _native.native is not None
    with pytest.raises(ValueError, match="cobol"):
        _native.native.lex("cobol", b"x")
