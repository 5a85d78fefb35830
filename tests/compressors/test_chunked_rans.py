"""rans and chunked-rans: round trips, the same bytes with and without the extension, hostile input."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import qyn1_plugins
from qyn1_core.archive.limits import Limits
from qyn1_core.packing import block_memory
from qyn1_plugins import _native
from qyn1_plugins.compressors import chunked_rans, rans_payload
from qyn1_plugins.compressors.chunked_alphabet import join_value, split_value
from qyn1_plugins.compressors.chunked_prior import NO_PRIOR, Statistics
from qyn1_plugins.compressors.chunked_rans import ChunkedRans
from qyn1_plugins.compressors.framing import pack_bits, read_size, unpack_bits, write_size
from qyn1_plugins.compressors.range_coder import RangeDecoder, RangeEncoder, new_contexts
from qyn1_plugins.compressors.tables import COST, TableCoder, levels_of_counts, normalise
from qyn1_plugins.errors import CodecError, PluginError
from qyn1_plugins.spec import COST_UNIT, Explainer, Prior, Source
from qyn1_plugins.testing.compressor import check_compressor, check_trainer

ROOT = Path(qyn1_plugins.__file__).parent
SOURCES = [path.read_bytes() for path in sorted(ROOT.glob("*.py"))]
LONG = b"".join(SOURCES) * 2

text_like = st.lists(
    st.sampled_from([b"def ", b"self.", b"return ", b"\n    ", b"(", b")", b" = ", b"x", b"\xff", b"\0", b"value"]),
    max_size=400,
).map(b"".join)
anything = st.one_of(st.binary(max_size=600), text_like)


@pytest.fixture(scope="module")
def content() -> bytes:
    """A prior, trained on this project's own files as three packages."""
    return ChunkedRans().train([SOURCES, SOURCES[1:], SOURCES[2:]], "python")


@pytest.fixture(scope="module")
def prior(content: bytes) -> Prior:
    return Prior("chunked-rans", "python", sha256(content).digest(), lambda: content)


@given(anything)
def test_rans_gives_back_any_bytes(data: bytes) -> None:
    payload = rans_payload.encode(data)
    assert rans_payload.decode(payload, len(data)) == data
    assert len(payload) <= len(data) + 1


@given(anything)
def test_chunked_rans_gives_back_any_bytes(data: bytes) -> None:
    payload = chunked_rans.encode(data)
    assert chunked_rans.decode(payload, len(data)) == data
    assert len(payload) <= len(data) + 1


@pytest.mark.parametrize(
    "data",
    [LONG, b"a" * 100_000, bytes(range(256)) * 300, b"ab" * 40_000 + LONG[:5000]],
    ids=["source", "one byte", "all bytes", "mixed"],
)
def test_blocks_of_many_lanes_round_trip(data: bytes) -> None:
    for codec in (rans_payload, chunked_rans):
        assert codec.decode(codec.encode(data), len(data)) == data


def test_random_data_is_stored() -> None:
    noise = b"".join(sha256(bytes([index])).digest() for index in range(64))
    assert len(chunked_rans.encode(noise)) == len(noise) + 1
    assert len(rans_payload.encode(noise)) == len(noise) + 1


@pytest.mark.native
@given(anything)
def test_both_encoders_of_rans_give_the_same_bytes(data: bytes) -> None:
    assert _native.native is not None
    assert _native.native.rans_encode(data) == rans_payload.encode(data)


@pytest.mark.native
@given(anything)
def test_both_encoders_of_chunked_rans_give_the_same_bytes(data: bytes) -> None:
    assert _native.native is not None
    assert _native.native.ChunkedPrior().encode(data, 1) == chunked_rans.encode(data)


@pytest.mark.native
@settings(max_examples=40)
@given(text_like)
def test_both_encoders_agree_with_a_prior(content: bytes, data: bytes) -> None:
    assert _native.native is not None
    statistics, twin = Statistics.parse(content), _native.native.ChunkedPrior(content)
    assert twin.encode(data, 1) == chunked_rans.encode(data, statistics)
    for level in (1, 2):
        payload = twin.encode(data, level)
        assert twin.decode(payload, len(data)) == data
        assert chunked_rans.decode(payload, len(data), statistics) == data


