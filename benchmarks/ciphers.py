"""Throughput of the cipher providers: ``python benchmarks/ciphers.py [MEGABYTES]``.

Seals and opens 16 MB (or what is given) as STREAM does, in chunks of 64 KiB and 16 of them
a call, and prints MB/s (10**6 bytes) of CPU time, the best of five rounds. In a round every
provider takes its turn, so that the ratios hold on a busy machine too.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from qyn1_plugins.built_in import qyn1_ciphers
from qyn1_plugins.spec import CipherProvider

CHUNK = 64 * 1024
BATCH = 16
ROUNDS = 5
KEY = bytes(range(32))


def in_batches(
    function: Callable[[bytes, list[bytes], list[bytes]], list[bytes]], nonces: list[bytes], texts: list[bytes]
) -> tuple[float, list[bytes]]:
    """Seconds of CPU time, and the results."""
    results: list[bytes] = []
    begin = time.process_time()
    for at in range(0, len(texts), BATCH):
        results += function(KEY, nonces[at : at + BATCH], texts[at : at + BATCH])
    return time.process_time() - begin, results


def main() -> None:
    """Measure and print."""
    megabytes = float(sys.argv[1]) if len(sys.argv) > 1 else 16.0
    count = max(round(megabytes * 1e6 / CHUNK), 1)
    size = count * CHUNK
    plaintexts = [number.to_bytes(8, "big") * (CHUNK // 8) for number in range(count)]
    nonces = [number.to_bytes(12, "big") for number in range(count)]
    best: dict[tuple[str, str], float] = {}
    providers: list[CipherProvider] = []
    for provider in qyn1_ciphers():
        problem = provider.unavailable()
        if problem is None:
            providers.append(provider)
        else:
            print(f"{provider.name:10} not available: {problem}")
    for _ in range(ROUNDS):
        for provider in providers:
            seconds, sealed = in_batches(provider.seal, nonces, plaintexts)
            best[provider.name, "seal"] = min(best.get((provider.name, "seal"), seconds), seconds)
            seconds, opened = in_batches(provider.open, nonces, sealed)
            best[provider.name, "open"] = min(best.get((provider.name, "open"), seconds), seconds)
            if opened != plaintexts:
                raise SystemExit(f"{provider.name} does not open what it sealed")
    print(f"{size / 1e6:.1f} MB in chunks of {CHUNK} bytes, {BATCH} a call, best of {ROUNDS}")
    for provider in providers:
        rates = (size / 1e6 / max(best[provider.name, way], 1e-9) for way in ("seal", "open"))
        print(f"{provider.name:10} seal {next(rates):8.1f} MB/s   open {next(rates):8.1f} MB/s")


if __name__ == "__main__":
    main()
