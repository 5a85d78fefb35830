"""``env:NAME``: the key file to which the environment points.

The variable holds a path, never the key: build tools record the values of variables
(`--action_env`, CI logs, crash reports), and child processes inherit them. Where the
variable is not set, the places are looked at in which service managers put secrets:
``$CREDENTIALS_DIRECTORY/NAME`` (systemd) and ``/run/secrets/NAME`` (containers).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from qyn1_plugins.errors import KeyUnavailable
from qyn1_plugins.keys.private_file import read_managed_file, read_private_file

__all__ = ["EnvironmentKeys"]

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_SECRETS: Final = Path("/run/secrets")
_KEY_PREFIX: Final = "AGE-SECRET-KEY-"


class EnvironmentKeys:
    """The key provider ``env``. ``environ`` and ``secrets`` are where it looks."""

    name = "env"
    version = 1

    def __init__(self, environ: Mapping[str, str] = os.environ, secrets: Path = _SECRETS) -> None:
        self._environ = environ
        self._secrets = secrets

    def unavailable(self) -> str | None:
        """Works everywhere."""
        return None

    def read(self, reference: str) -> str:
        """The text of the file that the variable ``reference`` points to."""
        if not _NAME.fullmatch(reference):
            raise KeyUnavailable("env: is followed by the name of a variable (letters, digits, '_', '.', '-')")
        value = self._environ.get(reference)
        if value:
            if _KEY_PREFIX in value.upper():
                raise KeyUnavailable(
                    f"the variable {reference} holds a secret key itself: put the key into a file and the file's path "
                    "into the variable, since the values of variables get recorded"
                )
            return _read_named(reference, Path(value))
        for folder in self._folders():
            path = folder / reference
            if path.is_file():
                return read_managed_file(path)
        raise KeyUnavailable(
            f"the variable {reference} is not set, and neither $CREDENTIALS_DIRECTORY nor {self._secrets} has a file "
            "of that name"
        )

    def _folders(self) -> list[Path]:
        credentials = self._environ.get("CREDENTIALS_DIRECTORY")
        return [*([Path(credentials)] if credentials else []), self._secrets]


def _read_named(name: str, path: Path) -> str:
    try:
        missing = not path.exists()
    except (OSError, ValueError):
        missing = True
    if missing:
        # The value may be a secret of another kind, so it is not quoted.
        raise KeyUnavailable(f"the variable {name} does not hold the path of a key file that exists")
    return read_private_file(path)
