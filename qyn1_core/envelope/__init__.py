"""The envelope: an age v1 file around an archive (https://age-encryption.org/v1; docs/envelope.md).

`seal`, `seal_deterministic` and `seal_convergent` write one, `open` (also named
`open_envelope`) and `inspect` read one. Everything else in this package may change.
Names are loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qyn1_core.lazy import lazily

if TYPE_CHECKING:
    from qyn1_core.envelope.default_identity import (
        default_identity_file,
        default_identity_path,
        ensure_default_identity,
    )
    from qyn1_core.envelope.facts import PublicFacts
    from qyn1_core.envelope.failures import ArmorError, HeaderError, HeaderMacError, NoMatch, PayloadError
    from qyn1_core.envelope.hybrid import HybridIdentity, HybridRecipient
    from qyn1_core.envelope.keys import (
        KeyPair,
        generate_identity,
        identity_file_text,
        parse_identities_text,
        parse_recipient,
        parse_recipients_text,
    )
    from qyn1_core.envelope.opening import HEAD_SIZE, EnvelopeInfo, OpenedEnvelope, inspect, is_age, open_envelope
    from qyn1_core.envelope.recipients import (
        Identity,
        Recipient,
        ScryptIdentity,
        ScryptRecipient,
        X25519Identity,
        X25519Recipient,
    )
    from qyn1_core.envelope.sealing import seal, seal_convergent, seal_deterministic
    from qyn1_core.envelope.stream import StreamReader, StreamWriter

    open = open_envelope  # noqa: A001  # read as envelope.open, beside envelope.seal

__all__ = [
    "HEAD_SIZE",
    "ArmorError",
    "EnvelopeInfo",
    "HeaderError",
    "HeaderMacError",
    "HybridIdentity",
    "HybridRecipient",
    "Identity",
    "KeyPair",
    "NoMatch",
    "OpenedEnvelope",
    "PayloadError",
    "PublicFacts",
    "Recipient",
    "ScryptIdentity",
    "ScryptRecipient",
    "StreamReader",
    "StreamWriter",
    "X25519Identity",
    "X25519Recipient",
    "default_identity_file",
    "default_identity_path",
    "ensure_default_identity",
    "generate_identity",
    "identity_file_text",
    "inspect",
    "is_age",
    "open",
    "open_envelope",
    "parse_identities_text",
    "parse_recipient",
    "parse_recipients_text",
    "seal",
    "seal_convergent",
    "seal_deterministic",
]

_HOME: Final = {
    "open": "opening:open_envelope",
    **{
        name: module
        for module, names in {
            "default_identity": ("default_identity_file", "default_identity_path", "ensure_default_identity"),
            "facts": ("PublicFacts",),
            "failures": ("ArmorError", "HeaderError", "HeaderMacError", "NoMatch", "PayloadError"),
            "hybrid": ("HybridIdentity", "HybridRecipient"),
            "keys": (
                "KeyPair",
                "generate_identity",
                "identity_file_text",
                "parse_identities_text",
                "parse_recipient",
                "parse_recipients_text",
            ),
            "opening": ("HEAD_SIZE", "EnvelopeInfo", "OpenedEnvelope", "inspect", "is_age", "open_envelope"),
            "recipients": (
                "Identity",
                "Recipient",
                "ScryptIdentity",
                "ScryptRecipient",
                "X25519Identity",
                "X25519Recipient",
            ),
            "sealing": ("seal", "seal_convergent", "seal_deterministic"),
            "stream": ("StreamReader", "StreamWriter"),
        }.items()
        for name in names
    },
}

__getattr__ = lazily(__name__, _HOME)
