"""What the steps of a build share: their sources, their settings, and that they look for nothing themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import click

from qyn1_core.configuration.manifest import read_document
from qyn1_core.configuration.priors import COMMAND_LINE, Priors, resolve
from qyn1_core.errors import Qyn1Error
from qyn1_core.linking import SourceFile
from qyn1_core.worker import Place
from qyn1_plugins.host import Host, default_host

__all__ = ["base_of", "build_priors", "naming", "shared_host", "source_options", "sources_from", "target_option"]

_Command = TypeVar("_Command", bound=Callable[..., object])


def source_options(function: _Command) -> _Command:
    """``--file`` and ``--list``."""
    function = click.option(
        "--list",
        "list_file",
        metavar="LIST",
        help="Read more lines as --file takes them from the file LIST.",
    )(function)
    return click.option(
        "--file",
        "files",
        multiple=True,
        metavar="PATH[\\tFILE[\\tMODE]]",
        help="A file: its path in the package, where it is if elsewhere, and 755 if it may be executed, "
        "separated by tabs. May be repeated.",
    )(function)


def target_option(function: _Command) -> _Command:
    """``--target``."""
    return click.option("--target", metavar="NAME", help="The build target that error messages are to name.")(function)


def sources_from(place: Place, files: tuple[str, ...], list_file: str | None) -> list[SourceFile]:
    """The sources that `source_options` name."""
    lines = list(files)
    if list_file is not None:
        lines.extend(line for line in read_document(place.base / list_file).split("\n") if line)
    return [SourceFile.parse(line) for line in lines]


def build_priors(place: Place, host: Host, options: Mapping[str, object], manifest: str | None) -> Priors:
    """Settings from options and the named manifest alone: a build step reads no environment."""
    given = dict(options)
    given["recipients_files"] = tuple(
        str(place.base / file) if isinstance(file, str) else file for file in _texts(options.get("recipients_files"))
    )
    return resolve(
        None,
        command_line=given,
        environ={},
        host=host,
        manifest_file=None if manifest is None else place.base / manifest,
    )


def _texts(value: object) -> tuple[object, ...]:
    return tuple(value) if isinstance(value, list | tuple) else ()


@contextmanager
def naming(target: str | None) -> Iterator[None]:
    """Let errors begin with the name of the build target."""
    try:
        yield
    except Qyn1Error as error:
        if target:
            # A rule wrote the command line: who reads this wrote attributes.
            error.args = (f"{target}: {str(error).removeprefix(f'{COMMAND_LINE}: ')}",)
        raise


def base_of(place: Place | None) -> Place:
    """The place of the worker, or that of a command that was called by itself."""
    return Place(Path()) if place is None else place


@lru_cache(maxsize=1)
def shared_host() -> Host:
    """One host for all steps of a worker: finding plugins takes longer than a small step."""
    return default_host()
