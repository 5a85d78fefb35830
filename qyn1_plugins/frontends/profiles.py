"""Language profiles: which files are in a language, as data (``profiles.toml``)."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Final

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["BY_INTERPRETER", "BY_NAME", "Profile", "claim", "profiles"]

BY_NAME: Final = 90
"""Score of a file whose name or extension is the language's."""

BY_INTERPRETER: Final = 80
"""Score of a file without a telling name whose first line names the language's interpreter."""

# '#!/usr/bin/env -S python3.12 -u' names python, '#!/bin/sh' names sh.
_SHEBANG: Final = re.compile(
    rb"#![ \t]*(?:\S*/env(?:[ \t]+(?:-\S+|\w+=\S*))*[ \t]+)?(?:[^\s/]*/)*([A-Za-z][A-Za-z+_-]*)[0-9.]*(?=\s|$)"
)


@dataclass(frozen=True)
class Profile:
    """How files of one language are recognised."""

    extensions: frozenset[str]
    filenames: frozenset[str]
    interpreters: frozenset[str]


@lru_cache(maxsize=1)
def profiles() -> dict[str, Profile]:
    """Language name to profile, read once."""
    text = resources.files("qyn1_plugins.frontends").joinpath("profiles.toml").read_text(encoding="utf-8")
    return {
        language: Profile(
            frozenset(table["extensions"]), frozenset(table["filenames"]), frozenset(table["interpreters"])
        )
        for language, table in tomllib.loads(text).items()
    }


@lru_cache(maxsize=256)
def _interpreter(head: bytes) -> str | None:
    match = _SHEBANG.match(head)
    return match[1].decode("ascii") if match else None


@lru_cache(maxsize=1024)
def _language_by_name(filename: str) -> str | None:
    """The language that the longest matching ending (or the whole name) belongs to."""
    for language, profile in profiles().items():
        if filename in profile.filenames:
            return language
    lowered = filename.lower()
    dot = lowered.find(".")
    while dot >= 0:
        for language, profile in profiles().items():
            if lowered[dot:] in profile.extensions:
                return language
        dot = lowered.find(".", dot + 1)
    return None


def claim(language: str, path: str, head: bytes) -> int:
    """How surely a file is in ``language``: `BY_NAME`, `BY_INTERPRETER` or 0.

    A name that belongs to some language outweighs the interpreter line. No source text
    holds a NUL: what does is no language's (``.ts`` may be a film).
    """
    if b"\0" in head:
        return 0
    named = _language_by_name(path.rpartition("/")[2])
    if named is not None:
        return BY_NAME if named == language else 0
    if head.startswith(b"#!") and _interpreter(head.partition(b"\n")[0]) in profiles()[language].interpreters:
        return BY_INTERPRETER
    return 0
