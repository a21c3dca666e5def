"""Fixtures of the gateway's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.kit import Bench
from tests.gateway.kit import bench as running


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Bench]:
    """A unit that has just started for the first time."""
    with running(tmp_path / "state") as found:
        yield found
