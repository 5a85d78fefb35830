"""Which files of a project go into its package.

The rules, strongest first (docs/manifest.md shows them with examples):

1. ``.git``, ``.hg`` and ``.svn`` are never packed, nor is what the caller names
   in ``skip`` (the package being written).
2. ``exclude`` patterns leave out, a folder with all that it holds.
3. ``include`` patterns take in what an ignore file leaves out, also inside a
   folder that is left out.
4. ``.qyn1ignore`` files decide, then ``.gitignore`` files; of each kind the one in
   the deepest folder first, and in it the last pattern that matches. Those of
   the folders above the project count too, up to the enclosing git work tree's
   top. As in git, nothing inside a folder that is left out can be named back in.

All patterns are git's. Symbolic links are packed as links and never followed.
Sockets, pipes and devices hold no source code: they are passed over with a note.
"""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from qyn1_core.errors import ConfigError, NotFound, PermissionDenied, SourceError
from qyn1_core.ignore import Patterns

__all__ = ["ProjectEntry", "discover"]

Kind = Literal["file", "symlink", "directory"]

_NEVER: Final = frozenset({".git", ".hg", ".svn"})
_IGNORE_FILES: Final = (".qyn1ignore", ".gitignore")  # the first one that decides wins
_MAXIMUM_IGNORE_BYTES: Final = 1 << 20
_MAXIMUM_LINKS: Final = 40  # as Linux's own path resolution
_READ_CHECK: Final = hasattr(os, "geteuid")

_Rules = tuple[tuple[Patterns, ...], tuple[Patterns, ...]]  # per ignore file name, deepest first


@dataclass(frozen=True, slots=True)
class ProjectEntry:
    """One file, symbolic link or empty folder to pack.

    ``path`` is relative to the project with forward slashes, spelled as the file
    system gives it. ``mode`` holds permission bits only, ``size`` bytes (0 unless a
    file), ``target`` the text of a link.
    """

    path: str
    kind: Kind
    mode: int
    size: int
    target: str
    source: Path


def discover(
    root: Path,
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    skip: Collection[Path] = (),
    permissions: str = "exact",
    notes: list[str] | None = None,
) -> list[ProjectEntry]:
    """Everything of the project ``root`` that is to be packed, sorted by the bytes of its path.

    ``root`` may be a single file, which is then packed whatever the patterns say.
    ``permissions`` is ``exact`` (the nine permission bits) or ``normalized``
    (0o755 for folders and what its owner may execute, else 0o644).
    ``notes``, when given, receives one line for each oddity that does not
    prevent packing. Raises `NotFound`, `PermissionDenied` or `SourceError`,
    naming the file.
    """
    if permissions not in ("exact", "normalized"):
        raise ConfigError(f"permissions must be 'exact' or 'normalized', not {permissions!r}")
    try:
        status = root.stat()
    except FileNotFoundError:
        raise NotFound(f"{root}: no such file or folder") from None
    except OSError as error:
        raise _refused(str(root), error) from error
    walk = _Walk(
        root=Path(os.path.realpath(root)),
        include=Patterns.of_list(include),
        exclude=Patterns.of_list(exclude),
        skip=frozenset(_location(path) for path in skip),
        normalized=permissions == "normalized",
        notes=[] if notes is None else notes,
    )
    if stat.S_ISREG(status.st_mode):
        return [walk.single(root, status)]
    if not stat.S_ISDIR(status.st_mode):
        raise SourceError("neither a file nor a folder", str(root))
    return walk.run()


def _location(path: Path) -> str:
    """The absolute path of a directory entry: links are followed everywhere but in its last component."""
    return str(Path(os.path.realpath(path.parent)) / path.name)


def _refused(path: str, error: OSError) -> PermissionDenied | SourceError:
    if isinstance(error, PermissionError):
        return PermissionDenied(f"{_shown(path)}: permission to read it is missing; grant it, or exclude the path")
    return SourceError(error.strerror or str(error), _shown(path))


def _shown(path: str) -> str:
    """``path`` fit for a message, whatever bytes its name holds."""
    return path.encode("utf-8", "backslashreplace").decode("utf-8")


