"""`mixing` gives back every byte, refuses what it did not make, and is the same everywhere."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qyn1_plugins._native import WITHOUT_NATIVE, native
from qyn1_plugins.compressors.mixing import Mixing
from qyn1_plugins.errors import CodecError
from qyn1_plugins.spec import COST_UNIT, Compressor, Explainer, Prior, Source, Trainer
from qyn1_plugins.tokens import TokenStream

LANGUAGES = ("python", "javascript", "rust", "cpp", "text", "binary", "a language of tomorrow")

SAMPLE = (
    b"def fold(items, start):\n"
    b'    """Fold items from the left."""\n'
    b"    result = start\n"
    b"    for item in items:  # in order\n"
    b"        result = combine(result, item)\n"
    b"    return result\n\n\n"
) * 5


def source(data: bytes, language: str = "python") -> Source:
    def lex() -> TokenStream:
        raise AssertionError("mixing lexes for itself")

    return Source(data, language, lex)


# Raise `Mixing.version` when one of these changes: packages made before would no longer decode.
GOLDEN = "e68a8e47f563ae2b2c61835107af921acd175baa8c16436a6767630d5447f70a"
GOLDEN_PRIMED = "00f603166fb61a87efb94582ddc86a2fbb684199766bf9875091427366d8e53f"

PACKAGES = [[SAMPLE.replace(b"item", name), SAMPLE[:200] + name * 3] for name in (b"row", b"item", b"entry", b"node")]


def prior_of(content: bytes) -> Prior:
    return Prior("mixing", "python", sha256(content).digest(), lambda: content)


@pytest.fixture(scope="module")
def prior() -> Prior:
    return prior_of(Mixing().train(PACKAGES, "python"))


def test_is_unavailable_only_without_the_extension() -> None:
    compressor: Compressor = Mixing()
    assert compressor.unavailable() == (WITHOUT_NATIVE if native is None else None)


@pytest.mark.native
class TestMixing:
    @settings(max_examples=60)
    @given(data=st.binary(max_size=400), language=st.sampled_from(LANGUAGES))
    def test_any_bytes_come_back(self, data: bytes, language: str) -> None:
        payload = Mixing().encode(source(data, language), None, 1)
        assert Mixing().decode(payload, len(data), language, None) == data

    @settings(max_examples=40)
    @given(
        text=st.lists(
            st.sampled_from(
                [
                    "'",
                    '"',
                    '"""',
                    "#",
                    "//",
                    "/*",
                    "*/",
                    "`",
                    "\\",
                    "\n",
                    "\r\n",
                    "    ",
                    "\t",
                    "([{",
                    ")]}",
                    "name",
                    "é",
                ]
            ),
            max_size=200,
        ),
        language=st.sampled_from(LANGUAGES),
    )
    def test_unbalanced_source_comes_back(self, text: list[str], language: str) -> None:
        data = "".join(text).encode()
        payload = Mixing().encode(source(data, language), None, 1)
        assert Mixing().decode(payload, len(data), language, None) == data

    @settings(max_examples=80)
    @given(data=st.data())
    def test_damaged_payloads_are_refused_or_decode_to_the_declared_size(self, data: st.DataObject) -> None:
        payload = bytearray(Mixing().encode(source(SAMPLE), None, 1))
        position = data.draw(st.integers(0, len(payload) - 1))
        payload[position] ^= data.draw(st.integers(1, 255))
        try:
            decoded = Mixing().decode(bytes(payload), len(SAMPLE), "python", None)
        except CodecError:
            return
        assert len(decoded) == len(SAMPLE)
        assert decoded != SAMPLE

    def test_shorter_payloads_never_pass_for_the_block(self) -> None:
        payload = Mixing().encode(source(SAMPLE), None, 1)
        refused = 0
        for length in range(len(payload)):
            try:
                assert Mixing().decode(payload[:length], len(SAMPLE), "python", None) != SAMPLE
            except CodecError:
                refused += 1
        # A cut payload may be the whole payload of another block; few are.
        assert refused > len(payload) * 8 // 10

    def test_longer_payloads_never_pass_for_the_block(self) -> None:
        payload = Mixing().encode(source(SAMPLE), None, 1)
        with pytest.raises(CodecError, match="left over"):
            Mixing().decode(payload + b"\0", len(SAMPLE), "python", None)
        for more in (b"\xff", payload):
            # It may be the whole payload of another block.
            with suppress(CodecError):
                assert Mixing().decode(payload + more, len(SAMPLE), "python", None) != SAMPLE

    def test_an_empty_block_is_an_empty_payload(self) -> None:
        assert Mixing().encode(source(b""), None, 1) == b""
        assert Mixing().decode(b"", 0, "python", None) == b""
        with pytest.raises(CodecError, match="left over"):
            Mixing().decode(b"\0", 0, "python", None)

    def test_threads_give_equal_bytes(self) -> None:
        with ThreadPoolExecutor(4) as pool:
            payloads = list(pool.map(lambda _: Mixing().encode(source(SAMPLE), None, 1), range(8)))
        assert len(set(payloads)) == 1

    def test_memory_is_bounded_and_grows_with_the_block(self) -> None:
        sizes = [Mixing().memory(1 << shift) for shift in range(10, 27)]
        assert sizes == sorted(sizes)
        assert sizes[0] < 16 << 20
        assert Mixing().memory(4 << 20) < 256 << 20

    def test_costs_add_up_to_the_payload(self, prior: Prior) -> None:
        explainer: Explainer = Mixing()
        for use in (None, prior):
            costs = memoryview(explainer.costs(source(SAMPLE), use, 1)).cast("I")
            assert len(costs) == len(SAMPLE)
            bits = 8 * len(Mixing().encode(source(SAMPLE), use, 1))
            assert abs(sum(costs) / COST_UNIT - bits) <= bits / 100 + 64

    def test_a_given_input_gives_a_given_payload(self, prior: Prior) -> None:
        payloads = [Mixing().encode(source(SAMPLE), use, 1) for use in (None, prior)]
        assert [sha256(payload).hexdigest() for payload in payloads] == [GOLDEN, GOLDEN_PRIMED]

    @settings(max_examples=30)
    @given(data=st.one_of(st.binary(max_size=300), st.integers(0, 500).map(lambda start: SAMPLE[start:])))
    def test_any_bytes_come_back_with_a_prior(self, data: bytes, prior: Prior) -> None:
        payload = Mixing().encode(source(data), prior, 1)
        assert Mixing().decode(payload, len(data), "python", prior) == data

    def test_a_prior_makes_similar_code_smaller(self, prior: Prior) -> None:
        code = SAMPLE[:400].replace(b"item", b"row")
        assert len(Mixing().encode(source(code), prior, 1)) < 0.8 * len(Mixing().encode(source(code), None, 1))

    def test_training_repeats_itself(self, prior: Prior) -> None:
        trainer: Trainer = Mixing()
        assert trainer.train(PACKAGES, "python") == prior.load()

    def test_a_prior_is_read_once(self, prior: Prior) -> None:
        loads = 0

        def load() -> bytes:
            nonlocal loads
            loads += 1
            return prior.load()

        counted = Prior(prior.compressor, prior.language, prior.digest, load)
        mixing = Mixing()
        with ThreadPoolExecutor(4) as pool:
            payloads = set(pool.map(lambda _: mixing.encode(source(SAMPLE), counted, 1), range(8)))
        assert (loads, len(payloads)) == (1, 1)

    @settings(max_examples=60)
    @given(data=st.data())
    def test_a_damaged_prior_is_refused_or_serves_both_ways(self, data: st.DataObject, prior: Prior) -> None:
        content = bytearray(prior.load())
        position = data.draw(st.integers(0, len(content) - 1))
        content[position] ^= data.draw(st.integers(1, 255))
        damaged = prior_of(bytes(content))
        mixing = Mixing()
        try:
            payload = mixing.encode(source(SAMPLE[:100]), damaged, 1)
        except CodecError:
            return
        assert mixing.decode(payload, 100, "python", damaged) == SAMPLE[:100]

    @pytest.mark.parametrize("content", [b"", b"qyn1mix", b"qyn1mix\x01", b"\0" * 1000])
    def test_what_is_no_prior_is_refused(self, content: bytes) -> None:
        with pytest.raises(CodecError, match="prior is not usable"):
            Mixing().encode(source(SAMPLE), prior_of(content), 1)
