"""Whom a community stands for, and where the agent listens."""

from __future__ import annotations

import errno
from itertools import product
from typing import Any

import pytest

from mibagent.errors import NoAccess, WrongLength
from mibagent.smi.oid import Oid
from mibagent.smi.syntax import Base
from mibagent.snmp.pdu import Kind
from mibagent.store.access import Principal, Rights
from mibgateway.errors import StartError
from mibgateway.services.snmp import SnmpService
from mibgateway.unit import Options
from tests.agent.snmp.fakes import request, response, set_request, value
from tests.gateway.kit import SCALAR, USER, Bench, model
from tests.gateway.kit import bench as running

ADMIN, USERS, OBSERVER = 100, 200, 300
CREATE_AND_GO, DESTROY, NOT_IN_SERVICE, ACTIVE = 4, 6, 2, 1
COMMUNITY = b"a word of its own"
PEER = ("192.0.2.1", 40000)


class Listening:
    """What stands for the UDP port."""

    def __init__(self) -> None:
        self.open: list[tuple[str, int]] = []
        self.refuses: dict[int, int] = {}

    def __call__(self, reactor: Any, engine: Any, where: str, port: int) -> Any:
        from twisted.internet.error import CannotListenError
        if port in self.refuses:
            raise CannotListenError(where, port, OSError(self.refuses[port], "no"))
        self.open.append((where, port))
        outer = self

        class Opened:
            def stopListening(self) -> None:
                outer.open.remove((where, port))

        return Opened()


@pytest.fixture(autouse=True)
def listening(monkeypatch: pytest.MonkeyPatch) -> Listening:
    found = Listening()
    monkeypatch.setattr("mibgateway.services.snmp.listen", found)
    return found


def service(unit: Bench) -> SnmpService:
    found = unit.services[SnmpService.mib]
    assert isinstance(found, SnmpService)
    return found


def configure(
    unit: Bench, v1: int = 1, v2: int = 1, community: bytes = COMMUNITY, user: bytes = b"eva",
    may_write: int = 0,
) -> None:
    unit.change(
        ("snmpEnableSnmpV1", SCALAR, v1), ("snmpEnableSnmpV2", SCALAR, v2),
        ("snmpCommunity", SCALAR, community), ("snmpSnmpUser", SCALAR, user),
        ("snmpCommunityMayWrite", SCALAR, may_write))
    unit.restart("Snmp")


def add(unit: Bench, name: bytes, rights: int) -> None:
    unit.change(("aaaUsersRowStatus", (name,), CREATE_AND_GO),
                ("aaaUsersAccessRights", (name,), rights))


def judge(unit: Bench, version: int = 1, community: bytes = COMMUNITY) -> Principal | None:
    grant = service(unit).access.judge(version, community, "192.0.2.1")
    return grant.principal if grant is not None else None


def ask(unit: Bench, octets: bytes) -> bytes | None:
    sent: list[bytes] = []
    answer = service(unit).engine.answer(octets, PEER, sent.append)
    unit.settle()
    return answer or (sent[0] if sent else None)


def oid(name: str) -> Oid:
    return (*model().objects[name].oid, 0)


def get(unit: Bench, community: bytes = COMMUNITY, version: int = 1) -> bytes | None:
    return ask(unit, request(Kind.GET, oid("hocSystemName"), community=community,
                             version=version))


def set_name(unit: Bench, name: bytes, community: bytes = COMMUNITY) -> int | None:
    octets = set_request((oid("hocSystemName"), value(Base.OCTETS, name)), community=community)
    answer = ask(unit, octets)
    return response(answer).first if answer is not None else None


# -- judge


@pytest.mark.parametrize(("rights", "may_write"), [*product((ADMIN, USERS, OBSERVER), (0, 1))])
@pytest.mark.parametrize("version", [0, 1])
def test_a_community_is_observer_at_most_or_user_where_it_may_write(
    unit: Bench, rights: int, may_write: int, version: int
) -> None:
    add(unit, b"eva", rights)
    configure(unit, may_write=may_write)
    found = judge(unit, version)
    most = Rights.USER if may_write else Rights.OBSERVER
    assert found == Principal("eva", max(Rights(rights), most), "snmp", "192.0.2.1")


@pytest.mark.parametrize(("v1", "v2", "version"), [*product((0, 1), (0, 1), (0, 1))])
def test_a_version_that_is_off_is_nobodys(unit: Bench, v1: int, v2: int, version: int) -> None:
    add(unit, b"eva", USERS)
    configure(unit, v1, v2)
    assert (judge(unit, version) is not None) is bool((v1, v2)[version])


@pytest.mark.parametrize("community", [b"", b"public", COMMUNITY[:-1], COMMUNITY + b"x", b"eva",
                                       b"\xff\xfe"])
def test_another_community_is_nobodys(unit: Bench, community: bytes) -> None:
    add(unit, b"eva", USERS)
    configure(unit)
    assert judge(unit, community=community) is None


