"""The built-in frontends, registered like a stranger's.

Order matters for files that two claim equally: the one listed first wins.
"""

from __future__ import annotations

from qyn1_plugins.frontends.binary import BinaryFrontend
from qyn1_plugins.frontends.cpp import CppFrontend
from qyn1_plugins.frontends.javascript import JavaScriptFrontend
from qyn1_plugins.frontends.python import PythonFrontend
from qyn1_plugins.frontends.rust import RustFrontend
from qyn1_plugins.frontends.text import TextFrontend
from qyn1_plugins.spec import Frontend, hookimpl

__all__ = ["qyn1_frontends"]


@hookimpl
def qyn1_frontends() -> list[Frontend]:
    """Every built-in frontend."""
    return [
        PythonFrontend(),
        JavaScriptFrontend(),
        RustFrontend(),
        CppFrontend(),
        TextFrontend(),
        BinaryFrontend(),
    ]
