"""What every command that opens a package shares."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, cast

from qyn1_core.archive import DEFAULT_LIMITS
from qyn1_core.configuration.settings import parse_size
from qyn1_core.errors import ConfigError
from qyn1_core.keys import identities_from
from qyn1_core.output import naming
from qyn1_core.package import Package, open_package
from qyn1_plugins.host import default_host

__all__ = ["open_from_options", "spooled_input"]

_SPOOL = 16 << 20


def spooled_input(file: str) -> Path | BinaryIO:
    """``file`` as a path, or standard input ('-') in a place where one can seek."""
    if file != "-":
        return Path(file)
    spool = tempfile.SpooledTemporaryFile(max_size=_SPOOL)  # noqa: SIM115  (the package that reads it closes it)
    stream = sys.stdin.buffer
    with naming(Path(tempfile.gettempdir())):
        while part := stream.read(1 << 20):
            spool.write(part)
    return cast("BinaryIO", spool)


def _size(text: str) -> int:
    try:
        return parse_size(text)
    except ValueError as error:
        raise ConfigError(f"--max-size: {error}") from None


def open_from_options(
    file: str,
    identity_files: Sequence[str],
    passphrase_file: str | None,
    *,
    max_size: str | None = None,
    unportable_names: bool = False,
) -> Package:
    """The package ``file``, opened with what the options and the environment offer."""
    host = default_host()
    limits = DEFAULT_LIMITS
    if max_size is not None:
        most = _size(max_size)
        limits = limits._replace(total_size=most, ratio_from=most)
    identities = identities_from(host, identity_files, passphrase_file)
    return open_package(spooled_input(file), identities, host=host, limits=limits, portable_names=not unportable_names)
