"""The preset follows from the dependencies that a project declares, and the evidence is named."""

from __future__ import annotations

from pathlib import Path

import pytest
import qyn1_presets.plugin

from qyn1_core.configuration.detection import detect_preset
from qyn1_core.configuration.priors import resolve
from qyn1_plugins.host import Host

HOST = Host([(qyn1_presets.plugin, "qyn1", "1")])


@pytest.mark.parametrize(
    ("file", "text", "preset", "dependency"),
    [
        ("pyproject.toml", '[project]\ndependencies = ["rich", "Django>=4;extra==\'x\'"]', "python-web", "django"),
        ("pyproject.toml", '[project.optional-dependencies]\napi = ["fastapi[all]"]', "python-web", "fastapi"),
        ("pyproject.toml", '[tool.poetry.dependencies]\nscikit_learn = "*"', "python-data", "scikit-learn"),
        ("setup.cfg", "[options]\ninstall_requires =\n  numpy>=1\n  x\n", "python-data", "numpy"),
        ("requirements.txt", "# numpy\n-r more.txt\ntorch==2.0\n", "python-data", "torch"),
        ("requirements.txt", "numpy\nflask\n", "python-web", "flask"),
        ("requirements.txt", "moderngl\nnumpy\n", "rendering", "moderngl"),
        ("package.json", '{"dependencies": {"react": "18"}}', "javascript-frontend", "react"),
        ("package.json", '{"devDependencies": {"vue": "3"}}', "javascript-frontend", "vue"),
        ("package.json", '{"dependencies": {"react": "18", "express": "4"}}', "node-service", "express"),
        ("package.json", '{"dependencies": {"@nestjs/core": "10"}}', "node-service", "@nestjs/core"),
        ("Cargo.toml", '[lib]\nproc-macro = true\n', "rust-cpp-macros", "proc-macro"),
        ("Cargo.toml", '[dependencies]\nsyn = "2"\n', "rust-cpp-macros", "syn"),
        ("Cargo.toml", '[workspace.dependencies]\nbevy = "0.14"\n', "rendering", "bevy"),
        ("CMakeLists.txt", "project(x)\n  Find_Package(OGRE 13 REQUIRED)\n", "rendering", "ogre"),
        ("CMakeLists.txt", "find_package( OpenGL )\n", "rendering", "opengl"),
        ("CMakeLists.txt", "find_package(Eigen3)\n", "rust-cpp-macros", "eigen3"),
        ("vcpkg.json", '{"dependencies": ["zlib", {"name": "range-v3"}]}', "rust-cpp-macros", "range-v3"),
        ("conanfile.txt", "[requires]\n# x\nboost/1.84.0\n[options]\n", "rust-cpp-macros", "boost"),
    ],
)  # fmt: skip
def test_a_dependency_decides(tmp_path: Path, file: str, text: str, preset: str, dependency: str) -> None:
    (tmp_path / file).write_text(text)
    found = detect_preset(tmp_path)
    assert found is not None
    assert (found.preset, found.file, found.dependency) == (preset, file, dependency)
    priors = resolve(tmp_path, environ={}, host=HOST)
    assert (priors.preset, priors.origins["preset"]) == (preset, f"detected in {file}: {dependency}")


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("pyproject.toml", '[project]\nname = "numpy"\ndependencies = ["numpydoc", "my-torch", 3]'),
        ("pyproject.toml", "[project]\ndependencies = 3"),
        ("pyproject.toml", "broken ="),
        ("package.json", '{"dependencies": ["react"]}'),
        ("package.json", "[]"),
        ("setup.cfg", "install_requires = numpy"),
        ("Cargo.toml", '[dev-dependencies]\nbevy = "0.14"\n[lib]\nproc-macro = "true"\n'),
        ("CMakeLists.txt", "# find_package(OpenGL)\n"),
        ("conanfile.txt", "[tool_requires]\nboost/1.84.0\n"),
    ],
)
def test_nothing_is_concluded_from_less(tmp_path: Path, file: str, text: str) -> None:
    (tmp_path / file).write_text(text)
    assert detect_preset(tmp_path) is None
    assert resolve(tmp_path, environ={}, host=HOST).preset == "default"


def test_a_preset_that_is_named_is_not_second_guessed(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("django\n")
    assert resolve(tmp_path, environ={"QYN1_PRESET": "default"}, host=HOST).preset == "default"


def test_a_preset_that_no_plugin_has_is_not_suggested(tmp_path: Path) -> None:
    class Bare:
        """Presets: only the default one."""

    from qyn1_plugins.spec import hookimpl

    def qyn1_presets() -> dict[str, str]:
        return {"default": ""}

    plugin = Bare()
    plugin.qyn1_presets = hookimpl(qyn1_presets)  # type: ignore[attr-defined]
    (tmp_path / "requirements.txt").write_text("django\n")
    assert resolve(tmp_path, environ={}, host=Host([(plugin, "x", "1")])).preset == "default"
