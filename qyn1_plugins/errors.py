"""The errors of qyn1: one base class, a few children, each with its exit code.

They live below `qyn1_core` so that plugins can raise them; `qyn1_core.errors`
re-exports them. A message says what is wrong, quotes what was given and says
what to do; it never holds key material or file content.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "AuthenticationError",
    "CodecError",
    "ConfigError",
    "FormatError",
    "KeyUnavailable",
    "NotFound",
    "PermissionDenied",
    "PluginError",
    "Qyn1Error",
    "SourceError",
]


class Qyn1Error(Exception):
    """Base of everything qyn1 raises on purpose.

    ``exit_code`` is what the command returns for it (docs/cli.md lists them).
    """

    exit_code: ClassVar[int] = 1


class ConfigError(Qyn1Error):
    """A command line, manifest, preset or environment value is not usable."""

    exit_code = 2


class NotFound(Qyn1Error):
    """A file, a project or an entry of a package does not exist."""

    exit_code = 3


class PermissionDenied(Qyn1Error):
    """The operating system refused access, or a file that must not be replaced exists."""

    exit_code = 4


class SourceError(Qyn1Error):
    """A source file cannot be read or processed.

    ``path`` is the file as the user named it; ``offset`` the byte, if known.
    """

    def __init__(self, message: str, path: str, offset: int | None = None) -> None:
        where = path if offset is None else f"{path}, byte {offset}"
        super().__init__(f"{where}: {message}")
        self.message = message
        self.path = path
        self.offset = offset

    def __reduce__(self) -> tuple[type[SourceError], tuple[str, str, int | None]]:
        """Errors cross process borders: rebuild from the parts, not from the joined text."""
        return type(self), (self.message, self.path, self.offset)


class KeyUnavailable(Qyn1Error):
    """No identity or passphrase at hand opens the package."""

    exit_code = 5


class AuthenticationError(Qyn1Error):
    """The package was changed after it was sealed, or is damaged."""

    exit_code = 6


class FormatError(Qyn1Error):
    """The bytes are no package that this version reads: malformed, truncated, over a limit."""

    exit_code = 6


class CodecError(Qyn1Error):
    """A block does not decode: damaged, or made by a codec that disagrees."""

    exit_code = 6


class PluginError(Qyn1Error):
    """A plugin is missing, unavailable, in conflict, or broke its contract."""

    exit_code = 7
