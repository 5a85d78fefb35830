"""``file:PATH``: a key file that only its owner can read."""

from __future__ import annotations

import os

from qyn1_plugins.errors import KeyUnavailable
from qyn1_plugins.keys.private_file import read_private_file

__all__ = ["FileKeys"]


class FileKeys:
    """The key provider ``file``."""

    name = "file"
    version = 1

    def unavailable(self) -> str | None:
        """Works everywhere."""
        return None

    def read(self, reference: str) -> str:
        """The text of the file at the path ``reference`` (``~`` is the user's home)."""
        if not reference:
            raise KeyUnavailable("file: names no path")
        path = os.path.expanduser(reference)  # noqa: PTH111  (programs that start from a package do without pathlib)
        if path.startswith("~"):
            raise KeyUnavailable(f"the key file {reference} cannot be found: the home folder is unknown")
        return read_private_file(path)
