"""Which files go into a package, in which order, and what is refused."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qyn1_core.errors import ConfigError, NotFound, SourceError
from qyn1_core.ignore import Patterns
from qyn1_core.project import ProjectEntry, discover


def _write(root: Path, *files: str, **contents: str) -> None:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text("x")
    for file, content in contents.items():
        (root / f".{file}").write_text(content)


def _paths(entries: Sequence[ProjectEntry]) -> list[str]:
    return [entry.path for entry in entries]


def test_entries_are_sorted_by_the_bytes_of_their_paths(tmp_path: Path) -> None:
    _write(tmp_path, "b", "a/z", "a-b", "a.py", "é", "Z", "a/b/c")
    assert _paths(discover(tmp_path)) == ["Z", "a-b", "a.py", "a/b/c", "a/z", "b", "é"]


def test_names_keep_their_unicode_form(tmp_path: Path) -> None:
    composed, decomposed = "\u00e9.py", "e\u0301.py"
    _write(tmp_path, composed, decomposed)
    if len(list(tmp_path.iterdir())) == 1:
        pytest.skip("this file system does not tell Unicode forms apart")
    notes: list[str] = []
    assert sorted(_paths(discover(tmp_path, notes=notes))) == sorted([composed, decomposed])
    assert len(notes) == 1
    assert "only in case or Unicode form" in notes[0]


def test_paths_that_differ_in_case_only_are_packed_with_a_note(tmp_path: Path) -> None:
    _write(tmp_path, "Readme", "README", "lib/x/a", "Lib/y/b")
    if (tmp_path / "rEADME").exists():
        pytest.skip("this file system does not tell case apart")
    notes: list[str] = []
    assert len(discover(tmp_path, notes=notes)) == 4
    assert [note.split(":")[0] for note in notes] == ["Readme", "lib"]


def test_an_entry_tells_kind_mode_size_and_source(tmp_path: Path) -> None:
    script, empty = tmp_path / "run.sh", tmp_path / "empty"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o4750)
    empty.mkdir(mode=0o700)
    (tmp_path / "link").symlink_to("./run.sh")
    found = discover(tmp_path)
    assert list(found) == [
        ProjectEntry("empty", "directory", 0o700, 0, "", str(tmp_path / "empty")),
        ProjectEntry("link", "symlink", 0o777, 0, "./run.sh", str(tmp_path / "link")),
        ProjectEntry("run.sh", "file", 0o750, 10, "", str(script)),
    ]


def test_normalized_permissions_keep_only_the_exec_bit(tmp_path: Path) -> None:
    for name, mode in {"a": 0o600, "b": 0o711, "c": 0o666, "d": 0o655}.items():
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(mode)
    (tmp_path / "e").mkdir(mode=0o700)
    found = discover(tmp_path, permissions="normalized")
    assert [entry.mode for entry in found] == [0o644, 0o755, 0o644, 0o644, 0o755]


def test_unknown_permissions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'exact' or 'normalized', not 'all'"):
        discover(tmp_path, permissions="all")


def test_only_folders_that_are_empty_become_entries(tmp_path: Path) -> None:
    (tmp_path / "deep/inner").mkdir(parents=True)
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache/x.pyc").write_text("")
    (tmp_path / "ignored").mkdir()
    _write(tmp_path, gitignore="*.pyc\nignored/\n")
    assert _paths(discover(tmp_path)) == [".gitignore", "deep/inner"]


def test_an_empty_project_gives_nothing(tmp_path: Path) -> None:
    assert list(discover(tmp_path)) == []


@pytest.mark.parametrize("name", [".git", ".hg", ".svn", ".qyn1-0123456789abcdef.tmp"])
def test_version_control_and_unfinished_output_are_never_packed(tmp_path: Path, name: str) -> None:
    _write(tmp_path, f"{name}/config", f"sub/{name}/config", "a")
    assert _paths(discover(tmp_path, include=["*", name])) == ["a"]


def test_the_file_that_a_work_tree_has_instead_of_a_git_folder_is_not_packed(tmp_path: Path) -> None:
    _write(tmp_path, "module/.git", "module/a")
    assert _paths(discover(tmp_path)) == ["module/a"]


def test_info_exclude_is_not_read(tmp_path: Path) -> None:
    _write(tmp_path, ".git/info/exclude", "x")
    (tmp_path / ".git/info/exclude").write_text("x\n")
    assert _paths(discover(tmp_path)) == ["x"]


def test_a_qyn1ignore_decides_before_every_gitignore(tmp_path: Path) -> None:
    _write(tmp_path, "generated/a", "generated/b", "docs/c", "keep", gitignore="generated/\nkeep\n")
    _write(tmp_path, qyn1ignore="!generated/\ndocs\n.*ignore\n!keep\n")
    assert _paths(discover(tmp_path)) == ["generated/a", "generated/b", "keep"]


def test_include_takes_in_what_ignore_files_leave_out(tmp_path: Path) -> None:
    _write(tmp_path, "gen/a.py", "gen/deep/b.py", "gen/c.txt", "other/d.py", gitignore="gen\nother\n.gitignore")
    assert _paths(discover(tmp_path)) == []
    assert _paths(discover(tmp_path, include=["gen/**/*.py"])) == ["gen/a.py", "gen/deep/b.py"]
    assert _paths(discover(tmp_path, include=["gen/deep"])) == ["gen/deep/b.py"]
    assert _paths(discover(tmp_path, include=["*.py"])) == ["gen/a.py", "gen/deep/b.py", "other/d.py"]
    assert _paths(discover(tmp_path, include=["gen/", "!gen/deep"])) == ["gen/a.py", "gen/c.txt"]


def test_exclude_wins_over_include_and_ignore_files(tmp_path: Path) -> None:
    _write(tmp_path, "gen/a.py", "gen/secret/key", "src/secret/key", "src/b", gitignore="!*\n")
    found = discover(tmp_path, include=["gen", "secret", "key"], exclude=["secret/", ".gitignore"])
    assert _paths(found) == ["gen/a.py", "src/b"]


def test_what_the_caller_skips_is_not_packed(tmp_path: Path) -> None:
    _write(tmp_path, "dist/app.qyn1", "dist/kept", "out/x", "a")
    (tmp_path / "elsewhere").symlink_to("dist")
    skip = [tmp_path / "elsewhere/app.qyn1", tmp_path / "out", tmp_path / "not there"]
    assert _paths(discover(tmp_path, skip=skip)) == ["a", "dist/kept", "elsewhere"]


def test_the_package_of_the_last_run_changes_nothing(tmp_path: Path) -> None:
    _write(tmp_path, "a")
    before = list(discover(tmp_path, skip=[tmp_path / "dist/app.qyn1"]))
    _write(tmp_path, "dist/app.qyn1")
    assert list(discover(tmp_path, skip=[tmp_path / "dist/app.qyn1"])) == before


def test_a_single_file_is_packed_whatever_the_patterns_say(tmp_path: Path) -> None:
    _write(tmp_path, "a.py", gitignore="*")
    (entry,) = discover(tmp_path / "a.py", exclude=["*"])
    assert (entry.path, entry.kind, entry.size, entry.source) == ("a.py", "file", 1, str(tmp_path / "a.py"))


def test_a_project_reached_through_a_link_is_packed(tmp_path: Path) -> None:
    _write(tmp_path, "real/a")
    (tmp_path / "link").symlink_to("real")
    assert _paths(discover(tmp_path / "link")) == ["a"]


def test_a_missing_project_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="nowhere: no such file or folder"):
        discover(tmp_path / "nowhere")


# -- links --------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "sub/../../outside", "..", "a/b/up/../outside"])
def test_a_link_out_of_the_project_is_refused(tmp_path: Path, target: str) -> None:
    _write(tmp_path, "project/a/b/file", "outside")
    (tmp_path / "project/a/b/up").symlink_to("../..")
    (tmp_path / "project/leak").symlink_to(target)
    with pytest.raises(SourceError, match=r"^leak: .*(absolute|outside the project)"):
        discover(tmp_path / "project")
    assert "leak" not in _paths(discover(tmp_path / "project", exclude=["leak"]))


def test_links_inside_are_stored_and_never_followed(tmp_path: Path) -> None:
    _write(tmp_path, "a/file")
    for name, target in {"up": "..", "loop": "loop", "dangling": "no/such", "round": "../a/round/x"}.items():
        (tmp_path / "a" / name).symlink_to(target)
    found = discover(tmp_path)
    assert {e.path: e.target for e in found if e.kind == "symlink"} == {
        "a/up": "..",
        "a/loop": "loop",
        "a/dangling": "no/such",
        "a/round": "../a/round/x",
    }
    assert [e.path for e in found if e.kind != "symlink"] == ["a/file"]


# -- what is not a file -------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.parametrize("boundary", ["WORKSPACE", "WORKSPACE.bazel", "MODULE.bazel", "REPO.bazel"])
@pytest.mark.parametrize("folder", ["", "examples/user/"])
def test_the_links_that_bazel_makes_in_a_workspace_are_left_out(tmp_path: Path, folder: str, boundary: str) -> None:
    execution_root = "/home/me/.cache/bazel/_bazel_me/0f3a/execroot/_main"
    _write(tmp_path, folder + boundary, folder + "BUILD.bazel", folder + "bazel-notes.txt", folder + "bazel-tools/a")
    (tmp_path / folder / "bazel-own").symlink_to("BUILD.bazel")
    for name, below in {"bin": "/bazel-out/k8-fastbuild/bin", "out": "/bazel-out", "user": ""}.items():
        (tmp_path / folder / f"bazel-{name}").symlink_to(execution_root + below)
    kept = ["BUILD.bazel", boundary, "bazel-notes.txt", "bazel-own", "bazel-tools/a"]
    assert _paths(discover(tmp_path)) == [folder + name for name in sorted(kept)]
    with pytest.raises(SourceError, match="bazel-out"):
        discover(tmp_path, include=["bazel-out"])


def test_only_a_workspace_has_links_of_bazel(tmp_path: Path) -> None:
    _write(tmp_path, "WORKSPACE", "tool/BUILD")
    (tmp_path / "tool/bazel-bin").symlink_to("/home/me/.cache/bazel/_bazel_me/0f3a/execroot/_main/bazel-out")
    with pytest.raises(SourceError, match="tool/bazel-bin: a link to the absolute path"):
        discover(tmp_path)
    assert _paths(discover(tmp_path, exclude=["bazel-bin"])) == ["WORKSPACE", "tool/BUILD"]


def test_a_link_of_ones_own_is_not_taken_for_one_of_bazels(tmp_path: Path) -> None:
    _write(tmp_path, "WORKSPACE")
    (tmp_path / "bazel-data").symlink_to("/srv/data")
    with pytest.raises(SourceError, match="bazel-data: a link to the absolute path"):
        discover(tmp_path)


def test_pipes_and_sockets_are_passed_over_with_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(tmp_path, "a")
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        notes: list[str] = []
        assert _paths(discover(tmp_path, notes=notes)) == ["a"]
    assert sorted(note.split(":")[0] for note in notes) == ["pipe", "socket"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_no_project(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SourceError, match="neither a file nor a folder"):
        discover(tmp_path / "pipe")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux file systems hold names that are not Unicode")
def test_a_name_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / os.fsdecode(b"sub/b\xff.py")).write_text("")
    with pytest.raises(SourceError, match=r"^sub/b\\udcff.py: its name is not UTF-8"):
        discover(tmp_path)
    assert list(discover(tmp_path, exclude=["sub"])) == []


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="POSIX permissions")
@pytest.mark.parametrize("what", ["sub/secret", "sub"])
def test_what_may_not_be_read_is_named(tmp_path: Path, what: str) -> None:
    _write(tmp_path, "sub/secret")
    (tmp_path / what).chmod(0)
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from qyn1_core.project import discover\n"
        "from qyn1_core.errors import PermissionDenied\n"
        "if os.geteuid() == 0: os.setgid(65534), os.setuid(65534)\n"
        "try: discover(Path(sys.argv[1]))\n"
        "except PermissionDenied as error: print(error)\n"
    )
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(folder.stat().st_mode | 0o755)
    try:
        done = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)],
            capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
    finally:
        (tmp_path / what).chmod(0o755)
    assert done.stdout.startswith(f"{what}"), done.stderr
    assert "permission to read it is missing" in done.stdout


def test_an_absurdly_large_ignore_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_bytes(b"#" * ((1 << 20) + 1))
    with pytest.raises(SourceError, match=r"\.gitignore: an ignore file of more than"):
        discover(tmp_path)


# -- patterns -----------------------------------------------------------------------


@given(st.text("ab*?[]!\\/-^ #é", max_size=12), st.text("ab/[]!-^ #é", min_size=1, max_size=8))
def test_any_text_is_a_pattern(pattern: str, path: str) -> None:
    decision = Patterns.of_list([pattern]).decide(path.encode(), path.encode().rpartition(b"/")[2], folder=False)
    assert decision in (None, not pattern.startswith("!"))


@given(st.lists(st.sampled_from(["a", "*.py", "/a/b", "a/**/c", "!a", "b/", "a*/c", "**/b"]), min_size=1))
def test_a_folder_with_something_named_inside_is_entered(patterns: list[str]) -> None:
    rules = Patterns.of_list(patterns)
    paths = [b"a/b", b"a/b/c", b"a/x.py", b"b/a", b"x/y/b", b"a/q/c", b"ax/c"]
    for path in paths:
        if rules.decide(path, path.rpartition(b"/")[2], folder=False):
            parent = path.rpartition(b"/")[0]
            while parent:
                assert rules.reaches_below(parent)
                parent = parent.rpartition(b"/")[0]