def test_without_an_snmp_user_the_community_is_the_users_name(unit: Bench) -> None:
    add(unit, b"eva", USERS)
    configure(unit, user=b"", may_write=1)
    assert judge(unit, community=b"eva") == Principal("eva", Rights.USER, "snmp", "192.0.2.1")
    for other in (COMMUNITY, b"", b"tom", b"\xff"):
        assert judge(unit, community=other) is None


def test_there_is_no_empty_community(unit: Bench) -> None:
    with pytest.raises(WrongLength):
        unit.set("snmpCommunity", b"")


@pytest.mark.parametrize("take", [DESTROY, NOT_IN_SERVICE])
def test_a_user_that_is_gone_closes_the_door(unit: Bench, take: int) -> None:
    add(unit, b"eva", USERS)
    configure(unit)
    unit.set("aaaUsersRowStatus", take, (b"eva",))
    assert judge(unit) is None


def test_a_stopped_service_knows_nobody(unit: Bench) -> None:
    add(unit, b"eva", USERS)
    configure(unit)
    unit.set("scmServiceCommandsStop", 10, (b"Snmp",))
    assert judge(unit) is None


def test_the_running_community_stays_until_the_restart(unit: Bench) -> None:
    add(unit, b"eva", USERS)
    configure(unit)
    unit.set("snmpCommunity", b"another")
    assert judge(unit) is not None
    assert judge(unit, community=b"another") is None
    assert unit.get("snmpNeedRestartInfo") == 100
    unit.restart("Snmp")
    assert judge(unit) is None
    assert judge(unit, community=b"another") is not None


# -- what the engine remembers


@pytest.mark.parametrize("version", [0, 1])
def test_a_revoked_users_very_next_datagram_is_refused(unit: Bench, version: int) -> None:
    add(unit, b"eva", USERS)
    configure(unit)
    for _ in range(3):
        assert get(unit, version=version) is not None
    unit.set("aaaUsersRowStatus", DESTROY, (b"eva",))
    assert get(unit, version=version) is None


def test_lesser_rights_count_from_the_next_datagram(unit: Bench) -> None:
    add(unit, b"eva", USERS)
    configure(unit, may_write=1)
    assert set_name(unit, b"one") == 0
    unit.set("snmpCommunityMayWrite", 0)
    assert set_name(unit, b"two") == 6
    unit.set("snmpCommunityMayWrite", 1)
    assert set_name(unit, b"three") == 0
    unit.set("aaaUsersAccessRights", OBSERVER, (b"eva",))
    assert set_name(unit, b"four") == 6
    assert unit.get("hocSystemName") == b"three"


def test_no_community_has_an_admins_rights(unit: Bench) -> None:
    add(unit, b"eva", ADMIN)
    configure(unit, may_write=1)
    octets = set_request((oid("snmpCommunityMayWrite"), value(Base.INTEGER, 0)),
                         community=COMMUNITY)
    answer = ask(unit, octets)
    assert answer is not None
    assert (response(answer).first, response(answer).second) == (6, 1)


def test_a_secret_reads_empty(unit: Bench) -> None:
    add(unit, b"eva", ADMIN)
    configure(unit)
    answer = ask(unit, request(Kind.GET, oid("snmpCommunity"), community=COMMUNITY))
    assert answer is not None
    held = response(answer).varbinds[0]
    assert (held.tag, answer.count(COMMUNITY)) == (4, 1)      # once: the message's own


def test_refused_communities_are_reported_without_their_name(unit: Bench) -> None:
    add(unit, b"eva", USERS)
    configure(unit)
    unit.texts()
    for number in range(30):
        assert get(unit, community=b"guess %d" % number) is None
    told = unit.texts("snmpRequestRefused")
    assert len(told) == 10
    assert "192.0.2.1:40000" in told[0]
    assert "Snmp.Community" in told[0]
    assert not any("guess" in text for text in told)
    assert unit.get("snmpInBadCommunityNames") == 30
    unit.wait(61)
    get(unit, community=b"guess")
    assert len(unit.texts("snmpRequestRefused")) == 1


# -- ports and counters


def test_version_3_alone_is_on_at_first(unit: Bench, listening: Listening) -> None:
    assert listening.open == [("127.0.0.1", 161)]
    assert judge(unit) is None
    unit.set("snmpEnableSnmpV3", 0)
    assert listening.open == [("127.0.0.1", 161)]
    unit.restart("Snmp")
    assert listening.open == []
    assert unit.get("snmpPortInUse") == 0


@pytest.mark.parametrize(("v1", "v2"), [(1, 0), (0, 1), (1, 1)])
def test_one_version_opens_the_port(
    unit: Bench, listening: Listening, v1: int, v2: int
) -> None:
    unit.set("snmpEnableSnmpV3", 0)
    configure(unit, v1, v2)
    assert listening.open == [("127.0.0.1", 161)]
    assert unit.get("snmpPortInUse") == 161


