"""The compiled form of Python modules, packed beside their source so that importing them does not compile.

They are the files of PEP 3147 and PEP 552: ``__pycache__/NAME.TAG.pyc``, for the version of
Python that packs, with the hash of the source they come from. Another version does not
look for them and compiles the source. A module that does not compile is packed without.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from qyn1_core.errors import NotFound, PermissionDenied, SourceError
from qyn1_core.plan import canonical_form
from qyn1_core.project_entries import ProjectEntry, by_path
from qyn1_plugins.host import Host

__all__ = ["with_bytecode"]

_SUFFIX: Final = ".py"
_SHOWN: Final = 3
_PROGRAM: Final = """
import json, py_compile, sys
for source, target, name in json.load(sys.stdin):
    try:
        py_compile.compile(
            source, target, name, doraise=True, invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH
        )
    except (OSError, py_compile.PyCompileError):
        pass  # who asked sees that the target is not there
"""


@contextmanager
def with_bytecode(
    entries: Sequence[ProjectEntry], *, canonical: bool, host: Host, notes: list[str]
) -> Iterator[Sequence[ProjectEntry]]:
    """``entries``, and beside each Python module that compiles its bytecode, in the order of their paths.

    The new files are there until the block ends. With ``canonical`` it is the canonical form of a module
    that is packed and compiled. ``notes`` are told what could not be compiled.
    """
    tag = sys.implementation.cache_tag
    modules = [entry for entry in entries if entry.kind == "file" and entry.path.endswith(_SUFFIX)]
    if modules and (not sys.executable or tag is None):
        notes.append("packed without bytecode, for this Python keeps none or is part of another program")
        modules = []
    if not modules:
        yield entries
        return
    with tempfile.TemporaryDirectory(prefix="qyn1-") as scratch:
        targets = [Path(scratch, f"{number}.pyc") for number in range(len(modules))]
        sources = [
            _source(entry, target.with_suffix(_SUFFIX), host) if canonical else entry.source
            for entry, target in zip(modules, targets, strict=True)
        ]
        _compile(zip(sources, targets, modules, strict=True), Path(scratch), notes)
        whole = {entry.path: entry for entry in entries}
        failed: list[str] = []
        for entry, target in zip(modules, targets, strict=True):
            if target.exists():
                folder, slash, name = entry.path.rpartition("/")
                path = f"{folder}{slash}__pycache__/{name.removesuffix(_SUFFIX)}.{tag}.pyc"
                whole[path] = ProjectEntry(path, "file", 0o644, target.stat().st_size, "", str(target))
            else:
                failed.append(entry.path)
        if failed:
            more = f" and {len(failed) - _SHOWN} more" if len(failed) > _SHOWN else ""
            notes.append(f"packed without bytecode, for they do not compile: {', '.join(failed[:_SHOWN])}{more}")
        yield sorted(whole.values(), key=by_path)


def _source(entry: ProjectEntry, place: Path, host: Host) -> str:
    """A file with what is packed of ``entry``."""
    try:
        form = canonical_form(entry, host)
    except (NotFound, PermissionDenied, SourceError):
        form = None  # planning meets it again, and says so
    if form is None:
        return entry.source
    place.write_bytes(form)
    return str(place)


def _compile(jobs: Iterable[tuple[str, Path, ProjectEntry]], scratch: Path, notes: list[str]) -> None:
    """Compile each source to its target.

    What marshal writes depends on the hash seed (the order of sets, before Python 3.11) and on which
    texts the process has interned, so that equal bytes take a process of its own.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [sys.executable, "-B", "-S", "-s", "-W", "ignore", "-c", _PROGRAM],
        input=json.dumps([(os.path.abspath(source), str(target), entry.path) for source, target, entry in jobs]),  # noqa: PTH100
        env={**environment, "PYTHONHASHSEED": "0"},
        cwd=scratch,  # it stands on the path of a program given with -c
        encoding="ascii",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode != 0:
        notes.append(f"compiling modules ended with exit code {done.returncode}")
