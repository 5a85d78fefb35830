"""A prior is trained on what the manifest pins, on nothing else, and always to the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import pytest

from qyn1_core.errors import ConfigError, NotFound, PluginError, SourceError
from qyn1_core.training import MAX_PRIOR, read_manifest, train, training_files, tree_digest
from qyn1_plugins.host import Host
from qyn1_plugins.spec import Compressor, Frontend, Prior, Source, hookimpl
from qyn1_plugins.tokens import TokenStream

FILES = {
    "one": {"b.toy": b"beta", "a.toy": b"alpha", "deep/c.toy": b"gamma", "notes.txt": b"not toy"},
    "two": {"z.toy": b"zeta"},
}


class ToyFrontend:
    name = "toy"
    version = 1

    def unavailable(self) -> str | None:
        return None

    def claims(self, path: str, head: bytes) -> int:
        return 100 if path.endswith(".toy") else 0

    def lex(self, data: bytes) -> TokenStream:
        raise NotImplementedError


class Untrained:
    name = "plain"
    version = 1

    def unavailable(self) -> str | None:
        return None

    def levels(self) -> range:
        return range(1)

    def encode(self, source: Source, prior: Prior | None, level: int) -> bytes:
        return source.data

    def decode(self, payload: bytes, raw_size: int, language: str, prior: Prior | None) -> bytes:
        return payload

    def memory(self, raw_size: int) -> int:
        return raw_size


class Trained(Untrained):
    """Its prior is everything it was shown, package by package."""

    name = "joining"
    padding = 0

    def train(self, packages: Sequence[Sequence[bytes]], language: str) -> bytes:
        shown = b"|".join(b",".join(package) for package in packages)
        return language.encode() + b":" + shown + bytes(self.padding)


class Plugin:
    def __init__(self, padding: int = 0) -> None:
        self.trained = Trained()
        self.trained.padding = padding

    @hookimpl
    def qyn1_frontends(self) -> list[Frontend]:
        return [ToyFrontend()]

    @hookimpl
    def qyn1_compressors(self) -> list[Compressor]:
        return [Untrained(), self.trained]


@pytest.fixture
def host() -> Host:
    return Host([(Plugin(), "toy", "1")])


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    root = tmp_path / "corpora"
    for package, files in FILES.items():
        for name, data in files.items():
            path = root / "train" / "toy" / package / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return root


@pytest.fixture
def manifest(tmp_path: Path, corpus: Path) -> Path:
    return write_manifest(tmp_path, corpus, ["two", "one"])


def write_manifest(tmp_path: Path, corpus: Path, packages: list[str], **changes: str) -> Path:
    path = tmp_path / "priors" / "training" / "toy.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = 'purpose = "train"\nlanguage = "toy"\n'
    for package in packages:
        row = {
            "name": package,
            "registry": "pypi",
            "licence": "MIT",
            "tree": tree_digest(corpus / "train" / "toy" / package)
            if (corpus / "train" / "toy" / package).is_dir()
            else "0",
        } | changes
        text += "\n[[package]]\n" + "".join(f'{key} = "{value}"\n' for key, value in row.items() if value)
    path.write_text(text, "utf-8")
    return path


def test_packages_come_in_manifest_order_and_files_in_path_order(host: Host, corpus: Path, manifest: Path) -> None:
    assert training_files(host, corpus, "toy", read_manifest(manifest)) == [[b"zeta"], [b"alpha", b"beta", b"gamma"]]


def test_the_prior_is_named_after_what_it_is(host: Host, corpus: Path, manifest: Path) -> None:
    path = train(host, corpus, "toy", "joining", manifest)
    assert path.parent == manifest.parent.parent
    content = path.read_bytes()
    assert content == b"toy:zeta|alpha,beta,gamma"
    assert path.name == f"joining.toy.1.{sha256(content).hexdigest()}.qprior"


def test_training_again_changes_nothing(host: Host, corpus: Path, manifest: Path) -> None:
    first = train(host, corpus, "toy", "joining", manifest)
    assert train(host, corpus, "toy", "joining", manifest) == first
    assert [path.name for path in first.parent.glob("*.qprior")] == [first.name]


def test_another_prior_gets_the_next_version_and_the_old_one_stays(
    host: Host, tmp_path: Path, corpus: Path, manifest: Path
) -> None:
    first = train(host, corpus, "toy", "joining", manifest)
    second = train(host, corpus, "toy", "joining", write_manifest(tmp_path, corpus, ["one", "two"]))
    assert second.name.startswith("joining.toy.2.")
    assert first.is_file()


def test_the_folder_can_be_chosen(host: Host, tmp_path: Path, corpus: Path, manifest: Path) -> None:
    assert train(host, corpus, "toy", "joining", manifest, folder=tmp_path).parent == tmp_path


@pytest.mark.parametrize("change", ["edit", "add", "remove", "rename"])
def test_a_package_that_differs_from_its_pin_is_refused(host: Host, corpus: Path, manifest: Path, change: str) -> None:
    folder = corpus / "train" / "toy" / "one"
    if change == "edit":
        (folder / "notes.txt").write_bytes(b"another note")
    elif change == "add":
        (folder / "d.toy").write_bytes(b"")
    elif change == "remove":
        (folder / "a.toy").unlink()
    else:
        (folder / "a.toy").rename(folder / "aa.toy")
    with pytest.raises(SourceError, match="fetch the package again"):
        train(host, corpus, "toy", "joining", manifest)
    assert not list(manifest.parent.parent.glob("*.qprior"))


def test_a_prior_over_the_limit_is_not_written(corpus: Path, manifest: Path) -> None:
    host = Host([(Plugin(padding=MAX_PRIOR), "toy", "1")])
    with pytest.raises(ConfigError, match="limit is 2,000,000"):
        train(host, corpus, "toy", "joining", manifest)
    assert not list(manifest.parent.parent.glob("*.qprior"))


def test_a_compressor_that_does_not_train_is_named(host: Host, corpus: Path, manifest: Path) -> None:
    with pytest.raises(PluginError, match="'plain' trains no priors"):
        train(host, corpus, "toy", "plain", manifest)


def test_a_manifest_of_another_language_is_refused(host: Host, corpus: Path, manifest: Path) -> None:
    with pytest.raises(ConfigError, match="trains toy, not python"):
        training_files(host, corpus, "python", read_manifest(manifest))


def test_a_package_that_was_not_fetched_is_named(host: Host, tmp_path: Path, corpus: Path) -> None:
    with pytest.raises(NotFound, match=r"package three is not in .*fetch"):
        train(host, corpus, "toy", "joining", write_manifest(tmp_path, corpus, ["three"]))


def test_a_package_without_a_pin_is_refused(host: Host, tmp_path: Path, corpus: Path) -> None:
    with pytest.raises(ConfigError, match="no tree digest"):
        train(host, corpus, "toy", "joining", write_manifest(tmp_path, corpus, ["one"], tree=""))


def test_a_manifest_that_gives_no_file_is_refused(host: Host, tmp_path: Path, corpus: Path) -> None:
    for path in (corpus / "train" / "toy" / "two").iterdir():
        path.rename(path.with_suffix(".txt"))
    with pytest.raises(ConfigError, match="no file in toy"):
        train(host, corpus, "toy", "joining", write_manifest(tmp_path, corpus, ["two"]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("purpose = ", "Invalid value"),
        ("package = 1", "a purpose and a list"),
        ('purpose = "train"', "a purpose and a list"),
        ('purpose = "train"\n[[package]]\nname = "x"', "x: language is missing"),
        ('purpose = "train"\n[[package]]\nname = "x"\ncolour = "red"', "x: unknown key 'colour'"),
        ('purpose = "train"\n[[package]]\nname = 1', "name = 1 is of the wrong type"),
        ('purpose = "train"\n[[package]]\nname = "x"\nkeep = [1]', "keep = .* is of the wrong type"),
        ('purpose = "train"\n[[package]]\nname = "x"\nkeep = "a"', "keep = 'a' is of the wrong type"),
        ('purpose = "train"\n[[package]]\nname = "x"\nversion = ["1"]', "version = .* is of the wrong type"),
        (
            'purpose = "train"\n[[package]]\nname = ".."\nregistry = "npm"\nlicence = "MIT"\nlanguage = "t"',
            "no name of",
        ),
    ],
)
def test_a_malformed_manifest_gets_one_clear_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "m.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(ConfigError, match=message) as caught:
        read_manifest(path)
    assert "\n" not in str(caught.value)


def test_a_missing_manifest_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no training manifest"):
        read_manifest(tmp_path / "none.toml")


def test_a_package_listed_twice_is_refused(tmp_path: Path, corpus: Path) -> None:
    with pytest.raises(ConfigError, match="one is listed twice"):
        read_manifest(write_manifest(tmp_path, corpus, ["one", "one"]))


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("MIT", True),
        ("MIT OR GPL-3.0-only", True),
        ("(GPL-3.0-only OR Apache-2.0)", True),
        ("BSD-3-Clause AND MIT", True),
        ("MPL-2.0", False),
        ("MIT AND GPL-2.0-only", False),
        ("", False),
    ],
)
def test_only_permitted_licences_are_trained_on(tmp_path: Path, corpus: Path, licence: str, allowed: bool) -> None:
    text = write_manifest(tmp_path, corpus, ["one"]).read_text("utf-8").replace('"MIT"', f'"{licence}"')
    (tmp_path / "m.toml").write_text(text, "utf-8")
    if allowed:
        assert read_manifest(tmp_path / "m.toml").packages[0].licence == licence
    else:
        with pytest.raises(ConfigError, match="the licence"):
            read_manifest(tmp_path / "m.toml")
