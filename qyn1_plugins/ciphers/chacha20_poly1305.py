"""ChaCha20-Poly1305 (RFC 8439) in numpy and Python integers, for where no library is.

ChaCha20 runs all blocks of all texts of a call at once, a few hundred numpy operations
for each group of `_GROUP` blocks. Poly1305 is the polynomial of RFC 8439 §2.5 evaluated
in two levels: rows of `_ROW` blocks are inner products with powers of r (exact 64-bit
integer matrix products), and Horner's rule in Python integers joins the rows.

The time taken depends on the lengths; Python's integers are not constant-time, so this
provider is for machines on which nobody hostile measures. The tag comparison is
constant-time (`hmac.compare_digest`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["apply_keystream", "chacha20_keystream", "poly1305", "tag"]

_BLOCK: Final = 64
_GROUP: Final = 2048
"""ChaCha20 blocks worked on together: 128 KiB of state, which stays in the second-level cache."""
_SIGMA: Final = np.frombuffer(b"expand 32-byte k", dtype="<u4").astype(np.uint32)

_P: Final = (1 << 130) - 5
_R_MASK: Final = 0x0FFFFFFC_0FFFFFFC_0FFFFFFC_0FFFFFFF
_ROW: Final = 64
"""Poly1305 blocks in a row: 32-bit words times 24-bit limbs, 64 of them, stay under 2**62."""
_LIMB: Final = 24
_LIMBS: Final = 6


def chacha20_keystream(key: bytes, nonces: list[bytes], counts: list[int], first: int = 0) -> NDArray[np.uint8]:
    """The key stream of each nonce, ``counts[i]`` blocks of it from counter ``first`` on, joined.

    Shape (sum(counts), 64), dtype uint8.
    """
    total = sum(counts)
    nonce_words = np.frombuffer(b"".join(nonces), dtype="<u4").reshape(len(nonces), 3).astype(np.uint32)
    owner = np.repeat(np.arange(len(nonces)), counts)
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    counters = (np.arange(total) - starts + first).astype(np.uint32)
    key_words = np.frombuffer(key, dtype="<u4").astype(np.uint32)
    stream = np.empty((total, 16), dtype="<u4")
    for begin in range(0, total, _GROUP):
        end = min(begin + _GROUP, total)
        state = np.empty((4, 4, end - begin), dtype=np.uint32)
        state[0] = _SIGMA[:, None]
        state[1] = key_words[:4, None]
        state[2] = key_words[4:, None]
        state[3, 0] = counters[begin:end]
        state[3, 1:] = nonce_words[owner[begin:end]].T
        initial = state.copy()
        _twenty_rounds(state)
        state += initial
        stream[begin:end] = state.reshape(16, -1).T
    return stream.view(np.uint8)


def _twenty_rounds(state: NDArray[np.uint32]) -> None:
    """RFC 8439 §2.3, in place, on a state of shape (4 rows, 4 columns, blocks).

    A column round works on whole rows. In a diagonal round word i of one row meets word
    i+1 (modulo 4) of the next, for all four pairs of rows, so that a round is whole-row
    operations too, each in two parts.
    """
    a, b, c, d = state
    scratch = np.empty_like(a)
    for _ in range(10):
        for target, other, turned, amount in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            np.add(target, other, out=target)
            np.bitwise_xor(turned, target, out=turned)
            _rotate_left(turned, amount, scratch)
        for target, other, turned, amount in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            np.add(target[:3], other[1:], out=target[:3])
            np.add(target[3], other[0], out=target[3])
            np.bitwise_xor(turned[:3], target[1:], out=turned[:3])
            np.bitwise_xor(turned[3], target[0], out=turned[3])
            _rotate_left(turned, amount, scratch)


def _rotate_left(words: NDArray[np.uint32], amount: int, scratch: NDArray[np.uint32]) -> None:
    np.left_shift(words, np.uint32(amount), out=scratch)
    np.right_shift(words, np.uint32(32 - amount), out=words)
    np.bitwise_or(words, scratch, out=words)


def poly1305(key: bytes, message: bytes) -> bytes:
    """The 16-byte tag of ``message`` under the one-time ``key`` of 32 bytes (RFC 8439 §2.5)."""
    r = int.from_bytes(key[:16], "little") & _R_MASK
    s = int.from_bytes(key[16:], "little")
    whole = len(message) // (16 * _ROW) * (16 * _ROW)
    accumulator = _poly1305_rows(r, message[:whole]) if whole else 0
    for begin in range(whole, len(message), 16):
        # The 1 above the last byte makes texts that end in zeros differ (§2.5.1).
        block = int.from_bytes(message[begin : begin + 16] + b"\x01", "little")
        accumulator = (accumulator + block) * r % _P
    return ((accumulator + s) & ((1 << 128) - 1)).to_bytes(16, "little")


def _poly1305_rows(r: int, message: bytes) -> int:
    """The accumulator after ``message``, a whole number of rows."""
    powers = [1]
    for _ in range(_ROW):
        powers.append(powers[-1] * r % _P)
    step = powers[_ROW]
    falling = powers[:0:-1]  # r**_ROW for the first block of a row, ..., r for its last
    mask = (1 << _LIMB) - 1
    limbs = np.array([[power >> _LIMB * j & mask for j in range(_LIMBS)] for power in falling], dtype=np.uint64)
    high_bits = sum(falling) << 128  # the 1 above each 16-byte block
    words = np.frombuffer(message, dtype="<u4").reshape(-1, _ROW, 4).transpose(0, 2, 1).astype(np.uint64)
    products = np.matmul(words, limbs)  # (rows, 4 words, 6 limbs), each under 2**62
    # Words 0 and 2, and 1 and 3, are 64 bits apart: side by side they are one integer each.
    order = products[:, [0, 2, 1, 3], :].transpose(0, 2, 1).astype("<u8", order="C")
    rows = order.tobytes()
    accumulator = 0
    size = _LIMBS * 32
    from_bytes = int.from_bytes
    for row in range(0, len(rows), size):
        value = high_bits
        for limb in range(_LIMBS):
            at = row + limb * 32
            even = from_bytes(rows[at : at + 16], "little")
            odd = from_bytes(rows[at + 16 : at + 32], "little")
            value += (even + (odd << 32)) << (_LIMB * limb)
        accumulator = (accumulator * step + value) % _P
    return accumulator


def tag(one_time_key: bytes, aad: bytes, ciphertext: bytes) -> bytes:
    """RFC 8439 §2.8: both parts padded to 16 bytes, then their lengths."""
    padded = b"".join(
        (
            aad,
            bytes(-len(aad) % 16),
            ciphertext,
            bytes(-len(ciphertext) % 16),
            len(aad).to_bytes(8, "little"),
            len(ciphertext).to_bytes(8, "little"),
        )
    )
    return poly1305(one_time_key, padded)


def apply_keystream(key: bytes, nonces: list[bytes], texts: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    """The Poly1305 key of each nonce (block 0), and each text with the key stream from block 1 on applied."""
    if not texts:
        return [], []
    counts = [1 + (len(text) + _BLOCK - 1) // _BLOCK for text in texts]
    stream = chacha20_keystream(key, nonces, counts).reshape(-1)
    one_time_keys = []
    results = []
    begin = 0
    for text, count in zip(texts, counts, strict=True):
        one_time_keys.append(stream[begin : begin + 32].tobytes())
        body = stream[begin + _BLOCK : begin + _BLOCK + len(text)]
        results.append(np.bitwise_xor(body, np.frombuffer(text, dtype=np.uint8)).tobytes())
        begin += count * _BLOCK
    return one_time_keys, results
