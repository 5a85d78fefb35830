"""qyn1 in Python packaging: the command ``setup.py qyn1``, and wheels with sealed modules.

setuptools calls `finalize_distribution_options` for every project that is built where
qyn1 is installed, so nothing is imported here before a project turns out to use it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from setuptools import Distribution

__all__ = ["finalize_distribution_options"]


def finalize_distribution_options(dist: Distribution) -> None:
    """Let a project that asks for it be sealed as part of its build; returns at once for every other one.

    Raises `setuptools.errors.SetupError` for settings that cannot be used.
    """
    if not any(_mentions_qyn1(Path(name)) for name in ("pyproject.toml", "qyn1.toml")):
        return
    from qyn1_setuptools.build import join_build  # noqa: PLC0415

    join_build(dist)


finalize_distribution_options.order = 100  # type: ignore[attr-defined]  # after those that choose command classes


def _mentions_qyn1(manifest: Path) -> bool:
    try:
        content = manifest.read_bytes()
    except OSError:
        return False  # setuptools has its own words for a project it cannot read
    return manifest.name == "qyn1.toml" or b"qyn1" in content
