"""Which files of a project go into its package.

The rules, strongest first (docs/manifest.md shows them with examples):

1. ``.git``, ``.hg`` and ``.svn`` are never packed, nor are ``.qyn1-*`` (output that is
   under way, or that a crash has left), nor is what the caller names
   in ``skip`` (the package being written).
2. ``exclude`` patterns leave out, a folder with all that it holds.
3. ``include`` patterns take in what an ignore file leaves out, also inside a
   folder that is left out.
4. ``.qyn1ignore`` files decide, then ``.gitignore`` files; of each kind the one in
   the deepest folder first, and in it the last pattern that matches. Those of
   the folders above the project count too, up to the enclosing git work tree's
   top. As in git, nothing inside a folder that is left out can be named back in.
5. The links that Bazel makes in a workspace (``bazel-bin`` and the like) are left out.

All patterns are git's. Symbolic links are packed as links and never followed.
Sockets, pipes and devices hold no source code: they are passed over with a note.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from qyn1_core.archive.paths import without_case
from qyn1_core.errors import ConfigError, NotFound, PermissionDenied, SourceError
from qyn1_core.ignore import Patterns
from qyn1_core.output import TEMPORARY_PREFIX
from qyn1_core.project_entries import ProjectEntries, ProjectEntry

__all__ = ["ProjectEntries", "ProjectEntry", "discover", "made_by_bazel"]

_NEVER: Final = frozenset({".git", ".hg", ".svn"})
_BAZEL_WORKSPACE: Final = ("WORKSPACE", "WORKSPACE.bazel", "MODULE.bazel", "REPO.bazel")
_IGNORE_FILES: Final = (".qyn1ignore", ".gitignore")  # the first one that decides wins
_MAXIMUM_IGNORE_BYTES: Final = 1 << 20
_MAXIMUM_LINKS: Final = 40  # as Linux's own path resolution
_READ_CHECK: Final = hasattr(os, "geteuid")

_Rules = tuple[tuple[Patterns, ...], tuple[Patterns, ...]]  # per ignore file name, deepest first


def discover(
    root: Path,
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    skip: Collection[Path] = (),
    permissions: str = "exact",
    notes: list[str] | None = None,
) -> ProjectEntries:
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
        return walk.single(root, status)
    if not stat.S_ISDIR(status.st_mode):
        raise SourceError("neither a file nor a folder", str(root))
    return walk.run()


def made_by_bazel(folder: Path, name: str) -> bool:
    """Whether ``name`` in ``folder`` is a link into Bazel's output base, such as a build leaves in a workspace."""
    if not name.startswith("bazel-") or not (folder / name).is_symlink():
        return False
    target = _link_text(folder / name)
    leads_there = target.startswith("/") and "execroot" in target.split("/")
    return leads_there and any((folder / file).is_file() for file in _BAZEL_WORKSPACE)


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

    def run(self) -> ProjectEntries:
        prefix, rules = self._rules_above()
        entries = ProjectEntries(os.path.join(self.root, ""))  # noqa: PTH118 (the separator at the end counts)
        # Depth first, and in each folder in the order of the bytes of the paths that begin there:
        # so all paths come in the order of their bytes.
        way = [self._open(_Folder(self.root, "", rules, included=False, ignored=False), prefix, entries)]
        while way:
            listing = way[-1]
            name = next(listing.names, None)
            if name is None:
                way.pop()
                self._note_collisions(listing)
                if way and listing.kept:
                    way[-1].keep(listing.folder.relative[:-1])
                continue
            folder = self._visit(listing, name, prefix, entries)
            if folder is not None:
                way.append(self._open(folder, prefix, entries))
        return entries

    def single(self, given: Path, status: os.stat_result) -> ProjectEntries:
        name = given.name or self.root.name
        self._encode(name)
        self._check_readable(str(self.root), str(given))
        entries = ProjectEntries(str(self.root), single=True)
        entries.append(name, "file", self._mode(status), status.st_size)
        return entries

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

    def _open(self, folder: _Folder, above: bytes, entries: ProjectEntries) -> _Listing:
        """What is directly in ``folder``; if it is empty, it is itself added to ``entries``.

        ``above`` comes before the project in the paths that ignore files see.
        """
        names: list[bytes] = []
        own: list[str] = []
        try:
            with os.scandir(folder.location) as found:
                for entry in found:
                    name = os.fsencode(entry.name)
                    names.append(name + b"/" if entry.is_dir(follow_symlinks=False) else name)
                    if entry.name in _IGNORE_FILES and entry.is_file(follow_symlinks=False):
                        own.append(entry.name)
        except OSError as error:
            raise _refused(folder.relative or str(folder.location), error) from error
        rules = folder.rules
        if own:
            rules = self._with_rules_of(folder.location, above + folder.relative.encode("utf-8"), own, rules)
        listing = _Listing(replace(folder, rules=rules), iter(sorted(names)))
        if not names and folder.relative and (folder.included or not folder.ignored):
            entries.append(folder.relative[:-1], "directory", self._mode(folder.location.stat()))
            listing.kept.append("")
        return listing

    def _visit(self, listing: _Listing, name: bytes, above: bytes, entries: ProjectEntries) -> _Folder | None:
        """Add what is called ``name`` to ``entries``; a folder to go on with is returned instead."""
        folder = listing.folder
        is_folder = name.endswith(b"/")
        text = os.fsdecode(name[:-1] if is_folder else name)
        location = os.path.join(folder.location, text)  # noqa: PTH118 (a Path for each file takes its time)
        if text in _NEVER or text.startswith(TEMPORARY_PREFIX) or (self.skip and location in self.skip):
            return None
        path = folder.relative + text
        included, ignored = self._choice(folder, path, above, folder.rules, is_folder)
        if not is_folder:
            ignored = ignored or made_by_bazel(folder.location, text)
            if (included or not ignored) and self._add(location, path, entries):
                listing.keep(path)
        elif included or not ignored or (included is None and self.include.reaches_below(path.encode("utf-8"))):
            return _Folder(Path(location), path + "/", folder.rules, included=bool(included), ignored=ignored)
        return None

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

    def _add(self, location: str, path: str, entries: ProjectEntries) -> bool:
        """Add a file or link to ``entries``; False for what is neither."""
        try:
            status = os.lstat(location)
            target = _link_text(location) if stat.S_ISLNK(status.st_mode) else ""
        except OSError as error:
            raise _refused(path, error) from error
        if target:
            self._check_link(path, target)
            entries.append(path, "symlink", 0o777, target=target)
        elif stat.S_ISREG(status.st_mode):
            self._check_readable(location, path)
            entries.append(path, "file", self._mode(status), status.st_size)
        else:
            self.notes.append(f"{path}: passed over, it is neither a file nor a folder nor a link")
            return False
        return True

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

    def _note_collisions(self, listing: _Listing) -> None:
        """Note the names that are one and the same where case or Unicode form does not count."""
        seen: dict[str, str] = {}
        for name in listing.kept:
            other = seen.setdefault(without_case(name), name)
            if other != name:
                first, second = (listing.folder.relative + each for each in (other, name))
                self.notes.append(
                    f"{second}: differs from {first} only in case or Unicode form; "
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


@dataclass(frozen=True)
class _Listing:
    """A folder on the way: the ``names`` that are still to come, and those of which something is packed."""

    folder: _Folder
    names: Iterator[bytes]
    kept: list[str] = field(default_factory=list)

    def keep(self, path: str) -> None:
        """Something of ``path``, which is directly in this folder, is packed."""
        self.kept.append(path[len(self.folder.relative) :])


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
