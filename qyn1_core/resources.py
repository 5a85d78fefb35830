"""``importlib.resources`` for sealed packages: files and folders of a package as `Traversable`."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from qyn1_core.contents import Contents

if sys.version_info >= (3, 11):
    from importlib.resources.abc import Traversable, TraversableResources
else:
    from importlib.abc import Traversable, TraversableResources

__all__ = ["SealedPath", "SealedResources"]


class SealedPath(Traversable):
    """A file or folder in a package, in the manner of `pathlib.Path` and `zipfile.Path`."""

    def __init__(self, contents: Contents, path: str, shown: str) -> None:
        self._contents = contents
        self._path = path
        self._shown = shown  # the package's place in the file system, for messages and names

    def __repr__(self) -> str:
        return f"SealedPath({self})"

    def __str__(self) -> str:
        return f"{self._shown}/{self._path}" if self._path else self._shown

    @property
    def name(self) -> str:
        """Its last component."""
        return self._path.rpartition("/")[2] or Path(self._shown).name

    def iterdir(self) -> Iterator[SealedPath]:
        """What stands directly in this folder."""
        if not self.is_dir():
            raise (NotADirectoryError if self.is_file() else FileNotFoundError)(str(self))
        for name in self._contents.names(self._path):
            yield self._below(name)

    def is_dir(self) -> bool:
        """Whether it is a folder."""
        return self._contents.is_folder(self._path)

    def is_file(self) -> bool:
        """Whether it is a file."""
        return self._contents.is_file(self._path)

    def joinpath(self, *descendants: Any) -> SealedPath:
        """The path below this one; ``descendants`` may hold slashes."""
        path = self
        for descendant in descendants:
            for step in str(descendant).split("/"):
                if step in ("", "."):
                    continue
                if step == "..":
                    raise FileNotFoundError(f"{self}: '..' is not followed inside a package")
                path = path._below(step)
        return path

    def __truediv__(self, child: Any) -> SealedPath:
        return self.joinpath(child)

    def _below(self, name: str) -> SealedPath:
        return SealedPath(self._contents, f"{self._path}/{name}" if self._path else name, self._shown)

    def read_bytes(self) -> bytes:
        """All of the file's bytes."""
        if not self.is_file():
            raise (IsADirectoryError if self.is_dir() else FileNotFoundError)(str(self))
        return self._contents.read(self._path)

    def read_text(self, encoding: str | None = None, errors: str | None = None) -> str:
        """The file's text; UTF-8 unless ``encoding`` says otherwise."""
        return self.read_bytes().decode(encoding or "utf-8", errors or "strict")

    def open(self, mode: str = "r", *args: Any, **kwargs: Any) -> IO[Any]:
        """The file, open for reading; ``args`` as for `io.TextIOWrapper` in text mode."""
        if mode not in ("r", "rt", "rb"):
            raise ValueError(f"{self}: a package is read only: mode must be 'r' or 'rb', not {mode!r}")
        stream = io.BytesIO(self.read_bytes())
        if mode == "rb":
            return stream
        if not args:
            kwargs["encoding"] = kwargs.get("encoding") or "utf-8"
        return io.TextIOWrapper(stream, *args, **kwargs)


class SealedResources(TraversableResources):
    """The resources of one package."""

    def __init__(self, top: Traversable) -> None:
        self._top = top

    def files(self) -> Traversable:
        """The folder of the package."""
        return self._top
