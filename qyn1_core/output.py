"""Output that appears whole or not at all: a temporary file beside its place, fsync, rename."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from qyn1_core.errors import ConfigError, NotFound, PermissionDenied

__all__ = ["TEMPORARY_PREFIX", "check_target", "current_umask", "naming", "sync_directory", "whole_file"]

TEMPORARY_PREFIX = ".qyn1-"


def check_target(path: Path | None) -> None:
    """Refuse a ``path`` that `whole_file` could not write (None: nothing to write), before the work for it is done.

    Raises `ConfigError`, `NotFound` or `PermissionDenied`.
    """
    if path is None:
        return
    if path.is_dir():
        raise ConfigError(f"{path} is a folder: name a file to write")
    if not path.parent.is_dir():
        raise NotFound(f"the folder {path.parent} does not exist: create it first")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise PermissionDenied(f"no permission to write in the folder {path.parent}")


@contextmanager
def naming(place: Path) -> Iterator[None]:
    """System errors of the block that name no file, as those of a full disk, or a temporary one are about ``place``."""
    try:
        yield
    except OSError as error:
        if error.filename is None or TEMPORARY_PREFIX in str(error.filename):
            error.filename = str(place)
        raise


@contextmanager
def whole_file(path: Path, *, force: bool = False, mode: int = 0o666, durable: bool = True) -> Iterator[BinaryIO]:
    """A file to write, read and seek in, that gets the name ``path`` when the block ends well.

    ``mode`` is subject to the umask. ``durable``: once the block has ended, the file survives a
    failure of the machine. Raises `PermissionDenied` when ``path`` exists and not ``force``,
    and what `check_target` does.
    """
    check_target(path)
    if not force and os.path.lexists(path):
        raise PermissionDenied(f"{path} exists: choose another name, or --force to replace it")
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}.tmp")
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    try:  # before the file is made: a signal may arrive as soon as it is
        with naming(path), os.fdopen(os.open(temporary, flags, mode), "w+b") as file:
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
        if force:
            temporary.replace(path)
        else:
            _publish(temporary, path)
        if durable:
            sync_directory(path.parent)
    finally:
        with contextlib.suppress(OSError):  # what went wrong before is what to tell
            temporary.unlink()


def _publish(temporary: Path, path: Path) -> None:
    """Give ``temporary`` the name ``path`` unless something has taken it meanwhile."""
    try:
        os.link(temporary, path, follow_symlinks=False)
    except FileExistsError:
        raise PermissionDenied(f"{path} exists: choose another name, or --force to replace it") from None
    except (OSError, NotImplementedError):  # a file system without hard links
        temporary.replace(path)


def sync_directory(path: Path) -> None:
    """Make a rename in ``path`` durable, where the system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def current_umask() -> int:
    """The process's umask (reading it means setting it for a moment)."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