@pytest.mark.native
def test_long_blocks_are_the_same_with_and_without_the_extension(content: bytes) -> None:
    assert _native.native is not None
    assert _native.native.rans_encode(LONG) == rans_payload.encode(LONG)
    assert _native.native.ChunkedPrior().encode(LONG, 1) == chunked_rans.encode(LONG)
    statistics = Statistics.parse(content)
    payload = _native.native.ChunkedPrior(content).encode(LONG, 1)
    assert payload == chunked_rans.encode(LONG, statistics)
    assert chunked_rans.decode(payload, len(LONG), statistics) == LONG


@pytest.mark.native
def test_optimal_parsing_is_smaller(prior: Prior) -> None:
    assert _native.native is not None
    twin = _native.native.ChunkedPrior(prior.load())
    assert len(twin.encode(LONG, 2)) < len(twin.encode(LONG, 1))


@pytest.mark.parametrize("primed", [False, True])
def test_costs_add_up_to_the_payload_and_fall_on_what_is_new(prior: Prior, primed: bool) -> None:
    use = prior if primed else None
    data = b"item = first(item)\n" * 40 + b"Qz7#" + b"item = first(item)\n" * 40
    explainer: Explainer = ChunkedRans()
    for level in ChunkedRans().levels() if _native.native is not None else (1,):
        source = Source(data, "python", lambda: pytest.fail("tokens are not needed"))
        costs = memoryview(explainer.costs(source, use, level)).cast("I")
        assert len(costs) == len(data)
        assert sum(costs) == 8 * COST_UNIT * len(ChunkedRans().encode(source, use, level))
        assert sum(costs[760:764]) / 4 > 4 * sum(costs[800:1500]) / 700


@pytest.mark.native
@settings(max_examples=40)
@given(anything)
def test_costs_are_the_same_with_and_without_the_extension(content: bytes, data: bytes) -> None:
    assert _native.native is not None
    statistics = Statistics.parse(content)
    assert _native.native.ChunkedPrior().costs(data, 1) == chunked_rans.costs(data)
    assert _native.native.ChunkedPrior(content).costs(data, 1) == chunked_rans.costs(data, statistics)


def test_level_2_without_the_extension_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunked_rans, "native", None)
    source = Source(b"x", "text", lambda: pytest.fail("tokens are not needed"))
    with pytest.raises(PluginError, match="level 2 of chunked-rans needs the native extension"):
        ChunkedRans().encode(source, None, 2)


def test_packages_state_the_same_memory_everywhere_and_workers_get_what_they_need(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    codec = ChunkedRans()
    stated = [codec.memory(1 << shift) for shift in range(10, 27)]
    assert stated == sorted(stated)
    assert codec.memory(4 << 20) < 100 << 20
    # The limit of a reader, with the largest block that can be asked for.
    assert codec.memory(64 << 20) <= Limits().memory
    if _native.native is not None:
        assert block_memory(codec, 4 << 20) == codec.memory(4 << 20) + 3 * (4 << 20)
    monkeypatch.setattr(chunked_rans, "native", None)
    assert [codec.memory(1 << shift) for shift in range(10, 27)] == stated
    assert block_memory(codec, 4 << 20) > 4 * codec.memory(4 << 20)


def test_a_prior_helps_small_files_and_conforms(prior: Prior) -> None:
    check_compressor(ChunkedRans(), SOURCES[:3], language="python", prior=prior, levels=(1,))
    small = SOURCES[1][:3000]
    with_prior = chunked_rans.encode(small, Statistics.parse(prior.load()))
    assert len(with_prior) < len(chunked_rans.encode(small)) * 0.8


def test_training_repeats_itself_and_keeps_no_secret() -> None:
    secret = b"hunter2_hunter2_"
    packages = [[*SOURCES[:4], b"password = '" + secret + b"'\n" * 9], SOURCES[1:4], SOURCES[:3]]
    check_trainer(ChunkedRans(), packages, "python", secret)


@settings(max_examples=120)
@given(st.data())
def test_damaged_payloads_end_in_an_error_or_in_the_declared_size(data: st.DataObject) -> None:
    raw = data.draw(text_like)
    codec = data.draw(st.sampled_from([rans_payload, chunked_rans]))
    payload = bytearray(codec.encode(raw))
    for _ in range(data.draw(st.integers(1, 3))):
        if payload:
            payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(payload)))
    damaged = bytes(payload[:cut] if data.draw(st.booleans()) else payload)
    size = data.draw(st.sampled_from([len(raw), len(raw) + 1, 0, 5000]))
    outcomes = []
    decoders = [codec.decode]
    if _native.native is not None:
        twin = _native.native.ChunkedPrior()
        decoders.append(_native.native.rans_decode if codec is rans_payload else twin.decode)
    for decode in decoders:
        try:
            outcomes.append(decode(damaged, size))
            assert len(outcomes[-1]) == size
        except CodecError:
            outcomes.append(None)
    assert outcomes.count(outcomes[0]) == len(outcomes), "the decoders disagree"


