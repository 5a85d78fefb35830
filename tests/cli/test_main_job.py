"""The main job as a user does it: seal a project, open it again, byte for byte and mode for mode."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from qyn1_core import cli
from trees import listing, same_trees


class Done(NamedTuple):
    """What one command gave back."""

    stdout: bytes
    stderr: bytes


Run = Callable[..., Done]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command, in this process, with a home and a working folder of its own."""
    home = tmp_path / "home"
    home.mkdir()
    for name in list(os.environ):
        if name.startswith(("QYN1_", "XDG_")) and name != "QYN1_NATIVE":
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str | Path, code: int = 0, stdin: bytes = b"") -> Done:
        out, err = io.TextIOWrapper(io.BytesIO()), io.TextIOWrapper(io.BytesIO())
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stderr", err)
            result = cli.run([str(argument) for argument in arguments])
            out.flush()
            err.flush()
        done = Done(out.buffer.getvalue(), err.buffer.getvalue())
        assert result == code, done.stderr.decode()
        return done

    return call


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "src/deep").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / "src/main.py").write_text("def main() -> None:\n    print('hello')\n" * 40)
    (root / "src/deep/lib.rs").write_bytes(b"fn main() {}\r\n" * 30)
    (root / "src/deep/copy.rs").write_bytes(b"fn main() {}\r\n" * 30)
    (root / "src/app.ts").write_text("export const f = <T,>(x: T) => `${x}`;\n" * 20)
    (root / "src/a.cpp").write_text("#include <map>\nint main() { return 1'000; }\n" * 20)
    (root / "zero").write_bytes(b"")
    (root / "blob.bin").write_bytes(bytes(range(256)) * 8)
    (root / "run.sh").write_text("#!/bin/sh\necho hi\n")
    (root / "run.sh").chmod(0o750)
    (root / "secret.cfg").write_text("[x]\ny=1\n")
    (root / "secret.cfg").chmod(0o600)
    (root / "link").symlink_to("src/main.py")
    (root / "dangling").symlink_to("src/nowhere")
    (root / ".gitignore").write_text("*.log\n")
    (root / "noise.log").write_text("not packed\n")
    return root


@pytest.mark.parametrize("mode", ["fast", "balanced", "maximum", "security"])
def test_what_was_sealed_comes_back(run: Run, project: Path, tmp_path: Path, mode: str) -> None:
    first = run("pack", project, "-o", "p.qyn1", "--mode", mode)
    assert b"made your identity" in first.stderr
    assert (tmp_path / "p.qyn1").read_bytes().startswith(b"age-encryption.org/v1\n")
    run("unpack", "p.qyn1", "-C", "out")
    (project / "noise.log").unlink()
    same_trees(project, tmp_path / "out")
    again = run("pack", project, "-o", "q.qyn1", "--mode", mode)
    assert b"made your identity" not in again.stderr


def test_the_default_identity_is_private(run: Run, project: Path, tmp_path: Path) -> None:
    run("pack", project, "-o", "p.qyn1")
    keys = tmp_path / "home/config/qyn1/keys.txt"
    assert keys.stat().st_mode & 0o777 == 0o600
    assert keys.parent.stat().st_mode & 0o777 == 0o700


def test_worker_count_and_executor_do_not_change_the_archive(run: Run, project: Path, tmp_path: Path) -> None:
    archives = set()
    for number, options in enumerate(
        [("--workers", "1"), ("--workers", "2"), ("--workers", "8"), ("--executor", "processes", "--workers", "2")]
    ):
        run("pack", project, "-o", f"{number}.qyn1", "--no-encrypt", "--block-size", "4 KiB", *options)
        archives.add((tmp_path / f"{number}.qyn1").read_bytes())
    assert len(archives) == 1


def test_a_key_pair_made_by_keygen_opens_what_was_sealed_to_it(run: Run, project: Path, tmp_path: Path) -> None:
    made = run("keygen", "-o", "key.txt")
    public = made.stderr.decode().split("public key: ")[1].strip()
    assert (tmp_path / "key.txt").stat().st_mode & 0o777 == 0o600
    run("pack", project, "-o", "p.qyn1", "-r", public)
    run("unpack", "p.qyn1", "-C", "out", "-i", "key.txt")
    assert (tmp_path / "out/src/main.py").read_bytes() == (project / "src/main.py").read_bytes()
    run("keygen", "-o", "other.txt")
    run("unpack", "p.qyn1", "-C", "out2", "-i", "other.txt", code=5)
    assert not (tmp_path / "out2").exists()


