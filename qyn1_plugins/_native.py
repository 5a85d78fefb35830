"""The one place that imports the native extension.

``native`` is the extension module, or None where it was not built or is switched
off with ``QYN1_NATIVE=0``. Everything that can work without it asks here; what
cannot raises `PluginError` with `WITHOUT_NATIVE` in its message.
"""

from __future__ import annotations

import os
from types import ModuleType
from typing import Final

__all__ = ["WITHOUT_NATIVE", "native", "native_problem"]

WITHOUT_NATIVE: Final = (
    "needs the native extension: install a Rust toolchain (https://rustup.rs) and reinstall qyn1, "
    "or install a wheel that contains it"
)

native: ModuleType | None = None
native_problem: str | None = None

if os.environ.get("QYN1_NATIVE") == "0":
    native_problem = "switched off by QYN1_NATIVE=0"
else:
    try:
        import qyn1_native
    except ImportError as error:
        native_problem = str(error)
    else:
        native = qyn1_native
