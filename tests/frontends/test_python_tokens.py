"""Python lexes as its documentation and CPython's own tokenizer say."""

from __future__ import annotations

import io
import re
import sys
import sysconfig
import tokenize
from pathlib import Path

import pytest

from qyn1_plugins.frontends.python import PythonFrontend
from qyn1_plugins.tokens import TokenKind

FRONTEND = PythonFrontend()
SHORT = {
    "w": TokenKind.WHITESPACE,
    "n": TokenKind.NEWLINE,
    "c": TokenKind.COMMENT,
    "i": TokenKind.IDENTIFIER,
    "k": TokenKind.KEYWORD,
    "d": TokenKind.NUMBER,
    "s": TokenKind.STRING,
    "o": TokenKind.OPERATOR,
    "(": TokenKind.OPEN,
    ")": TokenKind.CLOSE,
    "@": TokenKind.ANNOTATION,
    "!": TokenKind.ERROR,
}
LETTER = {kind: letter for letter, kind in SHORT.items()}
# Kinds, then the tokens; the data is the tokens joined.
VECTORS = [
    ("", []),
    ("wi", [b"\xef\xbb\xbf", b"x"]),
    ("@inwcn", [b"@", b"f", b"\n", b" ", b"# c", b"\r\n"]),
    ("(inoi)", [b"(", b"a", b"\n", b"@", b"b", b")"]),
    ("iwwoi", [b"a", b" ", b"\\\n", b"@", b"b"]),
    ("wkwi", [b"\t\x0c", b"if", b" ", b"match"]),
    ("dkwd", [b"1", b"if", b" ", b"0x_1f"]),
    ("dwdwdwdwd", [b"1_000.5e-1_0j", b" ", b"0b01", b" ", b"0o17", b" ", b".5", b" ", b"1."]),
    ("diwdi", [b"1", b"__0", b" ", b"0", b"x"]),
    ("iooioioi", [b"a", b"...", b".", b"b", b"//=", b"c", b":=", b"d"]),
    ("iosoi", [b"a", b"<>", b"rb'\\''", b"->", b"\xc3\xa9"]),
    ("snsns", [b"'open", b"\n", b'"\\\r\nb', b"\r", b"u'''\n'\\'''"]),
    ("ss", [b'"""a"""', b'"b']),
    ("s", [b'f"{{no}} \\N{DASH} }field"']),
    ("s(ioios(i))s", [b'f"a', b"{", b"x", b"!", b"r", b":", b">", b"{", b"w", b"}", b"}", b'b{{"']),
    ("s(ios)s", [b"F'", b"{", b"x", b":", b"=5", b"}", b"'"]),
    ("s(ioi)s", [b"f'", b"{", b"a", b"!=", b"b", b"}", b"'"]),
    ("s(s(s(d)s)s)s", [b'f"', b"{", b'f"', b"{", b'f"', b"{", b"1", b"}", b'"', b"}", b'"', b"}", b'"']),
    ("s((iod))s", [b'rT"""\\', b"{", b"(", b"a", b":=", b"1", b")", b"}", b'\n"""']),
    ("s(i(dod)os)s", [b"f'''", b"{", b"a", b"[", b"1", b":", b"2", b"]", b":", b"%H\n%M", b"}", b"'''"]),
    ("s(iosni", [b"f'", b"{", b"a", b":", b"b", b"\n", b"c"]),
    ("s(i)s", [b"rf'\\N", b"{", b"x", b"}", b"'"]),
    ("!i!w!", [b"\x00$?", b"a", b"\\", b" ", b"`"]),
]


@pytest.mark.parametrize(("kinds", "tokens"), VECTORS)
def test_tokens_are_what_the_language_says(kinds: str, tokens: list[bytes]) -> None:
    stream = FRONTEND.lex(b"".join(tokens))
    assert "".join(LETTER[kind] for kind, _ in stream) == kinds
    assert [token for _, token in stream] == tokens


