"""The host's interfaces as it tells them."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from mibgateway.host.interfaces import LOOPBACK, UP, links, readable, states


@pytest.fixture
def loopback() -> int:
    return {name: index for index, name in socket.if_nameindex()}["lo"]


def test_every_interface_of_the_host_is_there_by_its_own_number() -> None:
    assert {index: facts.name for index, facts in links().interfaces.items()} == dict(
        socket.if_nameindex())


def test_loopback_is_what_it_is(loopback: int) -> None:
    facts = links().interfaces[loopback]
    assert (facts.kind, facts.oper, facts.is_wanted_up, facts.physical) == (LOOPBACK, UP, True, b"")
    assert facts.mtu == int(Path("/sys/class/net/lo/mtu").read_text())
    assert not facts.has_connector


def test_its_counters_count(loopback: int) -> None:
    before = links().interfaces[loopback]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        for _ in range(20):
            one.sendto(b"x" * 100, one.getsockname())
    after = links().interfaces[loopback]
    assert after.in_octets - before.in_octets >= 20 * 128
    assert after.in_packets - before.in_packets >= 20


def test_the_loopback_address_is_loopbacks(loopback: int) -> None:
    found = [address for address in links().addresses if address.octets == bytes((127, 0, 0, 1))]
    assert [(address.interface, address.kind) for address in found] == [(loopback, "unicast")]


def test_a_name_that_is_no_text_becomes_one() -> None:
    assert readable("eth0") == "eth0" and readable("büro") == "büro"
    assert readable(b"x\xff".decode("utf-8", "surrogateescape")) == "x?"


def test_the_cheap_look_agrees_with_the_whole_one() -> None:
    for _ in range(20):
        whole = {index: (facts.name, facts.is_wanted_up, facts.oper)
                 for index, facts in links().interfaces.items()}
        if states() == whole:
            return
        time.sleep(0.1)    # an interface came or went between the two
    assert states() == whole
