"""No name and no link leaves the folder that a package is unpacked in."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qyn1_core.archive import UnsafePath, check_path
from qyn1_core.archive import check_tree as check_paths


def check_tree(files: Sequence[str], directories: Sequence[str], links: Mapping[str, str]) -> None:
    kinds = ("file", files), ("directory", directories), ("link", links)
    check_paths(((path, kind) for kind, paths in kinds for path in paths), links)


@pytest.mark.parametrize(
    "path",
    [
        "", "/", "/etc/passwd", "..", "../x", "a/../b", "a/..", ".", "./a", "a//b", "a/", "a\0b",
        "C:/x", "c:x", "a\\b", "..\\x", "con", "CON.txt", "a/nul", "aux.c", "COM1", "lpt9.h", "conin$",
        "a.", "a ", "a/b. /c", "a:stream", "x\x1fy", "\ud800", "a" * 256, "a/" * 3000 + "b", "d/" * 255 + "e",
    ],
)  # fmt: skip
def test_hostile_and_unportable_names_are_refused(path: str) -> None:
    with pytest.raises(UnsafePath):
        check_path(path)


@pytest.mark.parametrize(
    "path", ["a", "a/b/c.py", ".gitignore", "..a", "a..", "…/ü.rs", "console.py", "com10", "nulls.c"]
)
def test_ordinary_names_are_accepted(path: str) -> None:
    check_path(path, portable=path != "a..")


@pytest.mark.parametrize("path", ["aux.c", "a:b", "a\\b", "end."])
def test_unportable_names_can_be_admitted(path: str) -> None:
    check_path(path, portable=False)


@pytest.mark.parametrize(
    ("links", "why"),
    [
        ({"a": "/etc"}, "absolute"),
        ({"a": ".."}, "leaves"),
        ({"a": "b/../../c"}, "leaves"),
        ({"d/a": "../.."}, "leaves"),
        ({"d/e/root": "../..", "d/e/b": "root/../x"}, "leaves"),
        ({"a": "b", "b": "c", "c": "../x"}, "leaves"),
        ({"a": ""}, "target"),
        ({"a": "x\0y"}, "target"),
        ({"a": "C:\\x"}, "character"),
    ],
)
def test_links_that_leave_the_folder_are_refused(links: dict[str, str], why: str) -> None:
    with pytest.raises(UnsafePath, match=why) if why != "character" else pytest.raises(UnsafePath):
        check_tree([], [], links)


@pytest.mark.parametrize("links", [{"a": "b"}, {"d/a": "../b"}, {"a": "a"}, {"a": "b", "b": "a"}, {"d/a": "./../d/a"}])
def test_links_that_stay_inside_are_accepted(links: dict[str, str]) -> None:
    check_tree(["b2"], [], links)


@pytest.mark.parametrize(
    ("files", "directories", "links"),
    [
        (["a", "a"], [], {}),
        (["a"], ["a"], {}),
        (["a", "a/b"], [], {}),
        (["a/b"], [], {"a": "c"}),
        (["README", "readme"], [], {}),
        (["x/a"], ["X"], {}),
        (["caf\u00e9", "cafe\u0301"], [], {}),
    ],
)
def test_entries_that_cannot_stand_together_are_refused(
    files: list[str], directories: list[str], links: dict[str, str]
) -> None:
    with pytest.raises(UnsafePath):
        check_tree(files, directories, links)


_component = st.sampled_from(["a", "b", "c", ".", "..", "up", ""])


@given(
    st.dictionaries(
        st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map("/".join),
        st.lists(_component, min_size=1, max_size=5).map("/".join),
        max_size=5,
    )
)
def test_no_accepted_link_resolves_outside(links: dict[str, str]) -> None:
    try:
        check_tree([], [], links)
    except UnsafePath:
        return
    for path in links:
        place = _follow(path, links)
        assert place is None or not place.startswith("..")


def _follow(path: str, links: dict[str, str]) -> str | None:
    """An independent resolver: recursion over whole prefixes, as POSIX describes path resolution."""

    def resolve(base: str, rest: list[str], budget: list[int]) -> str | None:
        place = base
        for i, step in enumerate(rest):
            if step in ("", "."):
                continue
            if step == "..":
                if place in ("", ".."):
                    return ".."
                place = posixpath.dirname(place)
                continue
            candidate = f"{place}/{step}" if place else step
            if candidate in links:
                budget[0] -= 1
                if budget[0] < 0:
                    return None
                inner = resolve(posixpath.dirname(candidate), links[candidate].split("/"), budget)
                return None if inner is None else inner if inner == ".." else resolve(inner, rest[i + 1 :], budget)
            place = candidate
        return place

    return resolve(posixpath.dirname(path), [posixpath.basename(path)], [40])
