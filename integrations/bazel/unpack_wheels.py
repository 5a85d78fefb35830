"""Unpacks wheels into one folder: ``unpack_wheels.py FOLDER WHEEL...``."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path


def _place(name: str) -> str | None:
    """Where a wheel's file goes; None for scripts and headers, which nothing imports."""
    first, _, rest = name.partition("/")
    if not first.endswith(".data"):
        return name
    kind, _, inner = rest.partition("/")
    return inner if kind in ("purelib", "platlib") else None


def _unpack(folder: Path, wheels: list[str]) -> None:
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            for item in archive.infolist():
                name = _place(item.filename)
                if item.is_dir() or not name:
                    continue
                place = folder / name
                if ".." in place.parts:
                    sys.exit(f"{wheel}: {item.filename!r} would leave the folder")
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(archive.read(item))


if __name__ == "__main__":
    _unpack(Path(sys.argv[1]), sys.argv[2:])