def test_a_recipients_file_and_the_passphrase_way(run: Run, project: Path, tmp_path: Path) -> None:
    run("keygen", "-o", "key.txt")
    public = (tmp_path / "key.txt").read_text().split("public key: ")[1].splitlines()[0]
    (tmp_path / "team.txt").write_text(f"# the team\n{public}\n")
    run("pack", project, "-o", "p.qyn1", "-R", "team.txt")
    run("verify", "p.qyn1", "-i", "key.txt")
    (tmp_path / "pass").write_text("correct horse\n")
    run("pack", project, "-o", "s.qyn1", "--passphrase-file", "pass")
    run("verify", "s.qyn1", "--passphrase-file", "pass")
    run("verify", "s.qyn1", "--passphrase-file", "-", stdin=b"wrong\n", code=5)


def test_list_cat_inspect_and_partial_unpack(run: Run, project: Path, tmp_path: Path) -> None:
    run("pack", project, "-o", "p.qyn1", "--name", "shop")
    listed = json.loads(run("list", "p.qyn1", "--json").stdout)
    assert [entry["path"] for entry in listed["entries"]] == [
        ".gitignore", "blob.bin", "dangling", "empty", "link", "run.sh", "secret.cfg",
        "src/a.cpp", "src/app.ts", "src/deep/copy.rs", "src/deep/lib.rs", "src/main.py", "zero",
    ]  # fmt: skip
    assert b"rwxr-x---" in run("list", "-l", "p.qyn1").stdout
    assert run("cat", "p.qyn1", "src/deep/copy.rs").stdout == (project / "src/deep/copy.rs").read_bytes()
    assert run("cat", "p.qyn1", "link").stdout == (project / "src/main.py").read_bytes()
    run("cat", "p.qyn1", "src/none.rs", code=3)
    public = json.loads(run("inspect", "p.qyn1", "--json").stdout)
    assert public["encrypted"] is True
    assert public["name"] == "shop"
    assert public["format_version"] == 1
    run("unpack", "p.qyn1", "-C", "part", "src/deep", "zero")
    assert sorted(listing(tmp_path / "part")) == ["src/deep/copy.rs", "src/deep/lib.rs", "zero"]
    run("unpack", "p.qyn1", "-C", "copy", "src/deep/copy.rs")
    run("unpack", "p.qyn1", "-C", "none", "src/missing", code=3)
    assert not (tmp_path / "none").exists()


def test_pipes_between_two_processes(run: Run, project: Path, tmp_path: Path) -> None:
    run("keygen", "-o", "key.txt")
    public = (tmp_path / "key.txt").read_text().split("public key: ")[1].splitlines()[0]
    command = [sys.executable, "-m", "qyn1_core"]
    sealed = subprocess.run([*command, "pack", project, "-o", "-", "-r", public], capture_output=True, check=True)
    opened = subprocess.run(
        [*command, "unpack", "-", "-C", "out", "-i", "key.txt"], input=sealed.stdout, capture_output=True, check=False
    )
    assert opened.returncode == 0, opened.stderr
    (project / "noise.log").unlink()
    same_trees(project, tmp_path / "out")
    wrong = subprocess.run([*command, "list", "-", "-i", "key.txt"], input=b"junk", capture_output=True, check=False)
    assert wrong.returncode == 6
    assert wrong.stderr.startswith(b"qyn1: this is not a qyn1 package")
    assert wrong.stderr.count(b"\n") == 1


def test_nothing_is_replaced_without_force(run: Run, project: Path, tmp_path: Path) -> None:
    run("pack", project, "-o", "p.qyn1")
    before = (tmp_path / "p.qyn1").read_bytes()
    run("pack", project, "-o", "p.qyn1", code=4)
    assert (tmp_path / "p.qyn1").read_bytes() == before
    run("pack", project, "-o", "p.qyn1", "--force")
    run("unpack", "p.qyn1", "-C", "out")
    (tmp_path / "out/src/main.py").write_text("mine\n")
    run("unpack", "p.qyn1", "-C", "out", code=4)
    assert (tmp_path / "out/src/main.py").read_text() == "mine\n"
    run("unpack", "p.qyn1", "-C", "out", "--force")
    (project / "noise.log").unlink()
    same_trees(project, tmp_path / "out")


def test_a_link_in_the_target_leads_nothing_elsewhere(run: Run, project: Path, tmp_path: Path) -> None:
    run("pack", project, "-o", "p.qyn1")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out/src").symlink_to(tmp_path / "elsewhere")
    run("unpack", "p.qyn1", "-C", "out", "--force", code=4)
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["src"]


def test_deterministic_sealing(run: Run, project: Path, tmp_path: Path) -> None:
    run("keygen", "-o", "key.txt")
    public = (tmp_path / "key.txt").read_text().split("public key: ")[1].splitlines()[0]
    (tmp_path / "secret").write_bytes(b"s" * 32)
    sealed = []
    for name in ("a", "b"):
        run("pack", project, "-o", f"{name}.qyn1", "-r", public, "--deterministic", "--sealing-secret-file", "secret")
        sealed.append((tmp_path / f"{name}.qyn1").read_bytes())
    assert sealed[0] == sealed[1]
    run("verify", "a.qyn1", "-i", "key.txt")
    (tmp_path / "secret2").write_bytes(b"t" * 32)
    run("pack", project, "-o", "c.qyn1", "-r", public, "--deterministic", "--sealing-secret-file", "secret2")
    assert (tmp_path / "c.qyn1").read_bytes() != sealed[0]
    run("pack", project, "-o", "d.qyn1", "-r", public, "--deterministic", code=2)
    for name in ("e", "f"):
        run("pack", project, "-o", f"{name}.qyn1", "-r", public, "--convergent")
    assert (tmp_path / "e.qyn1").read_bytes() == (tmp_path / "f.qyn1").read_bytes()


