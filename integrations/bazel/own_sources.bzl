"""The parts of this project, for `bazel build //:qyn1_package`.

Each is a package with a BUILD file of its own, so that a build that takes only rules and settings from this repository
looks at none of them.
"""

load(":rules.bzl", "qyn1_library")

_NOT_SOURCES = [
    "**/.hypothesis/**",
    "**/.mypy_cache/**",
    "**/.pytest_cache/**",
    "**/.ruff_cache/**",
    "**/__pycache__/**",
    "**/*.pyc",
    "**/*.so",
    "**/node_modules/**",
    "**/*.egg-info/**",
]

def own_sources(name, srcs = []):
    """A `qyn1_library` of all files of the package.

    Args:
      name: the name of the target.
      srcs: sources besides.
    """
    qyn1_library(
        name = name,
        srcs = native.glob(["**"], exclude = _NOT_SOURCES) + srcs,
        visibility = ["//:__pkg__"],
    )
