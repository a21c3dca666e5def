"""Views of communities and users: what follows from rights, and what Admins make beside it."""

from __future__ import annotations

from typing import Any

import pytest

from mibagent.errors import NoAccess, NotWritable, WrongValue
from mibagent.smi.oid import Oid
from mibagent.smi.syntax import Base
from mibagent.snmp.pdu import Kind
from mibagent.snmp.source import Grant
from mibagent.snmp.vacm import EVERYTHING, Level
from mibagent.store.access import Principal, Rights
from mibgateway.services.snmp import SnmpService
from mibgateway.snmp_users import OWN_KEY_CHANGES
from tests.agent.snmp.fakes import request, response, set_request, value
from tests.gateway.kit import SCALAR, USER, Bench, model

ADMIN, USERS, OBSERVER = 100, 200, 300
CREATE_AND_GO, DESTROY, ACTIVE, READ_ONLY, NON_VOLATILE = 4, 6, 1, 5, 3
USM, V2C = 3, 2
PEER = ("192.0.2.1", 40000)
HOST = PEER[0]


@pytest.fixture(autouse=True)
def no_port(monkeypatch: pytest.MonkeyPatch) -> None:
    class Opened:
        def stopListening(self) -> None:
            pass

    monkeypatch.setattr("mibgateway.services.snmp.listen", lambda *_: Opened())


def service(unit: Bench) -> SnmpService:
    found = unit.services[SnmpService.mib]
    assert isinstance(found, SnmpService)
    return found


def add(unit: Bench, name: bytes, rights: int) -> None:
    unit.change(("aaaUsersRowStatus", (name,), CREATE_AND_GO),
                ("aaaUsersAccessRights", (name,), rights))


def open_v2c(unit: Bench, user: bytes = b"eva", may_write: int = 0) -> None:
    unit.change(("snmpEnableSnmpV2", SCALAR, 1), ("snmpCommunity", SCALAR, b"word"),
                ("snmpSnmpUser", SCALAR, user), ("snmpCommunityMayWrite", SCALAR, may_write))
    unit.restart("Snmp")


def group(unit: Bench, model_number: int, name: bytes, group_name: bytes) -> None:
    index = (model_number, name)
    unit.change(("vacmSecurityToGroupStatus", index, CREATE_AND_GO),
                ("vacmGroupName", index, group_name))


def access(unit: Bench, *index: Any, read: bytes = b"", write: bytes = b"") -> None:
    unit.change(("vacmAccessStatus", index, CREATE_AND_GO),
                ("vacmAccessReadViewName", index, read),
                ("vacmAccessWriteViewName", index, write))


def made_community(unit: Bench, index: bytes, word: bytes) -> None:
    unit.change(("snmpCommunityStatus", (index,), CREATE_AND_GO),
                ("snmpCommunityName", (index,), word),
                ("snmpCommunitySecurityName", (index,), index))
    group(unit, V2C, index, b"observer")


def family(unit: Bench, name: bytes, subtree: Oid, kind: int = 1) -> None:
    index = (name, subtree)
    unit.change(("vacmViewTreeFamilyStatus", index, CREATE_AND_GO),
                ("vacmViewTreeFamilyType", index, kind))


def oid(name: str) -> Oid:
    return (*model().objects[name].oid, 0)


def user(unit: Bench, name: bytes, level: int = Level.AUTH_PRIV) -> Grant:
    found = service(unit).access.judge_user(name, level, b"", HOST)
    assert found is not None
    return found


def get(unit: Bench, name: str) -> tuple[int, int]:
    """error-status and the tag of what was read, by v2c."""
    answer = service(unit).engine.answer(
        request(Kind.GET, oid(name), community=b"word"), PEER, lambda _: None)
    assert answer is not None
    found = response(answer)
    return found.first, found.varbinds[0].tag


def set_name(unit: Bench, held: bytes) -> tuple[int, int]:
    sent: list[bytes] = []
    answer = service(unit).engine.answer(
        set_request((oid("hocSystemName"), value(Base.OCTETS, held)), community=b"word"),
        PEER, sent.append)
    unit.settle()
    found = response(answer or sent[0])
    return found.first, found.second


# -- what follows from rights


def test_a_user_of_snmpv3_has_the_views_of_its_rights(unit: Bench) -> None:
    for name, rights in ((b"ada", ADMIN), (b"ulf", USERS), (b"oda", OBSERVER)):
        add(unit, name, rights)
        found = user(unit, name, Level.AUTH_NO_PRIV)
        assert found.principal.rights == Rights(rights)
        assert found.read is found.notify is EVERYTHING
        assert found.write is not None
        writes = [found.write.shows(oid(each)) for each in (
            "hocSystemName", "hocClockSource", "snmpCommunity", "snmpCommunityMayWrite")]
        assert writes == {ADMIN: [True] * 4, USERS: [True, False, False, False],
                          OBSERVER: [False] * 4}[rights]


