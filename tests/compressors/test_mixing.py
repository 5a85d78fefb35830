"""`mixing` gives back every byte, refuses what it did not make, and is the same everywhere."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qyn1_plugins._native import WITHOUT_NATIVE, native
from qyn1_plugins.compressors.mixing import Mixing
from qyn1_plugins.errors import CodecError
from qyn1_plugins.spec import Compressor, Source
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
        assert refused > len(payload) * 9 // 10

    def test_longer_payloads_are_refused(self) -> None:
        payload = Mixing().encode(source(SAMPLE), None, 1)
        for more in (b"\0", b"\xff", payload):
            with pytest.raises(CodecError, match="left over"):
                Mixing().decode(payload + more, len(SAMPLE), "python", None)

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
