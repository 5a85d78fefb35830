"""Tables and the picture say what was measured, and nothing about what was not."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.plot import LABEL_HEIGHT, WIDTH, front, pareto_picture
from benchmarks.run import main
from benchmarks.tables import project_table, small_table, speed_table, summaries


def result(
    project: str, contender: str, size: int, seconds: float, threads: int = 1, kind: str = "peer"
) -> dict[str, Any]:
    cost = {"cpu": seconds, "wall": seconds / 2, "peak": 8_000_000}
    return {
        "project": project,
        "contender": contender,
        "kind": kind,
        "threads": threads,
        "size": size,
        "encode": cost,
        "decode": {**cost, "cpu": seconds / 10},
    }


@pytest.fixture
def answer() -> dict[str, Any]:
    return {
        "machine": {"processor": "Test <CPU>"},
        "projects": [
            {"project": "rust/a", "files": 1, "raw": 1_000_000, "tar": 1_010_000},
            {"project": "rust/b", "files": 1, "raw": 3_000_000, "tar": 3_010_000},
        ],
        "results": [
            result("rust/a", "zip", 300_000, 1.0),
            result("rust/b", "zip", 700_000, 1.0),
            result("rust/a", "zip", 300_000, 2.0, threads=2),
            result("rust/b", "zip", 700_000, 2.0, threads=2),
            result("rust/a", "qyn1 fast", 200_000, 0.5, kind="mode"),
            result("rust/b", "qyn1 fast", 400_000, 0.5, kind="mode"),
            result("rust/a", "half-run", 1, 0.1),
        ],
        "small": [
            {"language": "rust", "files": 60, "raw": 9_000, "contender": "zip", "kind": "peer", "size": 4_000},
            {"language": "cpp", "files": 60, "raw": 8_000, "contender": "zip", "kind": "peer", "size": 3_000},
        ],
    }


def test_speeds_are_cpu_time_on_one_thread_and_wall_time_on_several(answer: dict[str, Any]) -> None:
    by_key = {(row.contender, row.threads): row for row in summaries(answer)}
    assert by_key["zip", 1].encode == pytest.approx(2.0)
    assert by_key["zip", 1].decode == pytest.approx(20.0)
    assert by_key["zip", 2].encode == pytest.approx(2.0)
    assert by_key["zip", 1].size == 1_000_000


def test_who_did_not_run_everywhere_has_no_total(answer: dict[str, Any]) -> None:
    assert {row.contender for row in summaries(answer)} == {"zip", "qyn1 fast"}
    assert "half-run" not in speed_table(answer)


def test_tables_are_well_formed_markdown(answer: dict[str, Any]) -> None:
    for table in (project_table(answer), speed_table(answer), small_table(answer)):
        lines = table.rstrip("\n").split("\n")
        assert len({len(line) for line in lines}) == 1
        assert len({line.count("|") for line in lines}) == 1
    assert "| rust/b  | 3,000,000 | 700,000 |   400,000 |          |" in project_table(answer)


def test_the_picture_is_valid_and_names_every_contender(answer: dict[str, Any]) -> None:
    texts = [element.text for element in ET.fromstring(pareto_picture(answer)).iter() if element.text]
    assert texts.count("zip") == texts.count("qyn1 fast") == 2
    assert any("Test <CPU>" in text for text in texts)


def test_labels_in_the_picture_cover_neither_dots_nor_each_other(answer: dict[str, Any]) -> None:
    for number in range(12):  # dots that nearly coincide
        answer["results"] += [result(p, f"codec {number}", 200_000 + number, 0.5) for p in ("rust/a", "rust/b")]
    places = {
        (float(element.attrib["x"]), float(element.attrib["y"]))
        for element in ET.fromstring(pareto_picture(answer)).iter()
        if (element.text or "").startswith("codec ")
    }
    lines: dict[tuple[bool, float], list[float]] = {}
    for x, y in places:
        lines.setdefault((x < WIDTH / 2, x), []).append(y)
    assert len(places) == 24
    for heights in lines.values():
        ordered = sorted(heights)
        assert all(below - above >= LABEL_HEIGHT for above, below in pairwise(ordered))


def test_earlier_results_can_be_drawn_of_some_contenders(
    answer: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "old.json").write_text(json.dumps(answer))
    assert main(["--from", str(tmp_path / "old.json"), "--contenders", "qyn1 fast"]) == 0
    printed = capsys.readouterr().out
    assert "qyn1 fast" in printed
    assert "zip" not in printed
    with pytest.raises(SystemExit, match="no contender rar in these results"):
        main(["--from", str(tmp_path / "old.json"), "--contenders", "rar"])


def test_without_a_complete_contender_there_is_no_picture(answer: dict[str, Any]) -> None:
    answer["results"] = answer["results"][-1:]
    with pytest.raises(ValueError, match="nothing to draw"):
        pareto_picture(answer)


@given(st.lists(st.tuples(st.integers(1, 20), st.integers(1, 20)), min_size=1))
def test_the_front_holds_exactly_what_nothing_beats(points: list[tuple[int, int]]) -> None:
    kept = front(points)
    unbeaten = {
        (speed, size)
        for speed, size in points
        if not any(s >= speed and z <= size and (s, z) != (speed, size) for s, z in points)
    }
    assert set(kept) == unbeaten
