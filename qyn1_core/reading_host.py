"""`ReadingHost`: what opening a package asks of the plugin host, without looking for plugins unless it has to.

Looking for plugins means reading the metadata of everything that is installed; for a
program that starts from a sealed package this would take longer than all the rest.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from qyn1_plugins.providers import CIPHERS, COMPRESSORS, KEY_PROVIDERS, provider

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qyn1_plugins.host import Host
    from qyn1_plugins.spec import CipherProvider, Compressor, KeyProvider, Prior

__all__ = ["ReadingHost"]


class ReadingHost:
    """Gives what `qyn1_plugins.host.Host` gives: built-in providers at once, others from `default_host`.

    A built-in name belongs to no other plugin (`Host` refuses two providers of one name),
    so that both give the same. Only for `cipher`, where the host ranks all that are
    installed, the fastest built-in one has precedence here; they open the same bytes.
    """

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    @cached_property
    def _all(self) -> Host:
        from qyn1_plugins.host import default_host  # noqa: PLC0415  (this is what costs)

        return default_host()

    @cached_property
    def _priors(self) -> list[Prior]:
        from qyn1_presets.prior_files import prior_files  # noqa: PLC0415  (a package of many blocks without one)

        return prior_files()

    def compressor(self, name: str) -> Compressor:
        """The compressor ``name``; `PluginError` when unknown or unavailable."""
        found: Compressor | None = self._built_in(COMPRESSORS, name)
        return self._all.compressor(name) if found is None else found

    def cipher(self, name: str | None = None) -> CipherProvider:
        """The cipher provider ``name``, or the fastest built-in one that is available."""
        for known in CIPHERS if name is None else (name,):
            found: CipherProvider | None = self._built_in(CIPHERS, known)
            if found is not None:
                return found
        return self._all.cipher(name)

    def has_key_scheme(self, scheme: str) -> bool:
        """Whether some provider resolves ``scheme:``."""
        return scheme in KEY_PROVIDERS or self._all.has_key_scheme(scheme)

    def key_provider(self, scheme: str) -> KeyProvider:
        """The key provider for ``scheme:``."""
        found: KeyProvider | None = self._built_in(KEY_PROVIDERS, scheme)
        return self._all.key_provider(scheme) if found is None else found

    def prior_by_digest(self, digest: bytes) -> Prior:
        """The prior that a package names by the first bytes of its digest."""
        for prior in self._priors:
            if prior.digest.startswith(digest):
                return prior
        return self._all.prior_by_digest(digest)

    def _built_in(self, places: Mapping[str, str], name: str) -> Any:
        """The built-in provider; None when there is none of that name, or it is not available."""
        place = places.get(name)
        if place is None:
            return None
        if place not in self._made:
            self._made[place] = provider(place)
        made = self._made[place]
        return made if made.unavailable() is None else None
