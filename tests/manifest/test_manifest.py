"""A project's settings are found in its manifest, and a mistake is quoted with file, line and key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qyn1_core.configuration.manifest import find_manifest, read_manifest
from qyn1_core.configuration.positions import json_lines, toml_lines
from qyn1_core.configuration.settings import FIELDS, parse_size, size_text
from qyn1_core.errors import ConfigError, NotFound

PYPROJECT = (
    '[project]\nname = "x"\n\n[tool.qyn1]\nmode = "fast"\n# why\nexclude = [\n  "tests/",\n]\nblock_size = "64 KiB"\n'
)
FILES = {"pyproject": "pyproject.toml", "package": "package.json", "cargo": "Cargo.toml", "own": "qyn1.toml"}
PACKAGE = '{\n  "name": "x",\n  "qyn1": {\n    "mode": "fast",\n    "workers": 3\n  }\n}\n'
CARGO = '[package]\nname = "x"\n\n[package.metadata.qyn1]\nmode = "maximum"\n'


def _put(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / FILES[name]).write_text(text, "utf-8")
    return folder


def test_each_of_the_four_places_is_read(tmp_path: Path) -> None:
    found = find_manifest(_put(tmp_path, pyproject=PYPROJECT))
    assert found is not None
    assert found.values == {"mode": "fast", "exclude": ("tests/",), "block_size": 65536}
    assert [found.where(name) for name in found.values] == ["pyproject.toml:5", "pyproject.toml:7", "pyproject.toml:10"]

    for name, text, values, where in (
        ("package", PACKAGE, {"mode": "fast", "workers": 3}, "package.json:4"),
        ("cargo", CARGO, {"mode": "maximum"}, "Cargo.toml:5"),
        ("own", 'mode = "security"\n', {"mode": "security"}, "qyn1.toml:1"),
    ):
        folder = tmp_path / name
        folder.mkdir()
        found = find_manifest(_put(folder, **{name: text}))
        assert found is not None
        assert (found.values, found.where("mode")) == (values, where)


def test_a_project_without_settings_has_no_manifest(tmp_path: Path) -> None:
    assert find_manifest(tmp_path) is None
    _put(tmp_path, pyproject='[project]\nname = "x"\n[tool.ruff]\n', package='{"name": "x"}', cargo="[package]\n")
    assert find_manifest(tmp_path) is None


def test_a_file_that_never_mentions_qyn1_may_be_malformed(tmp_path: Path) -> None:
    assert find_manifest(_put(tmp_path, package="{ // comments", pyproject="= broken")) is None


def test_two_manifests_that_disagree_are_refused(tmp_path: Path) -> None:
    _put(tmp_path, pyproject='[tool.qyn1]\nmode = "fast"\n', cargo=CARGO)
    with pytest.raises(ConfigError, match=r"pyproject.toml and Cargo.toml both hold settings of qyn1, and they differ"):
        find_manifest(tmp_path)


def test_two_manifests_that_agree_are_one(tmp_path: Path) -> None:
    _put(tmp_path, pyproject='[tool.qyn1]\nmode = "maximum"\nexclude = []\n', cargo=CARGO + "exclude = []\n")
    found = find_manifest(tmp_path)
    assert found is not None
    assert found.origin == "pyproject.toml"


def test_qyn1_toml_wins_alone(tmp_path: Path) -> None:
    _put(tmp_path, pyproject='[tool.qyn1]\nmode = "nonsense"\n', cargo=CARGO, own="workers = 2\n")
    found = find_manifest(tmp_path)
    assert found is not None
    assert found.values == {"workers": 2}


def test_paths_are_relative_to_the_manifest(tmp_path: Path) -> None:
    found = find_manifest(_put(tmp_path, own='recipients_files = ["keys/team.txt"]\nscratch = "work"\n'))
    assert found is not None
    assert found.values["recipients_files"] == (str(tmp_path / "keys/team.txt"),)
    assert found.values["scratch"] == str(tmp_path / "work")
    found = find_manifest(_put(tmp_path, own='scratch = "auto"\n'))
    assert found is not None
    assert found.values["scratch"] == "auto"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('\nmode = "fats"\n', r"^qyn1.toml:2: mode: must be one of fast, .*, not 'fats'; did you mean 'fast'\?$"),
        ("mode = 1\n", r"^qyn1.toml:1: mode: must be one of fast, balanced, maximum, security, not 1$"),
        ("blocksize = 1\n", r"^qyn1.toml:1: blocksize: unknown key 'blocksize'; did you mean 'block_size'\?$"),
        ("block-size = 1\n", r"did you mean 'block_size'\?$"),
        ("zzz = 1\n", r"unknown key 'zzz'; known: preset, mode, "),
        ("workers = -1\n", r"^qyn1.toml:1: workers: must be from 0 to 1024, not -1$"),
        ("workers = true\n", r"workers: must be a whole number, not True$"),
        ("workers = 1.5\n", r"workers: must be a whole number, not 1.5$"),
        ('block_size = "1 KiB"\n', r"block_size: must be from 4 KiB to 64 MiB, not 1 KiB$"),
        ('block_size = "big"\n', r"block_size: 'big' is not a size; write a whole number of B, KiB"),
        ("block_size = []\n", r"block_size: must be a size, not \[\]$"),
        ('deterministic = "yes"\n', r"deterministic: must be true or false, not 'yes'$"),
        ('exclude = "tests"\n', r"exclude: must be a list of texts, not 'tests'$"),
        ("exclude = [1]\n", r"exclude: must be a text, not 1$"),
        ('exclude = [""]\n', r"exclude: must not be empty"),
        ('name = "a b"\n', r"name: 'a b' is not a public name"),
        ('executor = "Threads!"\n', r"executor: 'Threads!' is not a plugin's name"),
        ("executor_options = { scheduler = 1 }\n", r"executor_options: scheduler: must be a text, not 1$"),
        ('[executor_options]\n"a b" = "x"\n', r"^qyn1.toml:1: executor_options: 'a b' is not usable as a key"),
        ("compressors = 3\n", r"compressors: must be a table of texts, not 3$"),
        ('mode = "fast\n', r"^qyn1.toml:1:\d+: not TOML: "),
        ("a = 1\na = 2\n", r"^qyn1.toml:2:\d+: not TOML: "),
        ("[a", r"^qyn1.toml:1:\d+: not TOML: "),
    ],
)
def test_a_mistake_is_quoted_with_file_line_and_key(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        find_manifest(_put(tmp_path, own=text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{\n "qyn1": {\n  "mod": 1}}', r"^package.json:3: qyn1.mod: unknown key 'mod'; did you mean 'mode'\?$"),
        ('{\n "qyn1": {"mode": x}\n}', r"^package.json:2:19: not JSON: "),
        ('{"qyn1": 3}', r"^package.json:1: qyn1: must be a table, not 3$"),
        ('{"qyn1": {"mode": "fast", "mode": "fast"}}', r"^package.json: the key 'mode' stands twice"),
        ('["qyn1"]', r"^package.json:1:1: must hold an object, not list$"),
        ('{"qyn1": ' + "[" * 100_000, r"^package.json: nested too deeply$|not JSON"),
        ('{"qyn1": {"workers": ' + "9" * 5000 + "}}", r"^package.json: "),
    ],
)
def test_a_mistake_in_json_is_quoted_too(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        find_manifest(_put(tmp_path, package=text))


def test_text_that_is_not_utf_8_is_located(tmp_path: Path) -> None:
    (tmp_path / "qyn1.toml").write_bytes(b'mode = "fast"\n# \xff\n')
    with pytest.raises(ConfigError, match=r"qyn1.toml:2: not UTF-8 \(byte 16\)"):
        find_manifest(tmp_path)


def test_line_ends_and_byte_order_mark_of_windows_are_accepted(tmp_path: Path) -> None:
    (tmp_path / "qyn1.toml").write_bytes(b'\xef\xbb\xbf# x\r\nmode = "fast"\r\n')
    found = find_manifest(tmp_path)
    assert found is not None
    assert (found.values, found.where("mode")) == ({"mode": "fast"}, "qyn1.toml:2")


def test_an_enormous_file_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "qyn1.toml").open("wb") as file:
        file.truncate((16 << 20) + 1)
    with pytest.raises(ConfigError, match=r"larger than 16 MiB"):
        find_manifest(tmp_path)


def test_a_manifest_can_be_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"elsewhere.toml: no such file"):
        read_manifest(tmp_path / "elsewhere.toml")
    (tmp_path / "elsewhere.toml").write_text('mode = "fast"\n')
    assert read_manifest(tmp_path / "elsewhere.toml").values == {"mode": "fast"}
    with pytest.raises(ConfigError, match=r"no \[tool.qyn1\] in it"):
        read_manifest(_put(tmp_path, pyproject="[project]\n") / "pyproject.toml")


# -- where keys stand ---------------------------------------------------------------


def test_lines_of_toml_keys() -> None:
    text = '''\
# [not.this]
title = """
[nor.this]
a = 1
"""
"quoted key" = 'a # b'
dotted.x . y = [1, # ]
  2, { z = 3 },
]
inline = { b = 1, c = [ 2 ] }

[ tool . "qyn1" ] # here
mode = 'x' # "
[[array]]
item = "\\"\\\\"
'lit\\' = 1
"\\u0061" = 2
'''
    assert toml_lines(text) == {
        ("title",): 2,
        ("quoted key",): 6,
        ("dotted",): 7,
        ("dotted", "x"): 7,
        ("dotted", "x", "y"): 7,
        ("inline",): 10,
        ("tool", "qyn1"): 12,
        ("tool", "qyn1", "mode"): 13,
        ("array",): 14,
        ("array", "item"): 15,
        ("array", "lit\\"): 16,
        ("array", "a"): 17,
    }


_JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=4), _JSON, max_size=4), st.booleans())
def test_every_json_key_is_found_on_its_line(document: dict[str, object], escaped: bool) -> None:
    text = json.dumps(document, indent=1, ensure_ascii=escaped)
    lines = json_lines(text)
    rows = text.split("\n")
    count = 0

    def check(node: object, path: tuple[str, ...]) -> None:
        nonlocal count
        for key, value in node.items() if isinstance(node, dict) else ():
            here = (*path, key)
            # Characters beyond the first plane are escaped as two halves, which are not joined again here.
            if not any("\ud800" <= letter <= "\udfff" or letter > "\uffff" for letter in "".join(here)):
                count += 1
                assert rows[lines[here] - 1].lstrip().startswith(json.dumps(key, ensure_ascii=escaped) + ":")
            check(value, here)

    check(document, ())
    assert count <= len(lines)


# -- values -------------------------------------------------------------------------


@given(st.integers(0, 1 << 45))
def test_a_size_survives_being_written(size: int) -> None:
    assert parse_size(size_text(size)) == size


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("128 KiB", 131072), ("128kib", 131072), ("2 MB", 2_000_000), ("1 GiB", 1 << 30), ("7 B", 7)],
)
def test_sizes_have_units(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "KiB", "1.5 MiB", "-1", "1 TiB", "1 k", "1  KiB", "9" * 16, "\u0661"])
def test_other_texts_are_no_sizes(text: str) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        parse_size(text)


@given(st.sampled_from(sorted(FIELDS)), st.text(max_size=20))
def test_any_text_is_a_value_or_one_clear_line(name: str, text: str) -> None:
    field, problem = FIELDS[name], ""
    try:
        value = field.parse(text)
    except ValueError as error:
        problem = str(error)
    else:
        assert field.convert(value) == value
    assert "\n" not in problem


def test_nothing_is_read_from_outside_the_project_folder(tmp_path: Path) -> None:
    _put(tmp_path, own='mode = "fast"\n')
    inner = tmp_path / "inner"
    inner.mkdir()
    assert find_manifest(inner) is None
