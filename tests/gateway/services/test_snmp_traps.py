"""Notifications to managers: the door, the tables behind it, and what goes out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from mibagent.errors import NotWritable, WrongValue
from mibagent.smi.oid import Oid
from mibagent.smi.syntax import Value
from mibagent.snmp.ber import (
    OBJECT_IDENTIFIER,
    decode_integer,
    decode_oid,
    decode_value,
    read_expected,
)
from mibagent.snmp.message import V1, read_message, read_version
from mibagent.snmp.pdu import Kind, read_pdu
from mibagent.snmp.targets import UDP_DOMAIN, UDP_IPV6
from tests.gateway.kit import SCALAR, Bench, Port, model
from tests.gateway.kit import bench as running

COLD, WARM, REFUSED = ((1, 3, 6, 1, 6, 3, 1, 1, 5, number) for number in (1, 2, 5))
ROOT = (1, 3, 6, 1, 4, 1, 32473, 1)
GO, SUSPEND, DESTROY = 4, 2, 6
A = (b"a",)


class Heard(NamedTuple):
    """One notification as a receiver has it."""

    to: tuple[str, int]
    version: int
    community: bytes
    kind: Kind
    number: int
    identity: Oid
    values: list[tuple[Oid, Value]]


def read(octets: bytes, to: tuple[str, int]) -> Heard:
    version, at = read_version(octets)
    message = read_message(octets, version, at)
    kind = Kind(message.tag)
    if version == V1:
        start, stop = read_expected(octets, message.start, len(octets), OBJECT_IDENTIFIER)
        return Heard(to, version, message.community, kind, 0, decode_oid(octets[start:stop]), [])
    pdu = read_pdu(kind, octets, message.start, len(octets))
    values = [(decode_oid(each.name), decode_value(each.tag, each.content))
              for each in pdu.varbinds]
    assert values[0][0] == (1, 3, 6, 1, 2, 1, 1, 3, 0)
    identity = values[1][1]
    assert isinstance(identity, tuple)
    return Heard(to, version, message.community, kind, decode_integer(pdu.request_id), identity,
                 values[2:])


def sockets(unit: Bench) -> list[Port]:
    return [port for port in unit.reactor.ports
            if port.kind == "udp" and type(port.given).__name__ == "_Answers"]


def heard(unit: Bench) -> list[Heard]:
    """Give what went out, and forget it."""
    found = [read(octets, to) for port in sockets(unit) for octets, to in port.written]
    for port in sockets(unit):
        port.written.clear()
    return found


def of(found: list[Heard], *identities: Oid) -> list[Heard]:
    return [each for each in found if each.identity in identities]


def door(dest: bytes = b"192.0.2.1", **more: Value) -> dict[tuple[str, Any], Value]:
    given = {"snmpTrapDest": dest, "snmpEnableTrap": 1, **more}
    return {(name, SCALAR): value for name, value in given.items()}


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Bench]:
    with running(tmp_path / "state", before=door()) as unit:
        yield unit


def say(unit: Bench, text: str = "one") -> None:
    unit.unit.notifier.issue("nlmTest", {"nlmSendTestNotificationText": text},
                             {"nlmSendTestNotificationTable": 3})


TEST = (*ROOT, 1100, 0, 900)


# -- the door


def test_up_to_five_receivers_are_sent_the_start_and_all_that_follows(tmp_path: Path) -> None:
    dest = b"192.0.2.1, 192.0.2.2:9162,[2001:db8::3]:163,192.0.2.4,2001:db8::5"
    with running(tmp_path / "state", before=door(dest)) as unit:
        found = heard(unit)
        places = [("192.0.2.1", 162), ("192.0.2.2", 9162), ("192.0.2.4", 162),
                  ("2001:db8::3", 163), ("2001:db8::5", 162)]
        assert sorted(each.to for each in of(found, COLD)) == places
        assert next(each.identity for each in found if each.to == places[0]) == COLD
        say(unit)
        assert sorted(each.to for each in of(heard(unit), TEST)) == places


@pytest.mark.parametrize("dest", [
    b"a,b,c,d,e,f", b"192.0.2.1,,192.0.2.2", b",", b"192.0.2.1:99999", b"no one", b"[::1"])
def test_what_names_no_receivers_is_refused(unit: Bench, dest: bytes) -> None:
    with pytest.raises(WrongValue) as refused:
        unit.set("snmpTrapDest", dest)
    assert (refused.value.name, bool(refused.value.why)) == ("snmpTrapDest", True)


def test_each_receiver_has_a_row_of_the_extension_that_bounds_nothing(unit: Bench) -> None:
    assert unit.rows("snmpTargetAddrExtTable") == unit.rows("snmpTargetAddrTable") != []
    (index,) = unit.rows("snmpTargetAddrExtTable")
    assert unit.get("snmpTargetAddrTMask", index) == b""
    assert unit.get("snmpTargetAddrMMS", index) == 0
    unit.set("snmpEnableTrap", 0)
    unit.restart("Snmp")
    assert unit.rows("snmpTargetAddrExtTable") == []


def test_nothing_is_sent_until_it_is_enabled(tmp_path: Path) -> None:
    with running(tmp_path / "state", before=door(snmpEnableTrap=0)) as unit:
        say(unit)
        assert sockets(unit) == []
        assert unit.rows("snmpTargetAddrTable") == []
        unit.set("snmpEnableTrap", 1)
        unit.restart("Snmp")
        say(unit, "two")
        assert [each.values[0][1] for each in of(heard(unit), TEST)] == [b"two"]
        unit.set("snmpEnableTrap", 0)
        assert unit.get("snmpNeedRestartInfo") == 100
        unit.restart("Snmp")
        assert (sockets(unit), unit.rows("snmpTargetAddrTable")) == ([], [])


def test_a_new_unit_sends_nothing(tmp_path: Path) -> None:
    with running(tmp_path / "state") as unit:
        assert (unit.get("snmpEnableTrap"), unit.get("snmpTrapDest")) == (0, b"")
        say(unit)
        assert sockets(unit) == []


@pytest.mark.parametrize(("version", "wire", "kind"), [
    (0, 1, Kind.TRAP), (100, 0, Kind.TRAP_V1), (200, 1, Kind.TRAP)])
def test_each_version_is_sent_as_its_own(
    tmp_path: Path, version: int, wire: int, kind: Kind
) -> None:
    with running(tmp_path / "state", before=door(snmpTrapDestVersion=version)) as unit:
        heard(unit)
        say(unit)
        (found,) = heard(unit)
        assert (found.version, found.kind) == (wire, kind)


def test_the_community_is_that_of_the_door(tmp_path: Path) -> None:
    with running(tmp_path / "state", before=door(snmpTrapDestCommunity=b"a word")) as unit:
        assert {each.community for each in heard(unit)} == {b"a word"}
        assert unit.get("snmpTrapDestCommunity") == b""


def test_by_default_the_community_is_not_the_one_that_lets_in(tmp_path: Path) -> None:
    before = {**door(), ("snmpCommunity", SCALAR): b"lets in", ("snmpEnableSnmpV2", SCALAR): 1}
    with running(tmp_path / "state", before=before) as unit:
        assert {each.community for each in heard(unit)} == {b"public"}


def test_a_user_makes_it_version_3(tmp_path: Path) -> None:
    with running(tmp_path / "state", before=door(snmpTrapDestUser=b"eva")) as unit:
        assert unit.get("snmpTargetParamsMPModel", (b"trapDest",)) == 3
        assert unit.get("snmpTargetParamsSecurityModel", (b"trapDest",)) == 3
        assert unit.get("snmpTargetParamsSecurityName", (b"trapDest",)) == b"eva"
        assert unit.get("snmpTargetParamsSecurityLevel", (b"trapDest",)) == 3


def test_a_user_that_is_not_there_is_told_nothing_and_the_log_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with running(tmp_path / "state", before=door(snmpTrapDestUser=b"nobody")) as unit:
        for _ in range(5):
            say(unit)
        assert heard(unit) == []
    told = [record.getMessage() for record in caplog.records if "nobody" in record.getMessage()]
    assert len(told) == 1
    assert "notify view" in told[0]


def test_the_start_says_who_is_told_and_how(tmp_path: Path) -> None:
    with running(tmp_path / "state",
                 before=door(b"192.0.2.1,nms.example.com:99", snmpTrapDestInform=1)) as unit:
        said = [line.split() for line in unit.said if line.split()[0] == "traps"]
        assert said == [["traps", "to", "192.0.2.1:162", "v2c", "informs"],
                        ["traps", "to", "nms.example.com:99", "v2c", "informs"]]


# -- names


def test_a_name_is_looked_up_and_the_start_waits_for_it(tmp_path: Path) -> None:
    with running(tmp_path / "state", before=door(b"nms.example.com")) as unit:
        resolver: Any = unit.reactor.nameResolver
        assert resolver.asked == ["nms.example.com"]
        assert heard(unit) == []
        resolver.names["nms.example.com"] = ["192.0.2.77"]
        unit.wait(5)
        say(unit)
        found = heard(unit)
        assert {each.to for each in found} == {("192.0.2.77", 162)}
        assert [each.identity for each in found] == [TEST]    # the others were of before


def test_what_is_issued_while_names_are_looked_up_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr("tests.gateway.kit.Resolver.resolveHostName",
                        lambda self, receiver, name, *_, **__: asked.append(receiver))
    with running(tmp_path / "state", before=door(b"nms.example.com,192.0.2.1")) as unit:
        say(unit)
        assert heard(unit) == []
        asked[0].resolutionComplete()
        found = heard(unit)
        assert {each.to for each in found} == {("192.0.2.1", 162)}
        assert (found[0].identity, found[-1].identity) == (COLD, TEST)


def test_one_without_an_address_is_skipped_and_tried_again(tmp_path: Path) -> None:
    with running(tmp_path / "state", before=door(b"gone.example.com,192.0.2.1")) as unit:
        resolver: Any = unit.reactor.nameResolver
        assert {each.to for each in heard(unit)} == {("192.0.2.1", 162)}
        assert unit.rows("snmpTargetAddrTable") == [(b"trapDest2",)]
        unit.wait(5)
        unit.wait(10)
        assert resolver.asked == ["gone.example.com"] * 3
        resolver.names["gone.example.com"] = ["192.0.2.9"]
        unit.wait(20)
        say(unit)
        assert {each.to for each in of(heard(unit), TEST)} == {
            ("192.0.2.1", 162), ("192.0.2.9", 162)}


def test_a_name_that_moves_is_followed(tmp_path: Path) -> None:
    with running(tmp_path / "state", before=door(b"nms.example.com")) as unit:
        resolver: Any = unit.reactor.nameResolver
        for addresses, expected in ((["192.0.2.1"], "192.0.2.1"),
                                    (["192.0.2.2", "192.0.2.1"], "192.0.2.1"),
                                    ([], "192.0.2.1"), (["192.0.2.3"], "192.0.2.3")):
            resolver.names["nms.example.com"] = addresses
            unit.wait(300)
            heard(unit)
            say(unit)
            assert [each.to for each in heard(unit)] == [(expected, 162)]


def test_a_stopped_service_looks_nobody_up(tmp_path: Path) -> None:
    with running(tmp_path / "state", before=door(b"gone.example.com")) as unit:
        resolver: Any = unit.reactor.nameResolver
        unit.set("scmServiceCommandsStop", 10, (b"Snmp",))
        unit.wait(4000)
        assert resolver.asked == ["gone.example.com"]


# -- the tables behind it


def test_the_door_is_rows_that_nobody_writes(unit: Bench) -> None:
    assert unit.rows("snmpTargetAddrTable") == [(b"trapDest1",)]
    row = {name: unit.get("snmpTargetAddr" + name, (b"trapDest1",)) for name in (
        "TDomain", "TAddress", "TagList", "Params", "StorageType", "RowStatus")}
    assert row == {"TDomain": UDP_DOMAIN, "TAddress": bytes((192, 0, 2, 1, 0, 162)),
                   "TagList": b"trapDest", "Params": b"trapDest", "StorageType": 5, "RowStatus": 1}
    for name, index, value in (("snmpTargetAddrRetryCount", b"trapDest1", 1),
                               ("snmpTargetParamsRowStatus", b"trapDest", DESTROY),
                               ("snmpNotifyType", b"trapDest", 2)):
        with pytest.raises(NotWritable):
            unit.set(name, value, (index,))


def test_a_row_of_that_name_stays_what_it_is(tmp_path: Path) -> None:
    with running(tmp_path / "state") as unit:
        unit.change(("snmpNotifyRowStatus", (b"trapDest",), GO),
                    ("snmpNotifyTag", (b"trapDest",), b"mine"))
        unit.change(*((name, index, value) for (name, index), value in door().items()))
        unit.restart("Snmp")
        assert sorted(unit.rows("snmpNotifyTable")) == [(b"trapDest",), (b"trapDest_",)]
        assert unit.get("snmpNotifyTag", (b"trapDest",)) == b"mine"
        heard(unit)
        say(unit)
        assert len(heard(unit)) == 1


def own(unit: Bench, **columns: Value) -> None:
    """Make a target of an Admin's own."""
    unit.change(
        ("snmpTargetParamsRowStatus", A, GO), ("snmpTargetParamsMPModel", A, 1),
        ("snmpTargetParamsSecurityModel", A, 2), ("snmpTargetParamsSecurityName", A, b"nms"),
        ("snmpTargetParamsSecurityLevel", A, 1))
    unit.change(
        ("snmpTargetAddrRowStatus", A, GO), ("snmpTargetAddrTDomain", A, UDP_IPV6),
        ("snmpTargetAddrTAddress", A, bytes(15) + b"\1\0\xa2"),
        ("snmpTargetAddrTagList", A, b"mine"), ("snmpTargetAddrParams", A, b"a"),
        *(("snmpTargetAddr" + name, A, value) for name, value in columns.items()))
    unit.change(("snmpNotifyRowStatus", A, GO), ("snmpNotifyTag", A, b"mine"))


