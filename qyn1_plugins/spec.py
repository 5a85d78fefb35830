"""What a plugin author sees: the hooks and the protocols of the providers.

A plugin is a distribution (by convention named ``qyn1-*``) with one entry
point in the group ``qyn1`` that names a module or object carrying hook
implementations::

    from qyn1_plugins.spec import hookimpl


    @hookimpl
    def qyn1_frontends():
        return [NimFrontend()]

Built-in plugins are registered in exactly this way. Every provider has a
``name`` (unique in its family) and a ``version`` (an integer, raised when its
output changes; a package records both). `qyn1_plugins.testing` holds the
conformance kit that every provider must pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

import pluggy

from qyn1_plugins.prior import Prior

if TYPE_CHECKING:
    from qyn1_plugins.tokens import TokenStream

__all__ = [
    "API_VERSION",
    "COST_UNIT",
    "TIMED_STAGES",
    "BlockEvent",
    "Canonicaliser",
    "CipherProvider",
    "Compressor",
    "ExecutorProvider",
    "Explainer",
    "Frontend",
    "KeyProvider",
    "Prior",
    "Source",
    "StageTimer",
    "Substitute",
    "Trainer",
    "WatchedExecutor",
    "hookimpl",
    "hookspec",
]

API_VERSION: Final = 1
"""Version of these protocols. A plugin module may set ``QYN1_API_VERSION`` to the
one it was written for; the host refuses a plugin of another version."""

COST_UNIT: Final = 1 << 16
"""`Explainer` counts in this part of a bit."""

TIMED_STAGES: Final = ("lex", "model", "entropy coder")
"""What `StageTimer` tells apart: cutting into tokens; finding matches, predicting, learning; making bytes of it."""

hookspec = pluggy.HookspecMarker("qyn1")
hookimpl = pluggy.HookimplMarker("qyn1")


@dataclass(frozen=True)
class Source:
    """The plain bytes of one block, and what is known about them.

    ``language`` is the name of the frontend that claimed the files in it;
    ``lex`` gives their tokens, for compressors that want them (it may be slow).
    """

    data: bytes
    language: str
    lex: Callable[[], TokenStream] = field(compare=False, repr=False)


class _Provider(Protocol):
    @property
    def name(self) -> str:
        """Unique in its family; lower-case letters, digits and hyphens."""

    @property
    def version(self) -> int:
        """Raised whenever the same input no longer gives the same output."""

    def unavailable(self) -> str | None:
        """Why this provider cannot work here and what to install, or None if it can."""


@runtime_checkable
class Frontend(_Provider, Protocol):
    """Knows one language: which files are in it, and how it lexes."""

    def claims(self, path: str, head: bytes) -> int:
        """How surely a file is in this language, 0 (not at all) to 100.

        ``path`` is relative with forward slashes; ``head`` its first bytes (4096 or fewer).
        """

    def lex(self, data: bytes) -> TokenStream:
        """Tokens that tile ``data`` exactly, for any bytes whatever. Never raises."""


@runtime_checkable
class Canonicaliser(Protocol):
    """Optional ability of a frontend: drop what does not change the program."""

    def canonicalise(self, data: bytes, path: str) -> bytes:
        """The same program without comments and formatting.

        Equal syntax trees give equal bytes. Raises `SourceError` when ``data``
        is not a valid program.
        """


@runtime_checkable
class Compressor(_Provider, Protocol):
    """Encodes and decodes one block.

    Integers only: a decoder must repeat every step bit for bit on every CPU.
    """

    def levels(self) -> range:
        """The accepted levels, fastest first; the first is the default one."""

    def encode(self, source: Source, prior: Prior | None, level: int) -> bytes:
        """``source.data`` as a payload that `decode` turns back.

        The same arguments give the same bytes, always and everywhere.
        ``source.data`` may be empty.
        """

    def decode(self, payload: bytes, raw_size: int, language: str, prior: Prior | None) -> bytes:
        """The ``raw_size`` bytes that were encoded.

        The caller has checked ``raw_size`` against its limits. Raises `CodecError`
        for every payload that `encode` cannot have made (as far as it can tell),
        allocates no more than ``memory(raw_size)`` plus a small constant, and ends.
        """

    def memory(self, raw_size: int) -> int:
        """Most bytes of working memory that one block of ``raw_size`` bytes takes.

        Packages state it, so it is the same on every machine.
        """


@runtime_checkable
class Substitute(Protocol):
    """Optional ability of a compressor: work without an extension that is not installed here, at another cost."""

    def memory_here(self, raw_size: int) -> int:
        """`Compressor.memory` with what is installed here: the choice of workers reckons with it."""


@runtime_checkable
class Trainer(Protocol):
    """Optional ability of a compressor: build a prior from other people's code."""

    def train(self, packages: Sequence[Sequence[bytes]], language: str) -> bytes:
        """The content of a prior: statistics of ``packages``, each a sequence of files.

        The same packages in the same order give the same bytes. Keeps no text that
        stands in one package only.
        """


