"""Compares folders as strictly as a package promises: names, kinds, bytes, modes, link targets."""

from __future__ import annotations

import os
from pathlib import Path


def same_trees(first: Path, second: Path) -> None:
    """Assert that both folders hold the same."""
    assert listing(first) == listing(second)


def listing(root: Path) -> dict[str, tuple[str, int, bytes]]:
    """Every file, link and empty folder below ``root``."""
    found: dict[str, tuple[str, int, bytes]] = {}
    for folder, names, files in os.walk(root):
        for name in [*files, *names]:
            place = Path(folder, name)
            path = place.relative_to(root).as_posix()
            if place.is_symlink():
                found[path] = ("link", 0, os.fsencode(os.readlink(place)))  # noqa: PTH115  (the raw text)
            elif place.is_file():
                found[path] = ("file", place.stat().st_mode & 0o777, place.read_bytes())
            elif not any(place.iterdir()):
                found[path] = ("directory", 0, b"")
    return found
