"""Fixtures of the gateway's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet.protocol import DatagramProtocol

from tests.gateway.kit import Bench
from tests.gateway.kit import bench as running


@pytest.fixture(autouse=True)
def no_agent_has_a_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the SNMP agent of a unit in memory listen in memory, too."""
    monkeypatch.setattr(
        "mibgateway.services.snmp.listen",
        lambda reactor, engine, where, port: reactor.listenUDP(port, DatagramProtocol(), where))


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Bench]:
    """A unit that has just started for the first time."""
    with running(tmp_path / "state") as found:
        yield found
