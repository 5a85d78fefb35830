"""Equal syntax trees give equal bytes, and those bytes give that tree again."""

from __future__ import annotations

import ast
import json
import sys
import sysconfig
import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qyn1_plugins.errors import SourceError
from qyn1_plugins.frontends.python import PythonFrontend
from qyn1_plugins.frontends.python_literals import bytes_text, escaped, string_text
from qyn1_plugins.spec import Canonicaliser
from qyn1_plugins.testing.frontend import check_canonicaliser

FRONTEND = PythonFrontend()
VECTORS = json.loads(
    (Path(__file__).parents[1] / "vectors" / "frontends" / "python_canonical.json").read_text(encoding="utf-8")
)


def tree(data: bytes) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.dump(ast.parse(data))


def canonical(text: str) -> str:
    return FRONTEND.canonicalise(text.encode(), "program.py").decode()


def test_the_frontend_is_a_canonicaliser() -> None:
    assert isinstance(FRONTEND, Canonicaliser)
    check_canonicaliser(FRONTEND, [vector["source"].encode() for vector in VECTORS], b"x = = 1\n")


@pytest.mark.parametrize("vector", VECTORS, ids=range(len(VECTORS)))
def test_the_canonical_form_is_the_same_on_every_version_of_python(vector: dict[str, str]) -> None:
    source, wanted = vector["source"].encode(), vector["canonical"].encode()
    assert FRONTEND.canonicalise(source, "v.py") == wanted
    assert FRONTEND.canonicalise(wanted, "v.py") == wanted
    assert tree(source) == tree(wanted)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = (1 +\n     2)  # three\n", "x = 1 + \\\n  2\n"),
        ("if x:\n\ty()\n", "\n\nif (x): y()"),
        ("f(a, b,)\n", "f(\n  a,\n  b\n)"),
        ("x = 'a' \"b\"", 'x = """ab"""'),
        ("x = 255", "x = 0xF_F"),
        ("a, b = c", "(a, b) = (c)"),
        ("import a; import b", "import a\nimport b"),
        ("def f():\r\n  '''d'''\r\n", "def f(): 'd' # e"),
        ("# coding: utf-8\nx = 'é'", "\ufeffx = '\\xe9'"),
        ("f'{a}' 'b'", 'f"""{ a }b"""'),
    ],
)
def test_comments_and_spelling_leave_no_trace(one: str, other: str) -> None:
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a - (b - c)", "a - b - c"),
        ("'1'", "1"),
        ("1", "1.0"),
        ("x: int", "(x): int"),
        ("{}", "{*()}"),
        ("a.b", "a . c"),
    ],
)
def test_different_programs_stay_different(one: str, other: str) -> None:
    assert canonical(one) != canonical(other)


def test_encodings_end_as_utf_8() -> None:
    assert FRONTEND.canonicalise(b"# -*- coding: latin-1 -*-\nx = '\xe9'\n", "a.py") == 'x = "é"\n'.encode()


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the grammar of Python 3.12")
@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("type A[T: int, *U, **V] = T\n", None),
        ("def f[T](a: T) -> T:\n    pass\nclass C[T](B):\n    pass\n", None),
        # Quotes differ as long as there are different ones, for the sake of older versions.
        ('x = f"{f"{f"{1}"}"}"\n', "x = f\"{f'''{f'{1}'}'''}\"\n"),
        ('x = f"{f"{f"{f"{f"{1}"}"}"}"}"\n', 'x = f"{f"""{f"{f\'\'\'{f\'{1}\'}\'\'\'}"}"""}"\n'),
        ('x = f"{"\\n".join(a)}"\n', "x = f\"\"\"{'''\n'''.join(a)}\"\"\"\n"),
        ('x = f"{"\\r".join(a)}"\n', None),
    ],
)
def test_newer_grammar_is_written_too(source: str, wanted: str | None) -> None:
    assert canonical(source) == (source if wanted is None else wanted)


def test_empty_parts_that_only_some_versions_leave_in_a_tree_do_no_harm() -> None:
    # Versions differ in what doubled braces in a format specification mean; each keeps its own meaning.
    check_canonicaliser(FRONTEND, [b"x = f'{y:{z}{{1}}}'\n", b"x = f'{y:{z}{ {1}}}'\n"], b"x = = 1\n")


@pytest.mark.skipif(sys.version_info < (3, 11), reason="the grammar of Python 3.11")
def test_exception_groups_and_starred_annotations_are_written() -> None:
    source = "def f(*a: *T):\n    try:\n        pass\n    except* (A, B) as e:\n        pass\n"
    assert canonical(source) == source


@pytest.mark.parametrize(
    ("data", "offset"), [(b"ok = 1\nx = = 1\n", 11), (b"a = 1\nb = )\n", 10), ("x = 'é'\ny = = 1\n".encode(), 13)]
)
def test_an_invalid_program_is_refused_with_its_place(data: bytes, offset: int) -> None:
    with pytest.raises(SourceError, match=r"^pkg/a\.py, byte \d+: not a valid Python program: ") as caught:
        FRONTEND.canonicalise(data, "pkg/a.py")
    assert caught.value.offset == offset


@pytest.mark.parametrize(
    "data", [b"x\0", b"# coding: nope\n", b"(" * 500, b"x" + b".a" * 20_000, b"-" * 20_000 + b"1", b"\xff"]
)
def test_what_cannot_be_parsed_is_refused_in_one_line(data: bytes) -> None:
    with pytest.raises(SourceError, match=r"^a\.py") as caught:
        FRONTEND.canonicalise(data, "a.py")
    assert "\n" not in str(caught.value)


@given(value=st.text())
def test_text_is_read_back_as_it_was(value: str) -> None:
    assert ast.literal_eval(string_text(value)) == value
    for quote in ('"', "'", '"""', "'''"):
        # Source text has one kind of line break, so the literal must not depend on others.
        assert ast.literal_eval(quote + escaped(value, quote) + quote) == value


@given(value=st.text(alphabet="\"'\\\n\r{}a\ud800\x85\u2028"))
def test_text_of_quotes_and_line_breaks_is_read_back_as_it_was(value: str) -> None:
    program = f"x = {string_text(value)}\ny = f{string_text(value.replace('{', '').replace('}', ''))}\n"
    assert tree(canonical(program).encode()) == tree(program.encode())


@given(value=st.binary())
def test_bytes_are_read_back_as_they_were(value: bytes) -> None:
    assert bytes_text(value).isascii()
    assert ast.literal_eval(bytes_text(value)) == value


MODULES = ["argparse.py", "ast.py", "dataclasses.py", "enum.py", "typing.py", "pdb.py", "optparse.py", "locale.py"]


@pytest.mark.parametrize("module", MODULES)
def test_the_standard_library_keeps_its_trees(module: str) -> None:
    data = Path(sysconfig.get_paths()["stdlib"], module).read_bytes()
    once = FRONTEND.canonicalise(data, module)
    assert len(once) < len(data)
    assert tree(once) == tree(data)
    assert FRONTEND.canonicalise(once, module) == once
