"""qyn1 as part of a build: the command among those of ``build``, and wheels whose modules are sealed."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final, cast

from qyn1_setuptools.command import Qyn1
from qyn1_setuptools.errors import setuptools_errors
from qyn1_setuptools.files import file_entry
from qyn1_setuptools.selection import names
from setuptools import Distribution
from setuptools.errors import SetupError

from qyn1_core.errors import ConfigError, Qyn1Error
from qyn1_core.ignore import Patterns
from qyn1_core.manifest import find_manifest
from qyn1_core.packing import pack_entries
from qyn1_plugins.host import default_host

if TYPE_CHECKING:
    from setuptools.command.build_py import build_py as _BuildPy  # noqa: N812
    from setuptools.command.egg_info import egg_info as _EggInfo  # noqa: N812
else:  # at run time they stand in front of whatever classes the project has
    _BuildPy = _EggInfo = object

__all__ = ["join_build"]

_log: Final = logging.getLogger(__name__)
_MARK: Final = "# Sealed by qyn1: "
_STUB: Final = (
    _MARK + "the source of this module is in {archive}.\n"
    '__import__("qyn1_core.importer").importer.unseal(globals(), {module!r}, {archive!r})\n'
)


def join_build(dist: Distribution) -> None:
    """Do what the manifest's ``build`` and ``seal`` ask for. Raises `SetupError` for a manifest that cannot be used."""
    try:
        manifest = find_manifest(Path())
    except Qyn1Error as error:
        raise SetupError(str(error)) from None
    values = manifest.values if manifest is not None else {}
    if values.get("build"):
        build = dist.get_command_class("build")
        dist.cmdclass["build"] = type("build", (build,), {"sub_commands": [*build.sub_commands, ("qyn1", None)]})
    if values.get("seal"):
        for name, mixin in (("build_py", SealingBuildPy), ("egg_info", RequiringEggInfo)):
            dist.cmdclass[name] = type(name, (mixin, dist.get_command_class(name)), {})
        # A folder of its own: an ordinary build must not find modules that this one has replaced.
        dist.get_option_dict("build").setdefault("build_base", ("qyn1", os.path.join("build", "sealed")))  # noqa: PTH118


class RequiringEggInfo(_EggInfo):
    """A wheel with sealed modules needs qyn1 where it is installed."""

    def finalize_options(self) -> None:
        """Add the requirement unless the project names it itself."""
        dist: Any = self.distribution
        required = list(dist.install_requires or ())
        if not any(re.match(r"qyn1(?![A-Za-z0-9._-])", str(requirement)) for requirement in required):
            required.append(f"qyn1>={metadata.version('qyn1')}")
            dist.install_requires = required
            dist.metadata.install_requires = required
        super().finalize_options()


class SealingBuildPy(_BuildPy):
    """Puts the modules that ``seal`` names into one package in ``build_lib``, instead of their source.

    Where a sealed module cannot be reached through a sealed package, a stub of two lines
    takes its place, so that whatever finds modules finds it.
    """

    _gone: frozenset[str] = frozenset()
    _archive: str | None = None

    def run(self) -> None:
        """Build as ever, then seal what is in ``build_lib``; editable installs are left alone."""
        if self.editable_mode:
            super().run()
            return
        with setuptools_errors():
            command = cast("Qyn1", self.get_finalized_command("qyn1"))
            host = default_host()
            priors = command.settings(host)
            seal = Patterns.of_list(priors.seal)
            self._forget(seal)
            super().run()
            modules = self._matching(seal)
            _check(priors.seal, priors.origins["seal"], modules)
            sealing = command.sealing(host, priors)
            archive = self._place(modules)
            root = Path(self.build_lib)
            entries = [file_entry(module, root / module, exact=False) for module in modules]
            report = pack_entries(entries, root / archive, sealing, priors=priors, force=True, host=host)
            self._replace(modules, archive)
        _log.info("sealed %d modules into %s (%d bytes)", report.files, archive, report.packed_size)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """What is in ``build_lib``: the package instead of what it replaces."""
        outputs = super().get_outputs(include_bytecode)
        kept = [path for path in outputs if Path(path).with_suffix("").as_posix() not in self._gone]
        return kept if self._archive is None else [*kept, self._archive]

    def _matching(self, seal: Patterns) -> list[str]:
        root = Path(self.build_lib)
        found = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.py") if path.is_file())
        return [path for path in found if names(seal, path) and not _declares_namespace(root / path)]

    def _forget(self, seal: Patterns) -> None:
        """Remove what an earlier run left: stubs look newer than the source that they stand for."""
        root = Path(self.build_lib)
        stubs = [path for path in root.rglob("*.py") if path.is_file() and _is_stub(path)]
        for path in [*stubs, *(root / module for module in self._matching(seal))]:
            _remove_module(path)

    def _place(self, modules: Iterable[str]) -> str:
        """Path of the package in ``build_lib``: in the deepest folder that holds all ``modules``."""
        folder = os.path.commonpath([PurePosixPath(module).parent.as_posix() for module in modules])
        name = re.sub(r"[^A-Za-z0-9]+", "_", self.distribution.get_name()).strip("_").lower() + ".qyn1"
        return f"{folder}/{name}" if folder and folder != "." else name

    def _replace(self, modules: list[str], archive: str) -> None:
        root = Path(self.build_lib)
        packages = {module.rpartition("/")[0] for module in modules if module.endswith("/__init__.py")}
        gone: set[str] = set()
        for module in modules:
            folder, _, name = module.rpartition("/")
            above = folder.rpartition("/")[0] if name == "__init__.py" else folder
            _remove_module(root / module)
            if above in packages:
                gone.add((root / module).with_suffix("").as_posix())
            else:
                (root / module).write_text(_STUB.format(module=module, archive=archive), encoding="utf-8", newline="\n")
        self._gone = frozenset(gone)
        self._archive = str(root / archive)


def _check(patterns: Iterable[str], origin: str, modules: list[str]) -> None:
    """A pattern that seals nothing would let source out that is believed to be sealed."""
    for pattern in patterns:
        if pattern.startswith("!"):
            continue
        one = Patterns.of_list([pattern])
        if not any(names(one, module) for module in modules):
            raise ConfigError(
                f"{origin}: tool.qyn1.seal: {pattern!r} names no module of the wheel; "
                "patterns are relative to where modules are installed, as 'package/module.py'"
            )


def _declares_namespace(path: Path) -> bool:
    """Whether it is the ``__init__.py`` that all portions of an old-style namespace package have alike.

    It belongs to none of them: installers drop or replace it, and a stub in its place with it.
    """
    if path.name != "__init__.py":
        return False
    content = path.read_bytes()
    return b"extend_path(" in content or b"declare_namespace(" in content


def _is_stub(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_MARK)) == _MARK.encode()


def _remove_module(path: Path) -> None:
    path.unlink(missing_ok=True)
    for bytecode in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
        bytecode.unlink()
