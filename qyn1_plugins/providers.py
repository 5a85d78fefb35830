"""Where the built-in providers are, by name, so that one of them can be had without importing the others.

The built-in plugin registers all that stand here (`qyn1_plugins.built_in`); what only opens
a package asks for single ones.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final

__all__ = ["CIPHERS", "COMPRESSORS", "EXECUTORS", "FRONTENDS", "KEY_PROVIDERS", "provider"]

FRONTENDS: Final = {
    "python": "frontends.python:PythonFrontend",
    "javascript": "frontends.javascript:JavaScriptFrontend",
    "rust": "frontends.rust:RustFrontend",
    "cpp": "frontends.cpp:CppFrontend",
    "text": "frontends.text:TextFrontend",
    "binary": "frontends.binary:BinaryFrontend",
}
"""Of two that claim a file equally, the first wins."""

COMPRESSORS: Final = {
    "store": "compressors.store:Store",
    "zstd": "compressors.zstd:Zstd",
    "rans": "compressors.rans:Rans",
    "chunked-rans": "compressors.chunked_rans:ChunkedRans",
    "morpheme": "compressors.morpheme:Morpheme",
    "mixing": "compressors.mixing:Mixing",
}
"""The simplest first."""

CIPHERS: Final = {
    "openssl": "ciphers.openssl:OpenSSL",
    "libsodium": "ciphers.libsodium:Libsodium",
    "pure": "ciphers.pure:Pure",
}
"""The fastest first."""

KEY_PROVIDERS: Final = {
    "file": "keys.file:FileKeys",
    "env": "keys.environment:EnvironmentKeys",
    "command": "keys.command:CommandKeys",
    "keyring": "keys.keyring:KeyringKeys",
}

EXECUTORS: Final = {
    "threads": "executors.threads:ThreadsExecutor",
    "processes": "executors.processes:ProcessesExecutor",
    "dask": "executors.dask:DaskExecutor",
    "ray": "executors.ray:RayExecutor",
}


def provider(place: str) -> object:
    """A new provider from its place, ``MODULE:CLASS`` below `qyn1_plugins`."""
    module, _, name = place.partition(":")
    made: object = getattr(import_module(f"qyn1_plugins.{module}"), name)()
    return made
