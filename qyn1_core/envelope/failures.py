"""The ways in which opening an envelope fails, so that none hides behind another.

They are the outcome classes of the age test kit. Callers that only care for the exit
code see `FormatError`, `AuthenticationError` and `KeyUnavailable`.
"""

from __future__ import annotations

from qyn1_core.errors import AuthenticationError, FormatError, KeyUnavailable

__all__ = ["ArmorError", "HeaderError", "HeaderMacError", "NoMatch", "PayloadError"]


class ArmorError(FormatError):
    """The text armor around the envelope is malformed."""


class HeaderError(FormatError):
    """The header is malformed, over a limit, or of an unknown version."""


class NoMatch(KeyUnavailable):
    """The header is well-formed, and none of the identities opens it."""


class HeaderMacError(AuthenticationError):
    """An identity opened the header, and its MAC is wrong."""


class PayloadError(AuthenticationError):
    """The payload is truncated, extended, reordered or changed."""
