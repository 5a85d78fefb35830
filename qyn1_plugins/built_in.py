"""The built-in plugin: what `qyn1_plugins.providers` lists, registered by the hooks that a stranger's plugin uses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from qyn1_plugins.providers import CIPHERS, COMPRESSORS, EXECUTORS, FRONTENDS, KEY_PROVIDERS, provider
from qyn1_plugins.spec import CipherProvider, Compressor, ExecutorProvider, Frontend, KeyProvider, hookimpl

__all__ = ["qyn1_ciphers", "qyn1_compressors", "qyn1_executors", "qyn1_frontends", "qyn1_key_providers"]


def _all(places: Mapping[str, str]) -> list[Any]:
    return [provider(place) for place in places.values()]


@hookimpl
def qyn1_frontends() -> Iterable[Frontend]:
    """The languages."""
    return _all(FRONTENDS)


@hookimpl
def qyn1_compressors() -> Iterable[Compressor]:
    """The block compressors."""
    return _all(COMPRESSORS)


@hookimpl
def qyn1_ciphers() -> Iterable[CipherProvider]:
    """The implementations of ChaCha20-Poly1305: three libraries, the same bytes."""
    return _all(CIPHERS)


@hookimpl
def qyn1_key_providers() -> Iterable[KeyProvider]:
    """The key schemes ``file:``, ``env:``, ``command:`` and ``keyring:``."""
    return _all(KEY_PROVIDERS)


@hookimpl
def qyn1_executors() -> Iterable[ExecutorProvider]:
    """Threads and processes of this machine, dask and ray beyond it."""
    return _all(EXECUTORS)
