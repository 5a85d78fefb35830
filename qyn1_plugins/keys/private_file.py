"""Reading a file that holds a secret: nobody else may read it, or it is refused."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final

from qyn1_plugins.errors import KeyUnavailable

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["decode_key_text", "read_managed_file", "read_private_file"]

MAXIMUM_KEY_FILE: Final = 1 << 20
"""Bytes: thousands of identities."""
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def read_private_file(path: Path | str) -> str:
    """The text of ``path``; `KeyUnavailable` when it is missing, no regular file, or open to others.

    The permissions are those of the file that was opened, so that it cannot be exchanged
    in between. Windows has no such bits; there the folder of the user's profile protects it.
    """
    return _read(path, forbidden=_OTHERS if os.name == "posix" else 0)


def read_managed_file(path: Path | str) -> str:
    """The text of a secret that a service manager has put there.

    Such files are often readable by all inside their container or unit, whose walls protect
    them; they are refused only when others could write to them.
    """
    return _read(path, forbidden=stat.S_IWGRP | stat.S_IWOTH if os.name == "posix" else 0)


def _read(path: Path | str, forbidden: int) -> str:
    try:
        # Without O_NONBLOCK, opening a named pipe would wait for its writer for ever.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise KeyUnavailable(f"the key file {path} is no regular file")
            if status.st_mode & forbidden:
                raise KeyUnavailable(
                    f"the key file {path} has mode {stat.S_IMODE(status.st_mode):04o}: others than its owner could "
                    f"read or change it; run: chmod 600 {path}"
                )
            data = file.read(MAXIMUM_KEY_FILE + 1)
    except FileNotFoundError:
        raise KeyUnavailable(f"the key file {path} does not exist") from None
    except IsADirectoryError:
        raise KeyUnavailable(f"the key file {path} is a folder") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise KeyUnavailable(f"the key file {path} cannot be read: {reason}") from None
    return decode_key_text(data, f"the key file {path}")


def decode_key_text(data: bytes, what: str) -> str:
    """Key text from bytes: UTF-8, of bounded size, never quoted."""
    if len(data) > MAXIMUM_KEY_FILE:
        raise KeyUnavailable(f"{what} is longer than {MAXIMUM_KEY_FILE} bytes: it is no key file")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise KeyUnavailable(f"{what} is no text: it is no key file") from None
