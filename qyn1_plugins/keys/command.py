"""``command:CMD``: the keys that a program prints, for password managers and vaults."""

from __future__ import annotations

import shlex
import subprocess
from typing import Final

from qyn1_plugins.errors import KeyUnavailable
from qyn1_plugins.keys.private_file import decode_key_text

__all__ = ["CommandKeys"]

_TIMEOUT: Final = 120
"""Seconds: long enough for a person to unlock a vault."""


class CommandKeys:
    """The key provider ``command``. ``timeout`` is in seconds."""

    name = "command"
    version = 1

    def __init__(self, timeout: float = _TIMEOUT) -> None:
        self._timeout = timeout

    def unavailable(self) -> str | None:
        """Works everywhere."""
        return None

    def read(self, reference: str) -> str:
        """What the command prints on standard output.

        It runs without a shell, split as a POSIX shell would split it, with standard error
        passed through and standard input empty. Messages name the program only: its
        arguments may say where secrets are.
        """
        try:
            arguments = shlex.split(reference)
        except ValueError as error:
            raise KeyUnavailable(f"the key command cannot be split into words: {error}") from None
        if not arguments:
            raise KeyUnavailable("command: names no program")
        what = f"the key command {arguments[0]!r}"
        try:
            result = subprocess.run(
                arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=self._timeout, check=False
            )
        except subprocess.TimeoutExpired:
            raise KeyUnavailable(f"{what} did not end within {self._timeout:g} seconds") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise KeyUnavailable(f"{what} cannot be run: {reason}") from None
        if result.returncode != 0:
            raise KeyUnavailable(f"{what} failed with exit code {result.returncode}")
        return decode_key_text(result.stdout, f"the output of {what}")
