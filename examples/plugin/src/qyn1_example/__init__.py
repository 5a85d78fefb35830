"""An example of a qyn1 plugin. Only `qyn1_plugins` is imported, never `qyn1_core`."""

from __future__ import annotations

from qyn1_example.hazmat import HazmatCipher
from qyn1_example.ini import IniFrontend
from qyn1_example.runs import RunsCompressor
from qyn1_example.shelf import ShelfKeys
from qyn1_plugins.spec import CipherProvider, Compressor, Frontend, KeyProvider, hookimpl

QYN1_API_VERSION = 1


@hookimpl
def qyn1_frontends() -> list[Frontend]:
    return [IniFrontend()]


@hookimpl
def qyn1_compressors() -> list[Compressor]:
    return [RunsCompressor()]


@hookimpl
def qyn1_ciphers() -> list[CipherProvider]:
    return [HazmatCipher()]


@hookimpl
def qyn1_key_providers() -> list[KeyProvider]:
    return [ShelfKeys()]