def test_without_authentication_a_user_sees_nothing(unit: Bench) -> None:
    add(unit, b"ada", ADMIN)
    found = user(unit, b"ada", Level.NO_AUTH_NO_PRIV)
    assert (found.read, found.write, found.notify) == (None, None, None)


def test_without_authentication_a_view_gives_no_more_than_a_community_may(unit: Bench) -> None:
    add(unit, b"ada", ADMIN)
    access(unit, b"admin", b"", USM, 1, read=b"all", write=b"all")
    assert user(unit, b"ada").principal == Principal("ada", Rights.ADMIN, "snmp", HOST, True)
    for may_write, rights in ((0, Rights.OBSERVER), (1, Rights.USER)):
        unit.set("snmpCommunityMayWrite", may_write)
        found = user(unit, b"ada", Level.NO_AUTH_NO_PRIV)
        assert found.read is EVERYTHING
        assert found.principal == Principal("ada", rights, "snmp", HOST)
    with pytest.raises(NoAccess):
        unit.set("hocClockSource", 100, principal=found.principal)


def test_nobody_has_no_view_and_there_is_one_context(unit: Bench) -> None:
    found = user(unit, b"tom")
    assert (found.read, found.write, found.notify) == (None, None, None)
    assert service(unit).access.judge_user(b"tom", 3, b"line", HOST) is None
    assert unit.rows("vacmContextTable") == [(b"",)]


def test_what_a_user_may_not_write_is_exactly_what_the_store_refuses(unit: Bench) -> None:
    add(unit, b"ulf", USERS)
    view = user(unit, b"ulf").write
    assert view is not None
    writable = [node for node in model().objects.values() if node.is_writable
                and unit.store.is_served(node.name)]
    assert len(writable) > 50
    for node in writable:
        guarded = (node.admin_only or node.syntax.secret) and node.name not in OWN_KEY_CHANGES
        assert view.covers(node.oid) is not guarded, node.name


def test_rows_that_follow_are_shown_and_cannot_be_written(unit: Bench) -> None:
    add(unit, b"eva", ADMIN)
    open_v2c(unit, may_write=1)
    assert unit.get("vacmGroupName", (USM, b"eva")) == b"admin"
    assert unit.get("vacmGroupName", (V2C, b"eva")) == b"user"
    assert unit.get("vacmSecurityToGroupStorageType", (USM, b"eva")) == READ_ONLY
    assert unit.get("vacmAccessReadViewName", (b"admin", b"", USM, 2)) == b"all"
    assert unit.get("vacmViewTreeFamilyType", (b"none", (1,))) == 2
    for name, index, held in (
            ("vacmGroupName", (USM, b"eva"), b"admin"),
            ("vacmSecurityToGroupStatus", (V2C, b"eva"), DESTROY),
            ("vacmAccessWriteViewName", (b"observer", b"", USM, 2), b"all"),
            ("vacmViewTreeFamilyStatus", (b"none", (1,)), DESTROY)):
        with pytest.raises(NotWritable):
            unit.set(name, held, index)


def test_rows_that_follow_come_and_go_with_users_and_rights(unit: Bench) -> None:
    add(unit, b"eva", USERS)
    assert unit.get("vacmGroupName", (USM, b"eva")) == b"user"
    unit.set("aaaUsersAccessRights", OBSERVER, (b"eva",))
    assert unit.get("vacmGroupName", (USM, b"eva")) == b"observer"
    open_v2c(unit)
    unit.set("aaaUsersRowStatus", DESTROY, (b"eva",))
    assert not [index for index in unit.rows("vacmSecurityToGroupTable") if b"eva" in index]


# -- rows that an Admin makes


def test_only_an_admin_makes_views(unit: Bench) -> None:
    for name, index, held in (
            ("vacmSecurityToGroupStatus", (USM, b"tom"), CREATE_AND_GO),
            ("vacmAccessStatus", (b"own", b"", USM, 2), CREATE_AND_GO),
            ("vacmViewTreeFamilyStatus", (b"own", (1, 3)), CREATE_AND_GO),
            ("vacmViewSpinLock", (), 0)):
        with pytest.raises(NoAccess):
            unit.set(name, held, index, principal=USER)


def test_an_admins_row_narrows_from_the_next_datagram(unit: Bench) -> None:
    """A better match for the group of those who read: its own view in place of all."""
    add(unit, b"eva", OBSERVER)
    open_v2c(unit)
    assert [get(unit, "hocSystemName") for _ in range(3)] == [(0, 4)] * 3
    family(unit, b"all", model().objects["hocSystemName"].oid, 2)
    assert get(unit, "hocSystemName") == (0, 0x80)
    assert get(unit, "hocSystemContact") == (0, 4)
    unit.set("vacmViewTreeFamilyStatus", DESTROY, (b"all", model().objects["hocSystemName"].oid))
    assert get(unit, "hocSystemName") == (0, 4)


