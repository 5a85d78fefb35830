"""``python -m qyn1_core.run app.qyn1 [-m MODULE] [ARGUMENT]...``: runs a program from its sealed package.

Without ``-m`` the package's ``__main__.py`` is run, as ``python app.zip`` does.
"""

from __future__ import annotations

import argparse
import os
import runpy
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pkgutil import get_importer

from qyn1_core.errors import NotFound, Qyn1Error
from qyn1_core.importer import install

__all__ = ["main"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m qyn1_core.run",
        usage="%(prog)s [options] PACKAGE [-m MODULE] [ARGUMENT]...",
        description="Run a program from its sealed package; nothing is written to disk.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "-i",
        "--identity",
        action="append",
        default=[],
        metavar="FILE",
        help="identity file, or SCHEME:REFERENCE of a key provider; may be repeated",
    )
    parser.add_argument("--passphrase-file", metavar="FILE", help="read the passphrase from FILE's first line")
    parser.add_argument(
        "--root", default="", metavar="FOLDER", help="the folder in the package that holds the modules, as src"
    )
    parser.add_argument(
        "--show-source", action="store_true", help="let tracebacks, inspect and debuggers show the source"
    )
    parser.add_argument("package", metavar="PACKAGE", help="the sealed package")
    parser.add_argument(
        "arguments", nargs=argparse.REMAINDER, metavar="...", help="-m MODULE (default: __main__.py), and its arguments"
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; an exit code for what keeps it from starting. Its own errors and exits are its own."""
    parser = _parser()
    given = parser.parse_args(arguments)
    rest: list[str] = given.arguments
    module: str | None = None
    if rest[:1] == ["-m"]:
        if len(rest) == 1:
            parser.error("-m needs the name of a module")
        module, rest = rest[1], rest[2:]
    try:
        entry = install(
            given.package,
            identity=given.identity,
            passphrase_file=given.passphrase_file,
            root=given.root,
            show_source=given.show_source,
        )
        _check(module, entry, given.package)
    except Qyn1Error as error:
        print(f"qyn1: {error}", file=sys.stderr)
        return error.exit_code
    sys.argv = [entry, *rest]
    if module is None:
        runpy.run_path(entry, run_name="__main__")
    else:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    return 0


def _check(module: str | None, entry: str, package: str) -> None:
    """One line instead of a traceback when there is nothing to run."""
    if module is None:
        finder = get_importer(entry)
        if finder is None or finder.find_spec("__main__", None) is None:
            raise NotFound(f"{package} has no __main__.py: name the module to run with -m after it")
        return
    top = module.partition(".")[0]
    if find_spec(top) is None:
        raise NotFound(f"no module {top!r} in {package} or elsewhere; `qyn1 list {os.path.basename(package)}` shows it")  # noqa: PTH119


if __name__ == "__main__":
    sys.exit(main())
