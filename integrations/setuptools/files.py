"""The files of a distribution, as its sdist would hold them."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, Final

from qyn1_setuptools.selection import file_entry, names
from setuptools import Distribution

from qyn1_core.configuration.priors import Priors
from qyn1_core.errors import ConfigError
from qyn1_core.ignore import Patterns
from qyn1_core.project import ProjectEntry, discover, made_by_bazel

__all__ = ["distribution_files"]

_TEST_FOLDERS: Final = frozenset({"test", "tests"})
_NEVER: Final = frozenset({".git", ".hg", ".svn"})


def distribution_files(
    dist: Distribution, priors: Priors, *, include_tests: bool, leave_out: Iterable[str]
) -> list[ProjectEntry]:
    """What is to be packed of the project in the working folder.

    That is what the distribution's sdist would hold (packages, modules, package data,
    extension sources, what MANIFEST.in and file finders of plugins add), less what is generated,
    the folders ``leave_out``, and tests that are not installed, unless ``include_tests``.
    The settings ``include`` and ``exclude`` have the last word. Raises `ConfigError` when there is nothing,
    `NotFound` or `PermissionDenied` for a file.
    """
    listed, installed = _listed(dist)
    if not installed and not dist.ext_modules:
        raise ConfigError(
            "no packages or modules found: name them (packages, py_modules, [tool.setuptools]), or use `qyn1 pack`"
        )
    generated = [f"{folder}/" for folder in leave_out]
    chosen = {
        path
        for path in listed | installed
        if not _is_generated(path, generated) and (include_tests or path in installed or not _is_test(path))
    }
    exclude, include = Patterns.of_list(priors.exclude), Patterns.of_list(priors.include)
    chosen = {path for path in chosen if not names(exclude, path)}
    exact = priors.permissions == "exact" or (priors.permissions is None and not priors.deterministic)
    entries = {path: file_entry(path, Path(path), exact=exact) for path in chosen}
    if include or include_tests:
        for entry in discover(
            Path(),
            include=priors.include,
            exclude=priors.exclude,
            permissions="exact" if exact else "normalized",
        ):
            wanted = names(include, entry.path) or (include_tests and entry.path.split("/")[0] in _TEST_FOLDERS)
            if wanted and not _is_generated(entry.path, generated):
                entries.setdefault(entry.path, entry)
    return sorted(entries.values(), key=lambda entry: entry.path)


def _listed(dist: Distribution) -> tuple[set[str], set[str]]:
    """What the sdist would hold, and what an installation would; paths relative to the project."""
    with _scratch_commands(dist) as scratch:
        egg_info: Any = dist.get_command_obj("egg_info")
        egg_info.egg_base = str(scratch)
        egg_info.ensure_finalized()
        _seed(egg_info, scratch)
        dist.run_command("egg_info")
        build_py: Any = dist.get_command_obj("build_py")
        build_py.ensure_finalized()
        installed = {file for _, _, file in build_py.find_all_modules()} if dist.packages or dist.py_modules else set()
        for _, folder, _, data in (build_py.data_files or ()) if dist.packages else ():
            installed.update(os.path.join(folder, file) for file in data)  # noqa: PTH118
        listed = set(egg_info.filelist.files)
    return {_project_path(path) for path in listed if _is_inside(path)}, {_project_path(path) for path in installed}


@contextmanager
def _scratch_commands(dist: Distribution) -> Iterator[Path]:
    """Lets commands run without a trace: neither in the project nor in the state of a build that is under way."""
    objects, have_run = dict(dist.command_obj), dict(dist.have_run)
    root = logging.getLogger()
    level = root.level
    root.setLevel(max(level, logging.WARNING))  # what they write to a folder nobody sees is not worth a line
    with tempfile.TemporaryDirectory(prefix="qyn1-") as scratch:
        for name in ("egg_info", "build_py", "sdist"):
            dist.command_obj.pop(name, None)
            dist.have_run.pop(name, None)
        try:
            yield Path(scratch)
        finally:
            root.setLevel(level)
            dist.command_obj.clear()
            dist.command_obj.update(objects)
            dist.have_run.clear()
            dist.have_run.update(have_run)


def _seed(egg_info: Any, scratch: Path) -> None:
    """An unpacked sdist brings the list of its files; setuptools goes on from it, so it has to find it."""
    folder = Path(egg_info.egg_info).name
    base = (egg_info.distribution.package_dir or {}).get("", os.curdir)
    known = Path(base, folder, "SOURCES.txt")
    if known.is_file():
        (scratch / folder).mkdir(exist_ok=True)
        shutil.copyfile(known, scratch / folder / "SOURCES.txt")


def _is_inside(path: str) -> bool:
    return not os.path.isabs(path) and not os.path.normpath(path).startswith(os.pardir)  # noqa: PTH117


def _project_path(path: str) -> str:
    if os.path.isabs(path):  # noqa: PTH117
        path = os.path.relpath(path)
    if not _is_inside(path):
        raise ConfigError(f"{path}: a file of the distribution lies outside the project; copy it in")
    return os.path.normpath(path).replace(os.sep, "/")


def _is_generated(path: str, folders: Iterable[str]) -> bool:
    if path == "PKG-INFO" or any(path.startswith(folder) for folder in folders):
        return True
    if made_by_bazel(Path(), path.partition("/")[0]):  # `graft` follows links
        return True
    return any(step.endswith(".egg-info") or step in _NEVER for step in path.split("/")[:-1])


def _is_test(path: str) -> bool:
    *folders, name = PurePosixPath(path).parts
    if _TEST_FOLDERS.intersection(folders):
        return True
    return name.endswith(".py") and (name.startswith("test_") or name.endswith("_test.py") or name == "conftest.py")
