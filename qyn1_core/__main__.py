"""``python -m qyn1_core`` is the ``qyn1`` command."""

from qyn1_core.cli import main

main()
