"""What `qyn1 explain` promises: every byte's cost is counted once, wherever one looks at it."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import Final, cast

import numpy as np
import pytest

from qyn1_core import Sealing, cli, open_package, pack
from qyn1_core.configuration.priors import resolve
from qyn1_core.measuring.explaining import explain, lines, pieces
from qyn1_core.measuring.heat_map import HEAT_LEVELS, heat, heat_map_page
from qyn1_core.package import Package
from qyn1_plugins.errors import PluginError
from qyn1_plugins.host import Host, default_host
from qyn1_plugins.spec import COST_UNIT, Prior, Source, hookimpl

pytestmark = pytest.mark.usefixtures("own_configuration")

PROGRAM: Final = "# the first\ndef f(x):\n    return 'Zürich' + x\n"


class Vowels:
    """Leaves out the first byte, which it takes for a quote; says that only vowels cost anything."""

    name: Final = "vowels"
    version: Final = 1

    def __init__(self, *, short: bool = False) -> None:
        self._short = short

    def unavailable(self) -> str | None:
        return None

    def levels(self) -> range:
        return range(1, 3)

    def encode(self, source: Source, prior: Prior | None, level: int) -> bytes:
        return source.data[1:]

    def decode(self, payload: bytes, raw_size: int, language: str, prior: Prior | None) -> bytes:
        return b"#" + payload

    def memory(self, raw_size: int) -> int:
        return raw_size

    def costs(self, source: Source, prior: Prior | None, level: int) -> bytes:
        vowels = np.isin(np.frombuffer(source.data, np.uint8), np.frombuffer(b"aeiou", np.uint8))
        size = len(source.data) - 1
        each = 8 * COST_UNIT * size // max(1, int(vowels.sum()))
        # Level 2 is what its packages are made at; level 1 says something else.
        costs = np.where(vowels, each if level == 2 else each // 3, 0).astype("<u4")
        return costs[: -1 if self._short else None].tobytes()


class Plugin:
    def __init__(self, compressor: Vowels) -> None:
        self._compressor = compressor

    @hookimpl
    def qyn1_compressors(self) -> list[Vowels]:
        return [self._compressor]


def _host(compressor: Vowels) -> Host:
    point = SimpleNamespace(name="vowels", dist=None, load=lambda: Plugin(compressor))
    return default_host(environ={}, entry_points=lambda: [cast("EntryPoint", point)])


def _package(folder: Path, host: Host) -> Package:
    project = folder / "project"
    project.mkdir()
    (project / "a.py").write_text(PROGRAM)
    (project / "b.py").write_text(PROGRAM)  # a copy
    (project / "c.py").write_text("#\nxyz = 1\n")
    (project / "empty.py").write_text("")
    priors = resolve(project, host=host, command_line={"mode": "fast", "compressors": {"python": "vowels"}})
    pack(project, folder / "out.qyn1", Sealing.open(), priors=priors, host=host)
    return open_package(folder / "out.qyn1", host=host)


def test_costs_are_those_of_the_compressor_and_of_the_level_that_fits(tmp_path: Path) -> None:
    host = _host(Vowels())
    with _package(tmp_path, host) as package:
        found = explain(package, host)
        by_path = {file.path: file for file in found.files}
        assert by_path["a.py"].bits == pytest.approx(8 * found.blocks, rel=1e-3)
        assert by_path["b.py"].copy_of == "a.py"
        assert by_path["b.py"].bits == by_path["c.py"].bits == by_path["empty.py"].bits == 0
        assert by_path["c.py"].raw == 10
        assert found.spread == []
        assert found.files[0].path == "a.py"
        text = list(lines(pieces(package, host, ["a.py"])["a.py"]))
        assert [line.text.decode() for line in text] == PROGRAM.splitlines()
        vowel = text[0].bits / 2  # "# the first"
        assert [line.bits for line in text] == pytest.approx([2 * vowel, vowel, 3 * vowel])
        assert list(lines(pieces(package, host, ["b.py"])["b.py"])) == text
        assert found.kinds["whitespace"].bits == 0
        assert found.kinds["keyword"].bits == pytest.approx(3 * vowel)  # def, return


def test_every_view_adds_up_to_the_same(tmp_path: Path) -> None:
    host = _host(Vowels())
    with _package(tmp_path, host) as package:
        found = explain(package, host)
        assert sum(share.bits for share in found.kinds.values()) == pytest.approx(found.total.bits)
        assert sum(share.raw for share in found.kinds.values()) == found.total.raw
        assert sum(share.bits for share in found.languages.values()) == pytest.approx(found.total.bits)
        assert found.total.raw == len(PROGRAM.encode()) + 10
        size = (tmp_path / "out.qyn1").stat().st_size
        assert found.blocks + found.directory + found.padding + found.envelope == size
        (part,) = pieces(package, host, ["a.py"])["a.py"]
        assert part.token_bits.sum() == pytest.approx(explain(package, host, ["a.py"]).total.bits)


def test_a_compressor_that_gives_too_few_costs_is_named(tmp_path: Path) -> None:
    host = _host(Vowels(short=True))
    with _package(tmp_path, host) as package, pytest.raises(PluginError, match="vowels broke its contract"):
        explain(package, host)


def test_heat_grows_with_cost() -> None:
    levels = [heat(bits / 10) for bits in range(100)]
    assert levels == sorted(levels)
    assert set(levels) == set(range(HEAT_LEVELS))


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.outside += [name for name, _ in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_shows_the_source_and_needs_nothing(tmp_path: Path) -> None:
    host = _host(Vowels())
    with _package(tmp_path, host) as package:
        found = explain(package, host)
        shown = [(found.files[0], pieces(package, host, ["a.py"])["a.py"])]
        page = _Page()
        page.feed("".join(heat_map_page("a <title>", found, shown, 1)))
    source = page.text[page.text.index("bits a byte", page.text.index("a.py: ")) + len("bits a byte") :]
    assert [re.sub(r"^\d+", "", line) for line in source.splitlines()[:3]] == PROGRAM.splitlines()
    assert "a <title>" in page.text
    assert "The text of 1 files that cost less is left out." in page.text
    assert page.outside == []


@pytest.fixture
def sealed(tmp_path: Path) -> list[str | Path]:
    """What opens a sealed package of this test's own: its name and the options of its key."""
    project = tmp_path / "project"
    (project / "lib").mkdir(parents=True)
    for number in range(30):
        (project / "lib" / f"m{number}.py").write_text(f"def f{number}(value):\n    return [value] * {number}\n" * 9)
    (project / "bad\x1bname.md").write_text("Some prose.\n")
    assert cli.run(["keygen", "-o", str(tmp_path / "key")]) == 0
    recipient = re.search("age1[a-z0-9]+", (tmp_path / "key").read_text())
    assert recipient
    package = tmp_path / "p.qyn1"
    assert cli.run(["pack", str(project), "-o", str(package), "-r", recipient[0], "--mode", "fast"]) == 0
    return [package, "-i", tmp_path / "key"]


