"""The part of the build that pyproject.toml cannot say."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class FreshBuild(build_py):
    """Begins with none of what an earlier build has left in ``build/lib``.

    setuptools copies into that folder and installs all that is in it: a module or prior that
    this version no longer has, or an extension that could not be built again, would come along.
    """

    def run(self) -> None:
        """Remove what is left, then copy."""
        if not self.editable_mode:
            for left in Path(self.build_lib).glob("qyn1_*"):
                if left.is_dir():
                    shutil.rmtree(left)
                else:
                    left.unlink()
        super().run()


setup(cmdclass={"build_py": FreshBuild})
