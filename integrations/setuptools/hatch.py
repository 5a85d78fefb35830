"""qyn1 for hatchling: the build hook ``qyn1`` for sealed wheels, and the build target ``qyn1``.

``[tool.hatch.build.targets.wheel.hooks.qyn1]`` turns the hook on; ``hatch build -t qyn1``, or
``python -m hatchling build -t qyn1``, writes ``dist/NAME-VERSION.qyn1``.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.builders.plugin.interface import BuilderInterface
from hatchling.plugin import hookimpl
from qyn1_setuptools.selection import file_entry
from qyn1_setuptools.wheel import archive_path, check_patterns, import_settings, requirement, sealed_modules, stubs

from qyn1_core.configuration.priors import Priors, resolve
from qyn1_core.errors import ConfigError, Qyn1Error
from qyn1_core.keys import sealing_from
from qyn1_core.packing import pack_entries
from qyn1_core.sealing import Sealing
from qyn1_plugins.host import Host, default_host

__all__ = ["PackageBuilder", "SealingHook", "hatch_register_build_hook", "hatch_register_builder"]

_OPTIONS: Final = ("passphrase-file", "sealing-secret-file", "convergent")


@hookimpl
def hatch_register_build_hook() -> type[BuildHookInterface[Any]]:
    """The hook that seals wheels."""
    return SealingHook


@hookimpl
def hatch_register_builder() -> type[BuilderInterface[Any, Any]]:
    """The target that writes packages."""
    return PackageBuilder


class SealingHook(BuildHookInterface[BuilderConfig]):
    """Puts the modules that ``[tool.qyn1] seal`` names into one package in the wheel."""

    PLUGIN_NAME = "qyn1"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Replace the modules before the wheel is written; editable wheels and other targets are left alone."""
        if version == "editable" or self.target_name != "wheel":
            return
        try:
            self._seal(build_data)
        except Qyn1Error as error:
            sys.exit(f"error: {error}")

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what was only needed while the wheel was written."""
        del version, build_data, artifact_path
        if self._scratch is not None:
            self._scratch.cleanup()
            self._scratch = None

    _scratch: tempfile.TemporaryDirectory[str] | None = None

    def _seal(self, build_data: dict[str, Any]) -> None:
        host = default_host()
        priors = import_settings(host, Path(self.root))
        if not priors.seal:
            raise ConfigError(
                "the hook qyn1 is on, and [tool.qyn1] has no `seal`: name the modules to seal, as 'package/'"
            )
        files = self.build_config.builder.recurse_included_files()
        sources = {file.distribution_path.replace("\\", "/"): Path(file.path) for file in files}
        modules = sealed_modules(sources, priors.seal)
        check_patterns(priors, modules)
        sealing = _sealing(host, priors, self.config, self.app.display_warning)
        self._scratch = tempfile.TemporaryDirectory(prefix="qyn1-")
        scratch = Path(self._scratch.name)
        archive = archive_path(modules, self.metadata.name)
        entries = [file_entry(module, sources[module], exact=False) for module in modules]
        pack_entries(entries, scratch / "sealed.qyn1", sealing, priors=priors, host=host)
        include: dict[str, str] = build_data["force_include"]
        include[str(scratch / "sealed.qyn1")] = archive
        for number, (module, text) in enumerate(stubs(modules, archive).items()):
            stub = scratch / f"{number}.py"
            stub.write_text(text, encoding="utf-8", newline="\n")
            include[str(stub)] = module
        self.build_config.build_reserved_paths.update(str(Path(module)) for module in modules)
        build_data["dependencies"].append(requirement())


class PackageBuilder(BuilderInterface[BuilderConfig, Any]):
    """Writes the project's files, as hatchling selects them for this target, into one sealed package."""

    PLUGIN_NAME = "qyn1"

    def get_version_api(self) -> dict[str, Callable[..., str]]:
        """There is one version."""
        return {"standard": self.build_standard}

    def build_standard(self, directory: str, **build_data: Any) -> str:
        """Write the package into ``directory``; its path."""
        del build_data
        try:
            host = default_host()
            priors = resolve(Path(self.root), host=host)
            entries = [
                file_entry(file.distribution_path.replace("\\", "/"), Path(file.path), exact=False)
                for file in self.recurse_included_files()
            ]
            sealing = _sealing(host, priors, self.target_config, self.app.display_warning)
            output = Path(directory, f"{self.project_id}.qyn1")
            pack_entries(entries, output, sealing, priors=priors, force=True, host=host)
        except Qyn1Error as error:
            sys.exit(f"error: {error}")
        return str(output)

    @classmethod
    def get_config_class(cls) -> type[BuilderConfig]:
        """Hatchling's own selection of files."""
        return BuilderConfig


def _sealing(host: Host, priors: Priors, config: Mapping[str, Any], tell: Callable[[str], None]) -> Sealing:
    options = {name: config.get(name) for name in _OPTIONS}
    return sealing_from(
        host,
        priors,
        passphrase_file=options["passphrase-file"],
        encrypt=True,
        sealing_secret_file=options["sealing-secret-file"],
        convergent=bool(options["convergent"]),
        armor=False,
        tell=tell,
    )
