"""The plugin host: callers ask ``host.compressor("rans")`` and never see pluggy."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module, metadata
from typing import Final, Generic, TypeGuard, TypeVar

import pluggy

from qyn1_plugins.errors import ConfigError, PluginError
from qyn1_plugins.spec import (
    API_VERSION,
    BlockEvent,
    CipherProvider,
    Compressor,
    ExecutorProvider,
    Frontend,
    KeyProvider,
    Prior,
    Qyn1Hooks,
)

__all__ = ["Host", "PluginProblem", "Registration", "default_host"]

GROUP: Final = "qyn1"
BUILT_IN: Final = ("qyn1_plugins.built_in", "qyn1_presets.plugin")
_NAME: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True)
class Registration:
    """One provider as ``qyn1 plugins`` lists it."""

    family: str
    name: str
    version: int
    distribution: str
    distribution_version: str
    problem: str | None


@dataclass(frozen=True)
class PluginProblem:
    """A plugin that could not be loaded, and why."""

    plugin: str
    reason: str


_P = TypeVar("_P", Frontend, Compressor, CipherProvider, KeyProvider, ExecutorProvider)


class _Family(Generic[_P]):
    """The providers of one kind, by name, in the order of registration."""

    def __init__(self, title: str, protocol: type) -> None:
        self.title = title
        self.protocol = protocol
        self.providers: dict[str, _P] = {}
        self.origin: dict[str, tuple[str, str]] = {}

    def add(self, provider: object, origin: tuple[str, str]) -> None:
        where = f"the {self.title} {getattr(provider, 'name', provider)!r} of {origin[0]}"
        if not self._fits(provider):
            lacking = [n for n in _members(self.protocol) if not hasattr(provider, n)]
            raise PluginError(f"{where} lacks {', '.join(lacking)}; see qyn1_plugins.spec.{self.protocol.__name__}")
        if not _NAME.fullmatch(str(provider.name)):
            raise PluginError(f"{where}: a name is made of lower-case letters, digits and hyphens")
        if type(provider.version) is not int or provider.version < 0:
            raise PluginError(f"{where}: version must be an integer of 0 or more, not {provider.version!r}")
        if provider.name in self.providers:
            other = self.origin[provider.name][0]
            raise PluginError(
                f"two plugins register the {self.title} {provider.name!r}: {other} and {origin[0]}; "
                f"uninstall one of them, or block it with QYN1_BLOCK_PLUGINS={origin[0]}"
            )
        self.providers[provider.name] = provider
        self.origin[provider.name] = origin

    def _fits(self, provider: object) -> TypeGuard[_P]:
        return isinstance(provider, self.protocol)

    def get(self, name: str) -> _P:
        provider = self.providers.get(name)
        if provider is None:
            near = get_close_matches(name, self.providers, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(self.providers)) or 'none'}"
            raise PluginError(f"no plugin provides the {self.title} {name!r}; {hint}")
        problem = provider.unavailable()
        if problem is not None:
            raise PluginError(f"the {self.title} {name!r} is not available here: {problem}")
        return provider

    def available(self) -> list[_P]:
        return [provider for provider in self.providers.values() if provider.unavailable() is None]


def _members(protocol: type) -> Iterator[str]:
    for base in reversed(protocol.__mro__):
        for name in vars(base):
            if not name.startswith("_"):
                yield name


class Host:
    """All providers of one process, by family and name.

    ``plugins`` are modules or objects that carry hook implementations, each with a
    label (a distribution's name and version). A name conflict or a provider that
    breaks its protocol raises `PluginError`.
    """

    def __init__(self, plugins: Iterable[tuple[object, str, str]], problems: Iterable[PluginProblem] = ()) -> None:
        self._manager = pluggy.PluginManager("qyn1")
        self._manager.add_hookspecs(Qyn1Hooks)
        self.problems: list[PluginProblem] = list(problems)
        self._frontends: _Family[Frontend] = _Family("frontend", Frontend)
        self._compressors: _Family[Compressor] = _Family("compressor", Compressor)
        self._ciphers: _Family[CipherProvider] = _Family("cipher", CipherProvider)
        self._keys: _Family[KeyProvider] = _Family("key scheme", KeyProvider)
        self._executors: _Family[ExecutorProvider] = _Family("executor", ExecutorProvider)
        self._priors: list[Prior] = []
        self._presets: dict[str, str] = {}
        for plugin, label, version in plugins:
            self._register(plugin, label, version)
        try:
            self._manager.check_pending()
        except pluggy.PluginValidationError as error:
            raise PluginError(f"a plugin implements an unknown hook: {error}") from error

    def _register(self, plugin: object, label: str, version: str) -> None:
        wanted = getattr(plugin, "QYN1_API_VERSION", API_VERSION)
        if wanted != API_VERSION:
            raise PluginError(
                f"the plugin {label} was written for plugin API {wanted}, this qyn1 has {API_VERSION}; "
                f"install a matching version of {label}"
            )
        try:
            # The label makes pluggy's own messages name the distribution.
            self._manager.register(plugin, name=f"{label}:{getattr(plugin, '__name__', type(plugin).__name__)}")
        except (pluggy.PluginValidationError, ValueError) as error:
            raise PluginError(f"the plugin {label} cannot be registered: {error}") from error
        origin = (label, version)
        for family, hook in (
            (self._frontends, "qyn1_frontends"),
            (self._compressors, "qyn1_compressors"),
            (self._ciphers, "qyn1_ciphers"),
            (self._keys, "qyn1_key_providers"),
            (self._executors, "qyn1_executors"),
        ):
            for provider in self._ask(plugin, hook, label):
                family.add(provider, origin)
        for prior in self._ask(plugin, "qyn1_priors", label):
            if not isinstance(prior, Prior):
                raise PluginError(f"qyn1_priors of {label} gave {prior!r}, not a Prior")
            self._priors.append(prior)
        presets = self._ask(plugin, "qyn1_presets", label) or {}
        if not isinstance(presets, Mapping):
            raise PluginError(f"qyn1_presets of {label} gave {type(presets).__name__}, not a mapping of names to TOML")
        for name, text in presets.items():
            if name in self._presets:
                raise PluginError(f"two plugins register the preset {name!r}, one of them {label}")
            self._presets[name] = text

    def _ask(self, plugin: object, hook: str, label: str) -> Iterable[object]:
        """What one plugin's implementation of ``hook`` returns (nothing, when it has none)."""
        others = [p for p in self._manager.get_plugins() if p is not plugin]
        caller = self._manager.subset_hook_caller(hook, remove_plugins=others)
        try:
            answers = caller()
        except Exception as error:
            raise PluginError(f"{hook} of the plugin {label} failed: {error!r}") from error
        return answers[0] if answers else ()

    # -- families -----------------------------------------------------------------

    def frontend(self, name: str) -> Frontend:
        """The frontend ``name``; `PluginError` when unknown or unavailable."""
        return self._frontends.get(name)

    def frontends(self) -> list[Frontend]:
        """All available frontends."""
        return self._frontends.available()

    def detect_language(self, path: str, head: bytes) -> str:
        """Name of the frontend that claims a file most surely (ties: the one registered first)."""
        best, best_score = "binary", 0
        for frontend in self._frontends.providers.values():
            score = frontend.claims(path, head)
            if score > best_score:
                best, best_score = frontend.name, score
        return best

    def compressor(self, name: str) -> Compressor:
        """The compressor ``name``; `PluginError` when unknown or unavailable."""
        return self._compressors.get(name)

    def has_compressor(self, name: str) -> bool:
        """Whether the compressor ``name`` is registered and available."""
        provider = self._compressors.providers.get(name)
        return provider is not None and provider.unavailable() is None

    def cipher(self, name: str | None = None) -> CipherProvider:
        """The cipher provider ``name``, or the fastest available one."""
        if name is not None:
            return self._ciphers.get(name)
        ranked = sorted(self._ciphers.available(), key=lambda cipher: (cipher.speed_rank(), cipher.name))
        if not ranked:
            raise PluginError("no cipher provider is available; reinstall qyn1")
        return ranked[0]

    def key_provider(self, scheme: str) -> KeyProvider:
        """The key provider for ``scheme:``."""
        return self._keys.get(scheme)

    def has_key_scheme(self, scheme: str) -> bool:
        """Whether some provider resolves ``scheme:``."""
        return scheme in self._keys.providers

    def executor(self, name: str) -> ExecutorProvider:
        """The executor provider ``name``."""
        return self._executors.get(name)

    def prior(self, compressor: str, language: str) -> Prior | None:
        """The prior that packs ``language`` with ``compressor``, if there is one."""
        for prior in reversed(self._priors):
            if (prior.compressor, prior.language) == (compressor, language):
                return prior
        return None

    def prior_by_digest(self, digest: bytes) -> Prior:
        """The prior that a package names by the first bytes of its digest."""
        for prior in self._priors:
            if prior.digest.startswith(digest):
                return prior
        raise PluginError(
            f"the package needs the prior {digest.hex()}, which no installed plugin has; install the "
            "version of qyn1 (or of the plugin) that made the package, or a later one"
        )

    def presets(self) -> Mapping[str, str]:
        """Preset name to its TOML text."""
        return dict(self._presets)

    def preset(self, name: str) -> str:
        """TOML text of the preset ``name``; `ConfigError` when unknown."""
        if name not in self._presets:
            near = get_close_matches(name, self._presets, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(self._presets))}"
            raise ConfigError(f"unknown preset {name!r}; {hint}")
        return self._presets[name]

    # -- observers ----------------------------------------------------------------

    def block_packed(self, event: BlockEvent) -> None:
        """Tell every observer about one block."""
        self._manager.hook.qyn1_block_packed(event=event)

    def pack_finished(self, report: Mapping[str, object]) -> None:
        """Tell every observer that a package was written."""
        self._manager.hook.qyn1_pack_finished(report=report)

    # -- inspection ---------------------------------------------------------------

    def registrations(self) -> list[Registration]:
        """Every provider, by family, in the order of registration."""
        rows: list[Registration] = []
        families: tuple[
            _Family[Frontend]
            | _Family[Compressor]
            | _Family[CipherProvider]
            | _Family[KeyProvider]
            | _Family[ExecutorProvider],
            ...,
        ] = (
            self._frontends,
            self._compressors,
            self._ciphers,
            self._keys,
            self._executors,
        )
        for family in families:
            for name, provider in family.providers.items():
                label, version = family.origin[name]
                rows.append(Registration(family.title, name, provider.version, label, version, provider.unavailable()))
        return rows