def test_a_more_protected_entry_is_preferred(unit: Bench) -> None:
    add(unit, b"oda", OBSERVER)
    family(unit, b"own", (1, 3, 6, 1, 2, 1, 1))
    access(unit, b"observer", b"", USM, 3, read=b"own")
    assert user(unit, b"oda", Level.AUTH_NO_PRIV).read is EVERYTHING
    read = user(unit, b"oda", Level.AUTH_PRIV).read
    assert read is not None
    assert [read.shows(oid(name)) for name in ("sysDescr", "hocSystemName")] == [True, False]
    assert unit.get("vacmAccessStorageType", (b"observer", b"", USM, 3)) == NON_VOLATILE


def test_no_row_gives_more_than_the_users_rights(unit: Bench) -> None:
    add(unit, b"oda", OBSERVER)
    access(unit, b"observer", b"", USM, 3, read=b"all", write=b"all")
    assert user(unit, b"oda").write is EVERYTHING
    assert user(unit, b"oda").principal.rights is Rights.OBSERVER
    with pytest.raises(NoAccess):
        unit.set("hocSystemName", b"x", principal=user(unit, b"oda").principal)


def test_no_row_lets_a_community_write(unit: Bench) -> None:
    add(unit, b"eva", ADMIN)
    open_v2c(unit)
    family(unit, b"none", model().objects["hocSystemName"].oid)
    assert set_name(unit, b"x") == (6, 1)
    unit.set("snmpCommunityMayWrite", 1)
    assert set_name(unit, b"y") == (0, 0)


def test_an_entry_with_a_view_that_is_not_there_gives_nothing(unit: Bench) -> None:
    add(unit, b"oda", OBSERVER)
    access(unit, b"observer", b"", USM, 3, read=b"lost", write=b"all")
    assert user(unit, b"oda").read is None


def test_a_row_that_was_made_stays_behind_one_that_follows(unit: Bench) -> None:
    group(unit, USM, b"eva", b"admin")
    add(unit, b"eva", OBSERVER)
    assert unit.get("vacmGroupName", (USM, b"eva")) == b"observer"
    found = user(unit, b"eva").write
    assert found is not None
    assert not found.shows(oid("hocSystemName"))


def test_a_name_too_long_for_the_tables_has_its_rights_all_the_same(unit: Bench) -> None:
    name = b"x" * 40
    add(unit, name, USERS)
    assert not [index for index in unit.rows("vacmSecurityToGroupTable") if name in index]
    assert user(unit, name).read is EVERYTHING


def test_what_is_remembered_of_askers_is_bounded(unit: Bench) -> None:
    add(unit, b"eva", OBSERVER)
    open_v2c(unit)
    control: Any = service(unit).access
    for number in range(3000):
        control.judge(1, b"word", f"192.0.{number // 250}.{number % 250}")
        control.judge(1, b"guess %d" % number, HOST)
    assert len(control._judged) <= 256


# -- from where


def ask(unit: Bench, host: str, community: bytes = b"word") -> bytes | None:
    return service(unit).engine.answer(
        request(Kind.GET, oid("hocSystemName"), community=community), (host, 40000),
        lambda _: None)


def test_only_hosts_of_the_source_networks_are_answered_from_the_next_datagram(
    unit: Bench
) -> None:
    add(unit, b"eva", OBSERVER)
    open_v2c(unit)
    for _ in range(3):
        assert ask(unit, "198.51.100.7") is not None
    unit.set("snmpSourceNetworks", b"192.0.2.0/24, 2001:db8::/32")
    assert ask(unit, "198.51.100.7") is None
    assert ask(unit, "192.0.2.9") is not None
    assert ask(unit, "::ffff:192.0.2.9") is not None
    assert ask(unit, "2001:db8::9%eth0") is not None
    assert unit.get("snmpStatsRefusedSources") == 1
    unit.set("snmpSourceNetworks", b"")
    assert ask(unit, "198.51.100.7") is not None


@pytest.mark.parametrize(("name", "index"), [
    ("snmpSourceNetworks", ()), ("aaaUsersSourceNetworks", (b"eva",))])
def test_networks_that_cannot_be_read_are_refused(
    unit: Bench, name: str, index: tuple[bytes, ...]
) -> None:
    add(unit, b"eva", OBSERVER)
    for bad in (b"localhost", b"192.0.2.1/24", b"192.0.2.0/24,"):
        with pytest.raises(WrongValue, match="network"):
            unit.set(name, bad, index)
    with pytest.raises(NoAccess):
        unit.set(name, b"192.0.2.0/24", index, principal=USER)


