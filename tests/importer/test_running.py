"""Programs run from their sealed package in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PROGRAM = {
    "__main__.py": "import sys\nfrom tool import work\n\nprint('main', sys.argv[1:], work.double(4))\n",
    "tool/__init__.py": "",
    "tool/work.py": "def double(x):\n    return 2 * x\n",
    "tool/cli.py": (
        "import sys\n\n\ndef main():\n    print(__name__, sys.argv[1:])\n    sys.exit(7)\n\n\n"
        "if __name__ == '__main__':\n    main()\n"
    ),
    "tool/pool.py": (
        "import multiprocessing as mp\nimport sys\nfrom tool import work\n"
        "def own(x):\n    return work.double(x) + 1\n"
        "if __name__ == '__main__':\n"
        "    with mp.get_context(sys.argv[1]).Pool(2) as pool:\n"
        "        print(pool.map(work.double, range(4)), pool.map(own, range(4)))\n"
    ),
}


def run(package: Path, *arguments: str, before: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "qyn1_core.run", *before, str(package), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        cwd=package.parent,
        check=False,
    )


def test_main_of_the_package(seal: Callable[..., Path]) -> None:
    done = run(seal(PROGRAM), "-x", "--help")
    assert (done.returncode, done.stdout) == (0, "main ['-x', '--help'] 8\n"), done.stderr


def test_a_module_with_its_exit_code(seal: Callable[..., Path]) -> None:
    done = run(seal(PROGRAM), "-m", "tool.cli", "a", "-m")
    assert (done.returncode, done.stdout) == (7, "__main__ ['a', '-m']\n"), done.stderr


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_children_of_multiprocessing_find_the_package(seal: Callable[..., Path], method: str) -> None:
    done = run(seal(PROGRAM), "-m", "tool.pool", method)
    assert (done.returncode, done.stdout) == (0, "[0, 2, 4, 6] [1, 3, 5, 7]\n"), done.stderr


def test_one_line_for_what_cannot_be_run(
    seal: Callable[..., Path], identity_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = seal({"only.py": ""})
    for arguments, code, text in (
        ((), 3, "no __main__.py"),
        (("-m", "absent.module"), 3, "no module 'absent'"),
    ):
        done = run(package, *arguments)
        assert done.returncode == code
        assert done.stderr.count("\n") == 1
        assert text in done.stderr
    done = run(package, before=("--root", "nowhere"))
    assert (done.returncode, "no folder 'nowhere'" in done.stderr) == (3, True)
    done = run(tmp_path / "none.qyn1")
    assert (done.returncode, "does not exist" in done.stderr) == (3, True)
    identity_file.unlink()
    done = run(package)
    assert (done.returncode, "no key was found" in done.stderr) == (5, True)
