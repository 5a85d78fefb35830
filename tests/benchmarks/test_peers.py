"""Peers restore what they were given, and a meter tells what a command took."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks import peers
from benchmarks.inputs import SourceFile
from benchmarks.measure import Meter
from benchmarks.peers import PEERS, Peer, compress, train_dictionary

PYTHON = sys.executable


def test_the_meter_reports_time_memory_and_failure(tmp_path: Path) -> None:
    with Meter(tmp_path) as meter:
        cost = meter.run(
            [PYTHON, "-c", "x = bytearray(b'1' * 60_000_000); print(sum(range(10 ** 6)))"], target=tmp_path / "out"
        )
        assert cost.peak > 60_000_000
        assert cost.cpu > 0
        assert (tmp_path / "out").read_text() == "499999500000\n"
        assert meter.run([PYTHON, "-c", "pass"]).peak < cost.peak
        with pytest.raises(RuntimeError, match="returned 3: sorry"):
            meter.run([PYTHON, "-c", "import sys; print('sorry', file=sys.stderr); sys.exit(3)"])


def test_a_peer_that_does_not_restore_its_input_is_found_out(tmp_path: Path) -> None:
    liar = Peer("liar", ("cat", "{input}"), (PYTHON, "-c", "print('other')"), "x")
    honest = Peer("honest", ("cat", "{input}"), ("cat", "{output}"), "x")
    source = tmp_path / "input.tar"
    source.write_bytes(b"data")
    with Meter(tmp_path) as meter:
        assert compress(honest, source, tmp_path, meter).size == 4
        with pytest.raises(RuntimeError, match="liar does not restore"):
            compress(liar, source, tmp_path, meter)


@pytest.mark.interop
@pytest.mark.skipif(bool(peers.missing()), reason=f"not installed: {peers.missing()}")
def test_every_peer_restores_a_file(tmp_path: Path) -> None:
    source = tmp_path / "input.tar"
    lines = [b"def function_%d(argument):\n    return argument + %d\n" % (n, n * n) for n in range(2000)]
    source.write_bytes(b"".join(lines))
    with Meter(tmp_path) as meter:
        samples = [[SourceFile(f"{n}", b"".join(lines[n : n + 20])) for n in range(0, 1900, 5)]]
        dictionary = train_dictionary(samples, tmp_path, meter)
        assert 0 < dictionary.stat().st_size <= peers.DICTIONARY_SIZE
        for peer in PEERS:
            result = compress(peer, source, tmp_path, meter, dictionary=dictionary)
            assert result.size < source.stat().st_size / 4
            assert result.decode is not None
