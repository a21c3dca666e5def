"""Ports that are lent: free, and to one unit only."""

from __future__ import annotations

import socket
from contextlib import closing

import pytest

from mibgateway.errors import StartError
from mibgateway.lab import ports
from mibgateway.lab.ports import RANGE, PortLender


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_a_lent_port_is_free_for_both_protocols(address: str) -> None:
    with closing(PortLender(address)) as lender:
        port = lender.lend()
        assert port in RANGE
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            with socket.socket(socket.AF_INET, kind) as probe:
                probe.bind((address, port))


def test_no_port_is_lent_twice_until_it_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(PortLender("127.0.0.1")) as scout:
        free = [scout.lend() for _ in range(3)]
    monkeypatch.setattr(ports, "RANGE", free)
    monkeypatch.setattr(ports, "_TRIES", 3)
    with closing(PortLender("127.0.0.1")) as one, closing(PortLender("127.0.0.2")) as other:
        assert {one.lend(), other.lend(), one.lend()} == set(free)
        with pytest.raises(StartError, match=r"no free port at 127\.0\.0\.2"):
            other.lend()
    with closing(PortLender("127.0.0.1")) as third:
        assert third.lend() in free


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_a_port_that_somebody_has_is_not_lent(
    kind: socket.SocketKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_INET, kind) as holder:
        holder.bind(("127.0.0.1", 0))
        monkeypatch.setattr(ports, "RANGE", [holder.getsockname()[1]])
        monkeypatch.setattr(ports, "_TRIES", 1)
        with closing(PortLender("127.0.0.1")) as lender, pytest.raises(StartError):
            lender.lend()
