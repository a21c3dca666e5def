"""Programs of others that tests run. Without them a test fails in CI, and is skipped elsewhere."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable
from typing import TypeVar
from unittest import skipIf

import pytest

_Test = TypeVar("_Test", bound=type)
_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


def found(program: str) -> str | None:
    """Give the program's path, those for administrators included."""
    return shutil.which(program, path=_PATH)


def needs(*programs: str) -> Callable[[_Test], _Test]:
    """Mark a TestCase class as one that runs these programs."""
    lacking = [program for program in programs if found(program) is None]
    why = f"not installed: {', '.join(lacking)}"

    def decorate(test: _Test) -> _Test:
        if lacking and os.environ.get("CI"):
            def fail(self: object) -> None:
                pytest.fail(f"{why}; ./tools/setup --peers installs what tests need")

            test.setUp = fail  # type: ignore[attr-defined]
            return test
        return skipIf(bool(lacking), why)(test)

    return decorate


def require(program: str) -> str:
    """Give the program's path, inside a test; fail in CI and skip elsewhere where there is none."""
    path = found(program)
    if path is not None:
        return path
    if os.environ.get("CI"):
        pytest.fail(f"not installed: {program}; ./tools/setup --peers installs what tests need")
    pytest.skip(f"not installed: {program}")


def free_udp_port(address: str = "127.0.0.1") -> int:
    """Give a port that nobody had a moment ago."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.bind((address, 0))
        port: int = probe.getsockname()[1]
        return port
