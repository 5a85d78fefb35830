"""The key options of commands that open packages."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

__all__ = ["identity_options"]

_Command = TypeVar("_Command", bound=Callable[..., object])


def identity_options(function: _Command) -> _Command:
    """``-i`` and ``--passphrase-file`` for commands that open packages."""
    function = click.option(
        "--passphrase-file", metavar="FILE", help="Read the passphrase from FILE's first line ('-': standard input)."
    )(function)
    return click.option(
        "-i",
        "--identity",
        "identity_files",
        multiple=True,
        metavar="FILE",
        help="Identity file, or SCHEME:REFERENCE of a key provider. May be repeated.",
    )(function)