@given(st.binary(max_size=200))
def test_any_bytes_as_payload_are_refused_or_decoded(payload: bytes) -> None:
    for codec in (rans_payload, chunked_rans):
        with contextlib.suppress(CodecError):
            assert len(codec.decode(payload, 1000)) == 1000


@settings(max_examples=60)
@given(st.data())
def test_a_damaged_prior_is_refused_or_still_a_prior(content: bytes, data: st.DataObject) -> None:
    changed = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, min(len(changed) - 1, 3000)))] = data.draw(st.integers(0, 255))
    damaged = bytes(changed[: data.draw(st.sampled_from([len(changed), len(changed) - 1, 10, 4, 0]))])
    try:
        statistics = Statistics.parse(damaged)
    except CodecError:
        if _native.native is not None:
            with pytest.raises(CodecError):
                _native.native.ChunkedPrior(damaged)
        return
    sample = SOURCES[0][:800]
    assert chunked_rans.decode(chunked_rans.encode(sample, statistics), len(sample), statistics) == sample
    if _native.native is not None:
        assert _native.native.ChunkedPrior(damaged).encode(sample, 1) == chunked_rans.encode(sample, statistics)


def test_a_prior_survives_reading_and_writing(content: bytes) -> None:
    assert Statistics.parse(content).serialise() == content


@given(st.lists(st.integers(0, 1 << 20), min_size=1, max_size=256).filter(any))
def test_normalised_tables_sum_to_4096_and_lose_no_symbol(counts: list[int]) -> None:
    levels = levels_of_counts(np.array(counts, np.int64))
    frequencies = normalise(levels)
    if len(counts) == 1:
        return
    assert int(frequencies.sum()) == 4096
    assert int(frequencies.max()) < 4096
    assert all(frequency > 0 for frequency, count in zip(frequencies.tolist(), counts, strict=True) if count)


def test_costs_are_logarithms() -> None:
    assert COST[4096] == 0
    assert COST[1] == 12 * 256
    assert COST[2048] == 256
    assert bool(np.all(np.diff(COST[1:]) <= 0))


@given(st.lists(st.integers(0, 49), min_size=2, max_size=100), st.lists(st.integers(0, 49), min_size=100, max_size=100))
def test_tables_survive_coding(levels: list[int], reference: list[int]) -> None:
    array, guess = np.array(levels, np.int64), np.array(reference[: len(levels)], np.int64)
    encoder, coder = RangeEncoder(), TableCoder()
    coder.write(encoder, array, None)
    coder.write(encoder, array, guess)
    decoder, twin = RangeDecoder(encoder.finish()), TableCoder()
    assert twin.read(decoder, None, len(levels)).tolist() == levels
    assert twin.read(decoder, guess).tolist() == levels


@given(st.lists(st.integers(0, (1 << 32) - 2), max_size=50), st.lists(st.booleans(), max_size=200))
def test_the_range_coder_gives_back_numbers_and_bits(numbers: list[int], bits: list[bool]) -> None:
    encoder, contexts = RangeEncoder(), new_contexts(33)
    for number in numbers:
        encoder.number(contexts, number)
    for bit in bits:
        encoder.bit(contexts, 32, int(bit))
    coded = encoder.finish()

    def decoded(data: bytes) -> tuple[list[int], list[bool], RangeDecoder]:
        decoder, contexts = RangeDecoder(data), new_contexts(33)
        return (
            [decoder.number(contexts) for _ in numbers],
            [bool(decoder.bit(contexts, 32)) for _ in bits],
            decoder,
        )

    *found, decoder = decoded(coded)
    assert found == [numbers, bits]
    decoder.finish()
    others = [coded + b"\0", coded + b"\1", *(coded[:-1] + bytes([coded[-1] ^ 1 << bit]) for bit in range(8) if coded)]
    for other in others:
        *found, decoder = decoded(other)
        if found == [numbers, bits]:
            with pytest.raises(CodecError):
                decoder.finish()


