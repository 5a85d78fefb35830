"""What clusters log when their head goes: tracebacks, where one line says it all."""

from __future__ import annotations

import logging
from collections.abc import Callable

__all__ = ["filtered"]


def filtered(packages: tuple[str, ...], is_worth_saying: Callable[[logging.LogRecord], bool]) -> Callable[[], None]:
    """Let loggers of ``packages`` say only what ``is_worth_saying``, until the result is called."""
    logs = [logging.getLogger(name) for name in logging.root.manager.loggerDict if name.partition(".")[0] in packages]
    for log in logs:
        log.addFilter(is_worth_saying)

    def undo() -> None:
        for log in logs:
            log.removeFilter(is_worth_saying)

    return undo
