"""Projects of strangers, in environments of their own that see the packages under test."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Environment:
    """A virtual environment with nothing of its own in it, which also sees everything that is installed here."""

    folder: Path
    variables: Mapping[str, str]

    @property
    def python(self) -> Path:
        return self.folder / ("Scripts" if os.name == "nt" else "bin") / "python"

    @property
    def packages(self) -> Path:
        found = sorted(self.folder.glob("lib/python*/site-packages")) or [self.folder / "Lib" / "site-packages"]
        return found[0]

    def run(self, project: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run its Python in ``project``."""
        return subprocess.run(
            [str(self.python), *arguments],
            cwd=project,
            env={**self.variables, **variables},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def check(self, project: Path, *arguments: str, **variables: str) -> str:
        """As `run`, and it must succeed; what was printed."""
        done = self.run(project, *arguments, **variables)
        assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def install(self, project: Path, wheel: Path) -> None:
        self.check(
            project, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--force-reinstall", str(wheel)
        )

    def add_distribution(self, name: str, version: str, module: str, text: str, entry_points: str) -> None:
        """Install a distribution of one ``module``."""
        write(
            self.packages,
            {
                f"{module}.py": text,
                f"{name.replace('-', '_')}-{version}.dist-info/METADATA": (
                    f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
                ),
                f"{name.replace('-', '_')}-{version}.dist-info/entry_points.txt": entry_points,
            },
        )


def write(folder: Path, files: Mapping[str, str]) -> Path:
    """Write ``files`` (path: text) below ``folder``."""
    for path, text in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8", newline="\n")
    return folder
