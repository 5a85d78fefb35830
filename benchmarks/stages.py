"""What the time of each mode's compressor goes into, by its own clock.

    python -m benchmarks.stages

For one mebibyte of each language of the corpora: seconds of each stage, as the compressor says (`StageTimer`), in the
quickest of some runs, and what the language's lexer takes, which no compressor of a mode uses.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from benchmarks.inputs import concatenation, projects
from qyn1_core.measuring.suite import corpora_root
from qyn1_plugins.host import default_host
from qyn1_plugins.spec import TIMED_STAGES, Source, StageTimer

SIZE = 1 << 20
ROUNDS = 5


def main() -> None:
    """The command."""
    host = default_host()
    found = projects(corpora_root(), host.detect_language)
    print(f"{'language':10}  {'':14}" + "".join(f"{stage:>15}" for stage in TIMED_STAGES))
    for language in ("python", "javascript", "rust", "cpp"):
        chosen = [file for project in found if project.language == language for file in project.files]
        data = concatenation(chosen)[:SIZE]
        lex = partial(host.frontend(language).lex, data)
        rows = {"the lexer": {"lex": min(map(_seconds, [lex] * ROUNDS))}}
        for name in ("chunked-rans", "morpheme", "mixing"):
            compressor = host.compressor(name)
            if isinstance(compressor, StageTimer):
                source = Source(data, language, lex)
                arguments = (source, host.prior(name, language), compressor.levels()[0])
                runs = [dict(compressor.encode_timed(*arguments)[1]) for _ in range(ROUNDS)]
                rows[name] = min(runs, key=lambda run: sum(run.values()))
        for name, seconds in rows.items():
            cells = (f"{seconds[stage]:.4f}" if stage in seconds else "-" for stage in TIMED_STAGES)
            print(f"{language:10}  {name:14}" + "".join(f"{cell:>15}" for cell in cells), flush=True)


def _seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
