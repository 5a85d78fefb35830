"""Writes docs/bazel_reference.md from the Starlark itself: ``python tests/bazel/reference.py``.

Starlark's grammar is a part of Python's: the files are run as Python, with functions in the place of
`rule`, `attr` and the like that only note what they are given.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FunctionType, SimpleNamespace
from typing import Any

PROJECT = Path(__file__).parents[2]
REFERENCE = PROJECT / "docs/bazel_reference.md"


class Declared(SimpleNamespace):
    """What a call of `rule`, `attr.string` or the like declared."""

    kind: str
    given: dict[str, Any]


def _declare(kind: str) -> Callable[..., Declared]:
    return lambda *_, **given: Declared(kind=kind, given=given)


class _Module:
    """A Starlark module such as `attr`: every member declares."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, member: str) -> Callable[..., Declared]:
        return _declare(f"{self._name}.{member}")


def run(path: Path) -> dict[str, Any]:
    """The globals of a Starlark file."""
    names: dict[str, Any] = {
        **{name: _declare(name) for name in ("aspect", "provider", "repository_rule", "rule")},
        **{name: _Module(name) for name in ("attr", "config", "native", "platform_common", "testing")},
        "Label": lambda text: text,
    }  # fmt: skip

    def load(label: str, *plain: str, **renamed: str) -> None:
        other = run(PROJECT / "integrations/bazel" / label.rpartition(":")[2])
        names.update({name: other[name] for name in plain})
        names.update({name: other[source] for name, source in renamed.items()})

    names["load"] = load
    exec(compile(path.read_text(), str(path), "exec"), names)
    return names


def _text(doc: str) -> str:
    return " ".join(doc.split())


def _default(declared: Declared) -> str:
    given = declared.given
    if given.get("mandatory"):
        return "required"
    if "default" in given:
        return f"`{given['default']!r}`".replace("'", '"')
    empty = {"bool": "`False`", "string": '`""`', "label": "`None`"}
    return empty.get(declared.kind.removeprefix("attr."), "`[]`")


def _attributes(attrs: Mapping[str, Declared]) -> list[str]:
    shown = {name: each for name, each in sorted(attrs.items()) if not name.startswith("_")}
    if not shown:
        return []
    lines = ["| attribute | type | default | |", "|---|---|---|---|"]
    for name, each in shown.items():
        kind = each.kind.removeprefix("attr.")
        lines.append(f"| `{name}` | {kind} | {_default(each)} | {_text(each.given.get('doc', ''))} |")
    return [*lines, ""]


def _entry(name: str, value: object) -> list[str]:
    lines = [f"## `{name}`", ""]
    if isinstance(value, FunctionType):
        doc = inspect.getdoc(value) or ""
        head, _, arguments = doc.partition("\n\nArgs:\n")
        lines += [head, "", "| argument | |", "|---|---|"]
        for line in arguments.splitlines():
            argument, _, text = line.strip().partition(": ")
            lines.append(f"| `{argument}` | {text} |")
        return [*lines, ""]
    assert isinstance(value, Declared), name
    kind = {"rule": "test rule" if value.given.get("test") else "rule", "repository_rule": "repository rule"}
    lines += [f"*{kind.get(value.kind, value.kind)}.* {value.given['doc']}", ""]
    if value.kind == "provider":
        lines += ["| field | |", "|---|---|"]
        lines += [f"| `{field}` | {_text(doc)} |" for field, doc in sorted(value.given["fields"].items())]
        return [*lines, ""]
    return lines + _attributes(value.given.get("attrs", {}))


def reference() -> str:
    """The page."""
    public = {
        name: value
        for name, value in run(PROJECT / "defs.bzl").items()
        if name.startswith(("qyn1_", "Qyn1")) and isinstance(value, Declared | FunctionType)
    }
    repositories = run(PROJECT / "integrations/bazel/repositories.bzl")
    lines = [
        "# Bazel reference",
        "",
        "Made from the Starlark by `python tests/bazel/reference.py`. [bazel.md](bazel.md) is the manual.",
        "",
        "From `@qyn1//:defs.bzl`, and at the end from `@qyn1//integrations/bazel:repositories.bzl`.",
        "",
    ]
    for name, value in sorted(public.items(), key=lambda item: item[0].lower()):
        lines += _entry(name, value)
    for name in ("qyn1_archive", "qyn1_local", "qyn1_register_toolchains"):
        lines += _entry(name, repositories[name])
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    REFERENCE.write_text(reference())