def may_see(unit: Bench) -> None:
    """Let the security name nms see everything in notifications."""
    unit.change(("vacmSecurityToGroupStatus", (2, b"nms"), GO),
                ("vacmGroupName", (2, b"nms"), b"theirs"))
    access = (b"theirs", b"", 2, 1)
    unit.change(("vacmAccessStatus", access, GO), ("vacmAccessNotifyViewName", access, b"all"))


def test_rows_of_an_admins_own_are_sent_to_at_once_where_their_view_shows_it(unit: Bench) -> None:
    own(unit)
    heard(unit)
    say(unit)
    assert {each.to for each in heard(unit)} == {("192.0.2.1", 162)}
    may_see(unit)
    say(unit)
    found = {each.to: each for each in heard(unit)}
    assert set(found) == {("192.0.2.1", 162), ("::1", 162)}
    unit.set("snmpTargetAddrRowStatus", SUSPEND, A)
    say(unit)
    assert {each.to for each in heard(unit)} == {("192.0.2.1", 162)}


def test_the_community_of_a_security_name_is_in_its_table_and_else_the_name(unit: Bench) -> None:
    own(unit)
    may_see(unit)
    heard(unit)
    say(unit)
    assert {each.to[0]: each.community for each in heard(unit)} == {
        "192.0.2.1": b"public", "::1": b"nms"}
    unit.change(("snmpCommunityStatus", A, GO), ("snmpCommunityName", A, b"a word"),
                ("snmpCommunitySecurityName", A, b"nms"))
    say(unit)
    assert {each.to[0]: each.community for each in heard(unit)} == {
        "192.0.2.1": b"public", "::1": b"a word"}