def test_both_decoders_refuse_the_same_ends_of_headers() -> None:
    def native_decode(payload: bytes, size: int) -> bytes:
        return ChunkedRans().decode(payload, size, "text", None)

    def outcome(payload: bytes, size: int, decode: Callable[[bytes, int], bytes]) -> bytes | None:
        try:
            return decode(payload, size)
        except CodecError:
            return None

    data = b"".join(b"line %d of %d\n" % (number, number * number) for number in range(50))
    for size in range(500, len(data), 40):
        payload = chunked_rans.encode(data[:size])
        head, begin = read_size(payload, 1)
        end = begin + head
        outcomes = []
        for bit in range(8):
            damaged = payload[: end - 1] + bytes([payload[end - 1] ^ 1 << bit]) + payload[end:]
            outcomes.append(outcome(damaged, size, chunked_rans.decode))
            assert outcome(damaged, size, native_decode) == outcomes[-1]
        assert outcomes.count(None) > 4


@given(st.lists(st.integers(0, (1 << 27) - 1), max_size=50), st.sampled_from([2, 3, 4]))
def test_values_survive_being_split(values: list[int], direct_bits: int) -> None:
    symbol, low, width = split_value(np.array(values, np.int64), direct_bits)
    base, same_width = join_value(symbol, direct_bits)
    assert (base + low).tolist() == values
    assert same_width.tolist() == width.tolist()


@given(st.lists(st.tuples(st.integers(0, (1 << 32) - 1), st.integers(0, 32)), max_size=40))
def test_bit_fields_survive_packing(fields: list[tuple[int, int]]) -> None:
    values = np.array([value & ((1 << width) - 1) for value, width in fields], np.int64)
    widths = np.array([width for _, width in fields], np.int64)
    assert unpack_bits(pack_bits(values, widths), widths).tolist() == values.tolist()


@given(st.integers(0, (1 << 28) - 1))
def test_sizes_survive_writing(size: int) -> None:
    assert read_size(write_size(size), 0) == (size, len(write_size(size)))


def test_no_prior_has_no_phrases() -> None:
    assert NO_PRIOR.phrases == []


def test_golden_bytes_stay_as_they_are() -> None:
    """A change here is a new version of the compressor."""
    data = b"".join(b"line %d of %d\n" % (number, number * number) for number in range(400))
    assert sha256(rans_payload.encode(data)).hexdigest() == GOLDEN_RANS
    assert sha256(chunked_rans.encode(data)).hexdigest() == GOLDEN_CHUNKED


GOLDEN_RANS = "110b817398c50b786fb176e2aefa4b4dba759fb4a5826f97a9ee3ca727be4447"
GOLDEN_CHUNKED = "f100923563684e523d3557a6df558d257e31017825ad8f1563b3d04e9fd1814b"


@pytest.mark.parametrize("language", ["python", "javascript", "rust", "cpp", "text"])
def test_shipped_priors_load_and_halve_a_small_file(language: str) -> None:
    presets = pytest.importorskip("qyn1_presets.prior_files")
    shipped = [p for p in presets.prior_files() if (p.compressor, p.language) == ("chunked-rans", language)]
    assert shipped, f"no prior of chunked-rans for {language}"
    sample = SMALL_FILES[language]
    for prior in shipped:
        statistics = Statistics.parse(prior.load())
        payload = chunked_rans.encode(sample, statistics)
        assert chunked_rans.decode(payload, len(sample), statistics) == sample
        assert len(payload) < len(sample) * 0.5


SMALL_FILES = {
    "python": b"from __future__ import annotations\n\n\ndef area(self, width: int, height: int) -> int:\n"
    b'    """The area."""\n    if width < 0 or height < 0:\n        raise ValueError("negative")\n'
    b"    return width * height\n",
    "javascript": b"'use strict'\n\nfunction area (width, height) {\n  if (width < 0 || height < 0) {\n"
    b"    throw new Error('negative')\n  }\n  return width * height\n}\n\nmodule.exports = { area }\n",
    "rust": b"use std::fmt;\n\n/// The area.\npub fn area(width: u32, height: u32) -> Result<u32, Error> {\n"
    b"    if width == 0 {\n        return Err(Error::Empty);\n    }\n    Ok(width * height)\n}\n",
    "cpp": b'#include <vector>\n#include "area.h"\n\nnamespace detail {\n\nint area(const std::vector<int>& sides) {\n'
    b"  if (sides.empty()) {\n    return 0;\n  }\n  return sides[0] * sides[1];\n}\n\n}  // namespace detail\n",
    "text": b"# The project\n\nThis is a library for the use of the people that have it. See the documentation for "
    b"more information.\n\n## License\n\nThis project is licensed under the MIT license.\n",
}
