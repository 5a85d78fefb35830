"""Full disks, Ctrl-C and termination: one clear line, the documented code, nothing half-written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "qyn1_core"]
BARE = ["--no-encrypt", "--mode", "fast"]

pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX signals and devices")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Large enough that packing it without the native extension takes seconds."""
    root = tmp_path / "project"
    root.mkdir()
    for number in range(40):
        text = "".join(f"def function_{number}_{i}(x):\n    return x * {i * 7919 % 10007}\n" for i in range(4000))
        (root / f"module_{number}.py").write_text(text)
    return root


def environment(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "HOME": str(tmp_path / "home"), "XDG_CONFIG_HOME": str(tmp_path / "home")}


def _attended() -> None:
    """As a terminal starts it: a shell has background jobs ignore SIGINT, nohup SIGHUP, and children inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)], ids=["int", "term", "hup"]
)
@pytest.mark.parametrize("executor", ["threads", "processes"])
@pytest.mark.parametrize("times", [1, 3], ids=["once", "impatiently"])
def test_a_signal_leaves_nothing_behind(
    project: Path, tmp_path: Path, number: signal.Signals, code: int, executor: str, times: int
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    process = subprocess.Popen(
        [*COMMAND, "pack", project, "-o", out / "p.qyn1", "--no-encrypt", "--mode", "fast", "--block-size", "64 KiB",
         "--executor", executor, "--workers", "2"],
        env={**environment(tmp_path), "QYN1_NATIVE": "0"},
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=_attended,  # noqa: PLW1509
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not list(out.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.02)
    for _ in range(times):
        if number is signal.SIGTERM:
            process.send_signal(number)
        else:
            os.killpg(process.pid, number)  # as a terminal does: everybody in the foreground gets it
        time.sleep(0.02 * (times > 1))
    _, errors = process.communicate(timeout=120)
    assert process.returncode == code, errors
    assert list(out.iterdir()) == []
    assert b"Traceback" not in errors


def test_an_interrupt_while_the_command_loads_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("raise KeyboardInterrupt\n")
    done = subprocess.run([*COMMAND, "list"], env=environment(tmp_path), cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (130, b"qyn1: interrupted\n")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks in /proc how far the command is")
@pytest.mark.parametrize(
    "arguments",
    [
        ("unpack", "p.qyn1", "-C", "new/out"),
        ("tune", "project", "--mode", "fast", "--write", "--plot", "new/plot.svg"),
        ("bench", "project", "--mode", "fast", "--save", "new/baseline.json", "--markdown", "new/table.md"),
        ("profile", "project", "--mode", "fast", "--html", "new/flame.html"),
    ],
    ids=" ".join,
)
def test_an_interrupt_ends_any_long_command_in_one_line_and_leaves_nothing(
    project: Path, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    slowly = {**environment(tmp_path), "QYN1_NATIVE": "0", "TMPDIR": str(tmp_path / "temporary")}
    for name in ("new", "temporary"):
        (tmp_path / name).mkdir()
    pack = [*COMMAND, "pack", str(project), "-o", str(tmp_path / "p.qyn1"), "--no-encrypt", "-q", "--mode", "fast"]
    subprocess.run(pack, env=environment(tmp_path), check=True)
    before = sorted(path for path in tmp_path.rglob("*"))
    process = subprocess.Popen(
        [*COMMAND, *arguments], env=slowly, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=_attended,  # noqa: PLW1509
    )  # fmt: skip
    while process.poll() is None and _cpu_seconds(process.pid) < 1.5 and not list((tmp_path / "new").iterdir()):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert errors.splitlines()[-1] == "qyn1: interrupted"
    assert "Traceback" not in errors
    assert output == ""
    assert sorted(path for path in tmp_path.rglob("*")) == before


def _cpu_seconds(process: int) -> float:
    """What ``process`` has worked, imports included: those take half a second."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_full_disk_is_one_clear_line(project: Path, tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*COMMAND, "pack", project / "module_0.py", "-o", "-", "--no-encrypt"],
            env=environment(tmp_path),
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 1
    assert b"no space left" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_file_size_limit_leaves_no_output(project: Path, tmp_path: Path) -> None:
    script = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000)); "
        "from qyn1_core.cli import run; sys.exit(run(sys.argv[1:]))"
    )
    out = tmp_path / "out"
    out.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", script, "pack", project / "module_0.py", "-o", out / "p.qyn1", *BARE],
        env=environment(tmp_path),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert done.stderr.decode() == f"qyn1: {out / 'p.qyn1'}: File too large\n"
    assert list(out.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not hold to the limit")
@pytest.mark.parametrize("workers", ["1", "8"])
def test_an_address_space_limit_is_one_clear_line(project: Path, tmp_path: Path, workers: str) -> None:
    limited = (
        "import resource, sys; from qyn1_core.cli import run; import qyn1_core.packing; "
        "pages = int(open('/proc/self/statm').read().split()[0]); most = pages * resource.getpagesize() + (80 << 20); "
        "resource.setrlimit(resource.RLIMIT_AS, (most, most)); sys.exit(run(sys.argv[1:]))"
    )
    arguments = ["pack", str(project), "--no-encrypt", "--mode", "maximum", "--workers", workers]
    done = subprocess.run(
        [sys.executable, "-c", limited, *arguments, "-o", str(tmp_path / "p.qyn1")],
        env=environment(tmp_path),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith(b"qyn1: out of memory: ")
    assert done.stderr.count(b"\n") == 1
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["project"]


def test_a_reader_that_goes_away_ends_the_command_quietly(project: Path, tmp_path: Path) -> None:
    run = subprocess.run
    run(
        [*COMMAND, "pack", project, "-o", tmp_path / "p.qyn1", "--no-encrypt", "-q"],
        env=environment(tmp_path),
        check=True,
    )
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = run(
            [*COMMAND, "cat", tmp_path / "p.qyn1", "module_0.py"],
            env=environment(tmp_path), stdout=writer, stderr=subprocess.PIPE, check=False,
        )  # fmt: skip
    finally:
        os.close(writer)
    assert done.stderr == b""
    assert done.returncode == 1


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(project: Path, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    done = subprocess.run(
        [*COMMAND, "pack", project / "module_0.py", "-o", closed / "p.qyn1"],
        env=environment(tmp_path),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 4
    assert b"no permission" in done.stderr
