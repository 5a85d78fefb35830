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


@dataclass(frozen=True)
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
        entries = list(self._folder(str(self.root), "", prefix, rules, included=False, ignored=False))
        entries.sort(key=lambda entry: entry.path.encode("utf-8"))
        self._note_collisions(entries)
        return entries

    def single(self, given: Path, status: os.stat_result) -> ProjectEntry:
        name = given.name or self.root.name
        self._encode(name, name)
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
            rules = self._with_rules_of(str(folder), base, names, rules)
            folder /= part
            base += part.encode("utf-8", "surrogateescape") + b"/"
        return base, rules

    def _with_rules_of(self, folder: str, base: bytes, names: Collection[str], outer: _Rules) -> _Rules:
        """``outer`` and the ignore files ``names`` of one folder, which take precedence."""
        result = []
        for name, above in zip(_IGNORE_FILES, outer, strict=True):
            if name in names:
                path = f"{folder}/{name}"
                try:
                    with Path(path).open("rb") as file:
                        content = file.read(_MAXIMUM_IGNORE_BYTES + 1)
                except OSError as error:
                    raise _refused(path, error) from error
                if len(content) > _MAXIMUM_IGNORE_BYTES:
                    raise SourceError(f"an ignore file of more than {_MAXIMUM_IGNORE_BYTES} bytes", _shown(path))
                patterns = Patterns.of_file(content, base)
                above = (patterns, *above) if patterns else above  # noqa: PLW2901
            result.append(above)
        return result[0], result[1]

    # -- the walk -------------------------------------------------------------------

    def _folder(
        self, folder: str, relative: str, above: bytes, rules: _Rules, *, included: bool, ignored: bool
    ) -> Iterator[ProjectEntry]:
        """The entries below ``folder``; ``relative`` is its path with a trailing slash (or empty).

        ``above`` is what comes before the project in the paths that ignore files
        see; ``included``/``ignored``: a pattern has named the folder itself.
        """
        try:
            with os.scandir(folder) as listing:
                found = list(listing)
        except OSError as error:
            raise _refused(relative or folder, error) from error
        if not found and relative and (included or not ignored):
            status = Path(folder).stat()
            yield ProjectEntry(relative[:-1], "directory", self._mode(status), 0, "", Path(folder))
            return
        own = [entry.name for entry in found if entry.name in _IGNORE_FILES and entry.is_file(follow_symlinks=False)]
        if own:
            rules = self._with_rules_of(folder, above + relative.encode("utf-8"), own, rules)
        for entry in found:
            name = entry.name
            if name in _NEVER or (self.skip and entry.path in self.skip):
                continue
            path = relative + name
            encoded = self._encode(path, name)
            encoded_name = encoded.rpartition(b"/")[2]
            is_folder = entry.is_dir(follow_symlinks=False)
            if self.exclude and self.exclude.decide(encoded, encoded_name, folder=is_folder):
                continue
            wanted: bool | None = None
            if self.include:
                wanted = self.include.decide(encoded, encoded_name, folder=is_folder)
            wanted = included if wanted is None else wanted
            unwanted = ignored or _ignored(above + encoded, encoded_name, is_folder, rules)
            if is_folder:
                if wanted or not unwanted or self.include.reaches_below(encoded):
                    yield from self._folder(entry.path, path + "/", above, rules, included=wanted, ignored=unwanted)
            elif wanted or not unwanted:
                kept = self._entry(entry, path)
                if kept is not None:
                    yield kept

    def _entry(self, entry: os.DirEntry[str], path: str) -> ProjectEntry | None:
        try:
            status = entry.stat(follow_symlinks=False)
            if stat.S_ISLNK(status.st_mode):
                target = os.readlink(entry.path)
                self._check_link(path, target)
                return ProjectEntry(path, "symlink", 0o777, 0, target, Path(entry.path))
        except OSError as error:
            raise _refused(path, error) from error
        if not stat.S_ISREG(status.st_mode):
            self.notes.append(f"{path}: passed over, it is neither a file nor a folder nor a link")
            return None
        self._check_readable(entry.path, path)
        return ProjectEntry(path, "file", self._mode(status), status.st_size, "", Path(entry.path))

    def _mode(self, status: os.stat_result) -> int:
        if not self.normalized:
            return status.st_mode & 0o777
        return 0o755 if stat.S_ISDIR(status.st_mode) or status.st_mode & 0o100 else 0o644

    # -- refusals -------------------------------------------------------------------

    @staticmethod
    def _encode(path: str, name: str) -> bytes:
        try:
            return path.encode("utf-8")
        except UnicodeEncodeError:
            raise SourceError(
                f"the name {_shown(name)!r} is not UTF-8; rename the file, or exclude it with a pattern", _shown(path)
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
                onward = os.readlink(self.root.joinpath(*at, part))
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
        seen: dict[str, str] = {}
        for entry in entries:
            path = entry.path
            while path:
                key = unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
                other = seen.setdefault(key, path)
                if other != path:
                    self.notes.append(
                        f"{path}: differs from {other} only in case or Unicode form; "
                        "file systems that ignore that cannot hold both"
                    )
                    break
                path = path.rpartition("/")[0]


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
