"""Presets and trained priors, as data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from importlib import resources

from qyn1_plugins.spec import Prior, hookimpl

__all__ = ["qyn1_presets", "qyn1_priors"]


@hookimpl
def qyn1_presets() -> Mapping[str, str]:
    """Every ``*.toml`` beside this file, by name."""
    return {
        entry.name.removesuffix(".toml"): entry.read_text("utf-8")
        for entry in resources.files(__name__).iterdir()
        if entry.name.endswith(".toml")
    }


@hookimpl
def qyn1_priors() -> Iterable[Prior]:
    """Every ``priors/COMPRESSOR.LANGUAGE.VERSION.DIGEST.qprior``, lower versions first.

    ``DIGEST`` is the SHA-256 of the file, hexadecimal: listing reads no content.
    """
    found: list[tuple[int, str, Prior]] = []
    folder = resources.files(__name__).joinpath("priors")
    for entry in folder.iterdir() if folder.is_dir() else ():
        if not entry.name.endswith(".qprior"):
            continue
        compressor, language, version, digest, _ = entry.name.split(".")

        def load(entry=entry, digest=digest) -> bytes:  # type: ignore[no-untyped-def]
            content = bytes(entry.read_bytes())
            if sha256(content).hexdigest() != digest:
                raise RuntimeError(f"the prior {entry.name} is damaged; reinstall qyn1")
            return content

        found.append((int(version), entry.name, Prior(compressor, language, bytes.fromhex(digest), load)))
    return [prior for _, _, prior in sorted(found, key=lambda item: item[:2])]