def test_tcp_listens_beside_udp_from_the_restart(unit: Bench) -> None:
    unit.set("snmpEnableTcp", 1)
    assert unit.reactor.listening("tcp") == []
    unit.restart("Snmp")
    assert unit.reactor.listening("tcp") == [161]
    assert unit.get("snmpTcpPortInUse") == unit.get("snmpPortInUse") == 161
    unit.set("snmpEnableTcp", 0)
    unit.restart("Snmp")
    assert unit.reactor.listening("tcp") == []
    assert unit.get("snmpTcpPortInUse") == 0


def test_a_tcp_port_that_is_taken_leaves_nothing_open(
    unit: Bench, listening: Listening
) -> None:
    unit.reactor.occupy(161)
    unit.set("snmpEnableTcp", 1)
    unit.restart("Snmp")
    assert listening.open == []
    assert unit.get("snmpPortInUse") == 0
    assert "TCP port 161" in unit.host.services["Snmp"].comment


def test_the_port_moves_at_the_restart(unit: Bench, listening: Listening) -> None:
    configure(unit)
    unit.set("snmpPort", 7161)
    assert listening.open == [("127.0.0.1", 161)]
    unit.restart("Snmp")
    assert listening.open == [("127.0.0.1", 7161)]
    assert unit.get("snmpPortInUse") == 7161
    unit.set("scmServiceCommandsStop", 10, (b"Snmp",))
    assert (listening.open, unit.get("snmpPortInUse")) == ([], 0)


def test_without_privileges_another_port_is_taken(unit: Bench, listening: Listening) -> None:
    listening.refuses[161] = errno.EACCES
    configure(unit)
    assert listening.open == [("127.0.0.1", 1161)]
    assert (unit.get("snmpPort"), unit.get("snmpPortInUse")) == (161, 1161)


def test_unprivileged_does_not_even_try(tmp_path: Any, listening: Listening) -> None:
    with running(tmp_path / "state", options=Options("::1", unprivileged=True)) as unit:
        configure(unit)
        assert listening.open == [("::1", 1161)]


def test_a_port_in_use_is_a_service_that_does_not_start(
    unit: Bench, listening: Listening
) -> None:
    listening.refuses[161] = errno.EADDRINUSE
    configure(unit)
    assert unit.get("scmServicesInfoExecState", (b"Snmp",)) == 300
    comment = unit.get("scmServicesInfoComment", (b"Snmp",))
    assert comment.startswith(b"port 161 at 127.0.0.1 can't be listened on")
    with pytest.raises(StartError):
        service(unit).start(service(unit).configured)


def test_requests_are_counted_over_a_restart_of_the_service(unit: Bench) -> None:
    add(unit, b"eva", USERS)
    configure(unit, may_write=1)
    get(unit)
    get(unit)
    ask(unit, request(Kind.GET_NEXT, oid("hocSystemName"), community=COMMUNITY))
    set_name(unit, b"one")
    unit.restart("Snmp")
    found = [unit.get(f"snmpStats{kind}Request") for kind in ("Get", "GetNext", "Set")]
    assert found == [2, 1, 1]
    assert unit.get("snmpInPkts") == 4


@pytest.mark.parametrize("name", [
    "snmpEnableSnmpV1", "snmpEnableSnmpV2", "snmpCommunityMayWrite", "snmpSnmpUser",
    "snmpCommunity"])
def test_only_an_admin_says_who_gets_in(unit: Bench, name: str) -> None:
    held = b"x" if name in ("snmpSnmpUser", "snmpCommunity") else 1
    with pytest.raises(NoAccess):
        unit.set(name, held, principal=USER)


@pytest.mark.parametrize(("least", "told"), [(0, 0), (300, 1), (400, 0)])
def test_min_severity(unit: Bench, least: int, told: int) -> None:
    configure(unit)
    unit.set("snmpMinSeverity", least)
    unit.texts()
    get(unit, community=b"guess")
    assert len(unit.texts("snmpRequestRefused")) == told


def test_the_engine_tells_who_it_is_and_goes_on_speaking_so_until_its_restart(
    unit: Bench
) -> None:
    before = unit.get("snmpEngineID")
    assert before == unit.unit.engine_id
    assert (unit.get("snmpEngineBoots"), unit.get("snmpEngineMaxMessageSize")) == (1, 65507)
    time = unit.get("snmpEngineTime")
    unit.wait(30)
    assert unit.get("snmpEngineTime") == time + 30
    for user in unit.rows("aaaUsersTable"):
        unit.set("aaaUsersRowStatus", DESTROY, user)
    unit.set("snmpOwnEngineId", bytes.fromhex("80007ed904") + b"own")
    assert unit.get("snmpEngineID") == before
    unit.restart("Snmp")
    assert unit.get("snmpEngineID") == bytes.fromhex("80007ed904") + b"own"


def test_what_no_application_takes_is_counted(unit: Bench) -> None:
    add(unit, b"eva", USERS)
    configure(unit)
    ask(unit, request(Kind.RESPONSE, oid("sysDescr"), community=COMMUNITY))
    assert unit.get("snmpUnknownPDUHandlers") == 1
