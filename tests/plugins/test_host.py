"""The host: providers by name, clear words about conflicts, faults and what is missing."""

from __future__ import annotations

import types
import warnings
from collections.abc import Callable
from importlib import metadata

import pytest

from qyn1_plugins.errors import ConfigError, PluginError
from qyn1_plugins.host import Host, default_host
from qyn1_plugins.spec import BlockEvent, Prior, hookimpl


class Store:
    name = "pack"
    version = 1

    def __init__(self, name: str = "pack", problem: str | None = None) -> None:
        self.name = name
        self.problem = problem

    def unavailable(self) -> str | None:
        return self.problem

    def levels(self) -> range:
        return range(1, 2)

    def memory(self, raw_size: int) -> int:
        return raw_size

    def encode(self, source: object, prior: object, level: int) -> bytes:
        raise NotImplementedError

    def decode(self, payload: bytes, raw_size: int, language: str, prior: object) -> bytes:
        raise NotImplementedError


def plugin(**hooks: object) -> types.ModuleType:
    """A module whose hooks return the given values."""
    module = types.ModuleType("stranger")
    for name, answer in hooks.items():
        setattr(module, name, hookimpl(_returning(answer)))
    return module


def _returning(answer: object) -> Callable[[], object]:
    def hook() -> object:
        return answer

    return hook


def host_of(*plugins: object) -> Host:
    return Host([(item, f"qyn1-{number}", "1.0") for number, item in enumerate(plugins)])


def test_the_built_in_families_are_registered() -> None:
    host = default_host(environ={"QYN1_DISABLE_PLUGIN_AUTOLOAD": "1"})
    names = {(row.family, row.name) for row in host.registrations()}
    assert {("compressor", name) for name in ("store", "zstd", "rans", "chunked-rans", "morpheme", "mixing")} <= names
    assert {("cipher", name) for name in ("openssl", "libsodium", "pure")} <= names
    assert {("key scheme", name) for name in ("file", "env", "command", "keyring")} <= names
    assert {("executor", name) for name in ("threads", "processes", "dask", "ray")} <= names
    assert {("frontend", n) for n in ("python", "javascript", "rust", "cpp", "text", "binary")} <= names


def test_two_providers_of_one_name_are_an_error_that_names_both() -> None:
    with pytest.raises(PluginError, match=r"'pack'.*qyn1-0.*qyn1-1"):
        host_of(plugin(qyn1_compressors=[Store()]), plugin(qyn1_compressors=[Store()]))


def test_an_unknown_name_is_answered_with_the_nearest_one() -> None:
    host = host_of(plugin(qyn1_compressors=[Store("morpheme")]))
    with pytest.raises(PluginError, match="did you mean 'morpheme'"):
        host.compressor("morphme")


def test_an_unavailable_provider_says_what_to_install() -> None:
    host = host_of(plugin(qyn1_compressors=[Store("pack", "install qyn1-pack")]))
    assert not host.has_compressor("pack")
    with pytest.raises(PluginError, match="install qyn1-pack"):
        host.compressor("pack")
    assert host.registrations()[0].problem == "install qyn1-pack"


@pytest.mark.parametrize("provider", [object(), Store("Upper"), Store("has space"), Store("")])
def test_a_provider_that_breaks_its_protocol_is_refused(provider: object) -> None:
    with pytest.raises(PluginError, match="qyn1-0"):
        host_of(plugin(qyn1_compressors=[provider]))


def test_a_misspelled_hook_is_refused() -> None:
    with pytest.raises(PluginError, match="unknown hook"):
        host_of(plugin(qyn1_compresors=[Store()]))


def test_a_plugin_for_another_api_version_is_refused() -> None:
    module = plugin(qyn1_compressors=[Store()])
    module.QYN1_API_VERSION = 99  # type: ignore[attr-defined]
    with pytest.raises(PluginError, match="API 99"):
        host_of(module)


def test_a_hook_that_raises_names_its_plugin() -> None:
    module = types.ModuleType("stranger")

    def qyn1_compressors() -> list[object]:
        raise RuntimeError("broken inside")

    module.qyn1_compressors = hookimpl(qyn1_compressors)  # type: ignore[attr-defined]
    with pytest.raises(PluginError, match=r"qyn1-0.*broken inside"):
        host_of(module)


def _entry_point(name: str, value: str) -> metadata.EntryPoint:
    return metadata.EntryPoint(name, value, "qyn1")


def test_a_plugin_that_does_not_import_is_left_out_with_a_warning() -> None:
    points = [_entry_point("broken", "no_such_module_anywhere")]
    with pytest.warns(UserWarning, match="broken"):
        host = default_host(environ={}, entry_points=lambda: points)
    assert [problem.plugin for problem in host.problems] == ["broken"]
    assert host.compressor("store").name == "store"


def test_plugins_can_be_blocked_and_autoload_switched_off() -> None:
    points = [_entry_point("broken", "no_such_module_anywhere")]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        default_host(environ={"QYN1_BLOCK_PLUGINS": "x, broken"}, entry_points=lambda: points)
        default_host(environ={"QYN1_DISABLE_PLUGIN_AUTOLOAD": "1"}, entry_points=lambda: points)


def test_priors_and_presets_are_found_by_what_names_them() -> None:
    priors = [Prior("pack", "python", bytes([i]) * 32, lambda: b"") for i in (1, 2)]
    host = host_of(plugin(qyn1_priors=priors, qyn1_presets={"mine": "mode = 'fast'"}))
    assert host.prior("pack", "python") is priors[1]
    assert host.prior("pack", "rust") is None
    assert host.prior_by_digest(bytes([1]) * 8) is priors[0]
    with pytest.raises(PluginError, match="0303"):
        host.prior_by_digest(bytes([3]) * 8)
    assert host.preset("mine") == "mode = 'fast'"
    with pytest.raises(ConfigError, match="did you mean 'mine'"):
        host.preset("mime")


def test_observers_see_every_block() -> None:
    seen: list[BlockEvent] = []
    module = types.ModuleType("observer")

    def qyn1_block_packed(event: BlockEvent) -> None:
        seen.append(event)

    module.qyn1_block_packed = hookimpl(qyn1_block_packed)  # type: ignore[attr-defined]
    event = BlockEvent(1, 1, "python", "store", 10, 5, 0.0)
    host_of(module).block_packed(event)
    assert seen == [event]
