"""Benchmark results as Markdown tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Summary", "project_table", "small_table", "speed_table", "summaries"]


@dataclass(frozen=True)
class Summary:
    """One contender over all projects: sizes in bytes, speeds in MB/s, peaks in bytes.

    Speeds are raw bytes over CPU seconds with one thread, over wall seconds with more.
    """

    contender: str
    kind: str
    threads: int
    raw: int
    size: int
    encode: float
    decode: float
    encode_peak: int
    decode_peak: int


def summaries(answer: Mapping[str, Any]) -> list[Summary]:
    """One `Summary` for each contender and thread count that ran on every project, in order of first result."""
    raw = {row["project"]: row["raw"] for row in answer["projects"]}
    found: list[Summary] = []
    for contender, threads in dict.fromkeys((row["contender"], row["threads"]) for row in answer["results"]):
        rows = [row for row in answer["results"] if (row["contender"], row["threads"]) == (contender, threads)]
        if {row["project"] for row in rows} != raw.keys():
            continue
        total = sum(raw.values())
        clock = "cpu" if threads == 1 else "wall"
        found.append(
            Summary(
                contender,
                rows[0]["kind"],
                threads,
                total,
                sum(row["size"] for row in rows),
                _speed(total, rows, "encode", clock),
                _speed(total, rows, "decode", clock),
                max(row["encode"]["peak"] for row in rows),
                max(row["decode"]["peak"] for row in rows),
            )
        )
    return found


def _speed(total: int, rows: Sequence[Mapping[str, Any]], way: str, clock: str) -> float:
    # A process cannot be seen to take less than the clock's tick.
    seconds: float = sum(row[way][clock] for row in rows)
    return total / 1e6 / max(seconds, 1e-3)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        first = cells[0].ljust(widths[0])
        return (
            "| "
            + " | ".join([first, *(cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))])
            + " |"
        )

    ruler = (
        "|"
        + "|".join("-" * (width + 2 - (column > 0)) + ":" * (column > 0) for column, width in enumerate(widths))
        + "|"
    )
    return "\n".join([line(head), ruler, *map(line, rows)]) + "\n"


def project_table(answer: Mapping[str, Any]) -> str:
    """Bytes by project (rows) and contender (columns), single-threaded."""
    names = list(dict.fromkeys(row["contender"] for row in answer["results"]))
    sizes = {(row["project"], row["contender"]): row["size"] for row in answer["results"] if row["threads"] == 1}
    rows = [
        [row["project"], f"{row['raw']:,}"]
        + [f"{sizes[row['project'], name]:,}" if (row["project"], name) in sizes else "" for name in names]
        for row in answer["projects"]
    ]
    return _table(["project", "raw", *names], rows)


def speed_table(answer: Mapping[str, Any]) -> str:
    """Total size, speeds and peak memory of every contender."""
    rows = [
        [
            row.contender,
            str(row.threads),
            f"{row.size:,}",
            f"{100 * row.size / row.raw:.2f} %",
            f"{row.encode:.2f}",
            f"{row.decode:.2f}",
            f"{row.encode_peak / 1e6:.0f}",
            f"{row.decode_peak / 1e6:.0f}",
        ]
        for row in summaries(answer)
    ]
    head = ["contender", "threads", "bytes", "of raw", "encode MB/s", "decode MB/s", "encode peak MB", "decode peak MB"]
    return _table(head, rows)


def small_table(answer: Mapping[str, Any]) -> str:
    """Bytes of all small files, each packed alone, by contender (rows) and language (columns)."""
    languages = list(dict.fromkeys(row["language"] for row in answer["small"]))
    sizes = {(row["contender"], row["language"]): row["size"] for row in answer["small"]}
    raw = {row["language"]: row["raw"] for row in answer["small"]}
    rows = [["raw", *(f"{raw[language]:,}" for language in languages)]]
    for name in dict.fromkeys(row["contender"] for row in answer["small"]):
        rows.append(
            [name, *(f"{sizes[name, language]:,}" if (name, language) in sizes else "" for language in languages)]
        )
    return _table(["small files alone", *languages], rows)