def test_a_filter_of_an_admins_own_keeps_back(unit: Bench) -> None:
    own(unit)
    may_see(unit)
    unit.change(("snmpNotifyFilterProfileRowStatus", A, GO),
                ("snmpNotifyFilterProfileName", A, b"some"))
    index: Any = (b"some", (*ROOT, 1400))
    unit.set("snmpNotifyFilterRowStatus", GO, index)
    heard(unit)
    say(unit)
    unit.unit.notifier.issue("sipEpGatewayReady", {"sipEpGatewayStatusName": "default"})
    found = [each.identity for each in heard(unit) if each.to[0] == "::1"]
    assert found == [(*ROOT, 1400, 0, 323)]


# -- informs


def answer(port: Port, octets: bytes, to: tuple[str, int]) -> None:
    port.given.datagramReceived(octets.replace(b"\xa6", b"\xa2", 1), to)


def test_an_inform_is_sent_again_until_it_is_answered(tmp_path: Path) -> None:
    with running(tmp_path / "state", before=door(snmpTrapDestInform=1)) as unit:
        (port,) = sockets(unit)
        assert [(read(*each).kind, read(*each).identity) for each in port.written] == [
            (Kind.INFORM, COLD)]
        assert port.is_reading
        unit.wait(5)
        first, again = port.written
        assert first == again
        answered = 1
        while answered < len(port.written):
            answer(port, *port.written[answered])
            answered += 1
        assert unit.get("snmpStatsInformsSent") == unit.get("snmpStatsInformsAcknowledged") > 5
        assert (unit.get("snmpInformsWaiting"), unit.get("snmpStatsInformsFailed")) == (0, 0)
        assert not port.is_reading
        unit.wait(1000)
        assert len(port.written) == answered


