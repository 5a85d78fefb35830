"""What the native extension does inside one call of a compressor, as far as it can be told from outside.

    python -m benchmarks.stages

For one mebibyte of each language of the corpora: CPU seconds of lexing it with the language's lexer (which no
compressor of a mode does as a step of its own), of finding its matches and phrases (`chunked-rans` alone has
that as a step), and of encoding it. What `chunked-rans` takes beyond its parse is entropy coding.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from benchmarks.inputs import concatenation, projects
from qyn1_core.suite import corpora_root
from qyn1_plugins import _native
from qyn1_plugins.host import default_host
from qyn1_plugins.spec import Source

SIZE = 1 << 20
ROUNDS = 5


def seconds(work: Callable[[], object]) -> float:
    """CPU seconds of the quickest of some runs."""
    best = float("inf")
    for _ in range(ROUNDS):
        begin = time.process_time()
        work()
        best = min(best, time.process_time() - begin)
    return best


def main() -> None:
    """The command."""
    native = _native.native
    if native is None:
        raise SystemExit(f"stages of the native extension: {_native.native_problem}")
    host = default_host()
    found = projects(corpora_root(), host.detect_language)
    print("language    lex      parse, encode (chunked-rans)   encode: morpheme  mixing")
    for language in ("python", "javascript", "rust", "cpp"):
        chosen = [file for project in found if project.language == language for file in project.files]
        data = concatenation(chosen)[:SIZE]
        source = Source(data, language, partial(host.frontend(language).lex, data))
        prior = host.prior("chunked-rans", language)
        parser = native.ChunkedPrior(None if prior is None else prior.load())
        lex = seconds(partial(native.lex, language, data))
        parse = seconds(partial(parser.parse, data, 1))
        encode = {}
        for name in ("chunked-rans", "morpheme", "mixing"):
            compressor = host.compressor(name)
            prior = host.prior(name, language)
            encode[name] = seconds(partial(compressor.encode, source, prior, compressor.levels()[0]))
        print(
            f"{language:10}  {lex:.4f}   {parse:.4f}  {encode['chunked-rans']:.4f}"
            f"                 {encode['morpheme']:.3f}             {encode['mixing']:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
