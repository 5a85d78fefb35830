"""qyn1 as part of a build: the command among those of ``build``, and wheels whose modules are sealed."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from qyn1_setuptools.command import Qyn1
from qyn1_setuptools.errors import setuptools_errors
from qyn1_setuptools.selection import file_entry
from qyn1_setuptools.wheel import (
    archive_path,
    check_patterns,
    import_settings,
    is_stub,
    requirement,
    sealed_modules,
    stubs,
)
from setuptools import Distribution
from setuptools.errors import OptionError, SetupError

from qyn1_core.configuration.manifest import find_manifest
from qyn1_core.errors import Qyn1Error
from qyn1_core.packing import pack_entries
from qyn1_plugins.host import default_host

if TYPE_CHECKING:
    from setuptools.command.build import build as _Build  # noqa: N812
    from setuptools.command.build_py import build_py as _BuildPy  # noqa: N812
    from setuptools.command.egg_info import egg_info as _EggInfo  # noqa: N812
else:  # at run time they stand in front of whatever classes the project has
    _Build = _BuildPy = _EggInfo = object

__all__ = ["join_build"]

_log: Final = logging.getLogger(__name__)


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
    if manifest is not None and values.get("seal"):
        where = {"seal_origin": manifest.where("seal")}
        for name, mixin in (("build", SealingBuild), ("build_py", SealingBuildPy), ("egg_info", RequiringEggInfo)):
            dist.cmdclass[name] = type(name, (mixin, dist.get_command_class(name)), where)
        # A folder of its own: an ordinary build must not find modules that this one has replaced.
        dist.get_option_dict("build").setdefault("build_base", ("qyn1", os.path.join("build", "sealed")))  # noqa: PTH118


class SealingBuild(_Build):
    """Refuses to build a wheel without the modules that were to be sealed in it."""

    seal_origin: str

    def run(self) -> None:
        """Build as ever, unless there is no module at all: then nothing else would notice."""
        if not self.distribution.has_pure_modules():
            raise OptionError(f"{self.seal_origin}: tool.qyn1.seal: no packages or modules found that could be sealed")
        super().run()


class RequiringEggInfo(_EggInfo):
    """A wheel with sealed modules needs qyn1 where it is installed."""

    def finalize_options(self) -> None:
        """Add the requirement unless the project names it itself."""
        dist: Any = self.distribution
        required = list(dist.install_requires or ())
        if not any(re.match(r"qyn1(?![A-Za-z0-9._-])", str(other)) for other in required):
            required.append(requirement())
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
            priors = import_settings(host, Path(), command.given())
            root = Path(self.build_lib)
            self._forget(priors.seal)
            super().run()
            modules = self._matching(priors.seal)
            check_patterns(priors, modules)
            sealing = command.sealing(host, priors)
            archive = archive_path(modules, self.distribution.get_name())
            entries = [file_entry(module, root / module, exact=False) for module in modules]
            report = pack_entries(entries, root / archive, sealing, priors=priors, force=True, host=host)
            self._replace(modules, archive)
        _log.info("sealed %d modules into %s (%d bytes)", report.files, archive, report.packed_size)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """What is in ``build_lib``: the package instead of what it replaces."""
        outputs = super().get_outputs(include_bytecode)
        kept = [path for path in outputs if Path(path).with_suffix("").as_posix() not in self._gone]
        return kept if self._archive is None else [*kept, self._archive]

    def _matching(self, patterns: Iterable[str]) -> list[str]:
        root = Path(self.build_lib)
        files = (path for path in root.rglob("*.py") if path.is_file())
        return sealed_modules({path.relative_to(root).as_posix(): path for path in files}, patterns)

    def _forget(self, patterns: Iterable[str]) -> None:
        """Remove what an earlier run left: stubs look newer than the source that they stand for."""
        root = Path(self.build_lib)
        left = [path for path in root.rglob("*.py") if path.is_file() and is_stub(path)]
        for path in [*left, *(root / module for module in self._matching(patterns))]:
            _remove_module(path)

    def _replace(self, modules: list[str], archive: str) -> None:
        root = Path(self.build_lib)
        for module in modules:
            _remove_module(root / module)
        texts = stubs(modules, archive)
        for module, text in texts.items():
            (root / module).write_text(text, encoding="utf-8", newline="\n")
        self._gone = frozenset((root / module).with_suffix("").as_posix() for module in modules if module not in texts)
        self._archive = str(root / archive)


def _remove_module(path: Path) -> None:
    path.unlink(missing_ok=True)
    for bytecode in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
        bytecode.unlink()
