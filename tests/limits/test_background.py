"""With `background` the command and the workers of its own step back; other people's workers do not."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from qyn1_core import resolve
from qyn1_core.pipeline import Background
from qyn1_plugins.host import default_host

pytestmark = pytest.mark.skipif(not hasattr(os, "nice"), reason="no nice values here")

ENCODE = (
    "import os, sys\n"
    "from qyn1_core import work\n"
    "from qyn1_plugins.host import default_host\n"
    "HOST = default_host()\n"
    "def after(provider, background, token):\n"
    "    with HOST.executor(provider).create(1, {}) as executor:\n"
    "        task = (token or work.register(HOST), background, 'store', 0, 'text', b'', b'text')\n"
    "        executor.submit(work.encode_block, *task).result()\n"
    "        return executor.submit(os.nice, 0).result() - os.nice(0)\n"
    "if __name__ == '__main__':\n"
    "    print(after(sys.argv[1], sys.argv[2] == 'yes', sys.argv[3]))\n"
)


def _run(program: str, *arguments: str | Path) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    # From a priority that is known, whatever that of the tests is.
    command = ["nice", "-n", str(max(0, 3 - os.nice(0))), sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.skipif(os.nice(0) > 9, reason="the tests run in the background themselves")
@pytest.mark.parametrize(
    ("provider", "background", "token", "stepped_back"),
    [
        ("threads", "yes", "", True),
        ("threads", "no", "", False),
        ("processes", "yes", "", True),
        ("processes", "no", "", False),
        ("processes", "yes", "0-1", False),  # of a run that is neither here nor of our parent
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="threads have priorities of their own on Linux only")
def test_workers_of_our_own_step_back(provider: str, background: str, token: str, stepped_back: bool) -> None:
    assert (int(_run(ENCODE, provider, background, token)) > 0) is stepped_back


@pytest.mark.skipif(os.nice(0) > 9, reason="the tests run in the background themselves")
@pytest.mark.parametrize(("option", "priority"), [("--background", 10), ("--no-background", None)])
def test_the_command_steps_back(tmp_path: Path, option: str, priority: int | None) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    program = (
        "import os, sys\nfrom qyn1_core.cli import run\nbefore = os.nice(0)\n"
        "assert run(sys.argv[1:]) == 0\nprint(before, os.nice(0))"
    )
    arguments = ("pack", tmp_path / "a.py", "-o", tmp_path / "p.qyn1", "--no-encrypt", "-q", "--mode", "fast", option)
    before, after = map(int, _run(program, *arguments).split())
    assert after == (before if priority is None else priority)


def test_it_is_a_setting_like_any_other(tmp_path: Path) -> None:
    host = default_host()
    assert resolve(tmp_path, environ={}, host=host).background is False
    (tmp_path / "qyn1.toml").write_text("background = true\n")
    priors = resolve(tmp_path, environ={}, host=host)
    assert (priors.background, priors.origins["background"]) == (True, "qyn1.toml:1")
    priors = resolve(tmp_path, environ={"QYN1_BACKGROUND": "no"}, host=host)
    assert (priors.background, priors.origins["background"]) == (False, "environment QYN1_BACKGROUND")
    priors = resolve(tmp_path, environ={"QYN1_BACKGROUND": "no"}, command_line={"background": True}, host=host)
    assert priors.background is True


WRITERS = (
    "import os, sys\n"
    "from pathlib import Path\n"
    "from qyn1_core import cache\n"
    "from qyn1_core.cli import run\n"
    "before = os.nice(0)\n"
    "seen = set()\n"
    "def watched(name):\n"
    "    method = getattr(cache.SealedStore, name)\n"
    "    def call(*arguments):\n"
    "        seen.add((name, os.nice(0) - before))\n"
    "        return method(*arguments)\n"
    "    setattr(cache.SealedStore, name, call)\n"
    "for name in ('get', 'put', 'trim'):\n"
    "    watched(name)\n"
    "assert run(sys.argv[1:]) == 0\n"
    "print(sorted(seen), os.nice(0) - before)"
)


@pytest.mark.skipif(os.nice(0) > 3, reason="the tests run in the background themselves")
@pytest.mark.skipif(sys.platform != "linux", reason="threads have priorities of their own on Linux only")
def test_what_is_for_later_runs_is_done_in_the_background(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QYN1_CACHE_KEY_FILE", str(tmp_path / "cache.key"))
    (tmp_path / "a.py").write_text("x = 1\n")
    pack = ("pack", tmp_path / "a.py", "-o", tmp_path / "p.qyn1", "--no-encrypt", "-q", "--mode", "fast")
    shown = _run(WRITERS, *pack, "--cache", tmp_path / "cache")
    assert shown == "[('get', 0), ('put', 7), ('trim', 7)] 0"
    assert len(list((tmp_path / "cache").iterdir())) == 2  # the tag and the block; the file is too new for the index


def test_nobody_waits_for_a_background_that_gets_no_cpu() -> None:
    stuck = threading.Event()
    done: list[object] = []
    background = Background(2)
    background.do(lambda: done.append(stuck.wait(10)))
    background.do(lambda: done.append("second"))
    background.do(lambda: done.append("by the caller"))
    assert done == ["by the caller"]
    stuck.set()
    background.close(lambda: done.append("last"))
    assert done == ["by the caller", True, "second", "last"]


def _fail() -> None:
    raise ZeroDivisionError


def test_what_goes_wrong_in_the_background_is_raised_when_it_is_closed() -> None:
    background = Background(1)
    background.do(_fail)
    with pytest.raises(ZeroDivisionError):
        background.close()
    background.close()
