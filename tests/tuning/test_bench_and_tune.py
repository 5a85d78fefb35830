"""Bench finds what got worse, tune finds what is best and writes it down, promote writes only what passes."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qyn1_core import PackReport, Priors, cli, pack, resolve
from qyn1_core.configuration.manifest_writing import write_settings
from qyn1_core.configuration.settings import MODES
from qyn1_core.errors import ConfigError
from qyn1_core.measuring import tuning
from qyn1_core.measuring.benching import Case, compare, markdown, measure, read_baseline
from qyn1_core.measuring.pareto import pareto_front, pareto_picture, pareto_plot
from qyn1_core.measuring.suite import SUITE, shipped_baseline
from qyn1_core.measuring.tuning import Objective, Trial, Way, tune
from qyn1_plugins.host import default_host

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HOST = default_host()


pytestmark = pytest.mark.usefixtures("own_configuration")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    for number in range(12):
        lines = (f"def f{i}(x):\n    return [x * {i}, 'text']\n\n" for i in range(60))
        (root / f"m{number}.py").write_text(f"# module {number}\n" + "".join(lines))
    return root


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[str, str]]:
    def call(*arguments: str | Path, code: int = 0) -> tuple[str, str]:
        result = cli.run([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        assert result == code, captured.err
        return captured.out, captured.err

    return call


# -- bench ---------------------------------------------------------------------------


def _case(way: str, packed: int = 500, pack_time: float = 2.0, unpack_time: float = 1.0) -> Case:
    return Case("p", way, 3, 1000, packed, packed / 1000, pack_time, unpack_time)


def test_what_is_worse_beyond_the_tolerance_is_named() -> None:
    old = [_case("a"), _case("b"), _case("c"), _case("gone")]
    new = [_case("a", packed=504), _case("b", packed=520), _case("c", pack_time=3.0, unpack_time=0.1), _case("new")]
    worse = compare(new, old, size_tolerance=0.01, time_tolerance=0.3)
    assert [str(regression) for regression in worse] == ["p, b: size +4.0 %", "p, c: packing time +50.0 %"]
    assert compare(old, old, size_tolerance=0, time_tolerance=0) == []
    with pytest.raises(ConfigError, match="none of these"):
        compare([_case("other")], old, size_tolerance=0, time_tolerance=0)


def test_the_table_has_a_row_for_each_case() -> None:
    lines = markdown([_case("a", packed=505)], [_case("a")]).splitlines()
    assert len(lines) == 3
    assert len({line.count("|") for line in lines}) == 1
    assert "| 50.50 % | 2.00 | 1.00 | +1.00 % |" in lines[2]


def test_bench_against_its_own_baseline(project: Path, tmp_path: Path, run: Callable[..., tuple[str, str]]) -> None:
    ways: tuple[str, ...] = (
        "--mode",
        "fast",
        "--compressor",
        "zstd",
        "--preset",
        "default",
        "--repeat",
        "1",
        "--time-tolerance",
        "1e6",
    )
    if not HOST.has_compressor("morpheme"):
        ways = ("--mode", "fast", "--compressor", "zstd", "--repeat", "1", "--time-tolerance", "1e6")
    document = json.loads(run("bench", project, *ways, "--json")[0])
    assert document["schema_version"] == 1
    cases = {case["way"]: case for case in document["cases"]}
    assert {"mode fast", "compressor zstd"} <= cases.keys()
    assert cases["mode fast"]["files"] == 12
    assert 0 < cases["mode fast"]["size_ratio"] < 0.5
    assert cases["mode fast"]["pack_time"] > 0
    baseline = tmp_path / "baseline.json"
    baseline.write_text(json.dumps(document))
    run("bench", project, *ways, "--baseline", baseline, "--markdown", tmp_path / "t.md")
    assert "mode fast" in (tmp_path / "t.md").read_text()
    for case in document["cases"]:
        case["size_ratio"] *= 0.9
    baseline.write_text(json.dumps(document))
    _, errors = run("bench", project, *ways, "--baseline", baseline, code=1)
    assert "worse than the baseline: project, mode fast: size +11.1 %" in errors
    baseline.write_text("{}")
    run("bench", project, *ways, "--baseline", baseline, code=2)
    run("bench", project, *ways, "--baseline", tmp_path / "none", code=3)
    run("bench", project, "--compressor", "nonesuch", code=7)


# -- presets -------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["preset mine", "preset default"])  # a new preset is compared with the default one
def test_a_preset_is_promoted_only_when_it_is_no_worse(
    project: Path, tmp_path: Path, run: Callable[..., tuple[str, str]], way: str
) -> None:
    assert "python-web" in run("presets", "list")[0]
    candidate = tmp_path / "mine.toml"
    candidate.write_text('mode = "fast"\nblock_size = "4 KiB"\n')
    row = {"project": "project", "way": way, "files": 12, "raw_size": 1, "packed_size": 1}
    baseline = tmp_path / "baseline.json"
    command = ("presets", "promote", candidate, project, "--baseline", baseline, "-o", tmp_path / "out.toml")
    options = ("--repeat", "1")
    for ratio, code in ((0.001, 1), (0.99, 0)):
        case = {**row, "size_ratio": ratio, "pack_time": 1e6, "unpack_time": 1e6}
        baseline.write_text(json.dumps({"schema_version": 1, "cases": [case]}))
        run(*command, *options, code=code)
        assert (tmp_path / "out.toml").exists() is (code == 0)
    assert (tmp_path / "out.toml").read_text() == candidate.read_text()
    candidate.write_text('recipients = ["age1x"]\n')
    _, errors = run(*command, code=2)
    assert errors == "qyn1: preset mine:1: recipients: cannot be set here\n"


# -- the shipped baseline --------------------------------------------------------------


def test_the_shipped_baseline_has_every_mode_and_preset_of_every_project() -> None:
    cases = shipped_baseline()
    ways = {*(f"mode {mode}" for mode in MODES), *(f"preset {name}" for name in HOST.presets())}
    found: dict[str, set[str]] = {}
    for case in cases:
        found.setdefault(case.project, set()).add(case.way)
        assert case.size_ratio == round(case.packed_size / case.raw_size, 6)
        assert case.pack_time > 0 < case.unpack_time
    assert found == dict.fromkeys(SUITE, ways)


@pytest.fixture
def suite(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Callable[..., tuple[str, str]]) -> Path:
    """A suite of one project, and its baseline as if it had come with qyn1."""
    corpora = tmp_path / "corpora"
    (corpora / "bench").mkdir(parents=True)
    project.rename(corpora / "bench/project")
    monkeypatch.setenv("QYN1_CORPORA", str(corpora))
    monkeypatch.setattr("qyn1_core.measuring.suite.SUITE", ("project",))
    baseline = tmp_path / "baseline.json"
    run("bench", "--suite", "--repeat", "1", "--preset", "default", "--mode", "fast", "--save", baseline)
    for module in ("bench", "presets"):
        monkeypatch.setattr(
            f"qyn1_core.cli.{module}.shipped_baseline",
            lambda: read_baseline(json.loads(baseline.read_text()), "the shipped baseline"),
        )
    return baseline


def _shrink(baseline: Path, **figures: float) -> None:
    document = json.loads(baseline.read_text())
    for case in document["cases"]:
        for name, factor in figures.items():
            case[name] *= factor
    baseline.write_text(json.dumps(document))


@pytest.mark.native
def test_the_suite_is_judged_by_the_shipped_baseline_and_not_a_byte_may_be_lost(
    suite: Path, run: Callable[..., tuple[str, str]]
) -> None:
    command = ("bench", "--suite", "--repeat", "1", "--mode", "fast", "--time-tolerance", "1e6")
    run(*command)
    _shrink(suite, size_ratio=0.9999)
    _, errors = run(*command, code=1)
    assert "worse than the baseline: project, mode fast: size +0.0100 %" in errors
    run(*command, "--size-tolerance", "0.1")
    (suite.parent / "corpora/bench/project/more.py").write_text("x = 1\n")
    _, errors = run(*command, code=2)
    assert "project has 13 files of" in errors
    assert "fetch the projects again" in errors
    shutil.rmtree(suite.parent / "corpora/bench/project")
    _, errors = run(*command, code=3)
    assert "python -m benchmarks.corpora fetch projects.toml" in errors


@pytest.mark.native
def test_promote_measures_the_suite_when_nothing_else_is_named(
    suite: Path, tmp_path: Path, run: Callable[..., tuple[str, str]]
) -> None:
    out = tmp_path / "out.toml"
    for name in ("default", "brand-new"):  # a new preset is judged by what `default` does
        candidate = tmp_path / f"{name}.toml"
        command = ("presets", "promote", candidate, "-o", out, "--repeat", "1", "--time-tolerance", "1e6")
        candidate.write_text('block_size = "4 KiB"\n')
        _, errors = run(*command, code=1)
        assert "worse than the baseline: project, preset default: size" in errors
        assert not out.exists()
        candidate.write_text('block_size = "2 MiB"\n')
        run(*command)
        assert out.read_text() == candidate.read_text()
        out.unlink()
    run("presets", "promote", candidate, tmp_path, "-o", out, code=2)  # projects without a baseline


def test_options_that_exclude_each_other_are_refused(run: Callable[..., tuple[str, str]], tmp_path: Path) -> None:
    run("bench", "--suite", tmp_path, code=2)
    run("bench", tmp_path, "--save", tmp_path / "a", "--baseline", tmp_path / "b", code=2)


def test_presets_that_say_the_same_are_measured_once(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[Priors] = []

    def watched(*arguments: Any, priors: Priors, **rest: Any) -> PackReport:
        counted.append(priors)
        return pack(*arguments, priors=priors, **rest)

    monkeypatch.setattr("qyn1_core.measuring.benching.pack", watched)
    ways = {
        name: resolve(project, command_line={"preset": name, "mode": "fast", "workers": 1}, environ={}, host=HOST)
        for name in ("python-data", "node-service", "rust-cpp-macros")
    }
    cases = list(measure(project, ways, HOST, repeat=1))
    assert [case.way for case in cases] == list(ways)
    assert len(counted) == 2
    assert replace(cases[0], way="") == replace(cases[1], way="")


# -- tune ----------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(1, 20), st.integers(1, 20)), min_size=1, max_size=30))
def test_nothing_beats_the_front_and_everything_else_is_beaten(points: list[tuple[int, int]]) -> None:
    trials = [Trial(Way("fast", 1, number), size, float(seconds)) for number, (size, seconds) in enumerate(points)]
    front = pareto_front(trials)

    def beats(a: Trial, b: Trial) -> bool:
        return a.packed_size <= b.packed_size and a.seconds <= b.seconds and (a.packed_size, a.seconds) != (
            b.packed_size, b.seconds,
        )  # fmt: skip

    assert not any(beats(other, trial) for trial in front for other in trials)
    shown = {(trial.packed_size, trial.seconds) for trial in front}
    for trial in trials:
        assert (trial.packed_size, trial.seconds) in shown or any(beats(other, trial) for other in front)


def test_objectives_put_the_budget_first() -> None:
    small, quick = Trial(Way("maximum", 1), 10, 9.0), Trial(Way("fast", 1), 20, 1.0)
    for objective, winner in (
        (Objective(), small),
        (Objective(seconds=10), small),
        (Objective(seconds=5), quick),
        (Objective(size=30), quick),
        (Objective(size=15), small),
    ):
        assert min([small, quick], key=objective.rank) == winner
        assert objective.prefers(winner, quick if winner == small else small)
        assert objective.met(winner)
    assert not Objective(seconds=0.5).met(quick)


def test_tune_tries_what_it_says_and_finds_the_best(project: Path) -> None:
    seen: list[Trial] = []
    ticks = itertools.count()
    best, trials = tune(
        project, resolve(project, environ={}, host=HOST), HOST, Objective(), modes=["fast"],
        clock=lambda: float(next(ticks)), progress=seen.append,
    )  # fmt: skip
    assert seen == trials
    assert best in trials
    assert best.packed_size <= min(trial.packed_size for trial in trials) * 1.001
    assert {trial.way.mode for trial in trials} == {"fast"}
    assert len({trial.way.block_size for trial in trials}) >= 3
    assert {trial.way.workers for trial in trials} >= {0, 1}


def test_the_winner_goes_into_the_manifest(project: Path, tmp_path: Path, run: Callable[..., tuple[str, str]]) -> None:
    pytest.importorskip("tomlkit")
    manifest = project / "pyproject.toml"
    manifest.write_text('# ours\n[tool.qyn1]\nname = "shop"   # public\nmode = "security"\n\n[tool.other]\nx = 1\n')
    plot = tmp_path / "plot.svg"
    out = json.loads(run("tune", project, "--mode", "fast", "--write", "--json", "--plot", plot)[0])
    assert out["met"] is True
    text = manifest.read_text()
    assert '# ours\n[tool.qyn1]\nname = "shop"   # public\nmode = "fast"\n' in text
    assert "[tool.other]\nx = 1\n" in text
    priors = resolve(project, environ={}, host=HOST)
    assert priors.mode == "fast"
    assert priors.block_size == out["best"]["block_size"]
    assert "pyproject.toml" in priors.origins["block_size"]
    tree = ET.fromstring(plot.read_text())
    assert len(tree.findall("{http://www.w3.org/2000/svg}circle")) == len(out["trials"])


def test_out_of_budget_is_said_and_changes_nothing(project: Path, run: Callable[..., tuple[str, str]]) -> None:
    before = sorted(project.iterdir())
    table, errors = run("tune", project, "--mode", "fast", "--fastest-below", "1 B", "--write", code=1)
    assert "best" in table
    assert "nothing is within the budget" in errors
    assert sorted(project.iterdir()) == before
    run("tune", project, "--fastest-below", "1 B", "--smallest-within", "1", code=2)
    run("tune", project, "--fastest-below", "many", code=2)
    run("tune", project / "m1.py", "--write", code=2)


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        (None, None, 'mode = "fast"\n'),
        ("qyn1.toml", "# mine\nlevel = 1\n", '# mine\nlevel = 1\nmode = "fast"\n'),
        (
            "Cargo.toml",
            '[package.metadata.qyn1]\nmode = "maximum" # x\n',
            '[package.metadata.qyn1]\nmode = "fast" # x\n',
        ),
        ("package.json", '{\n    "qyn1": {"level": 1}\n}\n', None),
    ],
)
def test_every_kind_of_manifest_can_be_written(
    tmp_path: Path, name: str | None, before: str | None, after: str | None
) -> None:
    pytest.importorskip("tomlkit")
    if name is not None and before is not None:
        (tmp_path / name).write_text(before)
    path = write_settings(tmp_path, {"mode": "fast"})
    assert path.name == (name or "qyn1.toml")
    if after is not None:
        assert path.read_text() == after
    else:
        assert json.loads(path.read_text()) == {"qyn1": {"level": 1, "mode": "fast"}}
        assert path.read_text().startswith('{\n    "qyn1"')


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            '[tool.qyn1]\nlevel = 2\nworkers = 3\nmode = "fast"\n\n[tool.qyn1.executor_options]\nx = "1"',
            '[tool.qyn1]\nmode = "balanced"\ncompressors = {python = "mixing"}\n[tool.qyn1.executor_options]\nx = "1"',
        ),
        (
            '[tool.qyn1]\n[tool.qyn1.compressors]\nrust = "fast"\n# end\n',
            '[tool.qyn1]\nmode = "balanced"\n[tool.qyn1.compressors]\npython = "mixing"\n',
        ),
    ],
)
def test_what_was_for_other_values_goes_and_tables_stay_tables(tmp_path: Path, before: str, after: str) -> None:
    pytest.importorskip("tomlkit")
    (tmp_path / "real.toml").write_text(before)
    (tmp_path / "pyproject.toml").symlink_to("real.toml")
    settings = {"mode": "balanced", "level": None, "workers": None, "compressors": {"python": "mixing"}}
    assert write_settings(tmp_path, settings) == tmp_path / "pyproject.toml"
    written = (tmp_path / "pyproject.toml").read_text()
    assert (tmp_path / "pyproject.toml").is_symlink()
    assert tomllib.loads(written) == tomllib.loads(after)
    (tmp_path / "pyproject.toml").unlink()
    (tmp_path / "package.json").write_text('{"qyn1": {"level": 2}}')
    write_settings(tmp_path, settings)
    document = json.loads((tmp_path / "package.json").read_text())
    assert document == {"qyn1": {"mode": "balanced", "compressors": {"python": "mixing"}}}


def _pack_by_formula(sizes: Callable[[Priors], int], seen: list[Priors]) -> Callable[..., PackReport]:
    def made(_project: Path, _output: object, _sealing: object, *, priors: Priors, **_: object) -> PackReport:
        seen.append(priors)
        languages = {"python": {"raw_size": 900}, "text": {"raw_size": 90}, "rust": {"raw_size": 10}}
        return PackReport("-", packed_size=sizes(priors), languages=languages)

    return made


@pytest.mark.native
def test_levels_and_compressors_of_single_languages_are_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Priors] = []

    def size(priors: Priors) -> int:
        better = {"morpheme": 0, "mixing": 100, "chunked-rans": -100}
        gained = sum(better.get(name, 0) for name in priors.compressors.values())
        return 1000 - gained - (50 if priors.level == 2 else 0)

    monkeypatch.setattr(tuning, "pack", _pack_by_formula(size, seen))
    ticks = itertools.count()
    settings = {"compressors": {"text": "store"}}
    best, trials = tune(
        tmp_path, resolve(tmp_path, environ={}, command_line=settings, host=HOST), HOST, Objective(), modes=["fast"],
        clock=lambda: float(next(ticks)) * 10,
    )  # fmt: skip
    # mixing has no level 2, and gains more than that.
    assert (best.way.level, dict(best.way.compressors)) == (None, {"text": "store", "python": "mixing"})
    assert best.name == "fast, blocks of 2 MiB, store for text, mixing for python"
    assert {priors.level for priors in seen} == {None, 2}
    tried = {tuple(sorted(priors.compressors.items())) for priors in seen}
    assert tried == {
        (("text", "store"),),
        (("python", "mixing"), ("text", "store")),
        (("python", "morpheme"), ("text", "store")),
    }  # rust is too little to count, and text has been decided
    assert len(trials) == len(seen)


def test_the_project_shows_its_trials_on_a_terminal(project: Path) -> None:
    pexpect = pytest.importorskip("pexpect")
    with pexpect.spawn(
        sys.executable, ["-m", "qyn1_core", "tune", str(project), "--mode", "fast"],
        env={**os.environ, "TERM": "xterm", "PYTHONPATH": os.pathsep.join(sys.path)}, timeout=120, encoding="utf-8",
    ) as terminal:  # fmt: skip
        terminal.expect("fast, blocks of 1 MiB")
        terminal.expect("100%")
        terminal.expect("@ best, o on the front")
        terminal.expect(pexpect.EOF)
    assert terminal.exitstatus == 0


def test_the_plot_for_the_terminal_marks_the_winner_and_the_front() -> None:
    trials = [Trial(Way("fast", 1), 300, 1.0), Trial(Way("balanced", 1), 200, 2.0), Trial(Way("fast", 2), 400, 4.0)]
    lines = pareto_plot(trials, trials[1])
    assert [line.count(mark) for mark in "@o." for line in ["".join(lines[:-1])]] == [1, 1, 1]
    assert lines[0].startswith("400 B |")
    assert lines[0].endswith(".")  # slow and large: above, to the right
    assert lines[-3].startswith("200 B |")
    assert lines[-1].split() == ["1.00", "s", "4.00", "s"]
    assert len(set(map(len, lines[-2:]))) == 1
    assert sum("@" in line for line in pareto_plot(trials[:1], trials[0])) == 1


def test_the_picture_shows_every_trial_and_the_winner() -> None:
    trials: Sequence[Trial] = [Trial(Way("fast", 1024), 300, 1.0), Trial(Way("maximum", 1024, 2), 100, 4.0)]
    tree = ET.fromstring(pareto_picture(trials, trials[1], "a < b"))
    circles = tree.findall("{http://www.w3.org/2000/svg}circle")
    assert [circle.get("fill") for circle in circles] == ["#fff", "#c4632b"]
    assert "a < b" in "".join(tree.itertext())
