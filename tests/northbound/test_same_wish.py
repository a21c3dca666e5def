"""The same wish through every door gives the same store, and the same refusal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from twisted.internet.defer import ensureDeferred

from mibagent.errors import Index, Refused
from mibagent.northbound import Session
from mibagent.smi.oid import Oid
from mibagent.smi.syntax import Value
from mibagent.snmp.engine import Engine
from mibagent.snmp.pdu import Status
from mibagent.snmp.serving import StoreSource
from mibagent.snmp.source import Grant
from mibagent.store.access import Principal, Rights
from mibgateway.northbound.script import ScriptRunner
from mibgateway.northbound.script_grammar import parse_script
from tests.agent.snmp.fakes import response, set_request, value
from tests.gateway.conftest import no_agent_has_a_socket
from tests.gateway.kit import SCALAR, Bench, model
from tests.gateway.kit import bench as running

__all__ = ["no_agent_has_a_socket"]

DEFAULT, TRUNK, EVA = (b"default",), (b"trunk",), (b"eva",)

Asked = tuple[str, Index, Value]


class Wish(NamedTuple):
    """What is wished, as values and as a script."""

    asked: tuple[Asked, ...]
    script: str


ACCEPTED = {
    "a number": Wish(
        (("sipEpTransportFailbackInterval", SCALAR, 30),), "SipEp.TransportFailbackInterval=30"),
    "a label": Wish(
        (("sipEpTransportTlsVersion", SCALAR, 500),), "SipEp.TransportTlsVersion=TLSv1_3"),
    "a text": Wish(
        (("hocSystemName", SCALAR, "Büro, \"2. Stock\"".encode()),),
        r'Hoc.SystemName="Büro, \"2. Stock\""'),
    "a standard name of an object of ours": Wish(
        (("hocSystemLocation", SCALAR, b"cellar"),), "Hoc.SystemLocation=cellar"),
    "a host and port": Wish(
        (("sipEpDefaultStaticProxyOutboundHost", SCALAR, b"[2001:db8::1]:5063"),),
        'SipEp.DefaultStaticProxyOutboundHost="[2001:db8::1]:5063"'),
    "a cell": Wish(
        (("nlmEventsCriteria", (1,), b"1400.All"),), 'Nlm.Events[Index=1].Criteria="1400.All"'),
    "a switch that completes others": Wish(
        (("sipEpTransportConfigTlsEnable", DEFAULT, 1),),
        "SipEp.TransportConfig[GatewayName=default].TlsEnable=enable"),
    "a row": Wish(
        (("sipEpGatewayRowStatus", TRUNK, 4), ("sipEpGatewayPort", TRUNK, 5070),
         ("sipEpGatewayDomain", TRUNK, b"pbx.example.com")),
        "SipEp.Gateway[Name=trunk].Port=5070\nSipEp.Gateway[Name=trunk].Domain=pbx.example.com"),
    "a user": Wish(
        (("aaaUsersRowStatus", EVA, 4), ("aaaUsersAccessRights", EVA, 200)),
        "Aaa.Users[UserName=eva].AccessRights=user"),
    "a row destroyed": Wish(
        (("nlmEventsRowStatus", (3,), 6),), "Nlm.Events[Index=3].Delete"),
    "several at once": Wish(
        (("sipEpTransportTlsCipherSuite", SCALAR, 300), ("hocStaticTimeZone", SCALAR, b"EST5"),
         ("sipEpTransportConfigTlsEnable", DEFAULT, 1)),
        "begin\nSipEp.TransportTlsCipherSuite=cs3\nHoc.StaticTimeZone=EST5\n"
        "SipEp.TransportConfig[GatewayName=default].TlsEnable=1\ncommit"),
    "what stands already": Wish(
        (("sipEpTransportFailbackInterval", SCALAR, 15),), "SipEp.TransportFailbackInterval=15"),
    "a command": Wish(
        (("nlmClearLocalLog", SCALAR, 10),), "Nlm.ClearLocalLog"),
}

REFUSED = {
    "out of range": Wish(
        (("sipEpTransportFailbackInterval", SCALAR, 4),), "SipEp.TransportFailbackInterval=4"),
    "refused by a check": Wish(
        (("hocStaticTimeZone", SCALAR, b"nowhere"),), "Hoc.StaticTimeZone=nowhere"),
    "both transports": Wish(
        (("sipEpTransportConfigUdpEnable", DEFAULT, 1),
         ("sipEpTransportConfigTlsEnable", DEFAULT, 1)),
        "begin\nSipEp.TransportConfig[GatewayName=default].UdpEnable=enable\n"
        "SipEp.TransportConfig[GatewayName=default].TlsEnable=enable\ncommit"),
    "one of several": Wish(
        (("hocSystemName", SCALAR, b"x"), ("sipEpTransportPersistentBasePort", SCALAR, 80)),
        "begin\nHoc.SystemName=x\nSipEp.TransportPersistentBasePort=80\ncommit"),
    "read-only": Wish((("hocSystemUptime", SCALAR, b"1"),), "Hoc.SystemUptime=1"),
    "a system service stopped": Wish(
        (("scmServiceCommandsStop", (b"Hoc",), 10),), "Scm.ServiceCommands[Name=Hoc].Stop"),
    "no such row": Wish(
        (("scmServicesConfigStartupType", (b"Web",), 200),),
        "Scm.ServicesConfig[ServiceName=Web].StartupType=manual"),
}


class Access:
    """Whoever asks is this principal."""

    def __init__(self, principal: Principal) -> None:
        self._principal = principal

    def admits(self, peer_host: str) -> bool:
        return True

    def judge(self, version: int, community: bytes, peer_host: str) -> Grant:
        return Grant.by_rights(self._principal)

    def judge_user(self, name: bytes, level: int, context: bytes, peer_host: str) -> None:
        return None


def principal(door: str, rights: Rights = Rights.ADMIN) -> Principal:
    return Principal("eva", rights, door)


def by_session(unit: Bench, wish: Wish, rights: Rights) -> str:
    try:
        unit.change(*wish.asked, principal=principal("cli", rights))
    except Refused as refusal:
        return type(refusal).__name__
    return ""


def by_snmp(unit: Bench, wish: Wish, rights: Rights) -> str:
    """One PDU, octets in and octets out."""
    engine = Engine(StoreSource(unit.store), Access(principal("snmp", rights)),
                    clock=unit.reactor.seconds)
    sent: list[bytes] = []
    bindings = [(oid_of(name, index), value(model().objects[name].syntax.base, held))
                for name, index, held in wish.asked]
    answer = engine.answer(set_request(*bindings), ("192.0.2.1", 40000), sent.append)
    unit.settle()
    found = response(answer or sent[0])
    status = Status(found.first)
    return "" if status is Status.NO_ERROR else NAMES[status]


NAMES = {
    Status.NO_ACCESS: "NoAccess", Status.WRONG_VALUE: "WrongValue",
    Status.NO_CREATION: "NoCreation", Status.INCONSISTENT_VALUE: "InconsistentValue",
    Status.NOT_WRITABLE: "NotWritable", Status.WRONG_TYPE: "WrongType",
}


def by_script(unit: Bench, wish: Wish, rights: Rights) -> str:
    runner = ScriptRunner(Session(unit.host, principal("script", rights)))
    report = unit.result(ensureDeferred(runner.run(parse_script(wish.script.encode()))))
    return report.failures[0].why if report.failures else ""


DOORS: dict[str, Callable[[Bench, Wish, Rights], str]] = {
    "session": by_session, "snmp": by_snmp, "script": by_script}


def oid_of(name: str, index: Index) -> Oid:
    node = model().objects[name]
    return (*node.oid, *(node.table.suffix(index) if node.table is not None else (0,)))


def stored(unit: Bench) -> list[tuple[str, str, Value]]:
    """Give what is on disk."""
    return sorted(unit.unit.state.journal.values(unit.unit.number), key=lambda cell: cell[:2])


def audited(unit: Bench) -> list[tuple[str, str, str, str]]:
    return sorted(unit.store.audit(1)[0].changes)


@pytest.fixture
def units(tmp_path: Path) -> Iterator[dict[str, Bench]]:
    """One unit a door, all alike."""
    made = {door: running(tmp_path / door) for door in DOORS}
    try:
        yield {door: context.__enter__() for door, context in made.items()}
    finally:
        for context in made.values():
            context.__exit__(None, None, None)


@pytest.mark.parametrize("what", ACCEPTED)
def test_every_door_gives_the_same_store(units: dict[str, Bench], what: str) -> None:
    wish = ACCEPTED[what]
    for door, ask in DOORS.items():
        assert ask(units[door], wish, Rights.ADMIN) == "", door
    first = units["session"]
    for door, unit in units.items():
        assert stored(unit) == stored(first), door
        assert audited(unit) == audited(first), door
        assert unit.get("scmAnyServiceNeedsRestart") == first.get("scmAnyServiceNeedsRestart")


@pytest.mark.parametrize("what", REFUSED)
def test_every_door_refuses_the_same_and_leaves_no_trace(
    units: dict[str, Bench], what: str
) -> None:
    wish = REFUSED[what]
    answers = {}
    for door, ask in DOORS.items():
        before = stored(units[door]), len(units[door].store.audit())
        answers[door] = ask(units[door], wish, Rights.ADMIN)
        assert answers[door], door
        assert (stored(units[door]), len(units[door].store.audit())) == before, door
    assert answers["snmp"] == answers["session"]


@pytest.mark.parametrize("rights", [Rights.OBSERVER, Rights.USER])
def test_rights_are_the_same_at_every_door(units: dict[str, Bench], rights: Rights) -> None:
    for what in ("a number", "a user"):
        told = {door: bool(ask(units[door], ACCEPTED[what], rights))
                for door, ask in DOORS.items()}
        assert set(told.values()) == {rights is Rights.OBSERVER or what == "a user"}, what


def test_what_is_set_at_one_door_is_read_at_the_others(units: dict[str, Bench]) -> None:
    unit = units["snmp"]
    by_snmp(unit, ACCEPTED["a number"], Rights.ADMIN)
    assert unit.session().get("sipEpTransportFailbackInterval") == 30
    by_script(unit, Wish((), "SipEp.TransportFailbackInterval=31"), Rights.ADMIN)
    assert unit.get("sipEpTransportFailbackInterval") == 31
