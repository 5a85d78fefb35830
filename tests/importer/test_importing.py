"""Modules come out of a sealed package as they come out of a folder."""

from __future__ import annotations

import importlib
import importlib.resources
import importlib.util
import inspect
import pkgutil
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from qyn1_core import envelope, importer
from qyn1_core.archive import ArchiveReader
from qyn1_core.contents import Contents
from qyn1_core.errors import AuthenticationError, KeyUnavailable, NotFound
from qyn1_core.package import open_package

SHOP = {
    "shop/__init__.py": '"""Shop."""\nfrom . import prices\nfrom .goods import apple\nTOTAL = prices.of(apple.NAME)\n',
    "shop/prices.py": "def of(name):\n    return len(name)\n\n\ndef broken():\n    secret = 1 / 0\n    return secret\n",
    "shop/goods/__init__.py": "",
    "shop/goods/apple.py": "NAME = 'apple'\n",
    "shop/data/list.txt": "äpfel\n",
    "shop/latin.py": b"# -*- coding: latin-1 -*-\nWORD = '\xe4'\n",
    "single.py": "import shop\n\nVALUE = shop.TOTAL + 1\n",
}


def test_packages_modules_and_relative_imports(seal: Callable[..., Path]) -> None:
    package = seal(SHOP)
    entry = importer.install(package)
    single = importlib.import_module("single")
    shop = sys.modules["shop"]
    assert single.VALUE == 6
    assert shop.__doc__ == "Shop."
    assert entry == str(package)
    assert shop.__file__ == f"{package}/shop/__init__.py"
    assert list(shop.__path__) == [f"{package}/shop"]
    assert getattr(shop.__spec__, "origin", None) == shop.__file__
    assert importlib.import_module("shop.latin").WORD == "ä"


def test_nothing_is_written(seal: Callable[..., Path], tmp_path: Path) -> None:
    package = seal(SHOP)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    importer.install(package)
    importlib.import_module("single")
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_the_package_may_vanish_after_it_was_opened(seal: Callable[..., Path]) -> None:
    package = seal(SHOP)
    importer.install(package)
    package.unlink()
    assert importlib.import_module("single").VALUE == 6


def test_a_module_that_is_not_there_is_not_found(seal: Callable[..., Path]) -> None:
    importer.install(seal(SHOP))
    with pytest.raises(ModuleNotFoundError, match=r"shop\.absent"):
        importlib.import_module("shop.absent")


def test_modules_can_be_listed(seal: Callable[..., Path]) -> None:
    entry = importer.install(seal(SHOP))
    assert {(m.name, m.ispkg) for m in pkgutil.iter_modules([entry])} == {("shop", True), ("single", False)}
    shop = importlib.import_module("shop")
    names = {m.name for m in pkgutil.walk_packages(shop.__path__, "shop.")}
    assert names == {"shop.prices", "shop.goods", "shop.goods.apple", "shop.latin"}


