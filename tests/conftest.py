"""Shared fixtures and the rule that skips what needs the native extension where it is absent."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from qyn1_plugins import _native

# For `benchmarks`, which is not installed. Last, so that the packages under test are the installed ones.
sys.path.append(str(Path(__file__).parents[1]))

settings.register_profile(
    "qyn1",
    deadline=None,  # a shared machine pauses; no test is about time
    derandomize="CI" in os.environ,  # a change is judged by the same examples each time; elsewhere they vary
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
settings.load_profile("qyn1")


@pytest.fixture
def own_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the user's, and a configuration folder of the test's own."""
    for name in list(os.environ):
        if name.startswith("QYN1_") and name != "QYN1_NATIVE":
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests marked ``native`` where the extension is absent, saying why."""
    if _native.native is None:
        skip = pytest.mark.skip(reason=f"no native extension: {_native.native_problem}")
        for item in items:
            if "native" in item.keywords:
                item.add_marker(skip)