@dataclass(frozen=True)
class _Walk:
    root: Path
    include: Patterns
    exclude: Patterns
    skip: frozenset[str]
    normalized: bool
    notes: list[str]

    def run(self) -> list[ProjectEntry]:
        prefix, rules = self._rules_above()
        entries: list[ProjectEntry] = []
        todo = [_Folder(self.root, "", rules, included=False, ignored=False)]
        while todo:
            folder = todo.pop()
            todo.extend(self._list(folder, prefix, entries))
        entries.sort(key=lambda entry: entry.path.encode("utf-8"))
        self._note_collisions(entries)
        return entries

    def single(self, given: Path, status: os.stat_result) -> ProjectEntry:
        name = given.name or self.root.name
        self._encode(name)
        self._check_readable(str(self.root), str(given))
        return ProjectEntry(name, "file", self._mode(status), status.st_size, "", self.root)

    # -- ignore files ---------------------------------------------------------------

    def _rules_above(self) -> tuple[bytes, _Rules]:
        """The path of the project inside the enclosing git work tree, and the rules on the way down to it."""
        top = next((folder for folder in self.root.parents if (folder / ".git").exists()), None)
        if top is None or (self.root / ".git").exists():
            return b"", ((), ())
        rules: _Rules = ((), ())
        base = b""
        folder = top
        for part in self.root.relative_to(top).parts:
            names = {name for name in _IGNORE_FILES if (folder / name).is_file() and not (folder / name).is_symlink()}
            rules = self._with_rules_of(folder, base, names, rules)
            folder /= part
            base += part.encode("utf-8", "surrogateescape") + b"/"
        return base, rules

    def _with_rules_of(self, folder: Path, base: bytes, names: Collection[str], outer: _Rules) -> _Rules:
        """``outer`` and the ignore files ``names`` of one folder, which take precedence."""
        result = []
        for name, above in zip(_IGNORE_FILES, outer, strict=True):
            if name in names:
                path = folder / name
                try:
                    with path.open("rb") as file:
                        content = file.read(_MAXIMUM_IGNORE_BYTES + 1)
                except OSError as error:
                    raise _refused(str(path), error) from error
                if len(content) > _MAXIMUM_IGNORE_BYTES:
                    raise SourceError(f"an ignore file of more than {_MAXIMUM_IGNORE_BYTES} bytes", _shown(str(path)))
                patterns = Patterns.of_file(content, base)
                above = (patterns, *above) if patterns else above  # noqa: PLW2901
            result.append(above)
        return result[0], result[1]

    # -- the walk -------------------------------------------------------------------

    def _list(self, folder: _Folder, above: bytes, entries: list[ProjectEntry]) -> Iterator[_Folder]:
        """Add what lies directly in ``folder`` to ``entries`` and give the folders to go on with.

        ``above`` comes before the project in the paths that ignore files see.
        """
        try:
            with os.scandir(folder.location) as listing:
                found = list(listing)
        except OSError as error:
            raise _refused(folder.relative or str(folder.location), error) from error
        if not found and folder.relative:
            if folder.included or not folder.ignored:
                mode = self._mode(folder.location.stat())
                entries.append(ProjectEntry(folder.relative[:-1], "directory", mode, 0, "", folder.location))
            return
        rules = folder.rules
        own = [entry.name for entry in found if entry.name in _IGNORE_FILES and entry.is_file(follow_symlinks=False)]
        if own:
            rules = self._with_rules_of(folder.location, above + folder.relative.encode("utf-8"), own, rules)
        for entry in found:
            if entry.name in _NEVER or (self.skip and entry.path in self.skip):
                continue
            path = folder.relative + entry.name
            is_folder = entry.is_dir(follow_symlinks=False)
            included, ignored = self._choice(folder, path, above, rules, is_folder)
            if is_folder:
                if included or not ignored or (included is None and self.include.reaches_below(path.encode("utf-8"))):
                    yield _Folder(
                        folder.location / entry.name, path + "/", rules, included=bool(included), ignored=ignored
                    )
            elif included or not ignored:
                self._add(entry, folder.location, path, entries)

    def _choice(
        self, folder: _Folder, path: str, above: bytes, rules: _Rules, is_folder: bool
    ) -> tuple[bool | None, bool]:
        """Whether ``include`` names ``path`` (or a folder that it is in), and whether something leaves it out.

        ``(False, True)`` is final: nothing below can be named back in.
        """
        encoded = self._encode(path)
        name = encoded.rpartition(b"/")[2]
        if self.exclude and self.exclude.decide(encoded, name, folder=is_folder):
            return False, True
        included: bool | None = folder.included or None
        if self.include:
            decision = self.include.decide(encoded, name, folder=is_folder)
            included = included if decision is None else (decision or None)
        return included, folder.ignored or _ignored(above + encoded, name, is_folder, rules)

    def _add(self, entry: os.DirEntry[str], folder: Path, path: str, entries: list[ProjectEntry]) -> None:
        try:
            status = entry.stat(follow_symlinks=False)
            target = _link_text(entry.path) if stat.S_ISLNK(status.st_mode) else ""
        except OSError as error:
            raise _refused(path, error) from error
        if target:
            self._check_link(path, target)
            entries.append(ProjectEntry(path, "symlink", 0o777, 0, target, folder / entry.name))
        elif stat.S_ISREG(status.st_mode):
            self._check_readable(entry.path, path)
            entries.append(ProjectEntry(path, "file", self._mode(status), status.st_size, "", folder / entry.name))
        else:
            self.notes.append(f"{path}: passed over, it is neither a file nor a folder nor a link")

    def _mode(self, status: os.stat_result) -> int:
        if not self.normalized:
            return status.st_mode & 0o777
        return 0o755 if stat.S_ISDIR(status.st_mode) or status.st_mode & 0o100 else 0o644

    # -- refusals -------------------------------------------------------------------

    @staticmethod
    def _encode(path: str) -> bytes:
        try:
            return path.encode("utf-8")
        except UnicodeEncodeError:
            raise SourceError(
                "its name is not UTF-8; rename it, or exclude the folder that it is in", _shown(path)
            ) from None

    @staticmethod
    def _check_readable(location: str, path: str) -> None:
        if _READ_CHECK and not os.access(location, os.R_OK):
            raise PermissionDenied(f"{path}: permission to read it is missing; grant it, or exclude the path")

    def _check_link(self, path: str, target: str) -> None:
        """Refuse a link whose target is absolute or leaves the project, as spelled or as the system resolves it."""
        try:
            target.encode("utf-8")
        except UnicodeEncodeError:
            raise SourceError(f"the link's target {_shown(target)!r} is not UTF-8; exclude the link", path) from None
        if target.startswith("/") or (os.name == "nt" and Path(target).drive):
            raise SourceError(f"a link to the absolute path {target!r}; make it relative, or exclude it", path)
        folder = path.split("/")[:-1]
        if _spelled(folder, target) and self._resolved(folder, target):
            return
        raise SourceError(f"the link's target {target!r} lies outside the project; copy it in, or exclude it", path)

    def _resolved(self, folder: list[str], target: str) -> bool:
        """Whether following ``target`` from ``folder``, through other links too, stays inside the project."""
        at, todo, links = list(folder), target.split("/")[::-1], 0
        while todo:
            part = todo.pop()
            if part in ("", "."):
                continue
            if part == "..":
                if not at:
                    return False
                at.pop()
                continue
            try:
                onward = _link_text(self.root.joinpath(*at, part))
            except OSError:  # no link, or nothing there
                at.append(part)
                continue
            links += 1
            if links > _MAXIMUM_LINKS:
                return True  # a loop leads nowhere
            if onward.startswith("/"):
                return False
            todo.extend(onward.split("/")[::-1])
        return True

    def _note_collisions(self, entries: Sequence[ProjectEntry]) -> None:
        """Note the paths that are one and the same where case or Unicode form does not count."""
        paths: dict[str, None] = {}
        for entry in entries:
            path = entry.path
            while path and path not in paths:
                paths[path] = None
                path = path.rpartition("/")[0]
        seen: dict[str, str] = {}
        for path in paths:
            other = seen.setdefault(_without_case(path), path)
            if other != path and other.rpartition("/")[0] == path.rpartition("/")[0]:
                self.notes.append(
                    f"{path}: differs from {other} only in case or Unicode form; "
                    "file systems that ignore that cannot hold both"
                )


@dataclass(frozen=True)
class _Folder:
    """A folder to list. ``relative`` ends with a slash or is empty; ``rules`` are those of the folders above."""

    location: Path
    relative: str
    rules: _Rules
    included: bool
    ignored: bool


def _without_case(path: str) -> str:
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _link_text(location: str | Path) -> str:
    return os.readlink(location)  # noqa: PTH115 (a Path would tidy the text up)


def _spelled(folder: list[str], target: str) -> bool:
    """Whether ``target``, read from ``folder`` without asking the file system, stays inside the project."""
    depth = len(folder)
    for part in target.split("/"):
        if part == "..":
            depth -= 1
            if depth < 0:
                return False
        elif part not in ("", "."):
            depth += 1
    return True


def _ignored(path: bytes, name: bytes, folder: bool, rules: _Rules) -> bool:
    """What the ignore files say."""
    for kind in rules:
        for patterns in kind:
            decision = patterns.decide(path, name, folder=folder)
            if decision is not None:
                return decision
    return False
