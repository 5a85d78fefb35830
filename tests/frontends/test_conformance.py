"""Every built-in frontend keeps the promises of its protocol, and the kit notices one that does not."""

from __future__ import annotations

import numpy as np
import pytest

from qyn1_plugins.built_in import qyn1_frontends
from qyn1_plugins.errors import PluginError
from qyn1_plugins.frontends.python import PythonFrontend
from qyn1_plugins.spec import Frontend
from qyn1_plugins.testing.frontend import check_canonicaliser, check_frontend
from qyn1_plugins.tokens import TokenStream

SAMPLES = {
    "python": [b"@d\ndef f(x):\n    return f\"{x!r:>{w}} {{}}\" + r'''\n'''  # note\n"],
    "javascript": [b"const a = `x${b ? `${c}` : /[/]\\/x/g}`; // note\nreturn <p k={1}>text</p>;\n"],
    "rust": [b"#[a] fn f<'a>(x: &'a str) -> char { r##\"\"#\"##; b'\\''; '\\n' } /* /* */ */\n"],
    "cpp": [b'#define A(x) \\\n  x##1\nauto s = R"d(")d"; int n = 1\'000; // a \\\n b\n'],
    "text": ["# Title\n\n1. naïve text\n".encode()],
    "binary": [bytes(range(256)) * 20],
}


@pytest.mark.parametrize("frontend", qyn1_frontends(), ids=lambda frontend: frontend.name)
def test_a_built_in_frontend_conforms(frontend: Frontend) -> None:
    check_frontend(frontend, SAMPLES[frontend.name])


class Broken(PythonFrontend):
    def __init__(self, how: str) -> None:
        self.how = how
        self.calls = 0

    def unavailable(self) -> str | None:
        return "install it" if self.how == "unavailable" else None

    def claims(self, path: str, head: bytes) -> int:
        return 101 if self.how == "claims" else super().claims(path, head)

    def lex(self, data: bytes) -> TokenStream:
        self.calls += 1
        stream = super().lex(data)
        if self.how == "raises" and b"\0" in data:
            raise ValueError("NUL")
        if self.how == "gaps" and len(stream) > 1:
            return TokenStream.build(data, stream.kind[1:], stream.start[1:])
        if self.how == "moody" and self.calls % 2 and len(stream):
            return TokenStream.build(data, np.zeros_like(stream.kind), stream.start)
        if self.how == "depth" and len(stream):
            return TokenStream(data, stream.kind, stream.start, stream.depth + 1, stream.line_start, stream.indent)
        return stream

    def canonicalise(self, data: bytes, path: str) -> bytes:
        return data + b"\n" if self.how == "grows" else data


@pytest.mark.parametrize(
    ("how", "promise"),
    [
        ("unavailable", "install it"),
        ("claims", "0 to 100"),
        ("raises", "never raises"),
        ("gaps", "do not tile"),
        ("moody", "differ from call to call"),
        ("depth", "depth or lines"),
    ],
)
def test_the_kit_notices_a_broken_promise(how: str, promise: str) -> None:
    with pytest.raises(PluginError, match=promise):
        check_frontend(Broken(how), [b"x = (1)\n"])


@pytest.mark.parametrize(("how", "promise"), [("grows", "not stable"), ("takes all", "for a program")])
def test_the_kit_notices_a_broken_canonicaliser(how: str, promise: str) -> None:
    with pytest.raises(PluginError, match=promise):
        check_canonicaliser(Broken(how), [b"x\n"], b"x = = 1\n")
