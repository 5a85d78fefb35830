"""``python -m qyn1_setuptools [OPTION]...``: ``setup.py qyn1`` for a project with or without a ``setup.py``."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import setuptools


def main() -> None:
    """Run the command ``qyn1`` of the project in the working folder with this process's arguments."""
    script = Path("setup.py")
    given = sys.argv[1:]
    loudness = [option for option in given if option in ("-q", "--quiet", "-v", "--verbose")]
    # Before the command's name they hold for all that setuptools says.
    sys.argv[:] = [str(script), *loudness, "qyn1", *(option for option in given if option not in loudness)]
    if script.is_file():
        sys.path.insert(0, str(Path.cwd()))  # as when it is run itself
        runpy.run_path(str(script), run_name="__main__")
    elif Path("pyproject.toml").is_file() or Path("setup.cfg").is_file():
        setuptools.setup()
    else:
        sys.exit(
            "error: no setup.py, setup.cfg or pyproject.toml here: run this in a project's folder, or use `qyn1 pack`"
        )


if __name__ == "__main__":
    main()
