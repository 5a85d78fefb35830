"""Keys as text: recipients, identities, and the files that hold them, one on a line.

Empty lines and lines that start with ``#`` are skipped. No message here quotes what may
be a secret: a line that cannot be used is named by its number.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, Protocol, TypeVar, runtime_checkable

from qyn1_core.envelope import bech32
from qyn1_core.envelope.header import MAGIC
from qyn1_core.envelope.recipients import (
    HYBRID_IDENTITY_PREFIX,
    HYBRID_RECIPIENT_PREFIX,
    HYBRID_SEED_SIZE,
    Identity,
    Randomness,
    Recipient,
    X25519Identity,
    X25519Recipient,
)
from qyn1_core.errors import ConfigError, KeyUnavailable, Qyn1Error

if TYPE_CHECKING:
    from collections.abc import Callable

    from qyn1_core.envelope.hybrid import HybridIdentity, HybridRecipient

__all__ = [
    "KeyPair",
    "generate_identity",
    "identity_file_text",
    "parse_identities_text",
    "parse_recipient",
    "parse_recipients_text",
]

_KEY_SIZE: Final = 32
_RECIPIENT_PREFIX: Final = "age"
_IDENTITY_PREFIX: Final = "age-secret-key-"
_MAXIMUM_TEXT: Final = 4 * 1024 * 1024

_Key = TypeVar("_Key")


@runtime_checkable
class KeyPair(Identity, Protocol):
    """An identity that has a public half, and a text form."""

    def to_recipient(self) -> Recipient:
        """The public half; its ``str()`` is what people share."""

    def secret_text(self) -> str:
        """The line for an identity file. Secret."""


def parse_recipient(text: str) -> X25519Recipient | HybridRecipient:
    """The recipient ``age1…`` or ``age1pq1…``; `ConfigError` when it is none."""
    text = text.strip()
    if text.lower().startswith(_IDENTITY_PREFIX):
        raise ConfigError(
            "a secret key was given as a recipient: give the public one (age1…), and replace the key if this "
            "command line was recorded"
        )
    if not text.lower().startswith("age1"):
        # It may be a mistyped secret, so it is not quoted.
        raise ConfigError("a recipient is an age public key (age1… or age1pq1…); SSH and plugin keys are not supported")
    try:
        prefix, data = bech32.decode(text)
    except ValueError as error:
        raise ConfigError(f"{_short(text)!r} is no recipient: {error}") from None
    if text != text.lower():
        raise ConfigError(f"{_short(text)!r} is no recipient: recipients are in lower case")
    if prefix == _RECIPIENT_PREFIX and len(data) == _KEY_SIZE:
        return X25519Recipient(data)
    if prefix == HYBRID_RECIPIENT_PREFIX:
        from qyn1_core.envelope.hybrid import HybridRecipient  # noqa: PLC0415  (it tries out what the library can do)

        return HybridRecipient(data)
    raise ConfigError(f"{_short(text)!r} is no recipient of a kind that qyn1 knows (age1…, age1pq1…)")


def _short(text: str) -> str:
    return text if len(text) <= 70 else f"{text[:60]}…"


def _parse_identity(text: str) -> X25519Identity | HybridIdentity:
    try:
        prefix, data = bech32.decode(text)
    except ValueError as error:
        raise KeyUnavailable(f"it is no secret key: {error}") from None
    if text != text.upper():
        raise KeyUnavailable("it is no secret key: secret keys are in upper case")
    if prefix == _IDENTITY_PREFIX and len(data) == _KEY_SIZE:
        return X25519Identity(data)
    if prefix == HYBRID_IDENTITY_PREFIX and len(data) == HYBRID_SEED_SIZE:
        from qyn1_core.envelope.hybrid import HybridIdentity  # noqa: PLC0415

        return HybridIdentity(data)
    raise KeyUnavailable("it is no secret key of a kind that qyn1 knows (AGE-SECRET-KEY-1…, AGE-SECRET-KEY-PQ-1…)")


def _parse_lines(text: str, source: str, parse: Callable[[str], _Key], error_class: type[Qyn1Error]) -> list[_Key]:
    """One key from each line that holds one; an error of ``error_class`` gets the line's number in front."""
    if len(text) > _MAXIMUM_TEXT:
        raise error_class(f"{source} is longer than {_MAXIMUM_TEXT} characters")
    keys = []
    for number, raw in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        line = raw.strip()
        if line and not line.startswith("#"):
            try:
                keys.append(parse(line))
            except error_class as error:
                raise error_class(f"{source}, line {number}: {error}") from None
    return keys


def parse_recipients_text(text: str, source: str = "the recipients file") -> list[X25519Recipient | HybridRecipient]:
    """Every recipient in the text of a recipients file; `ConfigError` names the bad line."""
    recipients = _parse_lines(text, source, parse_recipient, ConfigError)
    if not recipients:
        raise ConfigError(f"{source} holds no recipient")
    return recipients


def parse_identities_text(text: str, source: str = "the identity file") -> list[X25519Identity | HybridIdentity]:
    """Every identity in the text of an identity file; `KeyUnavailable` names the bad line, never its content."""
    if text.lstrip().startswith(("-----BEGIN AGE ENCRYPTED FILE", MAGIC.decode("ascii"))):
        raise KeyUnavailable(f"{source} is itself sealed with a passphrase: open it first (age -d), or use command:")
    if text.lstrip().startswith("-----BEGIN "):
        raise KeyUnavailable(f"{source} is no age identity file; SSH keys are not supported, qyn1 keygen makes a key")
    identities = _parse_lines(text, source, _parse_identity, KeyUnavailable)
    if not identities:
        raise KeyUnavailable(f"{source} holds no secret key")
    return identities


def generate_identity(*, pq: bool = False, randomness: Randomness = os.urandom) -> X25519Identity | HybridIdentity:
    """A new identity; with ``pq`` a post-quantum hybrid one."""
    if pq:
        from qyn1_core.envelope.hybrid import HybridIdentity  # noqa: PLC0415

        return HybridIdentity(randomness(HYBRID_SEED_SIZE))
    return X25519Identity(randomness(_KEY_SIZE))


def identity_file_text(identity: KeyPair) -> str:
    """The text of an identity file in the layout of ``age-keygen``, without a date. Secret."""
    return f"# public key: {identity.to_recipient()}\n{identity.secret_text()}\n"
