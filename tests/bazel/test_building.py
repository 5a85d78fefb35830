"""A user's builds with a real Bazel: what is sealed, what is built again, and what it gives."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .conftest import OBJECTS, Keys, expected
from .workspaces import Workspace, unpacked

pytestmark = pytest.mark.bazel


def test_the_package_holds_exactly_the_sources(monorepo: Workspace, keys: Keys, tmp_path: Path) -> None:
    monorepo.build("//:everything")
    assert sorted(monorepo.objects()) == OBJECTS
    files = unpacked(monorepo.output("everything.qyn1"), keys.identity, tmp_path / "out")
    assert files == expected(monorepo)
    assert (tmp_path / "out/service/run.sh").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "out/service/app.py").stat().st_mode & 0o777 == 0o644


def test_a_changed_file_compresses_one_library_again(monorepo: Workspace, keys: Keys, tmp_path: Path) -> None:
    monorepo.build("//:everything")
    unchanged = monorepo.build("//:everything")
    assert unchanged.spawns == []
    scanner = monorepo.root / "json/scanner.py"
    scanner.write_text(scanner.read_text() + "\n# one more line\n")
    changed = monorepo.build("//:everything")
    assert changed.ran("Qyn1Compile") == ["json/_qyn1/json.qyn1o"]
    assert changed.ran("Qyn1Package") == ["everything.qyn1"]
    assert len(changed.spawns) == 2
    assert unpacked(monorepo.output("everything.qyn1"), keys.identity, tmp_path / "out") == expected(monorepo)


def test_however_an_action_runs_it_gives_the_same_bytes(monorepo: Workspace) -> None:
    found = []
    for arguments in (
        ["--strategy=Qyn1Compile=local"],
        ["--strategy=Qyn1Compile=sandboxed,local"],
        ["--strategy=Qyn1Compile=worker", "--@qyn1//:worker_protocol=proto"],
        ["--strategy=Qyn1Compile=worker", "--@qyn1//:worker_protocol=proto", "--worker_sandboxing"],
        [
            "--strategy=Qyn1Compile=worker",
            "--@qyn1//:worker_protocol=json",
            "--experimental_worker_allow_json_protocol",
        ],
    ):
        monorepo.call("clean")
        done = monorepo.build("//:everything", *arguments)
        assert done.ran("Qyn1Compile") == OBJECTS
        runners = {spawn["runner"] for spawn in done.spawns if spawn["mnemonic"] == "Qyn1Compile"}
        assert ("worker" in runners) == ("worker" in arguments[0]), runners
        found.append(monorepo.objects())
    assert sorted(found[0]) == OBJECTS
    assert all(objects == found[0] for objects in found)


def test_deterministic_packages_are_equal_and_nothing_records_the_secret(
    monorepo: Workspace, keys: Keys, tmp_path: Path
) -> None:
    secret = tmp_path / "sealing-secret"
    secret.write_bytes(b"never-to-be-seen" * 2)
    arguments = ["//:repeatable", "//:convergent", f"--@qyn1//:sealing_secret_file={secret}"]
    found = []
    for _ in range(2):
        monorepo.call("clean")
        events = tmp_path / "events.json"
        done = monorepo.build(*arguments, f"--build_event_json_file={events}")
        found.append([monorepo.output(f"{name}.qyn1").read_bytes() for name in ("repeatable", "convergent")])
        graph = monorepo.call("aquery", "//:repeatable + //:convergent", arguments[-1])
        assert graph.exit_code == 0, graph.output
        for text in (done.output, str(done.spawns), events.read_text(), graph.output):
            assert "never-to-be-seen" not in text
        [spawn] = [spawn for spawn in done.spawns if "repeatable" in str(spawn["listedOutputs"])]
        assert not spawn["remotable"]
        assert not spawn["cacheable"]
    assert found[0] == found[1]
    files = unpacked(monorepo.output("repeatable.qyn1"), keys.identity, tmp_path / "out")
    assert files["service/version.py"] == b"VERSION = 7\n"


def test_without_a_key_a_verify_test_builds_and_fails_saying_what_to_do(monorepo: Workspace) -> None:
    done = monorepo.call("test", "//:verify_test", "--test_output=errors")
    assert done.exit_code == 3, done.output  # built, and a test failed
    assert "//:verify_test: build with --@qyn1//:identity_file=/absolute/path" in done.output


def test_the_tests_for_users_pass(monorepo: Workspace, keys: Keys) -> None:
    targets = ["//:roundtrip_test", "//:verify_test", "//:opened"]
    done = monorepo.call("test", *targets, "--test_output=errors", f"--@qyn1//:identity_file={keys.identity}")
    assert done.exit_code == 0, done.output
    assert "2 tests pass" in done.output
    top = monorepo.output("opened")
    opened = {str(path.relative_to(top)) for path in top.rglob("*") if path.is_file()}
    assert opened == {"service/app.py", "service/run.sh", "service/version.py", "static/index.js"}
    key = keys.identity.read_text().splitlines()[-1]
    assert key not in str(done.spawns)


def test_the_round_trip_test_fails_when_a_source_does_not_come_back(monorepo: Workspace) -> None:
    """The object of another state of the sources is put in the place of the right one."""
    monorepo.write(
        "broken/BUILD.bazel",
        """\
load("@qyn1//:defs.bzl", "qyn1_library", "qyn1_roundtrip_test")

qyn1_library(name = "part", srcs = ["a.py"])
qyn1_roundtrip_test(name = "roundtrip_test", size = "small", deps = [":part"])
""",
    )
    source = monorepo.write("broken/a.py", "x = 1\n")
    assert monorepo.call("test", "//broken:all").exit_code == 0
    # Bazel does not look at the source again, but the test does.
    script = monorepo.output("broken/roundtrip_test.sh").read_text()
    assert "compare" in script
    source.write_text("x = 2\n")
    runfiles = monorepo.output("broken/roundtrip_test.sh.runfiles/user")
    done = subprocess.run(
        [str(monorepo.output("broken/roundtrip_test.sh").resolve())],
        cwd=runfiles, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "changed  broken/a.py" in done.stdout
