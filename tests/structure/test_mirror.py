"""tests/ mirrors the tree: for each module the file that promises what it does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.structure.tree import ROOT, SOURCES, modules

ELSEWHERE: dict[str, str] = {}
"""Modules whose promises stand in another's file; each entry with its reason in a comment."""


def homes(module: Path) -> list[Path]:
    """Give the files that may hold a module's tests, the first the rule."""
    source = next(path for path in SOURCES.values() if module.is_relative_to(path))
    inside = module.relative_to(source).parts[1:]
    rule = ROOT / "tests" / source.name / Path(*inside[:-1]) / f"test_{inside[-1]}"
    allowed = [rule]
    if module.name == "shell.py":      # real sockets; named after the room
        allowed += [ROOT / "tests" / "wire" / f"test_{inside[-2]}.py"]
        allowed += [ROOT / "tests" / "wire" / f"test_{inside[-2]}_shell.py"]
    elsewhere = ELSEWHERE.get(str(module.relative_to(ROOT)))
    return [*allowed, ROOT / elsewhere] if elsewhere else allowed


MODULES = [path for path in modules().values() if path.name != "__init__.py"]


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_has_its_tests(module: Path) -> None:
    assert any(home.exists() for home in homes(module)), f"no {homes(module)[0].relative_to(ROOT)}"


def test_no_exception_outlives_its_reason() -> None:
    for module, tests in ELSEWHERE.items():
        assert (ROOT / module).exists(), f"{module} is gone"
        assert (ROOT / tests).exists(), f"{tests} is gone"
        assert not homes(ROOT / module)[0].exists(), f"{module} has tests of its own"
