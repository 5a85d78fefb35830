"""The plugin that registers the presets and priors of this package."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import resources

from qyn1_presets.prior_files import prior_files

from qyn1_plugins.spec import Prior, hookimpl

__all__ = ["qyn1_presets", "qyn1_priors"]


@hookimpl
def qyn1_presets() -> Mapping[str, str]:
    """Every ``*.toml`` beside this file, by name."""
    return {
        entry.name.removesuffix(".toml"): entry.read_text("utf-8")
        for entry in resources.files(__package__).iterdir()
        if entry.name.endswith(".toml")
    }


@hookimpl
def qyn1_priors() -> Iterable[Prior]:
    """Every prior in the folder ``priors``."""
    return prior_files()
