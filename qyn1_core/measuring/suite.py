"""The public projects that the shipped baseline was measured on, and the baseline itself."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Final

from qyn1_core.errors import ConfigError, NotFound, PluginError
from qyn1_core.measuring.benching import Case, read_baseline
from qyn1_plugins import _native

__all__ = ["SUITE", "check_projects", "corpora_root", "shipped_baseline", "suite_projects"]

SUITE: Final = ("python/requests", "javascript/preact", "rust/ratatui", "cpp/pybind11/include")
"""One project for each language, below ``bench`` of `corpora_root`: none is trained on, and together they are quick."""


def corpora_root() -> Path:
    """Where corpora are kept: ``$QYN1_CORPORA``, or ``corpora`` in the user's cache folder."""
    if configured := os.environ.get("QYN1_CORPORA"):
        return Path(configured)
    import platformdirs  # noqa: PLC0415 - not needed where the folder is configured

    return Path(platformdirs.user_cache_dir("qyn1")) / "corpora"


def suite_projects() -> list[tuple[str, Path]]:
    """Name and folder of each project of `SUITE`.

    Raises `NotFound` with what to do, and `PluginError` without the native extension.
    """
    if _native.native is None:
        raise PluginError(f"the suite measures every mode, which {_native.WITHOUT_NATIVE}")
    projects = [(name, corpora_root() / "bench" / name) for name in SUITE]
    for _, folder in projects:
        if not folder.is_dir():
            raise NotFound(
                f"{folder} does not exist: fetch the projects with `python -m benchmarks.corpora fetch projects.toml`, "
                "in a clone of qyn1"
            )
    return projects


def shipped_baseline() -> list[Case]:
    """What was measured on the suite when this version of qyn1 was made."""
    text = resources.files("qyn1_presets").joinpath("baseline.json").read_text("utf-8")
    return read_baseline(json.loads(text), "the shipped baseline")


def check_projects(cases: Sequence[Case], baseline: Sequence[Case]) -> None:
    """Raise `ConfigError` for a project that is not, byte for byte, as large as the one in ``baseline``."""
    known = {case.project: (case.files, case.raw_size) for case in baseline}
    for case in cases:
        if known.get(case.project, (case.files, case.raw_size)) != (case.files, case.raw_size):
            raise ConfigError(
                f"{case.project} has {case.files} files of {case.raw_size} bytes, and in the baseline "
                "{} of {}: fetch the projects again".format(*known[case.project])
            )
