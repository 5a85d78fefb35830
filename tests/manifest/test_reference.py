"""The table of settings, the shipped JSON Schema and the documentation say the same."""

from __future__ import annotations

import json
import re
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qyn1_core.configuration.settings import FIELDS, json_schema, reference_table

ROOT = Path(__file__).parents[2]


def test_the_shipped_schema_is_that_of_the_table() -> None:
    shipped = resources.files("qyn1_core.configuration").joinpath("manifest.schema.json").read_text("utf-8")
    assert shipped == json.dumps(json_schema(), indent=2) + "\n"


def test_the_documentation_lists_every_setting() -> None:
    assert reference_table() in (ROOT / "docs/manifest.md").read_text("utf-8")


def test_environment_variables_and_options_are_named_once() -> None:
    for values in ([f.environment for f in FIELDS.values()], [f.flag for f in FIELDS.values()]):
        given_names = [value for value in values if value is not None]
        assert len(given_names) == len(set(given_names))


def test_every_default_is_a_value_of_its_setting() -> None:
    for field in FIELDS.values():
        if field.default is not None:
            assert field.convert(field.default) == field.default


_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 1 << 30),
    st.lists(st.sampled_from(["", "a", "A b", "tests/"]), max_size=2),
    st.dictionaries(
        st.sampled_from(["python", "a b", "X", "scheduler"]), st.sampled_from(["", "rans", "A!"]), max_size=2
    ),
    st.sampled_from(
        ["", "fast", "canonical", "128 KiB", "128KIB", "1 TB", "12345", "7 KB", "threads", "a b", "A", "@x/y"]
    ),
)


@given(st.sampled_from(sorted(FIELDS)), _VALUES)
def test_the_schema_accepts_what_qyn1_accepts(name: str, value: object) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    field = FIELDS[name]
    try:
        field.convert(value)
        accepted = True
    except ValueError:
        accepted = False
    schema_accepts = jsonschema.Draft202012Validator(json_schema()).is_valid({name: value})
    in_range = not (field.kind == "size" and isinstance(value, str) and re.match(r"[0-9]", value))
    # A schema cannot compute with units: the range of a size in text is checked by us alone.
    assert schema_accepts == accepted if in_range else schema_accepts >= accepted
