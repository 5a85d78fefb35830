"""``keyring:NAME``: the system's key store (macOS Keychain, Secret Service, Windows Credential Locker)."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

from qyn1_plugins.errors import KeyUnavailable

__all__ = ["KeyringKeys"]

_SERVICE: Final = "qyn1"


class KeyringKeys:
    """The key provider ``keyring`` (optional)."""

    name = "keyring"
    version = 1

    def unavailable(self) -> str | None:
        """Says what to install where keyring is missing."""
        if find_spec("keyring") is None:
            return "install keyring (python3 -m pip install 'qyn1[keyring]')"
        return None

    def read(self, reference: str) -> str:
        """The secret that is stored under the service ``qyn1`` and the user name ``reference``."""
        # Imported here: it starts the key store's own machinery, which only this needs.
        import keyring  # noqa: PLC0415
        import keyring.errors  # noqa: PLC0415

        if not reference:
            raise KeyUnavailable("keyring: is followed by the name of an entry")
        try:
            secret = keyring.get_password(_SERVICE, reference)
        except keyring.errors.KeyringError as error:
            raise KeyUnavailable(f"the system's key store does not answer: {type(error).__name__}") from None
        if secret is None:
            raise KeyUnavailable(
                f"the system's key store has no entry {reference!r} of the service {_SERVICE!r}; make one with: "
                f"keyring set {_SERVICE} {reference}"
            )
        return str(secret)
