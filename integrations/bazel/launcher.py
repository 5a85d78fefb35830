"""Runs qyn1: ``launcher.py [--site FOLDER] ARGUMENT...``, importing it from FOLDER if one is named.

The folder of this script and the working folder, which may hold the sources that are
being sealed, are not searched.
"""

from __future__ import annotations

import sys


def _launch() -> int:
    arguments = sys.argv[1:]
    if not getattr(sys.flags, "safe_path", False):
        sys.path.pop(0)
    if arguments[:1] == ["--site"]:
        sys.path.insert(0, arguments[1])
        del arguments[:2]
    try:
        from qyn1_core import cli  # noqa: PLC0415  (only now is it known where from)
    except ImportError as error:
        sys.stderr.write(f"qyn1: it cannot be imported by {sys.executable}: {error}; install qyn1 there\n")
        return 7
    sys.argv = ["qyn1", *arguments]
    cli.main(arguments)
    return 0


if __name__ == "__main__":
    sys.exit(_launch())
