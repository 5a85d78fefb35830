"""Names of a package that are loaded when they are first used, so that importing it costs nothing."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["lazily"]


def lazily(package: str, home: Mapping[str, str]) -> Callable[[str], object]:
    """A ``__getattr__`` for ``package``: ``home`` says in which of its modules a name is.

    A home is ``MODULE`` or, where the name is another one there, ``MODULE:NAME``.
    """

    def load(name: str) -> object:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, _, there = home[name].partition(":")
        return getattr(import_module(f"{package}.{module}"), there or name)

    return load