def test_a_user_asks_from_its_own_networks_alone(unit: Bench) -> None:
    add(unit, b"eva", OBSERVER)
    open_v2c(unit)
    assert ask(unit, HOST) is not None
    unit.set("aaaUsersSourceNetworks", b"198.51.100.0/24", (b"eva",))
    assert ask(unit, HOST) is None
    assert ask(unit, "198.51.100.1") is not None
    control = service(unit).access
    at_home = control.judge_user(b"eva", Level.AUTH_PRIV, b"", "198.51.100.1")
    away = control.judge_user(b"eva", Level.AUTH_PRIV, b"", HOST)
    assert at_home is not None and at_home.read is EVERYTHING
    assert away is not None and (away.read, away.write, away.notify) == (None, None, None)


def test_who_guesses_too_often_is_not_told_when_he_is_right(unit: Bench) -> None:
    add(unit, b"eva", OBSERVER)
    open_v2c(unit)
    for number in range(30):
        assert ask(unit, "198.51.100.7", b"guess %d" % number) is None
    assert ask(unit, "198.51.100.7") is None
    assert ask(unit, HOST) is not None
    unit.wait(2)
    assert ask(unit, "198.51.100.7") is not None


def test_a_door_that_opens_again_is_open_at_once(unit: Bench) -> None:
    add(unit, b"eva", OBSERVER)
    open_v2c(unit)
    unit.set("aaaUsersSourceNetworks", b"198.51.100.0/24", (b"eva",))
    for _ in range(40):
        assert ask(unit, HOST) is None
    unit.set("aaaUsersSourceNetworks", b"", (b"eva",))
    assert ask(unit, HOST) is not None


def test_a_right_community_from_the_wrong_place_is_no_guess(unit: Bench) -> None:
    add(unit, b"eva", OBSERVER)
    open_v2c(unit)
    made_community(unit, b"other", b"another word")
    unit.set("aaaUsersSourceNetworks", b"198.51.100.0/24", (b"eva",))
    for _ in range(40):
        assert ask(unit, HOST) is None
    assert ask(unit, HOST, b"another word") is not None


@pytest.mark.parametrize("opening", ["community", "version", "row", "user"])
def test_who_was_wrong_is_heard_at_once_when_that_becomes_right(
    unit: Bench, opening: str
) -> None:
    add(unit, b"eva", OBSERVER)
    if opening != "version":
        open_v2c(unit, b"tom" if opening == "user" else b"eva")
    asked = {"row": b"another word", "community": b"a new word"}.get(opening, b"word")
    for _ in range(40):
        assert ask(unit, HOST, asked) is None
    if opening == "row":
        made_community(unit, b"other", asked)
    elif opening == "user":
        add(unit, b"tom", OBSERVER)
    elif opening == "version":
        open_v2c(unit)
    else:
        unit.set("snmpCommunity", asked)
        unit.restart("Snmp")
    assert ask(unit, HOST, asked) is not None


def test_a_new_password_forgives_no_guesses(unit: Bench) -> None:
    add(unit, b"eva", OBSERVER)
    open_v2c(unit)
    for number in range(40):
        ask(unit, HOST, b"guess %d" % number)
    unit.set("aaaUsersPassword", b"a long enough word", (b"eva",))
    assert ask(unit, HOST) is None


def test_who_is_known_stays_so_while_others_guess_in_its_name(unit: Bench) -> None:
    add(unit, b"eva", OBSERVER)
    open_v2c(unit)
    assert ask(unit, HOST) is not None
    for number in range(100):
        ask(unit, HOST, b"guess %d" % number)
    assert ask(unit, HOST) is not None
    assert set_name(unit, b"x") == (6, 1)       # one more that the fast path does not know


@pytest.mark.parametrize(("times", "most"), [(1, 1), (3, 3), (50, 50)])
def test_an_answer_is_at_most_so_many_times_the_request(
    unit: Bench, times: int, most: int
) -> None:
    add(unit, b"eva", OBSERVER)
    open_v2c(unit)
    unit.set("snmpMaxAmplification", times)
    engine = service(unit).engine
    for kind, second in ((Kind.GET_BULK, 2000), (Kind.GET_NEXT, 0), (Kind.GET, 0)):
        octets = request(kind, oid("sysDescr"), community=b"word", second=second)
        answers = [engine.answer(octets, PEER, lambda _: None) for _ in range(3)]
        assert len(set(answers)) == 1
        assert answers[0] is not None
        assert len(answers[0]) <= most * len(octets)
        if kind is Kind.GET_BULK and times > 1:
            assert len(answers[0]) > (most - 2) * len(octets)
    unit.set("snmpMaxAmplification", 0)
    octets = request(Kind.GET_BULK, oid("sysDescr"), community=b"word", second=2000)
    answer = engine.answer(octets, PEER, lambda _: None)
    assert answer is not None
    assert len(answer) > 60 * len(octets)
