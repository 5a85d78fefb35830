"""The ``qyn1`` command, also as ``python -m qyn1_core``."""

import sys


def main() -> None:
    """Run the command and leave the process with its exit code."""
    try:
        from qyn1_core.cli import main as command  # noqa: PLC0415  (takes long enough to be interrupted)
    except KeyboardInterrupt:
        sys.stderr.write("qyn1: interrupted\n")
        sys.exit(130)
    command()


if __name__ == "__main__":
    main()