def test_a_dead_receiver_costs_little_and_is_told(tmp_path: Path) -> None:
    with running(tmp_path / "state", before=door(snmpTrapDestInform=1)) as unit:
        for number in range(300):
            say(unit, str(number))
        assert unit.get("snmpInformsWaiting") == 1 + 64
        for _ in range(4):
            unit.wait(5)
        assert unit.get("snmpStatsInformsFailed") == 1
        assert unit.get("snmpStatsNotificationsDropped") > 200
        unit.restart("Snmp")
        # what is issued when the service stops and starts goes on to wait
        assert unit.get("snmpInformsWaiting") <= 8


def test_a_silent_receiver_is_trouble_until_it_answers(tmp_path: Path) -> None:
    with running(tmp_path / "state", before=door(snmpTrapDestInform=1)) as unit:
        (port,) = sockets(unit)
        for _ in range(4):
            unit.wait(5)
        assert unit.active() == ["192.0.2.1:162 does not answer SNMP informs."]
        assert unit.texts("snmpReceiverSilent") == unit.active()
        unit.wait(5)
        answer(port, *port.written[-1])
        assert unit.active() == []
        assert unit.texts("snmpReceiverAnswers") == ["192.0.2.1:162 answers SNMP informs again."]


def test_a_silent_receiver_that_is_no_destination_any_more_is_no_trouble(tmp_path: Path) -> None:
    with running(tmp_path / "state", before=door(snmpTrapDestInform=1)) as unit:
        for _ in range(4):
            unit.wait(5)
        assert len(unit.active()) == 1
        unit.set("snmpTrapDest", b"192.0.2.2")
        unit.restart("Snmp")
        assert unit.active() == []


