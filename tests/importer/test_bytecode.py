"""Packages carry compiled modules beside their source, and imports use them where they fit."""

from __future__ import annotations

import importlib
import inspect
import os
import py_compile
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from qyn1_core import Sealing, envelope, importer, pack, resolve, unpack
from qyn1_core.contents import Contents
from qyn1_plugins.host import default_host

TAG = sys.implementation.cache_tag
SHOP = {
    "shop/__init__.py": "",
    "shop/prices.py": (
        "# What things cost.\n\ndef of(name):\n    assert name\n    return name in {'apple', 'pear', 'plum'}\n\n\n"
        "def broken():\n    secret = 1 / 0\n    return secret\n"
    ),
    "single.py": "VALUE = 1\n",
}
BYTECODE = {"shop/__pycache__/__init__": 0, "shop/__pycache__/prices": 0, "__pycache__/single": 0}


@pytest.fixture
def files_read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files of packages that are read from now on."""
    read: list[str] = []
    real = Contents.read

    def recording(self: Contents, path: str) -> bytes:
        read.append(path)
        return real(self, path)

    monkeypatch.setattr(Contents, "read", recording)
    return read


def test_modules_come_from_their_bytecode(seal: Callable[..., Path], files_read: list[str]) -> None:
    importer.install(seal(SHOP, compile=True))
    assert importlib.import_module("shop.prices").of("apple")
    assert importlib.import_module("single").VALUE == 1
    assert files_read == [f"{name}.{TAG}.pyc" for name in BYTECODE]


def test_places_are_those_of_the_source(seal: Callable[..., Path]) -> None:
    package = seal(SHOP, compile=True)
    importer.install(package, show_source=True)
    prices = importlib.import_module("shop.prices")
    with pytest.raises(ZeroDivisionError) as caught:
        prices.broken()
    text = "".join(traceback.format_exception(caught.type, caught.value, caught.tb))
    assert f'File "{package}/shop/prices.py", line 9, in broken\n    secret = 1 / 0' in text
    assert inspect.getsource(prices.broken).startswith("def broken")
    assert prices.__file__ == f"{package}/shop/prices.py"


def test_the_canonical_form_is_what_is_compiled(seal: Callable[..., Path], files_read: list[str]) -> None:
    package = seal(SHOP, compile=True, fidelity="canonical")
    importer.install(package, show_source=True)
    prices = importlib.import_module("shop.prices")
    assert files_read[-1] == f"shop/__pycache__/prices.{TAG}.pyc"
    lines, number = inspect.getsourcelines(prices.broken)
    assert lines[0].startswith("def broken")
    assert number < 8  # without the comment and the empty lines


@pytest.mark.parametrize("what", ["another Python", "not whole", "by time", "of another version"])
def test_bytecode_that_does_not_fit_is_passed_over(seal: Callable[..., Path], tmp_path: Path, what: str) -> None:
    (tmp_path / "old.py").write_text("VALUE = 'old'\n")
    mode = (
        py_compile.PycInvalidationMode.TIMESTAMP if what == "by time" else py_compile.PycInvalidationMode.CHECKED_HASH
    )
    py_compile.compile(str(tmp_path / "old.py"), str(tmp_path / "old.pyc"), invalidation_mode=mode)
    content = (tmp_path / "old.pyc").read_bytes()
    if what == "not whole":
        content = content[:3]
    elif what == "of another version":
        content = bytes([content[0] ^ 1]) + content[1:]
    tag = "cpython-20" if what == "another Python" else TAG
    package = seal({"some.py": "VALUE = 'new'\n", f"__pycache__/some.{tag}.pyc": content}, include=["__pycache__"])
    importer.install(package)
    assert importlib.import_module("some").VALUE == "new"


def test_what_lies_in_the_project_is_made_anew(seal: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "old.py").write_text("VALUE = 'old'\n")
    old = tmp_path / "old.pyc"
    py_compile.compile(
        str(tmp_path / "old.py"), str(old), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
    )
    files = {"some.py": "VALUE = 'new'\n", f"__pycache__/some.{TAG}.pyc": old.read_bytes()}
    importer.install(seal(files, include=["__pycache__"], compile=True))
    assert importlib.import_module("some").VALUE == "new"


def test_optimised_programs_compile(seal: Callable[..., Path], identity_file: Path) -> None:
    package = seal(SHOP, compile=True)
    program = f"import qyn1_core.importer as i; i.install({str(package)!r}); import shop.prices as p; print(p.of(''))"
    done = subprocess.run(
        [sys.executable, "-O", "-c", program], capture_output=True, text=True, check=False, env={**os.environ}
    )
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_an_unpacked_module_can_be_changed(seal: Callable[..., Path], identity_file: Path, tmp_path: Path) -> None:
    identities = envelope.parse_identities_text(identity_file.read_text(), "key.txt")
    unpack(seal(SHOP, compile=True), tmp_path / "out", identities)
    (tmp_path / "out" / "single.py").write_text("VALUE = 2\n")
    program = "import single; print(single.VALUE, single.__cached__)"
    done = subprocess.run(
        [sys.executable, "-B", "-c", program], cwd=tmp_path / "out", capture_output=True, text=True, check=True
    )
    assert done.stdout == f"2 {tmp_path}/out/__pycache__/single.{TAG}.pyc\n"


def test_what_does_not_compile_is_packed_as_it_is(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "fine.py").write_text("x = 1\n")
    (project / "template.py").write_text("class {{ name }}:\n")
    host = default_host()
    priors = resolve(project, command_line={"mode": "fast", "compile": True}, environ={}, host=host)
    report = pack(project, tmp_path / "p.qyn1", Sealing.open(), priors=priors, host=host)
    assert report.notes == ["packed without bytecode, for they do not compile: template.py"]
    assert report.files == 3


def test_equal_sources_give_equal_bytecode(tmp_path: Path) -> None:
    project = tmp_path / "project"
    for path, text in SHOP.items():
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text(text)
    program = (
        "import sys, pathlib\nimport shop.prices\n"  # its names are interned now
        "from qyn1_core import Sealing, pack, resolve\nfrom qyn1_plugins.host import default_host\n"
        "host = default_host()\nproject = pathlib.Path(sys.argv[1])\n"
        "priors = resolve(project, command_line={'mode': 'fast', 'compile': True}, environ={}, host=host)\n"
        "pack(project, pathlib.Path(sys.argv[2]), Sealing.open(), priors=priors, host=host)\n"
    )
    for seed in ("1", "2"):
        path = os.pathsep.join([str(project), *(entry for entry in sys.path if entry)])
        subprocess.run(
            [sys.executable, "-B", "-c", program, str(project), str(tmp_path / f"{seed}.qyn1")],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path},
            check=True,
        )
    assert (tmp_path / "1.qyn1").read_bytes() == (tmp_path / "2.qyn1").read_bytes()
