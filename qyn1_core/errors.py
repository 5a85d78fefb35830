"""The public errors (defined in `qyn1_plugins.errors`, so that plugins can raise them)."""

from qyn1_plugins.errors import (
    AuthenticationError,
    CodecError,
    ConfigError,
    FormatError,
    KeyUnavailable,
    NotFound,
    PermissionDenied,
    PluginError,
    Qyn1Error,
    SourceError,
)

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
