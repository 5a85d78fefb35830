"""qyn1: seals a project's source code into one small, encrypted, authenticated package.

The whole public surface::

    pack(project, output, Sealing.to(recipients))
    unpack(package, folder, identities)
    with open_package(package, identities) as opened:
        ...

Names are loaded when they are first used: `import qyn1_core` itself costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qyn1_core.lazy import lazily

if TYPE_CHECKING:
    from qyn1_core.archive import Entry, EntryKind, Limits
    from qyn1_core.configuration.priors import Priors, resolve
    from qyn1_core.errors import Qyn1Error
    from qyn1_core.package import Difference, Package, PublicView, diff, inspect_package, open_package, unpack
    from qyn1_core.packing import Sealing, pack
    from qyn1_core.report import PackReport, UnpackReport

__all__ = [
    "Difference",
    "Entry",
    "EntryKind",
    "Limits",
    "PackReport",
    "Package",
    "Priors",
    "PublicView",
    "Qyn1Error",
    "Sealing",
    "UnpackReport",
    "diff",
    "inspect_package",
    "open_package",
    "pack",
    "resolve",
    "unpack",
]

_HOME: Final = {
    "Difference": "package",
    "Entry": "archive",
    "EntryKind": "archive",
    "Limits": "archive",
    "PackReport": "report",
    "Package": "package",
    "Priors": "configuration.priors",
    "PublicView": "package",
    "Qyn1Error": "errors",
    "Sealing": "packing",
    "UnpackReport": "report",
    "diff": "package",
    "inspect_package": "package",
    "open_package": "package",
    "pack": "packing",
    "resolve": "configuration.priors",
    "unpack": "package",
}

__getattr__ = lazily(__name__, _HOME)
