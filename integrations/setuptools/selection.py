"""Which paths a list of patterns names, when there is a list of paths and no folder to walk."""

from __future__ import annotations

from qyn1_core.ignore import Patterns

__all__ = ["names"]


def names(patterns: Patterns, path: str) -> bool:
    """Whether ``patterns`` name the file ``path`` or a folder that it is in; the nearest one that is named decides."""
    steps = path.encode("utf-8", "surrogateescape").split(b"/")
    for depth in range(len(steps), 0, -1):
        decision = patterns.decide(b"/".join(steps[:depth]), steps[depth - 1], folder=depth < len(steps))
        if decision is not None:
            return decision
    return False