@runtime_checkable
class Explainer(Protocol):
    """Optional ability of a compressor: say what each byte of a block costs."""

    def costs(self, source: Source, prior: Prior | None, level: int) -> bytes:
        """One little-endian uint32 for each byte of ``source.data``, in units of 1 / `COST_UNIT` bit.

        Together they are the size of what `Compressor.encode` makes of the same
        arguments, but for rounding. What a token, or a copied run, costs is spread over
        its bytes.
        """


@runtime_checkable
class StageTimer(Protocol):
    """Optional ability of a compressor: say what its time goes into where a profiler cannot see it, in native code."""

    def encode_timed(self, source: Source, prior: Prior | None, level: int) -> tuple[bytes, Mapping[str, float]]:
        """What `Compressor.encode` makes of the same arguments, byte for byte, and seconds by stage.

        Stages are those of `TIMED_STAGES`, times those of a monotonic clock, spent in native code that
        this function itself calls: Python functions below it are seen from outside. A stage
        that cannot be told apart is left out, and its time stands under ``model``. Only `qyn1 profile`
        asks, so it may be a little slower than `Compressor.encode`.
        """


@runtime_checkable
class CipherProvider(_Provider, Protocol):
    """An implementation of ChaCha20-Poly1305 (RFC 8439).

    Nonces appear here because the STREAM construction above makes them; nothing
    in the public interface of qyn1 takes one. ``key`` has 32 bytes, each nonce 12;
    other sizes, and a nonce that occurs twice in one `seal`, are a ValueError.
    """

    def seal(self, key: bytes, nonces: list[bytes], plaintexts: list[bytes], aad: bytes = b"") -> list[bytes]:
        """Each plaintext's ciphertext followed by its 16-byte tag, in order."""

    def open(self, key: bytes, nonces: list[bytes], ciphertexts: list[bytes], aad: bytes = b"") -> list[bytes]:
        """Each plaintext, in order. Raises `AuthenticationError`, and returns none, if any tag is wrong."""

    def speed_rank(self) -> int:
        """Lower is faster; the host picks the lowest that is available."""


@runtime_checkable
class KeyProvider(_Provider, Protocol):
    """Resolves ``scheme:reference`` to the text of an age identity or recipients file; ``name`` is the scheme."""

    def read(self, reference: str) -> str:
        """The lines that ``reference`` names. Raises `KeyUnavailable`, never quoting a secret."""


@runtime_checkable
class ExecutorProvider(_Provider, Protocol):
    """Gives an executor.

    What is submitted is an importable function with bytes, str, int and None
    arguments, which returns bytes; it never holds a key.
    """

    def create(self, workers: int, options: Mapping[str, str]) -> Executor:
        """An executor of ``workers`` workers; the caller shuts it down."""


@runtime_checkable
class WatchedExecutor(Protocol):
    """Optional ability of an executor whose futures may never end, since what runs them is elsewhere."""

    def lost(self) -> str | None:
        """Why nothing that was submitted can end any more, or None while it can. Asked about once a second."""


@dataclass(frozen=True)
class BlockEvent:
    """One block is done: what `qyn1_block_packed` observers get."""

    number: int
    total: int
    language: str
    compressor: str
    raw_size: int
    packed_size: int
    seconds: float


class Qyn1Hooks:
    """The hook specifications."""

    @hookspec
    def qyn1_frontends(self) -> Iterable[Frontend]:  # type: ignore[empty-body]
        """Language frontends to add."""

    @hookspec
    def qyn1_compressors(self) -> Iterable[Compressor]:  # type: ignore[empty-body]
        """Block compressors to add."""

    @hookspec
    def qyn1_ciphers(self) -> Iterable[CipherProvider]:  # type: ignore[empty-body]
        """Implementations of ChaCha20-Poly1305 to add."""

    @hookspec
    def qyn1_key_providers(self) -> Iterable[KeyProvider]:  # type: ignore[empty-body]
        """Key schemes to add."""

    @hookspec
    def qyn1_executors(self) -> Iterable[ExecutorProvider]:  # type: ignore[empty-body]
        """Executors to add."""

    @hookspec
    def qyn1_priors(self) -> Iterable[Prior]:  # type: ignore[empty-body]
        """Trained priors to add.

        For one compressor and language the last one listed by the last plugin registered
        packs; all of them unpack.
        """

    @hookspec
    def qyn1_presets(self) -> Mapping[str, str]:  # type: ignore[empty-body]
        """Presets to add: name to TOML text, in the schema of the ``[tool.qyn1]`` table."""

    @hookspec
    def qyn1_block_packed(self, event: BlockEvent) -> None:
        """Observe: one block was compressed. Called in order, in the packing thread."""

    @hookspec
    def qyn1_pack_finished(self, report: Mapping[str, object]) -> None:
        """Observe: a package was written. ``report`` is what ``qyn1 pack --json`` prints."""
