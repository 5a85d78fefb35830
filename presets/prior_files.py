"""The trained priors that come with qyn1: ``priors/COMPRESSOR.LANGUAGE.VERSION.DIGEST.qprior`` beside this file.

``DIGEST`` is the SHA-256 of the file, hexadecimal: listing them reads no content.
"""

from __future__ import annotations

import os
from hashlib import sha256
from typing import TYPE_CHECKING

from qyn1_plugins.prior import Prior

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["prior_files"]

_FOLDER = os.path.join(os.path.dirname(__file__), "priors")  # noqa: PTH118, PTH120  (pathlib would double what this costs)


def prior_files() -> list[Prior]:
    """Every prior, lower versions first."""
    found = []
    for name in _names():
        if name.endswith(".qprior"):
            compressor, language, version, digest, _ = name.split(".")
            found.append(
                (int(version), name, Prior(compressor, language, bytes.fromhex(digest), _loader(name, digest)))
            )
    return [prior for _, _, prior in sorted(found, key=lambda item: item[:2])]


def _names() -> list[str]:
    if os.path.isdir(_FOLDER):  # noqa: PTH112
        return os.listdir(_FOLDER)  # noqa: PTH208
    # This package lies in a zip file.
    from importlib import resources  # noqa: PLC0415

    folder = resources.files(__package__).joinpath("priors")
    return [entry.name for entry in folder.iterdir()] if folder.is_dir() else []


def _loader(name: str, digest: str) -> Callable[[], bytes]:
    def load() -> bytes:
        if os.path.isdir(_FOLDER):  # noqa: PTH112
            with open(os.path.join(_FOLDER, name), "rb") as file:  # noqa: PTH118, PTH123
                content = file.read()
        else:
            from importlib import resources  # noqa: PLC0415

            content = resources.files(__package__).joinpath("priors").joinpath(name).read_bytes()
        if sha256(content).hexdigest() != digest:
            raise RuntimeError(f"the prior {name} is damaged; reinstall qyn1")
        return content

    return load
