"""The order in which keys are looked for (docs/keys.md), the same for the command, setuptools and imports.

No option takes a secret: identities, passphrases and sealing secrets are read from
files, descriptors, commands or key stores, never from the command line.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from qyn1_core import envelope
from qyn1_core.errors import ConfigError, NotFound, PermissionDenied

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from qyn1_core.configuration.priors import Priors
    from qyn1_core.reading_host import ReadingHost
    from qyn1_core.sealing import Sealing
    from qyn1_plugins.host import Host

__all__ = ["identities_from", "read_keys", "read_secret", "sealing_from"]

_MAX_KEY_FILE: Final = 1 << 20


def read_secret(reference: str, what: str) -> bytes:
    """The content of a secret file ('-': standard input), without its last line break."""
    try:
        if reference == "-":
            content = sys.stdin.buffer.read(_MAX_KEY_FILE)
        else:
            with open(reference, "rb") as file:  # noqa: PTH123
                content = file.read(_MAX_KEY_FILE)
    except FileNotFoundError:
        raise NotFound(f"the {what} file {reference} does not exist") from None
    except PermissionError:
        raise PermissionDenied(f"no permission to read the {what} file {reference}") from None
    except IsADirectoryError:
        raise ConfigError(f"the {what} file {reference} is a folder") from None
    content = content.removesuffix(b"\n").removesuffix(b"\r")
    if not content:
        raise ConfigError(f"the {what} file {reference} is empty")
    return content


def read_passphrase(reference: str) -> str:
    try:
        return read_secret(reference, "passphrase").split(b"\n", 1)[0].removesuffix(b"\r").decode("utf-8")
    except UnicodeDecodeError:
        raise ConfigError("the passphrase is not UTF-8 text") from None


def read_keys(host: Host | ReadingHost, reference: str) -> str:
    """Text of a key file, or of ``scheme:reference`` through a key provider."""
    if os.path.exists(reference):  # noqa: PTH110
        return host.key_provider("file").read(reference)
    scheme, colon, rest = reference.partition(":")
    if colon and host.has_key_scheme(scheme):
        return host.key_provider(scheme).read(rest)
    hint = (
        f", and no plugin provides the key scheme {scheme!r}" if len(scheme) > 1 and rest and scheme.isalnum() else ""
    )
    raise NotFound(f"the key file {reference} does not exist{hint}")


def _environment_passphrase() -> str | None:
    text = os.environ.get("QYN1_PASSPHRASE_FD")
    if not text:
        return None
    try:
        with os.fdopen(int(text), "rb", closefd=False) as file:
            content = file.readline(_MAX_KEY_FILE)
    except (ValueError, OSError):
        raise ConfigError(f"QYN1_PASSPHRASE_FD must be the number of an open descriptor, not {text!r}") from None
    try:
        return content.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise ConfigError("the passphrase on the descriptor QYN1_PASSPHRASE_FD is not UTF-8 text") from None


def identities_from(
    host: Host | ReadingHost, identity_files: Sequence[str], passphrase_file: str | None
) -> list[envelope.Identity]:
    """What may open a package: the options, else the environment, else the default identity."""
    found: list[envelope.Identity] = []
    for reference in identity_files:
        found.extend(envelope.parse_identities_text(read_keys(host, reference), reference))
    if passphrase_file is not None:
        found.append(envelope.ScryptIdentity(read_passphrase(passphrase_file)))
    if found:
        return found
    passphrase = _environment_passphrase()
    if passphrase is not None:
        found.append(envelope.ScryptIdentity(passphrase))
    command = os.environ.get("QYN1_IDENTITY_CMD")
    if command:
        found.extend(envelope.parse_identities_text(host.key_provider("command").read(command), "QYN1_IDENTITY_CMD"))
    path = envelope.default_identity_file()
    if os.path.exists(path):  # noqa: PTH110
        found.extend(envelope.parse_identities_text(host.key_provider("file").read(path), path))
    return found


def sealing_from(
    host: Host,
    priors: Priors,
    *,
    passphrase_file: str | None,
    encrypt: bool,
    sealing_secret_file: str | None,
    convergent: bool,
    armor: bool,
    tell: Callable[[str], None],
) -> Sealing:
    """How a package is closed, from the options and the priors.

    ``tell`` receives the line that says where a new identity was made, if one was.
    Raises `ConfigError` for options that do not go together, and what key providers raise.
    """
    from qyn1_core.sealing import Sealing  # noqa: PLC0415  (who only opens packages starts quicker without)

    if not encrypt:
        if passphrase_file or sealing_secret_file or convergent or armor:
            raise ConfigError("--no-encrypt does not go with options about encryption")
        return Sealing.open()
    recipients = _recipients(host, priors, passphrase_file, tell=tell)
    if convergent:
        if sealing_secret_file:
            raise ConfigError("--convergent uses no secret: leave out --sealing-secret-file or --convergent")
        return Sealing.convergent(recipients, armor=armor)
    if priors.deterministic:
        if sealing_secret_file is None:
            with priors.naming("deterministic"):
                raise ConfigError(
                    "deterministic packages need a secret: --sealing-secret-file FILE (32 or more random bytes), "
                    "or --convergent if it is acceptable that a guess of the whole input can be confirmed"
                )
        return Sealing.deterministic(recipients, read_secret(sealing_secret_file, "sealing secret"), armor=armor)
    if sealing_secret_file:
        raise ConfigError("--sealing-secret-file goes with --deterministic")
    return Sealing.to(recipients, armor=armor)


def _recipients(
    host: Host, priors: Priors, passphrase_file: str | None, *, tell: Callable[[str], None]
) -> list[envelope.Recipient]:
    if passphrase_file is not None:
        if "command line" in (priors.origins["recipients"], priors.origins["recipients_files"]):
            raise ConfigError("a passphrase cannot be combined with recipients: use one of the two")
        return [envelope.ScryptRecipient(read_passphrase(passphrase_file))]
    found: list[envelope.Recipient] = []
    # Who names a recipient on the command line does not mean those of the manifest too.
    named = [name for name in ("recipients", "recipients_files") if priors.origins[name] == "command line"]
    texts = priors.recipients if not named or "recipients" in named else ()
    files = priors.recipients_files if not named or "recipients_files" in named else ()
    with priors.naming("recipients"):
        for text in texts:
            if ":" in text and host.has_key_scheme(text.partition(":")[0]):
                found.extend(envelope.parse_recipients_text(read_keys(host, text), text))
            else:
                found.append(envelope.parse_recipient(text))
    with priors.naming("recipients_files"):
        for reference in files:
            found.extend(envelope.parse_recipients_text(_read_public(host, reference), reference))
    if found:
        return found
    passphrase = _environment_passphrase()
    if passphrase is not None:
        return [envelope.ScryptRecipient(passphrase)]
    return [_default_recipient(host, tell=tell)]


def _read_public(host: Host, reference: str) -> str:
    """Text of a recipients file; public, so its permissions do not matter."""
    scheme, colon, rest = reference.partition(":")
    if colon and host.has_key_scheme(scheme) and not os.path.exists(reference):  # noqa: PTH110
        return host.key_provider(scheme).read(rest)
    return read_secret(reference, "recipients").decode("utf-8", "replace")


def _default_recipient(host: Host, *, tell: Callable[[str], None]) -> envelope.Recipient:
    path, created = envelope.ensure_default_identity()
    if created:
        tell(f"made your identity {path}: keep a copy of it, only it opens what you seal")
    return envelope.parse_identities_text(host.key_provider("file").read(str(path)), str(path))[0].to_recipient()
