"""The workspace that most tests of real builds share: sources of real projects in several languages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from .workspaces import Workspace, bazel, installed_command, run

LIBRARIES = ("json", "email", "logging")  # of Python's own library: real sources, and at hand everywhere
OBJECTS = [  # of //:everything
    "app.qyn1o",
    "email/_qyn1/email.qyn1o",
    "frontend.qyn1o",
    "json/_qyn1/json.qyn1o",
    "logging/_qyn1/logging.qyn1o",
    "native/_qyn1/vector.qyn1o",
]


class Keys(NamedTuple):
    """An identity file and the public key of the identity in it."""

    identity: Path
    recipient: str


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a real Bazel where there is none."""
    missing = []
    if bazel() is None:
        missing.append("no bazel on PATH (Debian: bazel-bootstrap)")
    if installed_command() is None:
        missing.append("no installed qyn1 command")
    if missing:
        for item in items:
            if "bazel" in item.keywords and item.get_closest_marker("bazel"):
                item.add_marker(pytest.mark.skip(reason="; ".join(missing)))


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    identity = tmp_path_factory.mktemp("keys") / "identity.txt"
    command = installed_command()
    assert command is not None
    run([command, "keygen", "-o", str(identity)])
    line = next(line for line in identity.read_text().splitlines() if "age1" in line)
    return Keys(identity, line[line.index("age1") :].strip())


@pytest.fixture(scope="session")
def monorepo(tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> Iterator[Workspace]:
    """Python libraries, a C++ one, a filegroup, generated code, and packages of them."""
    folder = tmp_path_factory.mktemp("bazel")
    workspace = Workspace(folder / "monorepo", folder / "base")
    fill(workspace, keys)
    yield workspace
    workspace.close()


def fill(workspace: Workspace, keys: Keys) -> None:
    """Write the shared workspace."""
    top = Path(json.__file__).parents[1]
    for name in LIBRARIES:
        for path in sorted((top / name).glob("*.py")):
            workspace.write(f"{name}/{path.name}", path.read_bytes())
        workspace.write(
            f"{name}/BUILD.bazel",
            f'py_library(name = "{name}", srcs = glob(["*.py"]), visibility = ["//visibility:public"])\n',
        )
    workspace.write("native/vector.h", "#pragma once\nint sum(const int *values, int count);\n")
    workspace.write(
        "native/vector.cc",
        '#include "vector.h"\nint sum(const int *values, int count) {\n  int total = 0;\n'
        "  for (int i = 0; i < count; ++i) total += values[i];\n  return total;\n}\n",
    )
    workspace.write(
        "native/BUILD.bazel",
        'package(default_visibility = ["//visibility:public"])\n'
        'cc_library(name = "vector", srcs = ["vector.cc"], hdrs = ["vector.h"])\n',
    )
    workspace.write("web/src/index.js", "export function main() {\n  return document.title;\n}\n")
    workspace.write("web/src/page.css", "body { margin: 0 }\n")
    workspace.write("run.sh", "#!/bin/sh\nexec python3 -m app\n").chmod(0o644)
    workspace.write("keys.txt", f"# the team\n{keys.recipient}\n")
    workspace.write("app.py", "import json\n\nprint(json.dumps({}))\n")
    workspace.write(
        "BUILD.bazel",
        f"""\
load("@qyn1//:defs.bzl", "qyn1_library", "qyn1_package", "qyn1_roundtrip_test", "qyn1_unpack", "qyn1_verify_test")

genrule(
    name = "version",
    outs = ["version.py"],
    cmd = "echo 'VERSION = 7' > $@",
)

filegroup(
    name = "web",
    srcs = glob(["web/src/**"]),
)

qyn1_library(
    name = "app",
    srcs = ["app.py", ":version"],
    executables = ["run.sh"],
    prefix = "service",
    deps = ["//json", "//email"],
)

qyn1_library(
    name = "frontend",
    srcs = glob(["web/src/**"]),
    mode = "fast",
    prefix = "static",
    strip_prefix = "web/src",
)

qyn1_package(
    name = "everything",
    recipients_files = ["keys.txt"],
    deps = [":app", ":frontend", "//logging", "//native:vector"],
)

qyn1_package(
    name = "repeatable",
    deterministic = True,
    public_name = "monorepo",
    recipients = ["{keys.recipient}"],
    deps = [":app"],
)

qyn1_package(
    name = "convergent",
    convergent = True,
    recipients = ["{keys.recipient}"],
    deps = [":app"],
)

qyn1_roundtrip_test(
    name = "roundtrip_test",
    size = "small",
    deps = [":app", ":frontend", ":web", "//logging", "//native:vector"],
)

qyn1_verify_test(
    name = "verify_test",
    size = "small",
    package = ":everything",
)

qyn1_unpack(
    name = "opened",
    package = ":everything",
    paths = ["service", "static/index.js"],
)
""",
    )


def expected(workspace: Workspace) -> dict[str, bytes]:
    """What ``//:everything`` must hold."""
    files = {
        f"{name}/{path.name}": path.read_bytes() for name in LIBRARIES for path in (workspace.root / name).glob("*.py")
    }
    for path in ("native/vector.h", "native/vector.cc"):
        files[path] = (workspace.root / path).read_bytes()
    for name in ("index.js", "page.css"):
        files[f"static/{name}"] = (workspace.root / "web/src" / name).read_bytes()
    files["service/app.py"] = (workspace.root / "app.py").read_bytes()
    files["service/run.sh"] = (workspace.root / "run.sh").read_bytes()
    files["service/version.py"] = b"VERSION = 7\n"
    return files
