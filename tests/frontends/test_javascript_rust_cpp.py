"""The JavaScript, Rust and C++ lexers keep the frontend's laws and give the tokens of the vectors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qyn1_plugins.frontends.cpp import CppFrontend
from qyn1_plugins.frontends.javascript import JavaScriptFrontend
from qyn1_plugins.frontends.lexing import LanguageFrontend
from qyn1_plugins.frontends.rust import RustFrontend
from qyn1_plugins.tokens import TokenKind, TokenStream

FRONTENDS: Final[dict[str, LanguageFrontend]] = {
    frontend.name: frontend for frontend in (JavaScriptFrontend(), RustFrontend(), CppFrontend())
}
VECTORS: Final = sorted((Path(__file__).parents[1] / "vectors" / "lexers").glob("*/*.json"))

# What quotes, nests, splices and ends lines, with the words that change what follows.
FRAGMENTS: Final = {
    "javascript": (
        "` ${ } { ( ) [ ] / /x/ /=/ [/] = < > </ /> <a <a> </a> <> </> <T,>( <T>( x=<b/> extends keyof a div \" ' \\ "
        "// /* */ # #! #x @ . .. ?. ? 1 .5 0x 1_0n e n + ++ - -- ! return if of class else this => ; : , * & | "
        "\\u \\u{61}"
    ),
    "rust": (
        "r#\" \"# br##\" \"## c\" cr#\" \" ' 'a 'ab b' b'x' '\\'' 'r#x b c r r# r#x \\ /* */ // # #! #![ [ ] { } < > "
        "1 . .. ... e + _ 0x 1.0e-5f32 2. fn as u{1F} ! $ & | - ` ="
    ),
    "cpp": (
        'R"( )" u8R"x( )x" " \' u8" L\' u8 u U L R _x s sv \\ // /* */ # ## %: %:%: include <a> < > %> <% <: :> :: : '
        "1 1'0 e p + - . .. if $ @ ` ( ) { } = * & % | ~ <= <=> ->* >>="
    ),
}
EVERYWHERE: Final = (b"\n", b"\r\n", b"\r", b"\\\n", b" ", b"\t", b"\x0c", b"\xc3\xa9", b"\xff", b"\0", b"\xef\xbb\xbf")


def splices(language: str) -> st.SearchStrategy[bytes]:
    """Fragments of a language in any order, with random bytes between them."""
    fragments = [fragment.encode() for fragment in FRAGMENTS[language].split(" ")]
    return st.lists(st.sampled_from([*fragments, *EVERYWHERE]) | st.binary(max_size=4), max_size=40).map(b"".join)


def significant(stream: TokenStream) -> list[list[str]]:
    return [[kind.name, text.decode()] for kind, text in stream if kind > TokenKind.NEWLINE]


@pytest.mark.parametrize("language", FRONTENDS)
@given(data=st.data())
def test_tokens_tile_any_bytes(language: str, data: st.DataObject) -> None:
    source = data.draw(st.binary(max_size=200) | splices(language))
    stream = FRONTENDS[language].lex_pure(source)
    assert stream.fault() is None
    assert b"".join(text for _, text in stream) == source


@pytest.mark.native
@pytest.mark.parametrize("language", FRONTENDS)
@settings(max_examples=200)
@given(data=st.data())
def test_native_tokens_are_the_pure_ones(language: str, data: st.DataObject) -> None:
    source = data.draw(splices(language) | st.binary(max_size=200))
    frontend = FRONTENDS[language]
    assert frontend.lex_native(source).same_as(frontend.lex_pure(source))


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_vector(path: Path) -> None:
    vector = json.loads(path.read_text(encoding="utf-8"))
    frontend = FRONTENDS[path.parent.name]
    source = vector["source"].encode()
    assert significant(frontend.lex_pure(source)) == vector["tokens"], vector["promise"]
    assert significant(frontend.lex(source)) == vector["tokens"], vector["promise"]


@pytest.mark.parametrize(
    ("language", "unit"),
    [
        ("javascript", b"`${"),
        ("javascript", b"("),
        ("javascript", b"<a b={"),
        ("javascript", b"<a>"),
        ("javascript", b"(/["),
        ("javascript", b"/**/"),
        ("javascript", b"'\\'"),
        ("javascript", b"</a<b>"),
        ("rust", b"/*"),
        ("rust", b'r#"'),
        ("rust", b"'\\a"),
        ("rust", b'"\\"'),
        ("cpp", b"/**/#"),
        ("cpp", b'R"('),
        ("cpp", b"1'"),
        ("cpp", b'"\\"'),
        ("cpp", b"//\\\n"),
        ("cpp", b"{"),
    ],
)
def test_deep_and_long_input_is_lexed_without_recursion(language: str, unit: bytes) -> None:
    """Time and stack that grew faster than the input would not come back from this one."""
    source = unit * (90_000 // len(unit))
    frontend = FRONTENDS[language]
    pure = frontend.lex_pure(source)
    assert pure.fault() is None
    assert frontend.lex(source).same_as(pure)


@pytest.mark.parametrize(
    ("language", "paths"),
    [
        ("javascript", ["a.js", "a.mjs", "a.cjs", "a.jsx", "a.ts", "a.tsx"]),
        ("rust", ["a.rs"]),
        ("cpp", ["a.c", "a.h", "a.cc", "a.cpp", "a.hpp"]),
    ],
)
def test_files_are_claimed_by_name(language: str, paths: list[str]) -> None:
    for path in paths:
        claims = {name: frontend.claims(path, b"") for name, frontend in FRONTENDS.items()}
        assert max(claims, key=lambda name: claims[name]) == language
        assert sorted(claims.values())[:2] == [0, 0]
