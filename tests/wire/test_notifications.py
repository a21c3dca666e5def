"""Notifications as receivers that others made have them: net-snmp's snmptrapd and pysnmp's."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mibagent.errors import Index
from mibagent.snmp.pdu import Kind
from mibagent.snmp.targets import UDP_IPV6
from tests.wire.programs import free_udp_port
from tests.wire.receivers import PysnmpReceiver, Snmptrapd
from tests.wire.unit_process import Snmp, UnitProcess, folder, model, oid_of, until

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


def test_ipv6_reaches_as_ipv4_does(home: Path) -> None:
    # authCommunity is for IPv4 alone
    with Snmptrapd(home, "disableAuthorization yes") as trapd, UnitProcess(
            home, door(trapd.port).replace("127.0.0.1", "[::1]")) as unit, unit.ask() as snmp:
        trapd.trap(COLD)
        assert snmp.get("snmpTargetAddrTDomain", (b"trapDest1",)) == UDP_IPV6


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


ENGINE = "80007ed9051122334455667788"
PASS_PHRASE = "a pass phrase of its own"
CREATE = f'eva SHA-256 "{PASS_PHRASE}" AES "{PASS_PHRASE}"'
AS_EVA = (
    f'Snmp.OwnEngineId="{":".join(re.findall("..", ENGINE))}"\nSnmp.KeepInformKeys=enable\n'
    'begin\nAaa.Users[UserName="eva"].AccessRights=Observer\n'
    f'Aaa.Users[UserName="eva"].Password="{PASS_PHRASE}"\ncommit\n'
    "Snmp.TrapDestUser=eva\n")


@pytest.mark.parametrize(("kind", "more"), [
    ("TRAP2", ""), ("INFORM", "Snmp.TrapDestInform=enable\n")], ids=["traps", "informs"])
def test_v3_reaches_both_authenticated_and_encrypted(home: Path, kind: str, more: str) -> None:
    accounts = f"createUser -e 0x{ENGINE} {CREATE}\ncreateUser {CREATE}\nauthUser log eva priv"
    with Snmptrapd(home, accounts) as trapd, \
            PysnmpReceiver(home, COMMUNITY, "eva", PASS_PHRASE, PASS_PHRASE, ENGINE) as pysnmp, \
            UnitProcess(home, AS_EVA + door(trapd.port, pysnmp.port, more=more)) as unit, \
            unit.ask() as snmp:
        cold = trapd.trap(COLD)
        assert kind in cold.security
        assert "SNMP v3, user eva" in cold.security
        found = pysnmp.notification(COLD[1:])
        assert (found["model"], found["level"]) == (3, 3)
        assert found["kind"] == {"TRAP2": "SNMPv2TrapPDU", "INFORM": "InformRequestPDU"}[kind]
        until(lambda: count(snmp, "snmpInformsWaiting") == 0, "all are answered")
        assert count(snmp, "snmpStatsInformsAcknowledged") == count(snmp, "snmpStatsInformsSent")
        assert (count(snmp, "snmpStatsInformsSent") > 0) is (kind == "INFORM")
        assert count(snmp, "snmpStatsNotificationsDropped") == 0


def with_another_number(inform: bytes) -> bytes:
    """Give the answer to another inform than this one."""
    at = inform.index(b"\xa6")
    number = inform.index(b"\x02", at) + 2
    return inform[:at] + b"\xa2" + inform[at + 1:number] \
        + bytes((inform[number] ^ 1,)) + inform[number + 1:]


BOSS = ("-v3", "-l", "authPriv", "-u", "admin", "-a", "SHA-256", "-A", PASS_PHRASE, "-x", "AES",
        "-X", PASS_PHRASE, "-m", "", "-Oqn")
AS_BOSS = (
    'begin\nAaa.Users[UserName="admin"].AccessRights=Admin\n'
    f'Aaa.Users[UserName="admin"].Password="{PASS_PHRASE}"\ncommit\n')
A: Index = (b"a",)


def sets(unit: UnitProcess, *settings: tuple[str, Index, str, str]) -> None:
    """Set as an Admin, by net-snmp."""
    words = [word for name, index, kind, value in settings
             for word in (dotted(name, *oid_of(name, index)[len(model()[name].oid):]), kind, value)]
    done = unit.tool("snmpset", *BOSS, unit.agent, *words)
    assert done.returncode == 0, done.stderr


def tell_late(unit: UnitProcess, port: int) -> None:
    """Make an inform receiver by the standard tables, with a timeout of one second."""
    member, access = (2, COMMUNITY.encode()), (b"late", b"", 2, 1)
    sets(unit, ("vacmSecurityToGroupStatus", member, "i", "4"),
         ("vacmGroupName", member, "s", "late"),
         ("vacmAccessStatus", access, "i", "4"), ("vacmAccessNotifyViewName", access, "s", "all"))
    sets(unit, ("snmpTargetParamsRowStatus", A, "i", "4"),
         ("snmpTargetParamsMPModel", A, "i", "1"), ("snmpTargetParamsSecurityModel", A, "i", "2"),
         ("snmpTargetParamsSecurityName", A, "s", COMMUNITY),
         ("snmpTargetParamsSecurityLevel", A, "i", "1"))
    sets(unit, ("snmpTargetAddrRowStatus", A, "i", "4"),
         ("snmpTargetAddrTDomain", A, "o", ".1.3.6.1.6.1.1"),
         ("snmpTargetAddrTAddress", A, "x", f"7f000001{port:04x}"),
         ("snmpTargetAddrTimeout", A, "i", "100"), ("snmpTargetAddrTagList", A, "s", "late"),
         ("snmpTargetAddrParams", A, "s", "a"),
         ("snmpNotifyRowStatus", A, "i", "4"), ("snmpNotifyTag", A, "s", "late"),
         ("snmpNotifyType", A, "i", "2"))


def test_wrong_answers_are_none_and_a_late_receiver_gets_what_waited(home: Path) -> None:
    """A socket that answers nonsense stands where snmptrapd comes later."""
    port = free_udp_port()
    script = AS_BOSS + "Snmp.EnableTrap=enable\n"
    with UnitProcess(home, script) as unit, unit.ask() as snmp:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as false:
            false.bind(("127.0.0.1", port))
            false.settimeout(40)
            tell_late(unit, port)
            with unit.ask("a guess") as stranger:
                stranger.socket.send(stranger.request(Kind.GET, b"")[1])
            inform, peer = false.recvfrom(65536)
            for answer in (b"", b"\x30", bytes(1000), inform, inform.replace(b"\xa6", b"\xa7", 1),
                           inform[:-1], with_another_number(inform),
                           inform.replace(b"\xa6", b"\xa8", 1), b"\x30\x03\x02\x01\x03"):
                false.sendto(answer, peer)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
                other.sendto(inform.replace(b"\xa6", b"\xa2", 1), peer)
        until(lambda: snmp.get("snmpInPkts"), "the unit goes on")
        assert count(snmp, "snmpStatsInformsAcknowledged") == 0
        with Snmptrapd(home, f'authCommunity log "{COMMUNITY}"', port) as trapd:
            refused = trapd.trap(f"{ROOT}.900.0.300")
            assert "INFORM, SNMP v2c" in refused.security
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
