"""What a wheel with sealed modules looks like, whichever tool builds it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Final

from qyn1_setuptools.selection import names

from qyn1_core.configuration.priors import Priors, resolve
from qyn1_core.errors import ConfigError
from qyn1_core.ignore import Patterns
from qyn1_plugins.host import Host

__all__ = ["archive_path", "check_patterns", "import_settings", "is_stub", "requirement", "sealed_modules", "stubs"]

_MARK: Final = "# Sealed by qyn1: "
_FOR_IMPORTS: Final[Mapping[str, object]] = {"mode": "fast", "compile": True}
_STUB: Final = (
    _MARK + "the source of this module is in {archive}.\n"
    '__import__("qyn1_core.importer").importer.unseal(globals(), {module!r}, {archive!r})\n'
)


def import_settings(host: Host, project: Path, given: Mapping[str, object] = MappingProxyType({})) -> Priors:
    """The settings for modules that are sealed to be imported; ``given`` are those of the command line.

    The mode is ``fast``, and modules are compiled, unless the project, the environment or ``given`` has
    it otherwise: every start of the program decodes and compiles what it imports, so that the time this
    takes counts for more than its size.
    """
    priors = resolve(project, command_line=given, host=host)
    unsaid = {name: value for name, value in _FOR_IMPORTS.items() if not priors.is_given(name)}
    return resolve(project, command_line={**given, **unsaid}, host=host) if unsaid else priors


def sealed_modules(modules: Mapping[str, Path], patterns: Iterable[str]) -> list[str]:
    """The ``modules`` (path in the wheel: file) that ``patterns`` name, sorted."""
    seal = Patterns.of_list(patterns)
    return sorted(
        path
        for path, file in modules.items()
        if path.endswith(".py") and names(seal, path) and not _declares_namespace(file)
    )


def check_patterns(priors: Priors, modules: Iterable[str]) -> None:
    """Refuse a pattern that seals nothing: it would let source out that is believed to be sealed."""
    found = list(modules)
    for pattern in priors.seal:
        if pattern.startswith("!"):
            continue
        one = Patterns.of_list([pattern])
        if not any(names(one, module) for module in found):
            raise ConfigError(
                f"{priors.origins['seal']}: tool.qyn1.seal: {pattern!r} names no module of the wheel; "
                "patterns are relative to where modules are installed, as 'package/module.py'"
            )


def archive_path(modules: Iterable[str], project: str) -> str:
    """Where the package of ``modules`` stands in the wheel: in the deepest folder that holds them all."""
    folder = os.path.commonpath([PurePosixPath(module).parent.as_posix() for module in modules]).replace(os.sep, "/")
    name = re.sub(r"[^A-Za-z0-9]+", "_", project).strip("_").lower() + ".qyn1"
    return f"{folder}/{name}" if folder not in ("", ".") else name


def stubs(modules: Iterable[str], archive: str) -> dict[str, str]:
    """What stands in the place of those ``modules`` that cannot be reached through a sealed package: path to text."""
    found = list(modules)
    packages = {module.rpartition("/")[0] for module in found if module.endswith("/__init__.py")}
    texts: dict[str, str] = {}
    for module in found:
        folder, _, name = module.rpartition("/")
        above = folder.rpartition("/")[0] if name == "__init__.py" else folder
        if above not in packages:
            texts[module] = _STUB.format(module=module, archive=archive)
    return texts


def requirement() -> str:
    """What a wheel with sealed modules needs where it is installed."""
    return f"qyn1>={metadata.version('qyn1')}"


def is_stub(path: Path) -> bool:
    """Whether the file is one of `stubs`."""
    with path.open("rb") as file:
        return file.read(len(_MARK)) == _MARK.encode()


def _declares_namespace(path: Path) -> bool:
    """Whether it is the ``__init__.py`` that all portions of an old-style namespace package have alike.

    It belongs to none of them: installers drop or replace it, and a stub in its place with it.
    """
    if path.name != "__init__.py":
        return False
    content = path.read_bytes()
    return b"extend_path(" in content or b"declare_namespace(" in content