def test_diff_shows_what_changed(run: Run, project: Path) -> None:
    run("pack", project, "-o", "a.qyn1")
    (project / "src/main.py").write_text("changed\n")
    (project / "zero").unlink()
    (project / "new.md").write_text("new\n")
    (project / "run.sh").chmod(0o700)
    run("pack", project, "-o", "b.qyn1")
    shown = json.loads(run("diff", "a.qyn1", "b.qyn1", "--json", code=1).stdout)["differences"]
    assert [(d["path"], d["change"]) for d in shown] == [
        ("new.md", "added"), ("run.sh", "mode"), ("src/main.py", "changed"), ("zero", "removed"),
    ]  # fmt: skip
    run("diff", "a.qyn1", "a.qyn1")


def test_the_report_as_json(run: Run, project: Path) -> None:
    report = json.loads(run("pack", project, "-o", "p.qyn1", "--json").stdout)
    assert report["schema_version"] == 1
    assert report["files"] == 10
    assert report["copies"] == 1
    assert report["links"] == 2
    assert report["directories"] == 1
    assert {"discover", "plan", "read", "encode", "total"} <= report["seconds"].keys()
    assert report["peak_rss"] > 1 << 20
    assert 0 < report["ratio"] < 1
    assert run("pack", project, "-o", "q.qyn1", "-q").stderr == b""


def test_config_and_doctor_and_plugins(run: Run, project: Path) -> None:
    (project / "pyproject.toml").write_text('[tool.qyn1]\nmode = "security"\n')
    values = json.loads(run("config", project, "--json").stdout)["values"]
    assert values["mode"] == {"value": "security", "origin": "pyproject.toml:2"}
    machine = json.loads(run("doctor", "--json", code=_doctor_code(run)).stdout)
    assert machine["workers"] >= 1
    plugins = json.loads(run("plugins", "--json").stdout)["plugins"]
    assert {"python", "javascript", "rust", "cpp", "text", "binary"} <= {
        p["name"] for p in plugins if p["family"] == "frontend"
    }


def _doctor_code(run: Run) -> int:
    for code in (0, 1):
        try:
            run("doctor", code=code)
        except AssertionError:
            continue
        return code
    raise AssertionError("qyn1 doctor neither succeeds nor complains")


def test_canonical_fidelity_keeps_the_program_only(run: Run, tmp_path: Path) -> None:
    root = tmp_path / "c"
    root.mkdir()
    (root / "a.py").write_text("# a comment\nx = (1 +\n     2)   # another\n")
    (root / "b.md").write_text("# kept\n")
    run("pack", root, "-o", "c.qyn1", "--fidelity", "canonical")
    run("unpack", "c.qyn1", "-C", "out")
    assert b"comment" not in (tmp_path / "out/a.py").read_bytes()
    assert (tmp_path / "out/b.md").read_text() == "# kept\n"
    (root / "a.py").write_text("def (:\n")
    assert b"a.py" in run("pack", root, "-o", "d.qyn1", "--fidelity", "canonical", code=1).stderr
    assert not (tmp_path / "d.qyn1").exists()


def test_a_signature_tells_who_made_a_package(run: Run, project: Path, tmp_path: Path) -> None:
    run("pack", project, "-o", "p.qyn1")
    run("keygen", "--signing", "-o", "sign.key")
    run("keygen", "--signing", "-o", "other.key")
    assert (tmp_path / "sign.key").stat().st_mode & 0o777 == 0o600
    run("verify", "p.qyn1", "--signed-by", "sign.key.pub", code=6)
    run("sign", "p.qyn1", "-k", "sign.key", "--comment", "release 1")
    run("sign", "p.qyn1", "-k", "sign.key", code=4)
    run("verify", "p.qyn1", "--signed-by", "sign.key.pub")
    only = json.loads(run("verify", "p.qyn1", "--signed-by", "sign.key.pub", "--signature-only", "--json").stdout)
    assert only["trusted_comment"] == "release 1"
    run("verify", "p.qyn1", "--signed-by", "other.key.pub", "--signature-only", code=5)
    with (tmp_path / "p.qyn1").open("ab") as file:
        file.write(b"x")
    run("verify", "p.qyn1", "--signed-by", "sign.key.pub", "--signature-only", code=6)
