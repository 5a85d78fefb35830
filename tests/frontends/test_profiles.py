"""Files are claimed by name, then by interpreter line, then by content."""

from __future__ import annotations

import pytest

from qyn1_plugins.built_in import qyn1_frontends
from qyn1_plugins.frontends.profiles import BY_INTERPRETER, BY_NAME, claim, profiles
from qyn1_plugins.frontends.text import BY_CONTENT, TextFrontend


def detected(path: str, head: bytes = b"") -> str:
    frontends = qyn1_frontends()
    return max(frontends, key=lambda frontend: frontend.claims(path, head)).name


@pytest.mark.parametrize(
    ("path", "head", "language"),
    [
        ("a/b.py", b"", "python"),
        ("a/b.PYI", b"", "python"),
        ("SConstruct", b"", "python"),
        ("bin/tool", b"#!/usr/bin/env python3\n", "python"),
        ("bin/tool", b"#!/usr/bin/env -S A=b python3.12 -u\n", "python"),
        ("bin/tool", b"#! /usr/local/bin/pypy3\r\n", "python"),
        ("bin/tool", b"#!/usr/bin/pythonic\n", "text"),
        ("bin/tool", b"#!/usr/bin/env node\n", "javascript"),
        ("bin/tool", b"#!/bin/sh\n", "text"),
        ("notes.md", b"#!/usr/bin/python\n", "text"),
        *(
            (f"a{ending}", b"", "javascript")
            for ending in (".js", ".mjs", ".cjs", ".jsx", ".ts", ".d.ts", ".cts", ".tsx")
        ),
        ("src/lib.rs", b"", "rust"),
        *(
            (f"a{ending}", b"", "cpp")
            for ending in (".c", ".h", ".cc", ".cpp", ".hxx", ".inl", ".tpp", ".cu", ".cuh", ".mm")
        ),
        ("config.h.in", b"", "cpp"),
        ("configure.in", b"", "text"),
        *(
            (name, b"", "text")
            for name in ("README", "Makefile", "LICENSE", "a.toml", "a.json", "a.yml", "a.html", "a.sh")
        ),
        ("unknown", "naïve".encode(), "text"),
        ("unknown", "naïve words".encode("latin-1"), "text"),
        ("unknown", "naï".encode()[:-1] + b"", "text"),
        ("unknown", b"\xff\xd8\xff\xe0\x10JFIF", "binary"),
        ("unknown", b"a\0b", "binary"),
        ("film.ts", b"G@\0\x10", "binary"),
        ("odd.py/", b"\x01\x02\x03", "binary"),
    ],
)
def test_a_file_is_claimed_by_its_language(path: str, head: bytes, language: str) -> None:
    assert detected(path, head) == language


def test_a_name_outweighs_an_interpreter_and_that_the_content() -> None:
    assert claim("python", "a.py", b"") == BY_NAME
    assert claim("python", "a", b"#!/usr/bin/python\n") == BY_INTERPRETER
    assert TextFrontend().claims("a", b"word") == BY_CONTENT
    assert BY_NAME > BY_INTERPRETER > BY_CONTENT > 1


def test_no_name_belongs_to_two_languages() -> None:
    for kind in ("extensions", "filenames", "interpreters"):
        names = [name for profile in profiles().values() for name in getattr(profile, kind)]
        assert len(names) == len(set(names))
    assert all(
        ending.startswith(".") and ending == ending.lower() for p in profiles().values() for ending in p.extensions
    )


def test_every_frontend_but_binary_has_a_profile() -> None:
    assert set(profiles()) == {frontend.name for frontend in qyn1_frontends()} - {"binary"}
