"""Options of executors: texts by name, checked before anything is started."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from qyn1_plugins.errors import ConfigError

__all__ = ["check_options"]


def check_options(executor: str, options: Mapping[str, str], known: Mapping[str, str]) -> None:
    """Refuse every option that is not in ``known`` (name to an example). `ConfigError`."""
    for name in options:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            if near:
                hint = f"did you mean {near[0]!r}?"
            else:
                hint = f"it knows {', '.join(f'{key}={value}' for key, value in known.items()) or 'none'}"
            raise ConfigError(f"the executor {executor!r} has no option {name!r}; {hint}")
