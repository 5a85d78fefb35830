"""What the output of a build step depends on beside its input: so that caches know when to forget it."""

from __future__ import annotations

from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from qyn1_plugins.host import Host

__all__ = ["fingerprint"]

_FAMILIES: Final = ("frontend", "compressor")
_PACKAGES: Final = ("qyn1_core", "qyn1_plugins", "qyn1_presets")


def fingerprint(host: Host) -> str:
    """64 hexadecimal digits that change with the program, its plugins and priors, and not with the machine.

    The native extension counts by which plugins it makes available: its machine code
    differs between machines, and its output does not.
    """
    digest = sha256()
    for line in _plugins(host):
        digest.update(line.encode() + b"\n")
    for package in _PACKAGES:
        spec = find_spec(package)
        for folder in sorted(spec.submodule_search_locations or ()) if spec else ():
            for path in sorted(Path(folder).rglob("*")):
                if path.is_file() and path.suffix not in (".pyc", ".so", ".pyd") and "__pycache__" not in path.parts:
                    content = sha256(path.read_bytes()).hexdigest()
                    digest.update(f"{package} {path.relative_to(folder).as_posix()} {content}\n".encode())
    return digest.hexdigest()


def _plugins(host: Host) -> list[str]:
    """The plugins that have a say in the bytes of an archive."""
    return sorted(
        f"{row.family} {row.name} {row.version} {row.distribution} {row.distribution_version} {row.problem is None}"
        for row in host.registrations()
        if row.family in _FAMILIES
    )
