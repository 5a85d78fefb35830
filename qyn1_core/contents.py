"""The files of an open package as a tree to look things up in, each block decoded once at most."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

from qyn1_core.archive import ArchiveReader, Entry, EntryKind
from qyn1_core.errors import NotFound

__all__ = ["Contents"]

_KEPT_BYTES: Final = (
    256 << 20
)  # decoded blocks that stay in memory; beyond it the oldest are decoded again if asked for
_MAXIMUM_HOPS: Final = 40  # as Linux's own path resolution


class Contents:
    """What a package holds, by path. May be used from several threads.

    Paths are relative, with forward slashes; ``""`` is the package itself. Links
    within the package are followed. A block is decoded when something in it is
    first read, and stays, so that importing all of a package decodes it once.
    """

    def __init__(self, reader: ArchiveReader) -> None:
        self._reader = reader
        self._directory = reader.directory
        self._lock = threading.RLock()
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._kept = 0
        self._files: dict[str, int] = {}
        self._links: dict[str, Entry] = {}
        self._folders: dict[str, dict[str, None]] = {"": {}}
        for number, entry in enumerate(self._directory.entries):
            if entry.kind is EntryKind.SYMLINK:
                self._links[entry.path] = entry
            elif entry.kind is EntryKind.DIRECTORY:
                self._folders.setdefault(entry.path, {})
            else:
                self._files[entry.path] = number
            self._enter(entry.path)

    def _enter(self, path: str) -> None:
        """List ``path`` in the folder it is in, and that in its own."""
        while path:
            folder, _, name = path.rpartition("/")
            names = self._folders.setdefault(folder, {})
            if name in names:
                return
            names[name] = None
            path = folder

    def is_file(self, path: str) -> bool:
        """Whether ``path`` is a file."""
        return self._resolved(path) in self._files

    def is_folder(self, path: str) -> bool:
        """Whether ``path`` is a folder."""
        return self._resolved(path) in self._folders

    def names(self, folder: str) -> list[str]:
        """What stands directly in ``folder``, sorted. Raises `NotFound`."""
        names = self._folders.get(self._resolved(folder))
        if names is None:
            raise NotFound(f"the package has no folder {folder!r}")
        return sorted(names)

    def read(self, path: str) -> bytes:
        """The bytes of the file ``path``. Raises `NotFound`, or what decoding raises."""
        number = self._files.get(self._resolved(path))
        if number is None:
            raise NotFound(f"the package has no file {path!r}")
        parts = []
        for extent in self._directory.extents(number):
            parts.append(self._block(extent.block)[extent.offset : extent.offset + extent.size])
        return b"".join(parts)

    def _block(self, number: int) -> bytes:
        with self._lock:  # who needs the same block waits instead of decoding it too
            data = self._blocks.get(number)
            if data is None:
                data = self._reader.block(number)
                self._blocks[number] = data
                self._kept += len(data)
                while self._kept > _KEPT_BYTES and len(self._blocks) > 1:
                    self._kept -= len(self._blocks.popitem(last=False)[1])
            return data

    def _resolved(self, path: str) -> str:
        """``path`` without links in it; the archive's own checks have shown that none leads out."""
        if not self._links:
            return path
        done: list[str] = []
        todo = path.split("/")[::-1]
        hops = 0
        while todo:
            step = todo.pop()
            if step in ("", "."):
                continue
            if step == "..":
                done = done[:-1]
                continue
            link = self._links.get("/".join([*done, step]))
            if link is None:
                done.append(step)
                continue
            hops += 1
            if hops > _MAXIMUM_HOPS:
                return path  # a circle: a link, and neither file nor folder
            todo.extend(link.target.split("/")[::-1])
        return "/".join(done)
