"""Key schemes: each reads what its reference names, refuses what others could read, and quotes no secret."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from qyn1_plugins.built_in import qyn1_key_providers
from qyn1_plugins.errors import KeyUnavailable
from qyn1_plugins.keys.command import CommandKeys
from qyn1_plugins.keys.environment import EnvironmentKeys
from qyn1_plugins.keys.file import FileKeys
from qyn1_plugins.keys.keyring import KeyringKeys
from qyn1_plugins.spec import KeyProvider

SECRET = "AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0"
TEXT = f"# a key\n{SECRET}\n"

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX permissions and files")


def key_file(folder: Path, mode: int = 0o600, name: str = "keys.txt", text: str = TEXT) -> Path:
    path = folder / name
    path.write_text(text, "utf-8", newline="\n")
    path.chmod(mode)
    return path


def refused(provider: KeyProvider, reference: str, message: str) -> None:
    with pytest.raises(KeyUnavailable, match=message) as caught:
        provider.read(reference)
    assert "2P2LM0" not in str(caught.value)


def test_the_four_schemes_are_registered() -> None:
    assert [provider.name for provider in qyn1_key_providers()] == ["file", "env", "command", "keyring"]
    assert all(isinstance(provider, KeyProvider) for provider in qyn1_key_providers())


# -- file -------------------------------------------------------------------------


def test_file_reads_a_private_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = key_file(tmp_path)
    assert FileKeys().read(str(path)) == TEXT
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert FileKeys().read("~/keys.txt") == TEXT


@posix
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o602])
def test_file_refuses_what_others_can_reach(tmp_path: Path, mode: int) -> None:
    refused(FileKeys(), str(key_file(tmp_path, mode)), f"mode {mode:04o}.*chmod 600")


@posix
def test_file_refuses_what_is_no_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    refused(FileKeys(), str(tmp_path / "pipe"), "no regular file")
    refused(FileKeys(), str(tmp_path), "folder|no regular file")
    refused(FileKeys(), "/dev/zero", "no regular file")


def test_file_says_what_is_wrong(tmp_path: Path) -> None:
    refused(FileKeys(), str(tmp_path / "missing"), "does not exist")
    refused(FileKeys(), "", "names no path")
    refused(FileKeys(), "a\0b", "cannot be read")
    path = key_file(tmp_path)
    path.write_bytes(b"\xff\xfe secret")
    refused(FileKeys(), str(path), "no text")
    path.write_bytes(b"#" * (1 << 20) + b"\n")
    refused(FileKeys(), str(path), "longer than")


# -- env --------------------------------------------------------------------------


def test_env_reads_the_file_that_the_variable_names(tmp_path: Path) -> None:
    path = key_file(tmp_path)
    assert EnvironmentKeys({"RELEASE_KEY": str(path)}, tmp_path / "none").read("RELEASE_KEY") == TEXT


def test_env_refuses_a_variable_that_holds_the_key(tmp_path: Path) -> None:
    refused(EnvironmentKeys({"KEY": SECRET}, tmp_path), "KEY", "holds a secret key itself")
    refused(EnvironmentKeys({"KEY": SECRET.lower()}, tmp_path), "KEY", "holds a secret key itself")


def test_env_does_not_quote_a_value_that_is_no_path(tmp_path: Path) -> None:
    with pytest.raises(KeyUnavailable) as caught:
        EnvironmentKeys({"KEY": "hunter2"}, tmp_path).read("KEY")
    assert "hunter2" not in str(caught.value)
    with pytest.raises(KeyUnavailable):
        EnvironmentKeys({"KEY": "x\0" * 10_000}, tmp_path).read("KEY")


def test_env_looks_where_service_managers_put_secrets(tmp_path: Path) -> None:
    credentials, secrets = tmp_path / "credentials", tmp_path / "secrets"
    credentials.mkdir()
    secrets.mkdir()
    key_file(secrets, 0o444, "qyn1.key")
    provider = EnvironmentKeys({"CREDENTIALS_DIRECTORY": str(credentials)}, secrets)
    assert provider.read("qyn1.key") == TEXT
    key_file(credentials, 0o440, "qyn1.key", "# the service's own\n")
    assert provider.read("qyn1.key") == "# the service's own\n"
    refused(provider, "other", "is not set")


@posix
def test_env_refuses_a_managed_secret_that_others_can_change(tmp_path: Path) -> None:
    key_file(tmp_path, 0o666, "key")
    refused(EnvironmentKeys({}, tmp_path), "key", "mode 0666")


@posix
def test_env_refuses_a_named_file_that_others_can_read(tmp_path: Path) -> None:
    path = key_file(tmp_path, 0o644)
    refused(EnvironmentKeys({"KEY": str(path)}, tmp_path), "KEY", "mode 0644")


@pytest.mark.parametrize("reference", ["", "../keys.txt", "a/b", ".hidden", "A=B"])
def test_env_takes_names_only(tmp_path: Path, reference: str) -> None:
    refused(EnvironmentKeys({}, tmp_path), reference, "name of a variable")


# -- command ----------------------------------------------------------------------


def python(program: str) -> str:
    return shlex.join([sys.executable, "-c", program])


def test_command_gives_what_the_program_prints() -> None:
    assert CommandKeys().read(python(f"print({SECRET!r})")).strip() == SECRET


def test_command_runs_without_a_shell_and_without_input(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    program = python("import sys; print(sys.argv[1:], len(sys.stdin.read()))")
    printed = CommandKeys().read(f"{program} '$HOME' '; touch {marker}' $(true)")
    assert printed.split("\n")[0].rstrip("\r") == repr(["$HOME", f"; touch {marker}", "$(true)"]) + " 0"
    assert not marker.exists()


def test_command_passes_standard_error_through(capfd: pytest.CaptureFixture[str]) -> None:
    CommandKeys().read(python("import sys; print('unlock the vault', file=sys.stderr)"))
    assert "unlock the vault" in capfd.readouterr().err


def test_command_says_what_went_wrong_and_names_the_program_only() -> None:
    failing = python(f"import sys; print({SECRET!r}); sys.exit(3)")
    refused(CommandKeys(), failing, "failed with exit code 3")
    refused(CommandKeys(), f"/does/not/exist --password {SECRET}", "'/does/not/exist' cannot be run")
    refused(CommandKeys(), "'unclosed", "cannot be split")
    refused(CommandKeys(), "  ", "names no program")
    refused(CommandKeys(), python("import sys; sys.stdout.buffer.write(bytes([255, 254]))"), "no text")
    refused(CommandKeys(), python("print('#' * (1 << 20))"), "longer than")


def test_command_does_not_wait_for_ever() -> None:
    refused(CommandKeys(timeout=0.2), python("import time; time.sleep(60)"), "did not end within 0.2 seconds")


# -- keyring ----------------------------------------------------------------------


class KeyringError(Exception):
    pass


def fake_keyring(monkeypatch: pytest.MonkeyPatch, get_password: Any) -> None:
    """The library's interface, with a store of our own: a test never touches the user's."""
    module: Any = ModuleType("keyring")
    errors: Any = ModuleType("keyring.errors")
    module.get_password = get_password
    module.errors = errors
    errors.KeyringError = KeyringError
    monkeypatch.setitem(sys.modules, "keyring", module)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)


def test_keyring_asks_the_service_qyn1(monkeypatch: pytest.MonkeyPatch) -> None:
    store = {("qyn1", "release"): TEXT}
    fake_keyring(monkeypatch, lambda service, name: store.get((service, name)))
    assert KeyringKeys().read("release") == TEXT
    refused(KeyringKeys(), "other", "keyring set qyn1 other")
    refused(KeyringKeys(), "", "name of an entry")


def test_keyring_reports_a_locked_store_without_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(service: str, name: str) -> str:
        raise KeyringError(SECRET)

    fake_keyring(monkeypatch, locked)
    refused(KeyringKeys(), "release", "does not answer: KeyringError")


def test_keyring_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qyn1_plugins.keys.keyring.find_spec", lambda name: None)
    problem = KeyringKeys().unavailable()
    assert problem is not None
    assert "qyn1[keyring]" in problem
