"""Notifications as receivers that others made have them: net-snmp's snmptrapd and pysnmp's."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mibagent.snmp.pdu import Kind
from tests.wire.programs import free_udp_port
from tests.wire.receivers import PysnmpReceiver, Snmptrapd
from tests.wire.unit_process import Snmp, UnitProcess, folder, model, until

COLD = ".1.3.6.1.6.3.1.1.5.1"
REFUSED = ".1.3.6.1.6.3.1.1.5.5"
ROOT = ".1.3.6.1.4.1.32473.1"
COMMUNITY = "only for traps"


@pytest.fixture
def home() -> Iterator[Path]:
    with folder("notify") as home:
        yield home


def door(*ports: int, more: str = "") -> str:
    hosts = ", ".join(f"127.0.0.1:{port}" for port in ports)
    return (f'Snmp.TrapDest="{hosts}"\nSnmp.EnableTrap=enable\n'
            f'Snmp.TrapDestCommunity="{COMMUNITY}"\n{more}')


def dotted(name: str, *suffix: int) -> str:
    return "." + ".".join(map(str, (*model()[name].oid, *suffix)))


def test_v2c_traps_reach_both_with_types_and_instances(home: Path) -> None:
    with Snmptrapd(home, f'authCommunity log "{COMMUNITY}"') as trapd, \
            PysnmpReceiver(home, COMMUNITY) as pysnmp, \
            UnitProcess(home, door(trapd.port, pysnmp.port)) as unit:
        cold = trapd.trap(COLD)
        assert "TRAP2, SNMP v2c" in cold.security and COMMUNITY in cold.security
        assert trapd.traps()[0] == cold
        with unit.ask("a guess") as stranger:
            stranger.socket.send(stranger.request(Kind.GET, b"")[1])
        refused = trapd.trap(f"{ROOT}.900.0.300")
        peer = dict(refused.values)[dotted("snmpNotifiedPeer", 0)]
        assert peer.startswith('STRING: "127.0.0.1:')
        assert "a guess" not in repr(trapd.lines())
        trapd.trap(REFUSED)
        started = pysnmp.notification(f"{ROOT}.400.0.100"[1:])
        assert (started["kind"], started["model"]) == ("SNMPv2TrapPDU", 2)
        name, kind, value = started["values"][2]
        assert (kind, value) == ("OctetString", "Scm")
        assert "." + name == dotted("scmServicesInfoName", 3, *b"Scm")


def test_v1_traps_have_enterprise_address_and_numbers(home: Path) -> None:
    with Snmptrapd(home, f'authCommunity log "{COMMUNITY}"') as trapd, \
            UnitProcess(home, door(trapd.port, more="Snmp.TrapDestVersion=v1\n")):
        traps = until(lambda: [trap for trap in trapd.traps() if trap.generic == 6],
                      "traps of the enterprise")
        cold = trapd.traps()[0]
        assert "SNMP v1" in cold.security
        assert (cold.enterprise, cold.generic, cold.specific) == (COLD[:-2], 0, 0)
        assert (traps[0].enterprise, traps[0].specific) == (f"{ROOT}.400", 100)
        assert {trap.agent for trap in trapd.traps()} == {"127.0.0.1"}
        assert traps[0].values == [
            (dotted("scmServicesInfoName", 3, *b"Scm"), 'STRING: "Scm"')]


def count(snmp: Snmp, name: str) -> int:
    found = snmp.get(name)
    assert isinstance(found, int)
    return found


@pytest.mark.parametrize("make", [
    lambda home: Snmptrapd(home, f'authCommunity log "{COMMUNITY}"'),
    lambda home: PysnmpReceiver(home, COMMUNITY)], ids=["snmptrapd", "pysnmp"])
def test_informs_are_answered_and_none_is_sent_twice(home: Path, make: object) -> None:
    assert callable(make)
    with make(home) as receiver, \
            UnitProcess(home, door(receiver.port, more="Snmp.TrapDestInform=enable\n")) as unit, \
            unit.ask() as snmp:
        sent = until(lambda: count(snmp, "snmpStatsInformsSent"), "informs")
        until(lambda: count(snmp, "snmpInformsWaiting") == 0, "all are answered")
        acknowledged = count(snmp, "snmpStatsInformsAcknowledged")
        assert acknowledged == count(snmp, "snmpStatsInformsSent") >= sent
        if isinstance(receiver, Snmptrapd):
            assert "INFORM, SNMP v2c" in receiver.trap(COLD).security
            assert len(receiver.traps()) == count(snmp, "snmpStatsInformsSent")
        else:
            assert receiver.notification(COLD[1:])["kind"] == "InformRequestPDU"


def with_another_number(inform: bytes) -> bytes:
    """Give the answer to another inform than this one."""
    at = inform.index(b"\xa6")
    number = inform.index(b"\x02", at) + 2
    return inform[:at] + b"\xa2" + inform[at + 1:number] \
        + bytes((inform[number] ^ 1,)) + inform[number + 1:]


def test_wrong_answers_are_none_and_a_late_receiver_gets_what_waited(home: Path) -> None:
    """A socket that answers nonsense stands where snmptrapd comes later."""
    port = free_udp_port()
    with UnitProcess(home, door(port, more="Snmp.TrapDestInform=enable\n")) as unit, \
            unit.ask() as snmp:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as false:
            false.bind(("127.0.0.1", port))
            false.settimeout(40)
            inform, peer = false.recvfrom(65536)
            for answer in (b"", b"\x30", bytes(1000), inform, inform.replace(b"\xa6", b"\xa7", 1),
                           inform[:-1], with_another_number(inform),
                           inform.replace(b"\xa6", b"\xa8", 1), b"\x30\x03\x02\x01\x03"):
                false.sendto(answer, peer)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
                other.sendto(inform.replace(b"\xa6", b"\xa2", 1), peer)
        until(lambda: count(snmp, "snmpInPkts"), "the unit goes on")
        assert count(snmp, "snmpStatsInformsAcknowledged") == 0
        with Snmptrapd(home, f'authCommunity log "{COMMUNITY}"', port) as trapd:
            assert "INFORM" in trapd.trap(COLD).security
            until(lambda: count(snmp, "snmpInformsWaiting") == 0, "all that waited has come")
            assert count(snmp, "snmpStatsNotificationsDropped") == 0


def test_a_storm_of_refused_requests_is_no_storm_of_traps(home: Path) -> None:
    with Snmptrapd(home, f'authCommunity log "{COMMUNITY}"') as trapd, \
            UnitProcess(home, door(trapd.port)) as unit, unit.ask() as snmp, \
            unit.ask("a guess") as stranger:
        trapd.trap(COLD)
        before = count(snmp, "snmpStatsTrapsSent")
        _, octets = stranger.request(Kind.GET, b"")
        for _ in range(20_000):
            stranger.socket.send(octets)
        until(lambda: count(snmp, "snmpInBadCommunityNames"), "they were heard")
        time.sleep(0.5)
        after = count(snmp, "snmpStatsTrapsSent")
        assert after - before <= 20