def test_a_namespace_package_joins_what_lies_in_folders(
    seal: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = tmp_path / "plain" / "joint"
    plain.mkdir(parents=True)
    (plain / "open.py").write_text("WHERE = 'folder'\n")
    monkeypatch.syspath_prepend(str(tmp_path / "plain"))
    importer.install(seal({"joint/shut.py": "WHERE = 'package'\n"}), first=False)
    assert importlib.import_module("joint.open").WHERE == "folder"
    assert importlib.import_module("joint.shut").WHERE == "package"
    del sys.modules["joint"]
    del sys.modules["joint.open"]


def test_first_and_last_on_the_path(seal: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "twice.py").write_text("WHERE = 'folder'\n")
    monkeypatch.syspath_prepend(str(plain))
    package = seal({"twice.py": "WHERE = 'package'\n"})
    entry = importer.install(package, first=False)
    assert importlib.import_module("twice").WHERE == "folder"
    importer.uninstall(entry)
    del sys.modules["twice"]
    importer.install(package)
    assert importlib.import_module("twice").WHERE == "package"


def test_modules_in_a_folder_of_the_package(seal: Callable[..., Path]) -> None:
    importer.install(seal({"src/inner_module.py": "X = 1\n", "pyproject.toml": ""}), root="src")
    assert importlib.import_module("inner_module").X == 1


def test_an_unknown_root_is_refused(seal: Callable[..., Path]) -> None:
    with pytest.raises(NotFound, match="no folder 'lib'"):
        importer.install(seal(SHOP), root="lib")


def test_uninstalled_modules_are_found_no_more(seal: Callable[..., Path]) -> None:
    entry = importer.install(seal({"gone.py": ""}))
    assert importlib.util.find_spec("gone") is not None
    importer.uninstall(entry)
    assert importlib.util.find_spec("gone") is None
    assert entry not in sys.path


def test_resources(seal: Callable[..., Path]) -> None:
    importer.install(seal(SHOP))
    shop = importlib.import_module("shop")
    files = importlib.resources.files(shop)
    assert sorted(path.name for path in files.iterdir()) == ["__init__.py", "data", "goods", "latin.py", "prices.py"]
    assert (files / "data" / "list.txt").read_text(encoding="utf-8") == "äpfel\n"
    assert files.joinpath("data/list.txt").read_bytes() == "äpfel\n".encode()
    with (files / "data" / "list.txt").open(encoding="utf-8") as file:
        assert file.readlines() == ["äpfel\n"]
    assert (files / "data").is_dir()
    assert not (files / "nothing").is_file()
    with pytest.raises(FileNotFoundError):
        (files / "nothing").read_bytes()
    with pytest.raises(FileNotFoundError):
        files.joinpath("../single.py")
    with pytest.raises(ValueError, match="read only"):
        (files / "data" / "list.txt").open("w")  # type: ignore[call-overload]
    with importlib.resources.as_file(files / "data" / "list.txt") as place:
        assert place.read_text(encoding="utf-8") == "äpfel\n"
    assert importlib.resources.files("shop.data").joinpath("list.txt").is_file()
    assert pkgutil.get_data("shop", "data/list.txt") == "äpfel\n".encode()
    with pytest.raises(OSError, match=r"nothing\.txt"):
        pkgutil.get_data("shop", "nothing.txt")


def test_source_stays_out_of_tracebacks_and_inspect(seal: Callable[..., Path]) -> None:
    package = seal(SHOP)
    importer.install(package)
    prices = importlib.import_module("shop.prices")
    with pytest.raises(ZeroDivisionError) as caught:
        prices.broken()
    text = "".join(traceback.format_exception(caught.type, caught.value, caught.tb))
    assert f'File "{package}/shop/prices.py", line 6, in broken' in text
    assert "secret" not in text
    with pytest.raises(OSError, match="source"):
        inspect.getsource(prices.of)


def test_source_is_shown_when_asked_for(seal: Callable[..., Path]) -> None:
    importer.install(seal(SHOP), show_source=True)
    prices = importlib.import_module("shop.prices")
    with pytest.raises(ZeroDivisionError) as caught:
        prices.broken()
    assert "secret = 1 / 0" in "".join(traceback.format_exception(caught.type, caught.value, caught.tb))
    assert inspect.getsource(prices.of) == "def of(name):\n    return len(name)\n"


def test_the_environment_can_show_the_source(seal: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QYN1_SHOW_SOURCE", "1")
    importer.install(seal(SHOP))
    assert "def of" in inspect.getsource(importlib.import_module("shop.prices"))


def test_reloading(seal: Callable[..., Path]) -> None:
    importer.install(seal(SHOP))
    prices = importlib.import_module("shop.prices")
    setattr(prices, "of", None)  # noqa: B010  (a module has no such attribute for mypy)
    assert importlib.reload(prices).of("abc") == 3


def test_links_are_followed(seal: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "app.qyn1.source" / "real").mkdir(parents=True)
    (tmp_path / "app.qyn1.source" / "linked").symlink_to("real")
    importer.install(seal({"real/__init__.py": "from . import part\n", "real/part.py": "Y = 2\n"}))
    assert importlib.import_module("linked.part").Y == 2


def test_many_threads_import_and_each_block_is_decoded_once(
    seal: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {f"many/m{i:03}.py": f"VALUE = {i}\n" + f"# {'x' * 997}\n" * 4 for i in range(60)}
    package = seal({**files, "many/__init__.py": ""}, block_size="64 KiB")
    importer.install(package)
    decoded: list[int] = []
    real = ArchiveReader.block

    def counting(self: ArchiveReader, number: int) -> bytes:
        decoded.append(number)
        return real(self, number)

    monkeypatch.setattr(ArchiveReader, "block", counting)
    errors: list[BaseException] = []

    def work(start: int) -> None:
        try:
            for i in range(60):
                n = (start * 7 + i) % 60
                assert n == importlib.import_module(f"many.m{n:03}").VALUE
        except BaseException as error:  # noqa: BLE001  (reported by the main thread)
            errors.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert len(decoded) == len(set(decoded)) > 2


def test_blocks_beyond_the_memory_limit_are_decoded_again(
    seal: Callable[..., Path], identity_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qyn1_core.contents._KEPT_BYTES", 100_000)
    package = seal({f"f{i}.bin": bytes([i]) * 60_000 for i in range(6)}, block_size="64 KiB")
    identities = envelope.parse_identities_text(identity_file.read_text(), "key.txt")
    with open_package(package, identities) as opened:
        contents = Contents(opened.reader)
        for _ in range(2):
            for i in range(6):
                assert contents.read(f"f{i}.bin") == bytes([i]) * 60_000
        assert contents._kept <= 100_000 + 65_536


def test_without_a_key(seal: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = seal(SHOP)
    monkeypatch.setenv("QYN1_IDENTITY_FILE", str(tmp_path / "absent.txt"))
    with pytest.raises(KeyUnavailable, match="QYN1_IDENTITY_FILE"):
        importer.install(package)
    assert str(package) not in sys.path


def test_a_named_identity(
    seal: Callable[..., Path], identity_file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = seal(SHOP)
    monkeypatch.setenv("QYN1_IDENTITY_FILE", str(tmp_path / "absent.txt"))
    importer.install(package, identity=identity_file)
    assert importlib.import_module("single").VALUE == 6


def test_an_identity_from_a_command(
    seal: Callable[..., Path], identity_file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = seal(SHOP)
    monkeypatch.setenv("QYN1_IDENTITY_FILE", str(tmp_path / "absent.txt"))
    monkeypatch.setenv("QYN1_IDENTITY_CMD", f"cat {identity_file}")
    importer.install(package)
    assert importlib.import_module("single").VALUE == 6


def test_a_changed_package_is_refused(seal: Callable[..., Path]) -> None:
    package = seal(SHOP)
    content = bytearray(package.read_bytes())
    content[-40] ^= 1
    package.write_bytes(bytes(content))
    with pytest.raises(AuthenticationError):
        importer.install(package)


def test_what_is_not_there(tmp_path: Path, identity_file: Path) -> None:
    with pytest.raises(NotFound, match="does not exist"):
        importer.install(tmp_path / "none.qyn1")
