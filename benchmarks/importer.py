"""What importing from a sealed package costs, against the same files lying in a folder.

``python -m benchmarks.importer [--modules 200] [--rounds 9]`` makes a package of that many modules (of 60 lines,
with functions, classes and docstrings), and starts a fresh interpreter for each import of all of them:

- plain, with bytecode in ``__pycache__``: what an installed package does from its second start on;
- plain, compiled each time: what its first start does;
- sealed, in modes fast and balanced, with bytecode (``compile = true``, as in sealed wheels) and without,
  with the key in a file.

Rounds alternate between all of them, so that a busy machine slows all of them alike; the numbers are medians of
wall and CPU milliseconds, and the least CPU milliseconds, which a busy machine changes least. ``start`` is the
import of a package with one empty module: what importer, key and envelope cost before the first line of a program.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from qyn1_core import Sealing, envelope, pack, resolve
from qyn1_plugins.host import default_host

MODULE = '''"""Module {number} of a package that is measured."""

from __future__ import annotations

LIMIT = {number}


class Account{number}:
    """An account with a balance, in cents."""

    def __init__(self, owner: str, balance: int = 0) -> None:
        self.owner = owner
        self.balance = balance

    def deposit(self, amount: int) -> int:
        """Add ``amount``; the new balance."""
        if amount <= 0:
            raise ValueError(f"amount must be positive, not {{amount}}")
        self.balance += amount
        return self.balance

    def withdraw(self, amount: int) -> int:
        """Take ``amount`` away; the new balance."""
        if amount > self.balance + LIMIT:
            raise ValueError(f"{{self.owner}} has only {{self.balance}}")
        self.balance -= amount
        return self.balance


def total(accounts: list[Account{number}]) -> int:
    """Sum of all balances."""
    return sum(account.balance for account in accounts)


def richest(accounts: list[Account{number}]) -> Account{number} | None:
    """The account with most, the first of equals."""
    best = None
    for account in accounts:
        if best is None or account.balance > best.balance:
            best = account
    return best


def report(accounts: list[Account{number}]) -> str:
    """One line for each account."""
    lines = []
    for account in sorted(accounts, key=lambda account: account.owner):
        lines.append(f"{{account.owner:20}} {{account.balance:10}}")
    lines.append(f"{{'total':20}} {{total(accounts):10}}")
    return "\\n".join(lines)
'''


INSTALL = "import qyn1_core.importer as i; i.install({package!r}, identity={key!r})"


def make_sources(folder: Path, modules: int) -> None:
    """A package ``measured`` with ``modules`` modules, and ``one`` with a single empty one."""
    for name in ("measured", "one"):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text("")
    for number in range(modules):
        (folder / "measured" / f"m{number:03}.py").write_text(MODULE.format(number=number))


def program(setup: str, modules: int) -> str:
    """Imports every module, after ``setup``."""
    return (
        f"{setup}\nimport importlib\nfor n in range({modules}):\n    importlib.import_module(f'measured.m{{n:03}}')\n"
    )


def measure(code: str, environment: Mapping[str, str]) -> tuple[float, float]:
    """Wall and CPU seconds of one fresh interpreter."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "", **environment}
    )
    wall = time.perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--modules", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    host = default_host()
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        make_sources(root / "plain", options.modules)
        identity = envelope.generate_identity()
        key = root / "key.txt"
        key.write_text(envelope.identity_file_text(identity), encoding="utf-8")
        key.chmod(0o600)
        sealed: dict[str, str] = {}
        for mode, compiled in ((mode, compiled) for mode in ("fast", "balanced") for compiled in (True, False)):
            name = f"{mode}, with bytecode" if compiled else mode
            priors = resolve(root / "plain", command_line={"mode": mode, "compile": compiled}, host=host)
            pack(root / "plain", root / f"{name}.qyn1", Sealing.to([identity.to_recipient()]), priors=priors, host=host)
            sealed[name] = INSTALL.format(package=str(root / f"{name}.qyn1"), key=str(key))
        on_path = f"import sys; sys.path.insert(0, {str(root / 'plain')!r})"
        cases = {
            "plain, with bytecode": (program(on_path, options.modules), {}),
            "plain, compiled each time": (
                program(on_path, options.modules),
                {"PYTHONPYCACHEPREFIX": str(root / "none"), "PYTHONDONTWRITEBYTECODE": "1"},
            ),
            **{f"sealed, {name}": (program(setup, options.modules), {}) for name, setup in sealed.items()},
            "start, plain": (f"{on_path}\nimport one", {}),
            "start, sealed": (f"{sealed['fast, with bytecode']}\nimport one", {}),
        }
        for code, environment in cases.values():
            measure(code, environment)
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in cases}
        for _ in range(options.rounds):
            for name, (code, environment) in cases.items():
                times[name].append(measure(code, environment))
        print(f"{options.modules} modules, {options.rounds} rounds, Python {sys.version.split()[0]}\n")
        print("| | wall ms | CPU ms | least CPU ms |\n|---|---|---|---|")
        for name, rows in times.items():
            wall, cpu = (1000 * median(column) for column in zip(*rows, strict=True))
            print(f"| {name} | {wall:.0f} | {cpu:.0f} | {1000 * min(cpu for _, cpu in rows):.0f} |")


if __name__ == "__main__":
    main()
