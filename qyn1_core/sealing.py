"""How an archive is closed: to whom, with which randomness; and the closing itself."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, BinaryIO, Final, cast

from qyn1_core import envelope
from qyn1_core.archive.layout import VERSION
from qyn1_core.errors import ConfigError, Qyn1Error
from qyn1_core.limits import machine, scratch_folder
from qyn1_core.report import Stopwatch
from qyn1_plugins.spec import CipherProvider

__all__ = ["Sealing", "seal_archive"]

_SPOOL: Final = 16 << 20


class Sealing:
    """How a package is closed: to whom, and whether equal input gives equal bytes.

    Made by `Sealing.to`, `Sealing.deterministic`, `Sealing.convergent` or `Sealing.open`.
    """

    def __init__(
        self,
        kind: str,
        recipients: Sequence[envelope.Recipient] = (),
        *,
        secret: bytes | None = None,
        armor: bool = False,
    ) -> None:
        self.kind = kind
        self.recipients = tuple(recipients)
        self.secret = secret
        self.armor = armor

    def __repr__(self) -> str:
        return f"Sealing({self.kind}, {len(self.recipients)} recipients)"

    @classmethod
    def to(cls, recipients: Sequence[envelope.Recipient], *, armor: bool = False) -> Sealing:
        """Encrypted to ``recipients``, with fresh randomness."""
        if not recipients:
            raise ConfigError("no recipient: name one with -r, or a passphrase with --passphrase-file")
        return cls("recipients", recipients, armor=armor)

    @classmethod
    def deterministic(cls, recipients: Sequence[envelope.Recipient], secret: bytes, *, armor: bool = False) -> Sealing:
        """Encrypted to ``recipients``; keys and nonces derived from ``secret`` and everything that goes in."""
        if not recipients:
            raise ConfigError("no recipient: name one with -r")
        return cls("deterministic", recipients, secret=secret, armor=armor)

    @classmethod
    def convergent(cls, recipients: Sequence[envelope.Recipient], *, armor: bool = False) -> Sealing:
        """As `deterministic` without a secret: who can guess the whole input can confirm the guess."""
        if not recipients:
            raise ConfigError("no recipient: name one with -r")
        return cls("convergent", recipients, armor=armor)

    @classmethod
    def open(cls) -> Sealing:
        """Not encrypted and not authenticated: a bare archive."""
        return cls("none")

    @property
    def is_deterministic(self) -> bool:
        """Whether equal input gives equal bytes by intent (a bare archive does so anyway)."""
        return self.kind in ("deterministic", "convergent")

    @property
    def encryption(self) -> str:
        """The kinds of recipients, for reports."""
        if self.kind == "none":
            return "none"
        return ",".join(sorted({recipient.kind for recipient in self.recipients}))


class _CountingSink:
    """Passes bytes on, timing and counting them."""

    def __init__(self, out: BinaryIO, watch: Stopwatch, stage: str) -> None:
        self._out = out
        self._watch = watch
        self._stage = stage
        self.size = 0

    def write(self, data: bytes, /) -> int:
        with self._watch.stage(self._stage):
            self._out.write(data)
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        self._out.flush()


def seal_archive(
    out: BinaryIO,
    write_archive: Callable[[BinaryIO], None],
    sealing: Sealing,
    *,
    cipher: CipherProvider,
    plugins: Sequence[str],
    name: str | None,
    scratch: str,
    at_most: int,
    watch: Stopwatch,
    randomness: Callable[[int], bytes] = os.urandom,
) -> int:
    """Let ``write_archive`` write an archive and close it as ``sealing`` says; the size of ``out`` in bytes.

    ``plugins`` (``name/version``) and ``name`` are what anyone can read from the package. A deterministic
    archive, of about ``at_most`` bytes, waits where the setting ``scratch`` says until it has been digested.
    """
    file = _CountingSink(out, watch, "write")
    binary = cast("BinaryIO", file)
    facts = None
    if not any(recipient.kind == "scrypt" for recipient in sealing.recipients):  # its stanza stands alone in a header
        facts = envelope.PublicFacts(VERSION, tuple(plugins), name)
    if sealing.kind == "none":
        write_archive(binary)
    elif sealing.kind == "recipients":
        with envelope.seal(
            binary, sealing.recipients, cipher=cipher, facts=facts, randomness=randomness, armor=sealing.armor
        ) as writer:
            write_archive(cast("BinaryIO", _CountingSink(cast("BinaryIO", writer), watch, "encrypt")))
    else:
        with _spool(scratch, at_most) as archive:
            write_archive(archive)
            with watch.stage("encrypt"):
                if sealing.secret is None:
                    envelope.seal_convergent(
                        binary, archive, sealing.recipients, cipher=cipher, facts=facts, armor=sealing.armor
                    )
                else:
                    envelope.seal_deterministic(
                        binary,
                        archive,
                        sealing.recipients,
                        cipher=cipher,
                        facts=facts,
                        sealing_secret=sealing.secret,
                        armor=sealing.armor,
                    )
    # Time spent writing is part of the time spent encrypting into it.
    if "encrypt" in watch.seconds:
        watch.seconds["encrypt"] = max(0.0, watch.seconds["encrypt"] - watch.seconds.get("write", 0.0))
    return file.size


class _Spool:
    """A whole archive, to be written once and then read; beyond ``_SPOOL`` bytes in ``folder``, if there is one.

    The file there has no name, so that nothing is left behind, even after a crash.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._file: IO[bytes] = io.BytesIO()
        if folder is not None:
            self._file = tempfile.SpooledTemporaryFile(_SPOOL, dir=str(folder))  # noqa: SIM115 (close does it)

    def write(self, data: bytes, /) -> int:
        with self._room():
            return self._file.write(data)

    def seek(self, offset: int) -> int:
        with self._room():  # what was written last reaches the file only now
            return self._file.seek(offset)

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)

    def close(self) -> None:
        with contextlib.suppress(OSError):  # a full file system complains once more
            self._file.close()

    @contextlib.contextmanager
    def _room(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            what = error.strerror or str(error)
            raise Qyn1Error(f"scratch: {self._folder}: {what}; name another folder with --scratch") from None


@contextlib.contextmanager
def _spool(scratch: str, at_most: int) -> Iterator[BinaryIO]:
    """Where a whole archive of about ``at_most`` bytes waits."""
    file = _Spool(scratch_folder(scratch, machine(), at_most))
    try:
        yield cast("BinaryIO", file)
    finally:
        file.close()