def test_the_lexer_does_not_recurse_in_nested_fields() -> None:
    data = b'f"{a:' + b"{a:" * 50_000 + b"}" * 50_000
    stream = FRONTEND.lex(data)
    assert stream.fault() is None
    assert stream.kind.tolist().count(TokenKind.CLOSE) == 50_000


# -- agreement with CPython ------------------------------------------------------------

MODULES = ["argparse.py", "ast.py", "dataclasses.py", "inspect.py", "typing.py", "turtle.py", "_pydecimal.py", "re.py"]
SIGNIFICANT = {
    TokenKind.COMMENT: "comment",
    TokenKind.IDENTIFIER: "name",
    TokenKind.KEYWORD: "name",
    TokenKind.NUMBER: "number",
    TokenKind.STRING: "string",
    TokenKind.OPERATOR: "operator",
    TokenKind.OPEN: "operator",
    TokenKind.CLOSE: "operator",
    TokenKind.ANNOTATION: "operator",
}
THEIRS = {
    tokenize.COMMENT: "comment",
    tokenize.NAME: "name",
    tokenize.NUMBER: "number",
    tokenize.STRING: "string",
    tokenize.OP: "operator",
}
FSTRING = {getattr(tokenize, f"FSTRING_{part}", -1): part for part in ("START", "MIDDLE", "END")}


def their_tokens(data: bytes) -> list[tuple[str, str]]:
    """What CPython makes of ASCII ``data``: the parts of f-strings joined up to their fields."""
    lines = data.decode("ascii").splitlines(keepends=True)
    offsets = [0]
    for line in lines:
        offsets.append(offsets[-1] + len(line))
    text = data.decode("ascii")
    out: list[tuple[str, int, int]] = []
    open_part = False
    for token in tokenize.tokenize(io.BytesIO(data).readline):
        begin, end = (offsets[min(row, len(offsets)) - 1] + column for row, column in (token.start, token.end))
        part = FSTRING.get(token.type)
        if part is not None:
            if open_part and part != "START":
                out[-1] = ("string", out[-1][1], end)
            elif end > begin:
                out.append(("string", begin, end))
            open_part = part != "END"
        elif token.type in THEIRS:
            # The escaped brace that ends a part is not in the part that CPython gives.
            if open_part and out[-1][0] == "string":
                out[-1] = ("string", out[-1][1], begin)
            open_part = False
            out.append((THEIRS[token.type], begin, end))
    return [(kind, text[begin:end]) for kind, begin, end in out]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="tokenize gives f-strings whole before Python 3.12")
@pytest.mark.parametrize("module", MODULES)
def test_significant_tokens_are_those_of_the_interpreter(module: str) -> None:
    path = Path(sysconfig.get_paths()["stdlib"], module)
    if not path.exists():
        path = path.with_suffix("") / "__init__.py"
    data = re.sub(rb"[\x80-\xff]", b"_", path.read_bytes())
    ours = [(SIGNIFICANT[kind], token.decode()) for kind, token in FRONTEND.lex(data) if kind in SIGNIFICANT]
    assert ours == their_tokens(data)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="from Python 3.12 on the test above compares f-strings too")
@pytest.mark.parametrize("module", MODULES)
def test_significant_tokens_outside_f_strings_are_those_of_the_interpreter(module: str) -> None:
    path = Path(sysconfig.get_paths()["stdlib"], module)
    if not path.exists():
        path = path.with_suffix("") / "__init__.py"
    data = re.sub(rb"[\x80-\xff]", b"_", path.read_bytes())
    # Without its 'f' a literal is an ordinary one, to both.
    data = re.sub(rb"\b[fF][rR]?(?=['\"])|\b[rR][fF](?=['\"])", b"r", data)
    ours = [(SIGNIFICANT[kind], token.decode()) for kind, token in FRONTEND.lex(data) if kind in SIGNIFICANT]
    assert ours == their_tokens(data)
