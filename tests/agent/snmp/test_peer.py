"""Hosts, ports and transports of peers."""

from __future__ import annotations

import pytest

from mibagent.snmp.peer import OVER_TCP, host_of, udp_port_of


@pytest.mark.parametrize(("spelled", "host"), [
    ("192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("fe80::1%eth0", "fe80::1"),
    ("::ffff:1", "::ffff:1")])
def test_a_host_has_one_spelling_whatever_the_transport(spelled: str, host: str) -> None:
    assert host_of((spelled, 161)) == host_of((spelled + OVER_TCP, 161)) == host


def test_only_who_asks_by_udp_has_a_udp_port() -> None:
    assert (udp_port_of(("192.0.2.1", 161)), udp_port_of(("192.0.2.1" + OVER_TCP, 161))) == (
        161, None)
