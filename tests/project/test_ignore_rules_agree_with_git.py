"""What is packed is what git would list: compared with the real program on random trees."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from qyn1_core.project import discover

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

_NAMES = st.sampled_from(
    ["a", "b", "ab", "a.py", "b.py", "aé", ".h", "x y", "a]", "#a", "!a", "build", "a-b", "A", "a^", "[a", "*", "a\\b"]
)
_GLOBS = st.sampled_from(
    ["a", "b", "ab", ".py", "build", "*", "?", "**", "[ab]", "[!a]", "[^b]", "[a-c]", "[]a]", "[[:alpha:]]", "[[:x:]]",
     "[c-a]", "[b-]", "[\\]a]", "[", "]", "\\*", "\\a", "\\", "é", "x y", "#a", "!a", "-", ".", "^", "[/]", "[[:a]"]
)  # fmt: skip
_COMPONENTS = st.lists(_GLOBS, min_size=1, max_size=3).map("".join)
_PATTERNS = st.builds(
    lambda lead, components, trail, blank: lead + "/".join(components) + trail + blank,
    st.sampled_from(["", "", "", "/", "!", "!", "!/", "#", "\\!", "\\#", "**/"]),
    st.lists(_COMPONENTS, min_size=1, max_size=3),
    st.sampled_from(["", "", "", "/", "/**", "/*", "//"]),
    st.sampled_from(["", "", "", "", " ", "  ", "\\ ", "\r"]),
)
_IGNORE_FILES = st.builds(
    lambda lines, end, mark: mark + "\n".join(lines) + end,
    st.lists(_PATTERNS, min_size=1, max_size=5),
    st.sampled_from(["", "\n"]),
    st.sampled_from(["", "", "", "\ufeff"]),
)
_FILES = st.lists(st.lists(_NAMES, min_size=1, max_size=4).map("/".join), min_size=1, max_size=12)


def _grow(root: Path, files: list[str], ignores: dict[str, str]) -> None:
    for file in files:
        path = root / file
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x")
        except OSError:
            continue  # a file already stands where a folder should, or the other way round
    folders = [root, *sorted(path for path in root.rglob("*") if path.is_dir())]
    for choice, text in ignores.items():
        folder = folders[int(choice) % len(folders)]
        (folder / ".gitignore").write_bytes(text.encode())


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty repository that serves for every work tree."""
    folder = tmp_path_factory.mktemp("repository")
    subprocess.run(["git", "init", "-q", "--bare", str(folder)], check=True)
    return folder


def _listed_by_git(repository: Path, root: Path) -> list[bytes]:
    output = subprocess.run(
        [
            *("git", f"--git-dir={repository}", f"--work-tree={root}", "-c", "core.excludesFile=/dev/null"),
            *("ls-files", "-z", "-co", "--exclude-standard"),
        ],
        cwd=root,
        env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
        check=True,
        capture_output=True,
    ).stdout
    return sorted(path for path in output.split(b"\0") if path)


@settings(max_examples=150)
@given(
    files=_FILES,
    ignores=st.dictionaries(st.sampled_from("0123"), _IGNORE_FILES, min_size=1, max_size=3),
)
@example(files=["kept/b", "c"], ignores={"0": "*\n!/kept"})
@example(files=["a/b/c", "a/x"], ignores={"0": "a/\n!a/x"})
@example(files=["foox/y/bar", "foo/bar"], ignores={"0": "/foo**/bar"})
def test_the_same_files_are_listed(repository: Path, files: list[str], ignores: dict[str, str]) -> None:
    with TemporaryDirectory() as folder:
        root = Path(folder)
        _grow(root, files, ignores)
        found = [e.path.encode() for e in discover(root) if e.kind == "file"]
        assert found == _listed_by_git(repository, root)


@settings(max_examples=50)
@given(files=_FILES, top=_IGNORE_FILES, inner=_IGNORE_FILES)
def test_a_subfolder_of_a_work_tree_obeys_the_ignore_files_above_it(
    repository: Path, files: list[str], top: str, inner: str
) -> None:
    with TemporaryDirectory() as folder:
        root = Path(folder)
        _grow(root, [f"project/{file}" for file in files], {})
        (root / ".gitignore").write_bytes(top.encode())
        (root / "project" / ".gitignore").write_bytes(inner.encode())
        (root / ".git").mkdir()  # what makes it a work tree for us
        listed = _listed_by_git(repository, root)
        # A project that its work tree ignores as a whole is packed all the same: the user named it.
        assume(listed != [b".gitignore"] and listed)
        below = [path.removeprefix(b"project/") for path in listed if path.startswith(b"project/")]
        found = [e.path.encode() for e in discover(root / "project") if e.kind == "file"]
        assert found == below or not below