# -- what is sent


def test_objects_are_sent_with_their_instances_and_types(unit: Bench) -> None:
    heard(unit)
    unit.unit.notifier.issue("sipEpTlsConnectionReady", {
        "sipEpTlsPersistentConnectionStatusRemoteHost": "h:1",
        "sipEpTlsPersistentConnectionStatusGateway": "default",
        "sipEpGatewayStatusName": "default"}, {"sipEpTlsPersistentConnectionStatusTable": 4})
    (found,) = heard(unit)
    assert found.identity == (*ROOT, 1400, 0, 303)
    host = model()["sipEpTlsPersistentConnectionStatusRemoteHost"]
    name = model()["sipEpGatewayStatusName"]
    assert found.values[0] == (host.instance_oid((4,)), b"h:1")
    assert found.values[2] == (name.instance_oid((b"default",)), b"default")


def test_every_notification_of_the_unit_can_be_sent(unit: Bench) -> None:
    for node in model().notifications.values():
        heard(unit)
        rows: dict[str, Any] = {}
        for name in node.objects:
            table = model()[name].table
            if table is not None:
                rows[table.name] = tuple(
                    1 if part.base.is_number else b"x" for part in table.index_syntaxes)
        if node.service:
            unit.set(model().services[node.service].name[0].lower()
                     + node.service[1:] + "MinSeverity", 100)
        unit.unit.notifier.issue(node.name, {}, rows)
        found = of(heard(unit), node.oid)
        assert len(found) == 1, node.name
        homes = {name: model()[name].table for name in node.objects}
        assert [name for name, _ in found[0].values] == [
            model()[name].instance_oid(() if table is None else rows[table.name])
            for name, table in homes.items()]


