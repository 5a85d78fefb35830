"""Files to pack when there is a list of paths and no folder to walk."""

from __future__ import annotations

import stat
from pathlib import Path

from qyn1_core.errors import NotFound, PermissionDenied, SourceError
from qyn1_core.ignore import Patterns
from qyn1_core.project import ProjectEntry

__all__ = ["file_entry", "names"]


def names(patterns: Patterns, path: str) -> bool:
    """Whether ``patterns`` name the file ``path`` or a folder that it is in; the nearest one that is named decides."""
    steps = path.encode("utf-8", "surrogateescape").split(b"/")
    for depth in range(len(steps), 0, -1):
        decision = patterns.decide(b"/".join(steps[:depth]), steps[depth - 1], folder=depth < len(steps))
        if decision is not None:
            return decision
    return False


def file_entry(path: str, source: Path, *, exact: bool) -> ProjectEntry:
    """The file ``source`` to be packed as ``path``; ``exact`` keeps its permission bits as they are.

    Raises `NotFound`, `PermissionDenied` or `SourceError`, naming ``path``.
    """
    try:
        status = source.stat()
    except FileNotFoundError:
        raise NotFound(f"{path}: the distribution lists it, and it does not exist") from None
    except PermissionError:
        raise PermissionDenied(f"{path}: no permission to read it; exclude it or change its mode") from None
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", path) from None
    if not stat.S_ISREG(status.st_mode):
        # A named pipe would be waited for without end.
        raise SourceError("the distribution lists it, and it is no regular file; exclude it", path)
    mode = status.st_mode & 0o777 if exact else 0o755 if status.st_mode & 0o100 else 0o644
    return ProjectEntry(path, "file", mode, status.st_size, "", str(source))
