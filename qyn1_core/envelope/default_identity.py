"""The identity that is used when nobody names one: made on first use, private to its owner."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from typing import TYPE_CHECKING, Final

from qyn1_core.errors import KeyUnavailable, PermissionDenied

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from qyn1_core.envelope.recipients import Randomness

__all__ = ["default_identity_file", "default_identity_path", "ensure_default_identity"]

IDENTITY_FILE_VARIABLE: Final = "QYN1_IDENTITY_FILE"
_FILE_NAME: Final = "keys.txt"
_FILE_MODE: Final = 0o600
_FOLDER_MODE: Final = 0o700
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


def default_identity_path(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the default identity is, or would be: see `default_identity_file`."""
    from pathlib import Path  # noqa: PLC0415  (programs that start from a package do without)

    return Path(default_identity_file(environ))


def default_identity_file(environ: Mapping[str, str] = os.environ) -> str:
    """The path of the file that holds the default identity, or would hold it.

    ``QYN1_IDENTITY_FILE``, else ``keys.txt`` in ``$XDG_CONFIG_HOME/qyn1`` (set on any
    system but Windows), else in the platform's folder for a user's configuration.
    """
    named = environ.get(IDENTITY_FILE_VARIABLE)
    if named:
        return named
    xdg = environ.get("XDG_CONFIG_HOME", "")
    # The XDG specification: a relative path is to be ignored.
    if sys.platform != "win32" and os.path.isabs(xdg):  # noqa: PTH117  (as above)
        return os.path.join(xdg, "qyn1", _FILE_NAME)  # noqa: PTH118
    if sys.platform == "linux" and "ANDROID_DATA" not in environ:
        return os.path.join(os.path.expanduser("~/.config"), "qyn1", _FILE_NAME)  # noqa: PTH111, PTH118
    import platformdirs  # noqa: PLC0415  (it knows the other systems, and takes its time)

    return os.path.join(platformdirs.user_config_dir("qyn1", appauthor=False), _FILE_NAME)  # noqa: PTH118


def ensure_default_identity(
    environ: Mapping[str, str] = os.environ, *, pq: bool = False, randomness: Randomness = os.urandom
) -> tuple[Path, bool]:
    """The path of the default identity, and whether this call made it.

    The file appears complete, with mode 0600, in a folder that is made with mode 0700. Of
    several processes that get here at once one makes it and the others use that one. Raises
    `PermissionDenied` when it cannot be made, and `KeyUnavailable` when others can reach the
    folder of ours, or write to the folder that ``QYN1_IDENTITY_FILE`` names.
    """
    path = default_identity_path(environ)
    forbidden = _OTHERS_WRITE if environ.get(IDENTITY_FILE_VARIABLE) else _OTHERS
    try:
        path.parent.parent.mkdir(parents=True, exist_ok=True)
        path.parent.mkdir(mode=_FOLDER_MODE, exist_ok=True)
        _check_folder(path.parent, forbidden)
        if path.exists():
            return path, False
        from qyn1_core.envelope.keys import generate_identity, identity_file_text  # noqa: PLC0415

        return path, _create(path, identity_file_text(generate_identity(pq=pq, randomness=randomness)))
    except OSError as error:
        raise PermissionDenied(
            f"the identity file {path} cannot be made: {error.strerror or type(error).__name__}; name recipients, or "
            f"set {IDENTITY_FILE_VARIABLE} to a place that can be written"
        ) from None


def _check_folder(folder: Path, forbidden: int) -> None:
    mode = folder.stat().st_mode
    # In a folder with the sticky bit (like /tmp) others cannot replace a file of ours.
    if os.name == "posix" and mode & forbidden and not mode & stat.S_ISVTX:
        raise KeyUnavailable(
            f"the folder {folder} has mode {stat.S_IMODE(mode):04o}, so that others could reach the key in it; run: "
            f"chmod go-rwx {folder}"
        )


def _create(path: Path, text: str) -> bool:
    """Write the whole file under a name of its own, then give it the right name, unless one is there by then."""
    temporary = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), _FILE_MODE)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        return _rename_exclusively(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()


def _rename_exclusively(temporary: Path, path: Path) -> bool:
    """Whether ``path`` was free and has the file now."""
    try:
        if os.name == "posix":
            # A rename would replace a file that another process has just made; a hard link does not.
            path.hardlink_to(temporary)
        else:
            temporary.rename(path)
    except FileExistsError:
        return False
    return True