def test_one_whose_key_fits_no_identifier_is_counted_and_harms_nothing(unit: Bench) -> None:
    before = unit.get("snmpStatsNotificationsDropped")
    unit.unit.notifier.issue("scmServiceStarted", {"scmServicesInfoName": "x" * 255})
    assert unit.get("snmpStatsNotificationsDropped") == before + 1
    heard(unit)
    say(unit)
    assert len(heard(unit)) == 1


def test_a_unit_that_restarts_says_so_and_a_service_does_not(unit: Bench) -> None:
    assert len(of(heard(unit), COLD)) == 1
    unit.restart("Snmp")
    assert of(heard(unit), COLD, WARM) == []
    unit.run("scmRestartUnitTable", {})
    unit.wait(5)
    found = of(heard(unit), COLD, WARM)
    assert [each.identity for each in found] == [WARM]


def test_a_refused_request_is_told_unless_it_is_switched_off(unit: Bench) -> None:
    refuse: Any = unit.services["MIBGATE-SNMP-MIB"]
    heard(unit)
    refuse._tell_refused(("192.0.2.7", 1), "no such community")
    assert [each.identity for each in heard(unit)] == [REFUSED, (*ROOT, 900, 0, 300)]
    unit.set("snmpEnableAuthenTraps", 2)
    refuse._tell_refused(("192.0.2.7", 1), "no such community")
    assert [each.identity for each in heard(unit)] == [(*ROOT, 900, 0, 300)]


def test_strangers_make_only_so_many(unit: Bench) -> None:
    refuse: Any = unit.services["MIBGATE-SNMP-MIB"]
    heard(unit)
    for _ in range(100):
        refuse._tell_refused(("192.0.2.7", 1), "no such community")
    assert len(of(heard(unit), REFUSED)) == 10


def test_a_storm_is_bounded_at_once(unit: Bench) -> None:
    unit.set("snmpMaxTrapRate", 10)
    before = unit.get("snmpStatsNotificationsDropped")
    heard(unit)
    for number in range(10_000):
        say(unit, str(number))
    assert len(heard(unit)) == 50
    assert unit.get("snmpStatsNotificationsDropped") == before + 9950
    unit.set("snmpMaxTrapRate", 0)
    for number in range(1000):
        say(unit, str(number))
    assert len(heard(unit)) == 1000


def test_what_is_sent_is_counted(unit: Bench) -> None:
    before = unit.get("snmpStatsTrapsSent")
    assert before == unit.get("snmpOutTraps") > 0
    say(unit)
    assert unit.get("snmpStatsTrapsSent") == before + 1
    assert unit.get("snmpOutPkts") >= before + 1


def test_the_rules_of_nlm_say_what_goes_to_managers(unit: Bench) -> None:
    unit.set("nlmEventsCriteria", b"All.E", (3,))
    heard(unit)
    say(unit)
    assert heard(unit) == []
    unit.unit.notifier.issue("warmStart")
    assert [each.identity for each in heard(unit)] == [WARM]


def test_it_goes_from_an_address_that_receivers_see(tmp_path: Path) -> None:
    from mibgateway.unit import Options
    with running(tmp_path / "a", before=door(), options=Options("192.0.2.50")) as unit:
        assert [port.host for port in sockets(unit)] == ["192.0.2.50"]
    with running(tmp_path / "b", before=door(), options=Options("127.0.0.1")) as unit:
        assert [port.host for port in sockets(unit)] == ["0.0.0.0"]
