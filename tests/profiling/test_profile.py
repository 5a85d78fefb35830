"""What `qyn1 profile` promises: time is charged where it is spent, in every thread, and shown in every form."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Mapping
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path

import pytest

from qyn1_core import Sealing, cli, pack, resolve
from qyn1_core.measuring.flame_graph import flame_graph_page
from qyn1_core.measuring.profiling import Profile, Sampler, sampled, stage_of
from qyn1_plugins.compressors.chunked_rans import ChunkedRans
from qyn1_plugins.compressors.mixing import Mixing
from qyn1_plugins.compressors.morpheme import Morpheme
from qyn1_plugins.compressors.store import Store
from qyn1_plugins.host import BUILT_IN, Host
from qyn1_plugins.spec import Compressor, Prior, Source, StageTimer, hookimpl

pytestmark = pytest.mark.usefixtures("own_configuration")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    for number in range(20):
        lines = (f"def f{number}_{i}(x):\n    return [x * {i}, 'text {i * number}']\n\n" for i in range(400))
        (root / f"m{number}.py").write_text("".join(lines))
    return root


def _run(*arguments: str | Path, code: int = 0) -> None:
    assert cli.run([str(argument) for argument in arguments]) == code


NAMESPACE = {"__name__": "qyn1_plugins.compressors.busy"}
exec(  # the functions must seem to live in qyn1: other code is not of interest
    "def burn(until, clock):\n    while clock() < until:\n        pass\n"
    "def outer(until, clock):\n    burn(until, clock)\n"
    "def idle(event):\n    event.wait()\n",
    NAMESPACE,
)


def test_time_in_worker_threads_is_charged_to_what_they_do_and_waiting_is_not() -> None:
    def work(_: Sampler) -> Mapping[str, object]:
        event = threading.Event()
        idle = threading.Thread(target=NAMESPACE["idle"], args=(event,))  # type: ignore[arg-type]
        busy = threading.Thread(target=NAMESPACE["outer"], args=(time.monotonic() + 0.3, time.monotonic))  # type: ignore[arg-type]
        idle.start()
        busy.start()
        busy.join()
        event.set()
        idle.join()
        return {"made": "here"}

    profile = sampled(work)
    by_name = {frame[1]: (own, cumulative) for frame, own, cumulative in profile.functions()}
    assert by_name["outer"][1] == pytest.approx(by_name["burn"][1])
    assert by_name["burn"][0] > by_name["outer"][0]
    assert "idle" not in by_name
    assert profile.stages().keys() == {"model"}
    assert profile.facts == {"made": "here"}


def test_stages_go_by_the_innermost_frame_that_has_one() -> None:
    encode = ("qyn1_plugins.compressors.chunked_rans", "encode", 1)
    assert stage_of([encode]) == "model"
    assert stage_of([encode, ("numpy", "sort", 1)]) == "model"
    assert stage_of([encode, ("qyn1_plugins.frontends.python", "lex", 1)]) == "lex"
    assert stage_of([encode, ("qyn1_plugins.compressors.lanes", "encode_lanes", 1)]) == "entropy coder"
    assert stage_of([("qyn1_core.plan", "read_block", 1), ("qyn1_core.plan", "_read", 1)]) == "I/O"
    assert stage_of([("qyn1_core.planning", "x", 1)]) == "other"


@pytest.mark.native
@pytest.mark.parametrize(
    ("compressor", "level", "stages"),
    [
        (ChunkedRans(), 1, {"model", "entropy coder"}),
        (ChunkedRans(), 2, {"model", "entropy coder"}),
        (Morpheme(), 1, {"lex", "model", "entropy coder"}),
        (Mixing(), 1, {"model", "entropy coder"}),
    ],
)
def test_a_compressor_that_is_timed_gives_the_same_bytes(compressor: Compressor, level: int, stages: set[str]) -> None:
    assert isinstance(compressor, StageTimer)
    for data in (b"", b"x", Path(__file__).read_bytes() * 3, bytes(range(256)) * 20):
        source = Source(data, "python", lambda: pytest.fail("no compressor of ours asks for tokens"))
        begin = time.perf_counter()
        payload, seconds = compressor.encode_timed(source, None, level)
        elapsed = time.perf_counter() - begin
        assert payload == compressor.encode(source, None, level)
        assert set(seconds) == (stages if data else set()) or compressor.name == "mixing"
        assert sum(seconds.values()) <= elapsed


class _Timed(Store):
    """Says that it spent a quarter of its time in the lexer, and the rest in the coder."""

    name = "timed"  # type: ignore[misc]

    def encode_timed(self, source: Source, prior: Prior | None, level: int) -> tuple[bytes, Mapping[str, float]]:
        time.sleep(0.2)
        return source.data, {"lex": 1.0, "entropy coder": 3.0}


class _Plugin:
    @hookimpl
    def qyn1_compressors(self) -> list[Compressor]:
        return [_Timed()]


def test_hidden_time_is_shared_out_as_the_compressor_says(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    own = [(import_module(module), "qyn1", "0") for module in BUILT_IN]
    host = Host([*own, (_Plugin(), "stranger", "1")])
    priors = resolve(tmp_path, command_line={"compressors": {"python": "timed"}}, environ={}, host=host)

    def work(_: Sampler) -> Mapping[str, object]:
        return pack(tmp_path, io.BytesIO(), Sealing.open(), priors=priors, host=host).as_json()

    profile = sampled(work)
    stages = profile.stages()
    assert stages["lex"] + stages["entropy coder"] == pytest.approx(0.2, abs=0.1)
    assert stages["entropy coder"] == pytest.approx(3 * stages["lex"])
    ((frame, measured),) = profile.measured.items()
    assert frame[1] == "encode_timed"
    assert measured == {"lex": 1.0, "entropy coder": 3.0}
    names = {function for (_, function, _), _, _ in profile.functions()}
    assert {"<lex>", "<entropy coder>"} < names
    # Outside of a profile nobody asks.
    begin = time.monotonic()
    pack(tmp_path, io.BytesIO(), Sealing.open(), priors=priors, host=host)
    assert time.monotonic() - begin < 0.2


@pytest.mark.native
def test_stages_inside_the_extension_are_told_apart(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    _run("profile", project, "--mode", "balanced", "--json")
    shown = json.loads(capfd.readouterr().out)
    assert {"lex", "model", "entropy coder"} <= shown["stages"].keys()
    (measured,) = shown["measured_stages"]
    assert (measured["module"], measured["function"]) == ("qyn1_plugins.compressors.morpheme", "encode_timed")
    assert measured["seconds"]["model"] > measured["seconds"]["entropy coder"] > 0


@pytest.mark.parametrize("direction", [[], ["--unpack"]])
def test_json_is_complete_and_adds_up(project: Path, capfd: pytest.CaptureFixture[str], direction: list[str]) -> None:
    _run("profile", project, "--mode", "fast", "--json", "--allocations", *direction)
    shown = json.loads(capfd.readouterr().out)
    assert shown["schema_version"] == 1
    assert shown["direction"] == ("unpack" if direction else "pack")
    assert shown["files"] == 20
    assert shown["packed_size"] > 0
    assert sum(shown["stages"].values()) == pytest.approx(sum(row["own"] for row in shown["functions"]), abs=0.01)
    assert all(row["cumulative"] >= row["own"] for row in shown["functions"])
    assert shown["rss"][0]["bytes"] > 1 << 20
    assert all(row["bytes"] > 0 and row["place"] for row in shown["allocations"])
    assert len(list(project.iterdir())) == 20


def test_table_and_comparison(project: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    _run("profile", project, "--mode", "fast", "--json")
    old = json.loads(capfd.readouterr().out)
    old["stages"]["model"] = 100.0
    (tmp_path / "old.json").write_text(json.dumps(old))
    _run("profile", project, "--mode", "fast", "--top", "3")
    table = capfd.readouterr().out
    assert "stage" in table
    assert "qyn1_" in table
    assert "resident memory" in table
    _run("profile", project, "--mode", "fast", "--compare", tmp_path / "old.json")
    first = capfd.readouterr().out.splitlines()[1].split()
    assert first[0] == "100.000"
    assert float(first[2]) < -50
    assert first[3] == "model"


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.outside: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.outside += [name for name, _ in attrs if name in ("src", "href", "xlink:href")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_flame_graph_needs_nothing_from_elsewhere(project: Path, tmp_path: Path) -> None:
    _run("profile", project, "--mode", "fast", "--html", tmp_path / "flame.html")
    page = _Page()
    text = (tmp_path / "flame.html").read_text("utf-8")
    page.feed(text)
    assert page.outside == []
    assert "script" not in page.tags
    assert "url(" not in text
    assert page.tags.count("rect") >= 1  # how many depends on the machine's speed
    assert "qyn1_core" in page.text


def test_the_flame_graph_draws_in_proportion_and_escapes() -> None:
    frames = [("qyn1_core.plan", name, 1) for name in ("a", "<b>")]
    profile = Profile(stacks={(frames[0],): 3.0, (frames[0], frames[1]): 1.0}, rss=[(0.0, 10), (1.0, 20)])
    page = flame_graph_page(profile, "a & b")
    assert 'width="1200.00"' in page
    assert 'width="300.00"' in page
    assert "<b>" not in page
    assert "a &amp; b" in page


@pytest.mark.parametrize(
    ("content", "code"), [(None, 3), ("[]", 2), ("{}", 2), ("not json", 2), ('{"schema_version": 99}', 2)]
)
def test_a_file_that_is_no_profile_is_said_so(
    project: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], content: str | None, code: int
) -> None:
    if content is not None:
        (tmp_path / "old.json").write_text(content)
    _run("profile", project, "--compare", tmp_path / "old.json", code=code)
    error = capfd.readouterr().err
    assert error.startswith("qyn1: ")
    assert error.count("\n") == 1
