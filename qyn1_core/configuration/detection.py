"""Which preset suits a project, told from the dependencies that its manifests declare.

Only what is written down is read (nothing is imported, run or looked up), and a
manifest that cannot be read suggests nothing: this is advice, not configuration.
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from qyn1_core.configuration.manifest import parse_document, read_document
from qyn1_core.errors import Qyn1Error

__all__ = ["Detection", "detect_preset"]

_RULES: Final[tuple[tuple[str, str, frozenset[str]], ...]] = (
    # ecosystem, preset, dependencies; the first rule with a match decides
    ("python", "rendering", frozenset({"moderngl", "panda3d", "pyglet", "pyopengl", "vispy", "wgpu"})),
    ("rust", "rendering", frozenset({"ash", "bevy", "gfx-hal", "glium", "glow", "glutin", "vulkano", "wgpu"})),
    ("cpp", "rendering", frozenset({"bgfx", "filament", "glfw3", "ogre", "opengl", "openscenegraph", "vulkan"})),
    (
        "python",
        "python-web",
        frozenset(
            {
                "aiohttp", "bottle", "django", "falcon", "fastapi", "flask", "litestar", "pyramid", "quart", "sanic",
                "starlette", "tornado",
            }
        ),
    ),
    (
        "python",
        "python-data",
        frozenset(
            {
                "dask", "jax", "keras", "lightgbm", "numpy", "pandas", "polars", "pyarrow", "pyspark", "scikit-learn",
                "scipy", "tensorflow", "torch", "transformers", "xarray", "xgboost",
            }
        ),
    ),
    (
        "javascript",
        "node-service",
        frozenset({"@hapi/hapi", "@nestjs/core", "express", "fastify", "hono", "koa", "polka", "restify"}),
    ),
    (
        "javascript",
        "javascript-frontend",
        frozenset(
            {
                "@angular/core", "ember-source", "lit", "next", "nuxt", "preact", "react", "solid-js", "svelte", "vue",
            }
        ),
    ),
    ("rust", "rust-cpp-macros", frozenset({"darling", "proc-macro", "proc-macro2", "quote", "syn"})),
    ("cpp", "rust-cpp-macros", frozenset({"blaze", "boost", "eigen", "eigen3", "fmt", "hana", "range-v3", "xtensor"})),
)  # fmt: skip

_REQUIREMENT: Final = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_FIND_PACKAGE: Final = re.compile(r"^\s*find_package\s*\(\s*([A-Za-z0-9_+-]+)", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class Detection:
    """The preset ``preset``, because the file ``file`` names ``dependency``."""

    preset: str
    file: str
    dependency: str

    def __str__(self) -> str:
        return f"{self.file}: {self.dependency}"


def detect_preset(project: Path) -> Detection | None:
    """The preset that the dependencies of the folder ``project`` suggest, with the evidence."""
    declared: dict[tuple[str, str], str] = {}
    for ecosystem, file, name in _dependencies(project):
        declared.setdefault((ecosystem, name), file)
    for ecosystem, preset, names in _RULES:
        for (where, name), file in declared.items():
            if where == ecosystem and name in names:
                return Detection(preset, file, name)
    return None


def _dependencies(project: Path) -> Iterator[tuple[str, str, str]]:
    """``(ecosystem, file, normalised name)`` of each declared dependency, those needed at run time first."""
    for ecosystem, file, found in (
        ("python", "pyproject.toml", _pyproject),
        ("python", "setup.cfg", _setup_cfg),
        ("python", "requirements.txt", _requirements),
        ("javascript", "package.json", _package_json),
        ("rust", "Cargo.toml", _cargo),
        ("cpp", "CMakeLists.txt", _cmake),
        ("cpp", "vcpkg.json", _vcpkg),
        ("cpp", "conanfile.txt", _conanfile),
    ):
        path = project / file
        if not path.is_file():
            continue
        try:
            names = list(found(read_document(path), file))
        except (Qyn1Error, configparser.Error):
            continue
        for name in names:
            yield ecosystem, file, name


def _table(node: object, *keys: str) -> Mapping[str, object]:
    for key in keys:
        node = node.get(key) if isinstance(node, Mapping) else None
    return node if isinstance(node, Mapping) else {}


def _python_names(requirements: object) -> Iterator[str]:
    """Names as PEP 503 normalises them."""
    for requirement in requirements if isinstance(requirements, list) else ():
        match = _REQUIREMENT.match(requirement) if isinstance(requirement, str) else None
        if match:
            yield re.sub(r"[-_.]+", "-", match[1]).lower()


def _pyproject(text: str, origin: str) -> Iterator[str]:
    document = parse_document(text, origin, as_json=False)
    yield from _python_names(_table(document, "project").get("dependencies"))
    yield from _python_names(list(_table(document, "tool", "poetry", "dependencies")))
    for extra in _table(document, "project", "optional-dependencies").values():
        yield from _python_names(extra)


def _setup_cfg(text: str, _: str) -> Iterator[str]:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(text)
    yield from _python_names(parser.get("options", "install_requires", fallback="").splitlines())


def _requirements(text: str, _: str) -> Iterator[str]:
    yield from _python_names([line for line in text.splitlines() if not line.lstrip().startswith(("#", "-"))])


def _package_json(text: str, origin: str) -> Iterator[str]:
    document = parse_document(text, origin, as_json=True)
    for group in ("dependencies", "peerDependencies", "devDependencies"):
        yield from _table(document, group)


def _cargo(text: str, origin: str) -> Iterator[str]:
    document = parse_document(text, origin, as_json=False)
    yield from _table(document, "dependencies")
    yield from _table(document, "workspace", "dependencies")
    if _table(document, "lib").get("proc-macro") is True:
        yield "proc-macro"


def _cmake(text: str, _: str) -> Iterator[str]:
    for match in _FIND_PACKAGE.finditer(text):
        yield match[1].lower()


def _vcpkg(text: str, origin: str) -> Iterator[str]:
    listed = parse_document(text, origin, as_json=True).get("dependencies")
    for item in listed if isinstance(listed, list) else ():
        name = item.get("name") if isinstance(item, Mapping) else item
        if isinstance(name, str):
            yield name.lower()


def _conanfile(text: str, _: str) -> Iterator[str]:
    section = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            section = line
        elif section == "[requires]" and line and not line.startswith("#"):
            yield line.partition("/")[0].lower()
