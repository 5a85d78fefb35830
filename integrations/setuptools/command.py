"""``python setup.py qyn1``: the distribution's own files into ``dist/NAME-VERSION.qyn1``."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar, Final

from qyn1_setuptools.errors import setuptools_errors
from qyn1_setuptools.files import distribution_files
from setuptools import Command

from qyn1_core.configuration.priors import Priors, resolve
from qyn1_core.configuration.settings import FIELDS, Field
from qyn1_core.errors import ConfigError
from qyn1_core.keys import sealing_from
from qyn1_core.packing import Sealing, pack_entries
from qyn1_plugins.host import Host, default_host

__all__ = ["Qyn1"]

_log: Final = logging.getLogger(__name__)
_SETTINGS: Final[Mapping[str, Field]] = {
    field.flag[2:].replace("-", "_"): field for field in FIELDS.values() if field.flag is not None
}  # by the attribute that setuptools makes of the option
_OWN: Final = (
    ("dist-dir=", "d", "folder to put the package in (default: dist)"),
    ("include-tests", None, "pack the tests too, also those that are not installed"),
    ("passphrase-file=", None, "seal with the passphrase in the first line of this file"),
    ("sealing-secret-file=", None, "the secret from which deterministic packages derive their keys"),
    ("convergent", None, "deterministic without a secret: who can guess the whole input can confirm the guess"),
    ("armor", "a", "write text (PEM) instead of bytes"),
    ("dry-run", "n", "only say what would be done"),
)
_SHORT: Final = {"recipients": "r", "recipients_files": "R"}


def _setting_options() -> list[tuple[str, str | None, str]]:
    """An option for each setting of the manifest, from the table that also makes those of the ``qyn1`` command."""
    options: list[tuple[str, str | None, str]] = []
    for field in FIELDS.values():
        if field.flag is None:
            continue
        text = field.doc.replace("`", "")
        if field.kind == "boolean":
            options += [(field.flag[2:], None, text), ("no-" + field.flag[2:], None, f"the opposite of {field.flag}")]
        else:
            many = " (several: separated by commas)" if field.kind in ("texts", "mapping") else ""
            options.append((field.flag[2:] + "=", _SHORT.get(field.name), text + many))
    return options


@contextmanager
def _folder(folder: Path) -> Iterator[None]:
    """Make ``folder``, and take it away again when nothing came into it."""
    made = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        if made:
            with suppress(OSError):
                folder.rmdir()
        raise


class Qyn1(Command):
    """Seals the distribution's files; a command for ``setup.py``, and a sub-command of ``build``."""

    description = "seal the project's source code into one encrypted package"
    user_options: ClassVar[list[tuple[str, str | None, str]]] = [*_OWN, *_setting_options()]
    boolean_options: ClassVar[list[str]] = [
        *(name for name, _, _ in _OWN if not name.endswith("=")),
        *(field.flag[2:] for field in FIELDS.values() if field.flag is not None and field.kind == "boolean"),
    ]
    negative_opt: ClassVar[dict[str, str]] = {
        "no-" + field.flag[2:]: field.flag[2:]
        for field in FIELDS.values()
        if field.flag is not None and field.kind == "boolean"
    }

    def initialize_options(self) -> None:
        """Nothing is given yet."""
        self.dist_dir: str | None = None
        self.include_tests = False
        self.passphrase_file: str | None = None
        self.sealing_secret_file: str | None = None
        self.convergent = False
        self.armor = False
        self.dry_run = bool(getattr(self.distribution, "dry_run", False))
        for attribute in _SETTINGS:
            setattr(self, attribute, None)
        # What `build` expects of its sub-commands.
        self.editable_mode = False
        self.build_lib: str | None = None

    def finalize_options(self) -> None:
        """Defaults of other commands."""
        if self.dist_dir is None:
            # Those who move their distributions with [sdist] dist_dir get this one there too.
            self.dist_dir = self.distribution.get_option_dict("sdist").get("dist_dir", ("", "dist"))[1]
        self.set_undefined_options("build", ("build_lib", "build_lib"))

    def given(self) -> dict[str, object]:
        """The settings that are among this command's options, by name."""
        given: dict[str, object] = {}
        for attribute, field in _SETTINGS.items():
            value = getattr(self, attribute)
            if value is not None:
                given[field.name] = bool(value) if isinstance(value, int) else value
        return given

    def sealing(self, host: Host, priors: Priors) -> Sealing:
        """How packages are closed; a missing identity is made, as by the ``qyn1`` command."""
        return sealing_from(
            host,
            priors,
            passphrase_file=self.passphrase_file,
            encrypt=True,
            sealing_secret_file=self.sealing_secret_file,
            convergent=bool(self.convergent),
            armor=bool(self.armor),
            tell=_log.warning,
        )

    def run(self) -> None:
        """Write the package, whole or not at all; one of the same name is replaced."""
        if self.editable_mode:
            return
        with setuptools_errors():
            self._pack()

    def _pack(self) -> None:
        host = default_host()
        priors = resolve(Path(), command_line=self.given(), host=host)
        if self.distribution.get_name() in ("", "UNKNOWN"):
            raise ConfigError("the project has no name: set it in [project], setup.cfg or setup()")
        folder = Path(str(self.dist_dir))
        build_base = str(getattr(self.get_finalized_command("build"), "build_base"))  # noqa: B009  (not in its type)
        entries = distribution_files(
            self.distribution,
            priors,
            include_tests=bool(self.include_tests),
            leave_out=[path.replace("\\", "/") for path in (str(folder), build_base)],
        )
        # Spelled as sdists are since PEP 625, whichever version of setuptools is at work.
        name = re.sub(r"[-_.]+", "_", self.distribution.get_name()).lower()
        output = folder / f"{name}-{self.distribution.get_version()}.qyn1"
        if self.dry_run:
            self._say(f"would pack {len(entries)} files, {sum(entry.size for entry in entries)} bytes, into {output}")
            for entry in entries:
                _log.debug("would pack %s", entry.path)
            return
        sealing = self.sealing(host, priors)
        with _folder(folder):
            report = pack_entries(entries, output, sealing, priors=priors, force=True, host=host)
        self._say(f"sealed {report.files} files, {report.raw_size} bytes, into {output} ({report.packed_size} bytes)")
        for note in report.notes:
            _log.warning("note: %s", note)

    def _say(self, text: str) -> None:
        if self.verbose:
            _log.info("%s", text)

    # -- the protocol of build's sub-commands: this one adds nothing to a wheel -----------------------

    def get_source_files(self) -> list[str]:
        """Nothing that is not in the sdist already."""
        return []

    def get_outputs(self) -> list[str]:
        """Nothing that is installed."""
        return []

    def get_output_mapping(self) -> dict[str, str]:
        """Nothing that is installed."""
        return {}