def _distribution_version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "unknown"


def default_host(
    *,
    environ: Mapping[str, str] | None = None,
    entry_points: Callable[[], Iterable[metadata.EntryPoint]] | None = None,
) -> Host:
    """The built-in plugins and every installed one (entry-point group ``qyn1``).

    A plugin that fails to import is left out with a warning. ``QYN1_DISABLE_PLUGIN_AUTOLOAD=1``
    loads the built-in ones only; ``QYN1_BLOCK_PLUGINS`` names distributions or entry points
    to leave out, separated by commas.
    """
    environ = os.environ if environ is None else environ
    plugins: list[tuple[object, str, str]] = []
    own_version = _distribution_version("qyn1")
    for module in BUILT_IN:
        plugins.append((import_module(module), "qyn1", own_version))
    problems: list[PluginProblem] = []
    if environ.get("QYN1_DISABLE_PLUGIN_AUTOLOAD", "") in ("", "0"):
        blocked = {name.strip() for name in environ.get("QYN1_BLOCK_PLUGINS", "").split(",")}
        points = metadata.entry_points(group=GROUP) if entry_points is None else entry_points()
        for point in sorted(points, key=lambda p: (p.dist.name if p.dist else "", p.name)):
            label = point.dist.name if point.dist else point.name
            if point.name in blocked or label in blocked:
                continue
            try:
                plugin = point.load()
            except Exception as error:  # noqa: BLE001  (a stranger's module may raise anything)
                problems.append(PluginProblem(label, f"{type(error).__name__}: {error}"))
                warnings.warn(f"the qyn1 plugin {label} ({point.value}) cannot be loaded: {error}", stacklevel=2)
                continue
            plugins.append((plugin, label, point.dist.version if point.dist else "unknown"))
    return Host(plugins, problems)
