"""Command-line options that several commands share, most of them made from the one table of settings."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeVar

import click

from qyn1_core.configuration.settings import FIELDS, Field

__all__ = ["Amount", "sealing_options", "setting_options"]

_Command = TypeVar("_Command", bound=Callable[..., object])
_METAVAR = {"integer": "N", "size": "SIZE", "texts": "TEXT", "mapping": "KEY=VALUE", "text": "TEXT"}
_MANY = ("texts", "mapping")


class Amount(click.FloatRange):
    """A number that is not negative and not without end."""

    def __init__(self) -> None:
        super().__init__(min=0)

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number in ``value``."""
        number = float(super().convert(value, param, ctx))  # type: ignore[arg-type]  # texts, says click elsewhere
        if not math.isfinite(number):
            self.fail(f"{value} is not a number that anything can be compared with", param, ctx)
        return number


def setting_options(short: Mapping[str, str] = MappingProxyType({})) -> Callable[[_Command], _Command]:
    """An option for every setting that has a flag; ``short`` gives some of them a one-letter form too.

    What is not given arrives as None or an empty tuple, which `resolve` takes for not given.
    """

    def decorate(function: _Command) -> _Command:
        for field in reversed(list(FIELDS.values())):
            if field.flag is not None:
                function = _option(field, field.flag, short.get(field.name))(function)
        return function

    return decorate


def sealing_options(function: _Command) -> _Command:
    """How a package is closed, beside its recipients: for every command that seals one."""
    for decorate in (
        click.option(
            "--convergent",
            is_flag=True,
            help="Deterministic without a secret: who can guess the whole input can confirm the guess.",
        ),
        click.option(
            "--sealing-secret-file",
            metavar="FILE",
            help="The secret from which deterministic packages derive their keys.",
        ),
        click.option("-a", "--armor", is_flag=True, help="Write text (PEM) instead of bytes."),
        click.option(
            "--no-encrypt",
            "encrypt",
            flag_value=False,
            default=True,
            help="Write a bare archive: anyone can read and change it.",
        ),
    ):
        function = decorate(function)
    return function


def _option(field: Field, flag: str, letter: str | None) -> Callable[[_Command], _Command]:
    names = [letter] if letter else []
    text = field.doc.replace("`", "") + (" May be repeated." if field.kind in _MANY else "")
    if field.kind == "boolean":
        return click.option(*names, f"{flag}/--no-{flag[2:]}", field.name, default=None, help=text)
    return click.option(
        *names,
        flag,
        field.name,
        multiple=field.kind in _MANY,
        type=click.Choice(field.choices) if field.kind == "choice" else str,
        metavar=_METAVAR.get(field.kind),
        help=text,
    )
