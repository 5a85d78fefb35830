"""Which names and links an archive may hold: nothing that could leave its folder.

`check_path` and `check_tree` are the only judges; packing and unpacking both ask them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Final

from qyn1_core.archive.path_table import PathTable, split

__all__ = ["UnsafePath", "check_path", "check_tree", "without_case"]

_KINDS: Final = ("file", "directory", "link")
_NFC: Final = partial(unicodedata.normalize, "NFC")
_MAX_PATH: Final = 4096
_MAX_COMPONENT: Final = 255
_MAX_DEPTH: Final = 255
_MAX_LINK_HOPS: Final = 64
# https://learn.microsoft.com/windows/win32/fileio/naming-a-file
_RESERVED: Final = frozenset(
    ["con", "prn", "aux", "nul", "conin$", "conout$"]
    + [f"{device}{digit}" for device in ("com", "lpt") for digit in "0123456789¹²³"]
)
_UNPORTABLE_CHARACTERS: Final = frozenset('\\:<>"|?*') | frozenset(map(chr, range(1, 32)))


class UnsafePath(ValueError):
    """A name or link that an archive may not hold; the text says why."""


def check_path(path: str, *, portable: bool = True) -> None:
    """Raise `UnsafePath` unless ``path`` names a place below the folder it is unpacked in.

    ``portable`` also refuses what Windows would read as something else: devices,
    drives, streams, backslashes, trailing dots and spaces.
    """
    if not path:
        raise UnsafePath("an empty path")
    if path.startswith("/"):
        raise UnsafePath("an absolute path")
    _check_size(path)
    components = path.split("/")
    if len(components) > _MAX_DEPTH:
        raise UnsafePath(f"more than {_MAX_DEPTH} folders deep")
    for component in components:
        _check_component(component, portable=portable)


def _check_size(path: str) -> None:
    try:
        size = len(path.encode("utf-8"))
    except UnicodeEncodeError:
        raise UnsafePath("a path that is not valid Unicode") from None
    if size > _MAX_PATH:
        raise UnsafePath(f"a path of more than {_MAX_PATH} bytes")


def _check_component(component: str, *, portable: bool) -> None:
    if component in ("", ".", ".."):
        raise UnsafePath(f"the path component {component!r}")
    if len(component.encode("utf-8")) > _MAX_COMPONENT:
        raise UnsafePath(f"a path component of more than {_MAX_COMPONENT} bytes")
    if "\0" in component:
        raise UnsafePath("a NUL character in the path")
    if portable:
        _check_portable(component)


def _check_portable(component: str) -> None:
    if len(component) >= 2 and component[1] == ":" and component[0].isalpha():
        raise UnsafePath("a drive letter")
    bad = _UNPORTABLE_CHARACTERS.intersection(component)
    if bad:
        raise UnsafePath(f"the character {min(bad)!r}, which Windows does not allow in names")
    if component[-1] in ". ":
        raise UnsafePath("a name that ends in a dot or space, which Windows drops")
    if component.split(".", maxsplit=1)[0].rstrip(" ").lower() in _RESERVED:
        raise UnsafePath(f"{component!r}, which is a device on Windows")


def check_tree(paths: Iterable[tuple[str, str]], links: Mapping[str, str], *, portable: bool = True) -> None:
    """Raise `UnsafePath` unless all ``paths`` can stand in one folder, and every link stays inside it.

    Each path comes with its kind: ``file``, ``directory`` or ``link``. ``links`` has the target of
    every link, at the latest when ``paths`` has been read to its end. Paths are unique; nothing lies below a
    file or a link; ``portable`` also refuses names that differ only in case or in Unicode
    normalisation. Links are followed through each other, as the operating system would.
    """
    table = PathTable()
    kinds = bytearray()
    known: set[str] = set()  # folders that have been looked at
    for path, kind in paths:
        folder, name = split(path)
        if folder not in known:
            check_path(path, portable=portable)
            known.add(folder)
        else:
            _check_size(path)
            _check_component(name, portable=portable)
        table.append(path)
        kinds.append(_KINDS.index(kind))
    below: dict[str, list[str]] = {"": []}  # the folders in each folder, all with the slash at their end
    for folder in table.folders:
        _enter(below, folder)
    for folder, numbers in table.by_folder():
        _check_folder(folder, [(table.name(n), _KINDS[kinds[n]]) for n in numbers], below.pop(folder), portable)
    for folder, folders in below.items():  # these hold nothing but folders
        _check_folder(folder, [], folders, portable)
    for path, target in links.items():
        _check_link(path, target, links, portable=portable)


def _enter(below: dict[str, list[str]], folder: str) -> None:
    """List ``folder`` in the one that it is in, and that in its own."""
    if folder not in below:  # at most 255 deep: `check_path` has seen to that
        parent = folder[: folder.rfind("/", 0, -1) + 1]
        _enter(below, parent)
        below[parent].append(folder)
        below[folder] = []


def _check_folder(folder: str, entries: Sequence[tuple[str, str]], folders: Sequence[str], portable: bool) -> None:
    """Whether ``entries`` (names and kinds) and ``folders`` (whole paths) can stand beside each other."""
    kinds: dict[str, str] = {}
    for name, kind in entries:
        if name in kinds:
            raise UnsafePath(f"{folder + name!r} occurs twice")
        kinds[name] = kind
    for path in folders:
        name = path[len(folder) : -1]
        kind = kinds.setdefault(name, "directory")
        if kind != "directory":
            raise UnsafePath(f"{path[:-1]!r} as a {kind} and as a folder with something in it")
    if portable:
        _check_collisions(folder, kinds)


def without_case(name: str) -> str:
    """What two names share that are one where case or Unicode form does not count."""
    return name.lower() if name.isascii() else _NFC(_NFC(name).casefold())


def _check_collisions(folder: str, names: Iterable[str]) -> None:
    seen: dict[str, str] = {}
    for name in sorted(names):
        other = seen.setdefault(without_case(name), name)
        if other != name:
            raise UnsafePath(
                f"{folder + other!r} and {folder + name!r} are one name where case or Unicode form does not count"
            )


def _check_link(path: str, target: str, links: Mapping[str, str], *, portable: bool) -> None:
    if not target or "\0" in target or len(target.encode("utf-8", "surrogatepass")) > _MAX_PATH:
        raise UnsafePath(f"the link {path!r} has an unusable target")
    hops = 0
    place: list[str] = path.split("/")[:-1]
    waiting = _link_steps(path, target, portable=portable)
    while waiting:
        step = waiting.pop()
        if step in ("", "."):
            continue
        if step == "..":
            if not place:
                raise UnsafePath(f"the link {path!r} leaves the folder: {target!r}")
            place.pop()
            continue
        place.append(step)
        onward = links.get("/".join(place))
        if onward is not None:
            hops += 1
            if hops > _MAX_LINK_HOPS:
                return  # a loop: the operating system refuses to follow it, so it reaches nothing
            link = "/".join(place)
            place.pop()
            waiting.extend(_link_steps(link, onward, portable=portable))


def _link_steps(path: str, target: str, *, portable: bool) -> list[str]:
    """The components of a link's target, last one first."""
    if target.startswith("/"):
        raise UnsafePath(f"the link {path!r} has an absolute target: {target!r}")
    steps = target.split("/")
    if portable:
        for step in steps:
            if step not in ("", ".", ".."):
                try:
                    _check_portable(step)
                except UnsafePath as error:
                    raise UnsafePath(f"the link {path!r}: {error}") from None
    return steps[::-1]
