"""Preset, manifest, environment, command line: the last one that says something wins, and its origin is told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import qyn1_presets.plugin
from hypothesis import given
from hypothesis import strategies as st

from qyn1_core.configuration.priors import read_preset, resolve
from qyn1_core.configuration.settings import FIELDS, MODES
from qyn1_core.errors import ConfigError
from qyn1_plugins.host import Host
from qyn1_plugins.spec import hookimpl


class _Presets:
    """A plugin with presets of its own."""

    def __init__(self, **presets: str) -> None:
        self.presets = presets

    @hookimpl
    def qyn1_presets(self) -> Mapping[str, str]:
        """Presets to add."""
        return self.presets


HOST = Host(
    [
        (qyn1_presets.plugin, "qyn1", "1"),
        (_Presets(house='mode = "maximum"\nblock_size = "64 KiB"\nlevel = 3\n'), "qyn1-house", "1"),
    ]
)

_LAYER = st.fixed_dictionaries(
    {},
    optional={
        "mode": st.sampled_from(MODES),
        "level": st.integers(0, 99),
        "block_size": st.integers(4096, 1 << 20),
        "workers": st.integers(0, 1024),
        "exclude": st.lists(st.sampled_from(["a", "b/", "*.c"]), min_size=1, max_size=3),
        "deterministic": st.booleans(),
        "compressors": st.dictionaries(st.sampled_from(["python", "rust"]), st.just("zstd"), min_size=1),
    },
)


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, dict):
        return ",".join(f"{key}={item}" for key, item in value.items())
    return ",".join(value) if isinstance(value, list) else str(value)


@given(manifest=_LAYER, environment=_LAYER, command_line=_LAYER, preset_in=st.sampled_from(["manifest", "env", "line"]))
def test_the_last_layer_that_says_something_wins(
    manifest: dict[str, object], environment: dict[str, object], command_line: dict[str, object], preset_in: str
) -> None:
    {"manifest": manifest, "env": environment, "line": command_line}[preset_in]["preset"] = "house"
    preset: dict[str, object] = {"mode": "maximum", "block_size": 65536, "level": 3}
    with TemporaryDirectory() as folder:
        (Path(folder) / "package.json").write_text(json.dumps({"qyn1": manifest}, indent=1))
        found = resolve(
            Path(folder),
            command_line=command_line,
            environ={f"QYN1_{name.upper()}": _as_text(value) for name, value in environment.items()},
            host=HOST,
        )
    if {**manifest, **environment, **command_line}.get("mode", "maximum") != "maximum":
        preset = {"mode": "maximum"}  # its level and block size are for its own mode
    values = found.as_dict()
    for name, field in FIELDS.items():
        if name == "permissions":
            continue
        expected, origin = field.default, "default"
        for layer, title in (
            (preset, "preset house"),
            (manifest, "package.json:"),
            (environment, f"environment QYN1_{name.upper()}"),
            (command_line, "command line"),
        ):
            if name in layer:
                expected, origin = layer[name], title
        assert values[name] == (list(expected) if isinstance(expected, tuple) else expected)
        assert found.origins[name].startswith(origin)


def test_level_and_block_size_of_a_preset_are_for_its_own_mode() -> None:
    same = resolve(None, command_line={"preset": "house", "mode": "maximum"}, environ={}, host=HOST)
    assert (same.level, same.block_size) == (3, 65536)
    other = resolve(None, command_line={"preset": "house", "mode": "fast"}, environ={}, host=HOST)
    assert (other.level, other.block_size, other.origins["block_size"]) == (None, None, "default")


def test_without_any_settings_everything_has_its_default() -> None:
    found = resolve(None, environ={}, host=HOST)
    assert found.preset == "default"
    for name, field in FIELDS.items():
        if name not in ("preset", "mode"):
            assert (getattr(found, name), found.origins[name]) == (field.default, "default")


@pytest.mark.parametrize("name", sorted(HOST.presets()))
def test_every_preset_resolves(name: str) -> None:
    found = resolve(None, command_line={"preset": name}, environ={}, host=HOST)
    assert found.preset == name
    assert found.origins["mode"] == f"preset {name}"
    assert found.workers == 0, "a preset must not ask for more workers than the machine can run"


def test_the_presets_of_the_documentation_are_there() -> None:
    text = (Path(__file__).parents[2] / "docs/priors.md").read_text("utf-8")
    for name in HOST.presets():
        assert name == "house" or f"`{name}`" in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'mode = "balanced"\nblock_size = "1 GiB"\n',
            r"^preset p:2: block_size: must be from 4 KiB to 64 MiB, not 1 GiB$",
        ),
        ("\n\nrecipients = []\n", r"^preset p:3: recipients: cannot be set here$"),
        ("workers = 4\n", r"^preset p:1: workers: cannot be set here$"),
        ("blocksize = 1\n", r"^preset p:1: blocksize: unknown key 'blocksize'; did you mean 'block_size'\?$"),
        ("mode = \n", r"^preset p:1:\d+: not TOML: "),
    ],
)
def test_a_bad_preset_is_quoted(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_preset("p", text)


def test_an_unknown_preset_is_reported_with_its_origin(tmp_path: Path) -> None:
    (tmp_path / "qyn1.toml").write_text('\npreset = "python-wb"\n')
    with pytest.raises(
        ConfigError, match=r"^qyn1.toml:2: preset: unknown preset 'python-wb'; did you mean 'python-web'\?$"
    ):
        resolve(tmp_path, environ={}, host=HOST)


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"QYN1_MODE": "quick"}, r"^environment QYN1_MODE: must be one of fast, .*, not 'quick'$"),
        ({"QYN1_WORKERS": "many"}, r"^environment QYN1_WORKERS: must be a whole number, not 'many'$"),
        ({"QYN1_DETERMINISTIC": "maybe"}, r"^environment QYN1_DETERMINISTIC: must be 1 or 0"),
        (
            {"QYN1_EXECUTOR_OPTIONS": "scheduler"},
            r"^environment QYN1_EXECUTOR_OPTIONS: must be key=value, not 'scheduler'$",
        ),
    ],
)
def test_a_bad_environment_variable_is_named(environ: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        resolve(None, environ=environ, host=HOST)


def test_an_empty_environment_variable_counts_as_unset() -> None:
    assert resolve(None, environ={"QYN1_MODE": " "}, host=HOST).origins["mode"] == "preset default"


@pytest.mark.parametrize(
    ("given_values", "message"),
    [
        ({"block_size": "3"}, r"^command line: --block-size: must be from 4 KiB to 64 MiB, not 3 B$"),
        ({"mdoe": "fast"}, r"^command line: unknown setting 'mdoe'; did you mean 'mode'\?$"),
        ({"recipients": ("",)}, r"^command line: --recipient: must not be empty"),
        ({"executor_options": ("a",)}, r"^command line: --executor-option: must be key=value, not 'a'$"),
    ],
)
def test_a_bad_option_is_named(given_values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        resolve(None, command_line=given_values, environ={}, host=HOST)


def test_options_that_were_not_given_say_nothing(tmp_path: Path) -> None:
    (tmp_path / "qyn1.toml").write_text('exclude = ["a"]\nmode = "fast"\n')
    found = resolve(tmp_path, command_line={"exclude": (), "mode": None}, environ={}, host=HOST)
    assert (found.exclude, found.mode) == (("a",), "fast")


def test_lists_in_the_environment_are_split_at_line_breaks_or_commas() -> None:
    commas = resolve(None, environ={"QYN1_EXCLUDE": "a, b/ ,"}, host=HOST)
    lines = resolve(None, environ={"QYN1_EXCLUDE": "a,b\nc d\n"}, host=HOST)
    assert (commas.exclude, lines.exclude) == (("a", "b/"), ("a,b", "c d"))


def test_tables_on_the_command_line_are_lists_of_pairs() -> None:
    found = resolve(None, command_line={"executor_options": ["scheduler=tcp://h:1", "x=a,b=c"]}, environ={}, host=HOST)
    assert found.executor_options == {"scheduler": "tcp://h:1", "x": "a,b=c"}


def test_deterministic_packages_have_normalized_permissions_unless_told_otherwise() -> None:
    def permissions(**given_values: object) -> tuple[str | None, str]:
        found = resolve(None, command_line=given_values, environ={}, host=HOST)
        return found.permissions, found.origins["permissions"]

    assert permissions() == (None, "default")
    assert permissions(deterministic=True) == ("normalized", "deterministic, command line")
    assert permissions(deterministic=True, permissions="exact") == ("exact", "command line")


def test_a_manifest_file_is_read_instead_of_the_project_s(tmp_path: Path) -> None:
    (tmp_path / "qyn1.toml").write_text('mode = "fast"\n')
    (tmp_path / "other.toml").write_text('mode = "security"\n')
    assert resolve(tmp_path, manifest_file=tmp_path / "other.toml", environ={}, host=HOST).mode == "security"


def test_a_single_file_has_no_manifest(tmp_path: Path) -> None:
    (tmp_path / "qyn1.toml").write_text('mode = "fast"\n')
    (tmp_path / "a.py").write_text("")
    assert resolve(tmp_path / "a.py", environ={}, host=HOST).mode == "balanced"


def test_settings_cannot_be_changed_afterwards() -> None:
    found = resolve(None, command_line={"compressors": {"python": "zstd"}}, environ={}, host=HOST)
    with pytest.raises(AttributeError):
        found.mode = "fast"  # type: ignore[misc]
    with pytest.raises(TypeError):
        found.compressors["rust"] = "zstd"  # type: ignore[index]
