"""The built-in key schemes: ``file:``, ``env:``, ``command:`` and ``keyring:``."""

from __future__ import annotations

from qyn1_plugins.keys.command import CommandKeys
from qyn1_plugins.keys.environment import EnvironmentKeys
from qyn1_plugins.keys.file import FileKeys
from qyn1_plugins.keys.keyring import KeyringKeys
from qyn1_plugins.spec import KeyProvider, hookimpl

__all__ = ["CommandKeys", "EnvironmentKeys", "FileKeys", "KeyringKeys", "qyn1_key_providers"]


@hookimpl
def qyn1_key_providers() -> list[KeyProvider]:
    """The built-in key providers."""
    return [FileKeys(), EnvironmentKeys(), CommandKeys(), KeyringKeys()]
