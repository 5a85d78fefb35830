"""Builds a prior of `chunked-rans` from other people's packages.

Phrases are strings of 2 to 16 bytes that stand in at least three packages. The
first set is counted; then the training text is parsed with the set, phrases that the parser
did not use are dropped, and the rest is ranked anew, a few times. Tables are the
counts of the last parse. Integers only, no sampling by chance: the same
packages in the same order give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Final

import numpy as np
import numpy.typing as npt

from qyn1_plugins._native import native
from qyn1_plugins.compressors.chunked_alphabet import (
    CONTEXTS,
    FIRST_PHRASE_GROUP,
    Tokens,
    base_classes,
)
from qyn1_plugins.compressors.chunked_lazy import parse_lazily
from qyn1_plugins.compressors.chunked_payload import stream_symbols
from qyn1_plugins.compressors.chunked_prior import (
    KEY_MULTIPLIER,
    MAX_PHRASE,
    MIN_PHRASE,
    NO_PRIOR,
    STREAMS,
    Statistics,
    alphabet_size,
)
from qyn1_plugins.compressors.tables import COST, COST_UNIT, levels_of_counts, normalise

__all__ = ["train"]

Integers = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

PACKAGES_NEEDED: Final = 3
PACKAGE_BYTES: Final = 1 << 20
TRAINING_BYTES: Final = 12 << 20
"""Of each package files up to the first size in all count, and less when the packages are many,
so that no package rules the statistics."""
BLOCK_BYTES: Final = 1 << 16
SMALL_FILE: Final = 20480
"""Every third file up to this size is also parsed alone, as it may be packed alone."""
PHRASES: Final = (60000, 28000, 16384)
"""Phrases at most kept before each parse."""
LAZY: Final = 1
LITERAL_BITS: Final = 5
FIRST_PHRASE_CLASS: Final = 11
MAX_GROUP_BITS: Final = 11
GROUPS: Final = 180
_WORD: Final = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def train(packages: Sequence[Sequence[bytes]], language: str) -> bytes:
    """The content of the prior of ``language`` (see `Statistics`)."""
    share = min(PACKAGE_BYTES, TRAINING_BYTES // max(len(packages), 1))
    sampled = [list(_sample(files, share)) for files in packages]
    ranked = _candidates(sampled)
    statistics = NO_PRIOR
    for limit in PHRASES:
        statistics = _arrange(ranked[:limit])
        used, seen, counts = _parse_all(sampled, statistics)
        keep = np.flatnonzero((seen >= PACKAGES_NEEDED) & (used >= 2 * PACKAGES_NEEDED))
        gains = used[keep] * (8 * LITERAL_BITS * statistics.phrase_lengths[keep] - statistics.phrase_costs[keep] // 2)
        order = keep[np.argsort(-gains, kind="stable")]
        ranked = [(statistics.phrases[number], int(used[number])) for number in order.tolist()]
    final = _arrange(ranked[: PHRASES[-1]])
    _, _, counts = _parse_all(sampled, final)
    levels = {stream: np.array([levels_of_counts(row) for row in _smooth(counts[stream])]) for stream in STREAMS}
    cost = _group_costs(counts["token"], levels["token"], final)
    return Statistics(final.phrases, final.group_bits, final.group_base, cost, final.classes, levels).serialise()


def _sample(files: Sequence[bytes], share: int) -> Iterator[bytes]:
    """Files spread over the package, ``share`` bytes in all."""
    total = sum(map(len, files))
    stride = max(1, -(-total // share))
    left = share
    for data in files[::stride]:
        if data and left > 0:
            yield data[:left]
            left -= len(data)


def _blocks(files: Sequence[bytes]) -> Iterator[bytes]:
    """What is parsed: files one after the other in blocks, and some small ones alone."""
    pending = bytearray()
    for number, data in enumerate(files):
        if number % 3 == 0 and len(data) <= SMALL_FILE:
            yield data
        pending += data
        if len(pending) >= BLOCK_BYTES:
            yield bytes(pending)
            pending.clear()
    if pending:
        yield bytes(pending)


def _boundaries(data: bytes) -> npt.NDArray[np.bool_]:
    """Where a word, a number or another character begins: bool (len(data) + 1,)."""
    kind = np.zeros(256, np.int64)
    kind[[32, 9]] = 1
    kind[list(range(97, 123))] = 2
    kind[list(range(48, 58))] = 3
    kind[list(range(65, 91))] = 4
    kinds = kind[np.frombuffer(data, np.uint8)]
    begins = np.ones(len(data) + 1, np.bool_)
    before, after = kinds[:-1], kinds[1:]
    # A capital binds to the small letters after it; other characters stand for themselves.
    begins[1:-1] = ((before != after) & ~((before == 4) & (after == 2))) | (after == 0)
    return begins


def _candidates(packages: list[list[bytes]]) -> list[tuple[bytes, int]]:
    """Strings that begin at a boundary, best first, with their counts."""
    ranked: list[tuple[int, bytes, int]] = []
    prepared = []
    for files in packages:
        data = b"\0".join(files) + bytes(MAX_PHRASE)
        starts = np.flatnonzero(_boundaries(data)[: len(data) - MAX_PHRASE])
        octets = np.frombuffer(data, np.uint8)
        low, high = (
            sum(
                (octets[starts + index + half].astype(np.uint64) << np.uint64(8 * index) for index in range(8)),
                np.zeros(len(starts), np.uint64),
            )
            for half in (0, 8)
        )
        prepared.append((low, high))
    for width in range(MIN_PHRASE, MAX_PHRASE + 1):
        keys, counts = [], []
        for low, high in prepared:
            first = low & np.uint64((1 << 8 * min(width, 8)) - 1)
            second = high & np.uint64((1 << 8 * max(width - 8, 0)) - 1)
            unique, count = _count(first, second)
            usual = count >= 2
            keys.append(unique[usual])
            counts.append(count[usual])
        every, count = np.concatenate(keys), np.concatenate(counts)
        order = np.lexsort((every[:, 0], every[:, 1]))
        every, count = every[order], count[order]
        heads = np.flatnonzero(np.append(True, np.any(every[1:] != every[:-1], axis=1)))
        packages_with = np.diff(np.append(heads, len(every)))
        totals = np.add.reduceat(count, heads) if len(heads) else count
        for head, total in zip(
            heads[packages_with >= PACKAGES_NEEDED].tolist(),
            totals[packages_with >= PACKAGES_NEEDED].tolist(),
            strict=True,
        ):
            text = every[head].astype("<u8").tobytes()[:width]
            gain = int(total) * (LITERAL_BITS * width - max(26 - int(total).bit_length(), 6))
            if gain > 0 and b"\0" not in text:
                ranked.append((-gain, text, int(total)))
    ranked.sort()
    return _thin([(text, total) for _, text, total in ranked[: 6 * PHRASES[0]]])


def _count(first: Words, second: Words) -> tuple[Words, Integers]:
    """Distinct pairs, as rows, and how often each occurs."""
    # Pairs of one key are as good as equal: sixty-four bits tell training text apart.
    _, index, count = np.unique(first + second * np.uint64(KEY_MULTIPLIER), return_index=True, return_counts=True)
    return np.stack((first[index], second[index]), axis=1), count


def _thin(ranked: list[tuple[bytes, int]]) -> list[tuple[bytes, int]]:
    """Drop a string that nearly always continues as a longer one of the list."""
    counts = dict(ranked)
    longest: dict[bytes, int] = {}
    for text, total in ranked:
        for width in range(MIN_PHRASE, len(text)):
            head = text[:width]
            if head in counts:
                longest[head] = max(longest.get(head, 0), total)
    return [(text, total) for text, total in ranked if 10 * longest.get(text, 0) < 9 * total]


def _phrase_class(text: bytes) -> int:
    """Which of the 13 classes of phrases a phrase is in: what it ends with."""
    last = text[-1:]
    if last in b" \t":
        return 1 if b"\n" in text else 2
    if last in _WORD:
        return 3
    for number, members in enumerate((b"\n", b"_", b".", b"([", b")]", b"{}", b",", b";:", b"\"'`")):
        if last in members:
            return (0, 4, 5, 6, 7, 8, 9, 10, 11)[number]
    return 12


def _arrange(ranked: list[tuple[bytes, int]]) -> Statistics:
    """Phrases in groups: by what they begin and end with, then by use; about one group an octave of rank."""
    parts: dict[tuple[int, bool], list[tuple[bytes, int]]] = {}
    for text, count in ranked:
        parts.setdefault((_phrase_class(text), text[:1] in _WORD), []).append((text, count))
    total = sum(count for _, count in ranked) or 1
    groups: list[tuple[int, int, list[tuple[bytes, int]]]] = []
    for key in sorted(parts):
        members = sorted(parts[key], key=lambda item: (-item[1], item[0]))
        position, bits = 0, 0
        sizes: list[int] = []
        while len(members) - position >= 1 << bits:
            sizes.append(bits)
            position += 1 << bits
            bits = min(sum(1 << size for size in sizes).bit_length() - 1, MAX_GROUP_BITS)
        # What is left fills one or two groups more.
        for _ in range(2):
            if len(members) > position:
                bits = min((len(members) - position).bit_length() - 1, MAX_GROUP_BITS)
                sizes.append(bits)
                position += 1 << bits
        for bits, end in zip(sizes, accumulate(1 << size for size in sizes), strict=True):
            groups.append((key[0], bits, members[end - (1 << bits) : end]))
    if len(groups) > GROUPS:
        # The groups that are used least go.
        uses = sorted(
            ((sum(count for _, count in group[2]), number) for number, group in enumerate(groups)), reverse=True
        )
        kept = {number for _, number in uses[:GROUPS]}
        groups = [group for number, group in enumerate(groups) if number in kept]
    classes = base_classes()
    phrases: list[bytes] = []
    costs = []
    for number, (ending, bits, members) in enumerate(groups):
        classes[FIRST_PHRASE_GROUP + number] = FIRST_PHRASE_CLASS + ending
        phrases += sorted(text for text, _ in members)
        uses_of_group = sum(count for _, count in members) or 1
        costs.append(min(8 * bits + 8 * max((3 * total // uses_of_group).bit_length() - 1, 2), 255))
    bits_of_groups = np.array([bits for _, bits, _ in groups], np.int64)
    sizes_of_groups = 1 << bits_of_groups
    return Statistics(
        phrases,
        bits_of_groups,
        np.cumsum(sizes_of_groups) - sizes_of_groups,
        np.array(costs, np.int64),
        classes,
        {stream: np.ones((CONTEXTS[stream], alphabet_size(stream, len(groups))), np.int64) for stream in STREAMS},
    )


def _parse_all(packages: list[list[bytes]], statistics: Statistics) -> tuple[Integers, Integers, dict[str, Integers]]:
    """Uses of each phrase, packages that use it, and per stream the counts by table and symbol."""
    used, seen = np.zeros(len(statistics.phrases), np.int64), np.zeros(len(statistics.phrases), np.int64)
    groups = len(statistics.group_bits)
    counts = {stream: np.zeros((CONTEXTS[stream], alphabet_size(stream, groups)), np.int64) for stream in STREAMS}
    parse = _native_parser(statistics)
    for files in packages:
        used_here = np.zeros_like(used)
        for block in _blocks(files):
            tokens = parse_lazily(block, statistics) if parse is None else parse(block)
            phrase = tokens.symbol >= FIRST_PHRASE_GROUP
            number = statistics.group_base[tokens.symbol[phrase] - FIRST_PHRASE_GROUP] + tokens.detail[phrase]
            used_here += np.bincount(number, minlength=len(used))
            for stream, (symbols, table) in stream_symbols(tokens, statistics, 1).items():
                size = counts[stream].shape[1]
                counts[stream] += np.bincount(table * size + symbols, minlength=counts[stream].size).reshape(-1, size)
        used += used_here
        seen += used_here > 0
    return used, seen, counts


def _native_parser(statistics: Statistics) -> Callable[[bytes], Tokens] | None:
    if native is None:
        return None
    prior = native.ChunkedPrior(statistics.serialise())

    def parse(block: bytes) -> Tokens:
        symbols, details, lengths, literals = prior.parse(block, LAZY)
        return Tokens(
            np.frombuffer(symbols, np.uint8),
            np.frombuffer(details, "<u4").astype(np.int64),
            np.frombuffer(lengths, "<u4").astype(np.int64),
            np.frombuffer(literals, np.uint8),
        )

    return parse


def _smooth(counts: Integers) -> Integers:
    """Each table's counts with eight occurrences' worth of all tables together mixed in."""
    together = counts.sum(axis=0)
    total = int(together.sum()) or 1
    return counts * 256 + np.where(together > 0, np.maximum(together * 2048 // total, 1), 0)


def _group_costs(counts: Integers, levels: Integers, statistics: Statistics) -> Integers:
    """What naming a phrase of each group takes, in 1/8 bit."""
    costs = COST[np.array([normalise(row) for row in levels])]
    uses = np.maximum(counts.sum(axis=0), 1)
    usual: Integers = (counts * costs).sum(axis=0) // uses * 8 // COST_UNIT
    limited: Integers = np.minimum(usual[FIRST_PHRASE_GROUP:] + 8 * statistics.group_bits, 255)
    return limited
