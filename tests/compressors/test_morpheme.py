"""`morpheme` gives back every byte, refuses what it did not make, and is the same everywhere."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import qyn1_plugins
from qyn1_plugins._native import WITHOUT_NATIVE, native
from qyn1_plugins.compressors.morpheme import Morpheme
from qyn1_plugins.errors import CodecError, PluginError
from qyn1_plugins.spec import COST_UNIT, Compressor, Explainer, Prior, Source, Trainer
from qyn1_plugins.testing.compressor import check_compressor
from qyn1_plugins.tokens import TokenStream

SAMPLE = (
    b"def fold(items, start):\n"
    b'    """Fold items from the left."""\n'
    b"    result = start\n"
    b"    for item in items:  # in order\n"
    b"\tresult = combine(result, item)\n"
    b"    return result\n\n\n"
) * 5

PIECES = [
    "name",
    "other_name",
    "x",
    "0x1F",
    "(",
    ")",
    "{",
    "}",
    "[",
    "\n",
    "\n\n",
    "\r\n",
    "    ",
    " ",
    "\t",
    "  \t",
    "=",
    "é",
    "#",
]


def source(data: bytes) -> Source:
    def lex() -> TokenStream:
        raise AssertionError("morpheme cuts its own tokens")

    return Source(data, "python", lex)


def encode(data: bytes, prior: Prior | None = None) -> bytes:
    return Morpheme().encode(source(data), prior, 1)


def decode(payload: bytes, raw_size: int, prior: Prior | None = None) -> bytes:
    return Morpheme().decode(payload, raw_size, "python", prior)


def named(content: bytes) -> Prior:
    return Prior("morpheme", "python", hashlib.sha256(content).digest(), lambda: content)


@cache
def packages() -> list[list[bytes]]:
    """Our own plugins, each module taken for a package."""
    folder = Path(qyn1_plugins.__file__).parent
    return [[path.read_bytes()] for path in sorted(folder.glob("*.py")) + sorted(folder.glob("compressors/*.py"))]


@cache
def prior() -> Prior:
    content = Morpheme().train(packages(), "python")
    return Prior("morpheme", "python", hashlib.sha256(content).digest(), lambda: content)


def test_is_unavailable_only_without_the_extension() -> None:
    compressor: Compressor = Morpheme()
    assert compressor.unavailable() == (WITHOUT_NATIVE if native is None else None)


@pytest.mark.skipif(native is not None, reason="the extension is there")
def test_without_the_extension_an_error_says_what_to_install() -> None:
    with pytest.raises(PluginError, match="install"):
        encode(SAMPLE)


@pytest.mark.native
class TestMorpheme:
    def test_conforms(self) -> None:
        check_compressor(Morpheme(), [SAMPLE, packages()[0][0]], language="python", levels=(1,))

    @settings(max_examples=80)
    @given(data=st.binary(max_size=600))
    def test_any_bytes_come_back(self, data: bytes) -> None:
        payload = encode(data)
        assert len(payload) <= len(data) + 1
        assert decode(payload, len(data)) == data

    @settings(max_examples=80)
    @given(text=st.lists(st.sampled_from(PIECES), max_size=300), with_prior=st.booleans())
    def test_odd_layouts_come_back(self, text: list[str], with_prior: bool) -> None:
        data = "".join(text).encode() * 2
        chosen = prior() if with_prior else None
        assert decode(encode(data, chosen), len(data), chosen) == data

    @settings(max_examples=80)
    @given(data=st.data())
    def test_damaged_payloads_are_refused_or_decode_to_the_declared_size(self, data: st.DataObject) -> None:
        chosen = prior() if data.draw(st.booleans()) else None
        payload = bytearray(encode(SAMPLE, chosen))
        position = data.draw(st.integers(0, len(payload) - 1))
        payload[position] ^= data.draw(st.integers(1, 255))
        try:
            decoded = decode(bytes(payload), len(SAMPLE), chosen)
        except CodecError:
            return
        assert len(decoded) == len(SAMPLE)
        assert decoded != SAMPLE

    def test_shorter_payloads_are_refused(self) -> None:
        payload = encode(SAMPLE)
        refused = 0
        for length in range(len(payload)):
            try:
                assert decode(payload[:length], len(SAMPLE)) != SAMPLE
            except CodecError:
                refused += 1
        # A cut payload may be the whole payload of another block; few are.
        assert refused > len(payload) * 9 // 10

    def test_longer_payloads_are_refused(self) -> None:
        payload = encode(SAMPLE)
        with pytest.raises(CodecError, match="left over"):
            decode(payload + b"\0", len(SAMPLE))
        # A payload ends as if zeros followed: other bytes may change the last token before they are left over.
        for more in (b"\xff", payload):
            with pytest.raises(CodecError):
                decode(payload + more, len(SAMPLE))

    def test_another_size_is_refused(self) -> None:
        payload = encode(SAMPLE)
        for size in (0, 1, len(SAMPLE) - 1, len(SAMPLE) + 1):
            with pytest.raises(CodecError):
                decode(payload, size)

    def test_an_empty_block_is_an_empty_payload(self) -> None:
        assert encode(b"") == b""
        assert decode(b"", 0) == b""
        with pytest.raises(CodecError, match="left over"):
            decode(b"\0", 0)

    def test_the_format_does_not_change_unnoticed(self) -> None:
        assert hashlib.sha256(encode(SAMPLE)).hexdigest() == (
            "2354457248ebe9d5722d789d1ca2635d9b8f87aa1bd1a0f3d0b875f9cd07ce2b"
        )

    def test_costs_add_up_to_the_payload(self) -> None:
        explainer: Explainer = Morpheme()
        for chosen in (None, prior()):
            costs = memoryview(explainer.costs(source(SAMPLE), chosen, 1)).cast("I")
            assert len(costs) == len(SAMPLE)
            bits = len(encode(SAMPLE, chosen)) * 8
            assert abs(sum(costs) / COST_UNIT - bits) <= bits / 100 + 64

    def test_threads_give_equal_bytes(self) -> None:
        with ThreadPoolExecutor(4) as pool:
            payloads = list(pool.map(lambda _: encode(SAMPLE, prior()), range(8)))
        assert len(set(payloads)) == 1

    def test_memory_is_bounded_and_grows_with_the_block(self) -> None:
        sizes = [Morpheme().memory(1 << shift) for shift in range(10, 27)]
        assert sizes == sorted(sizes)
        assert sizes[0] < 8 << 20
        assert Morpheme().memory(4 << 20) < 100 << 20


@pytest.mark.native
class TestPrior:
    def test_training_is_reproducible(self) -> None:
        trainer: Trainer = Morpheme()
        assert trainer.train(packages(), "python") == prior().load()

    def test_it_makes_small_blocks_smaller(self) -> None:
        block = packages()[0][0]
        assert len(encode(block, prior())) < len(encode(block)) * 9 // 10

    def test_it_keeps_no_word_of_one_package(self) -> None:
        everywhere = b"common_identifier = shared_function(value)\n" * 30
        secret = b"private_thing_of_one_package = 1\n" * 200
        shared = [[everywhere]] * 9
        with_secret = [*shared, [everywhere + secret]]
        trained = Morpheme().train(with_secret, "text")
        known = Prior("morpheme", "text", hashlib.sha256(trained).digest(), lambda: trained)
        # What the prior knows costs next to nothing; what it must not know costs as much as ever.
        assert len(encode(b"common_identifier = shared_function", known)) < 12
        assert len(encode(b"private_thing_of_one_package", known)) > 18

    def test_too_few_packages_still_train(self) -> None:
        cases: list[list[list[bytes]]] = [[], [[]], [[b""]], [[SAMPLE]]]
        for few in cases:
            content = Morpheme().train(few, "python")
            small = named(content)
            assert decode(encode(SAMPLE, small), len(SAMPLE), small) == SAMPLE

    @settings(max_examples=40)
    @given(data=st.data())
    def test_damaged_content_is_refused_or_read(self, data: st.DataObject) -> None:
        content = bytearray(prior().load())
        position = data.draw(st.integers(0, len(content) - 1))
        content[position] ^= data.draw(st.integers(1, 255))
        broken = Prior("morpheme", "python", hashlib.sha256(content).digest(), lambda: bytes(content))
        try:
            payload = encode(SAMPLE, broken)
        except CodecError:
            return
        assert decode(payload, len(SAMPLE), broken) == SAMPLE

    def test_content_of_another_kind_is_refused(self) -> None:
        for content in (b"", b"QMP", b"QMP\x02", b"QCR1 and more", prior().load()[:1000], prior().load() + b"\0"):
            other = named(content)
            with pytest.raises(CodecError, match="prior"):
                encode(SAMPLE, other)
