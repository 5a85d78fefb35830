"""A key scheme: ``shelf:NAME`` is the key file ``NAME.txt`` in the folder that ``KEY_SHELF`` names."""

from __future__ import annotations

import os
from pathlib import Path

from qyn1_plugins.errors import KeyUnavailable
from qyn1_plugins.keys.private_file import read_private_file


class ShelfKeys:
    """Resolves ``shelf:NAME``."""

    name = "shelf"
    version = 1

    def unavailable(self) -> str | None:
        return None if os.environ.get("KEY_SHELF") else "set KEY_SHELF to the folder with the keys"

    def read(self, reference: str) -> str:
        if not reference or Path(reference).name != reference:
            raise KeyUnavailable("shelf: is followed by the name of a key, without a folder")
        return read_private_file(Path(os.environ["KEY_SHELF"], f"{reference}.txt"))