def _explain(sealed: list[str | Path], *more: str | Path, code: int = 0) -> None:
    assert cli.run(["explain", *map(str, sealed), *map(str, more)]) == code


def test_the_command_shows_files_kinds_and_lines(sealed: list[str | Path], capfd: pytest.CaptureFixture[str]) -> None:
    capfd.readouterr()
    _explain(sealed, "--top", "3")
    out = capfd.readouterr().out
    assert "... and 28 files that cost less (--top 31 shows all)" in out
    assert "keyword" in out
    assert "envelope" in out
    _explain(sealed, "--top", "40")
    assert "bad\\x1bname.md" in capfd.readouterr().out
    _explain(sealed, "lib/m3.py")
    shown = capfd.readouterr().out.splitlines()
    assert shown[1].split()[0] == "1"
    assert shown[2].endswith("return [value] * 3")
    assert len([line for line in shown if "return [value] * 3" in line]) == 9


def test_json_is_complete(sealed: list[str | Path], capfd: pytest.CaptureFixture[str]) -> None:
    capfd.readouterr()
    _explain(sealed, "lib/m3.py", "--json")
    shown = json.loads(capfd.readouterr().out)
    assert shown["schema_version"] == 1
    (file,) = shown["files"]
    assert file["language"] == "python"
    assert sum(shown["lines"]) == pytest.approx(file["bits"], abs=0.2)
    assert sum(kind["bits"] for kind in shown["kinds"].values()) == pytest.approx(file["bits"], abs=0.2)
    _explain(sealed, "lib", "--json")
    assert len(json.loads(capfd.readouterr().out)["files"]) == 30


def test_the_command_writes_a_page(sealed: list[str | Path], tmp_path: Path) -> None:
    _explain(sealed, "--html", tmp_path / "heat.html")
    page = (tmp_path / "heat.html").read_text()
    assert page.startswith("<!doctype html>")
    assert page.count("<details") == 31
    assert "\x1b" not in page


def test_what_is_not_there_and_what_cannot_be_opened(
    sealed: list[str | Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    _explain(sealed, "lib/nothing.py", code=3)
    assert "the package has no 'lib/nothing.py'" in capfd.readouterr().err
    _explain([sealed[0], "-i", tmp_path / "none"], code=3)
    _explain(sealed, "--html", tmp_path / "no" / "folder.html", code=3)
