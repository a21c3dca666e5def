"""SNMP-TARGET-MIB and SNMP-NOTIFICATION-MIB over a store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mibagent.errors import (
    InconsistentValue,
    NoAccess,
    NotWritable,
    Refused,
    ResourceUnavailable,
    WrongValue,
)
from mibagent.model.cache import load_model
from mibagent.model.nodes import MibModel
from mibagent.model.places import mib_folders
from mibagent.service.host import ServiceHost
from mibagent.smi.syntax import Value
from mibagent.snmp.counters import Counters
from mibagent.snmp.target_mib import MOST_ROWS, NotificationGroup, TargetGroup, targets_in
from mibagent.snmp.targets import UDP_DOMAIN, UDP_IPV6, Address, Kind
from mibagent.store.store import ParameterStore
from tests.agent.store.kit import ACTIVE, DESTROY, GO, SUSPEND, USER, WAIT, Rig

PLACE = bytes((192, 0, 2, 1, 0, 162))
A = (b"a",)


class Unit:
    def __init__(self, model: MibModel, store: ParameterStore) -> None:
        self.model, self.store = model, store
        self.counted = Counters()
        self.counters: Callable[[], Counters] = lambda: self.counted


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path, load_model(mib_folders()))
    rig.unit_of = Unit(rig.model, rig.store)  # type: ignore[attr-defined]
    ServiceHost(rig.store, [TargetGroup(rig.unit_of),  # type: ignore[attr-defined]
                            NotificationGroup(rig.unit_of)])  # type: ignore[attr-defined]
    yield rig
    rig.journal.close()


def address(rig: Rig, name: bytes = b"a", status: int = GO, **columns: Value) -> None:
    given = {"TDomain": UDP_DOMAIN, "TAddress": PLACE, "TagList": b"x y", "Params": b"p",
             "RowStatus": status, **columns}
    rig.change(*(("snmpTargetAddr" + key, value, (name,)) for key, value in given.items()))


def params(rig: Rig, name: bytes = b"p", **columns: Value) -> None:
    given = {"MPModel": 1, "SecurityModel": 2, "SecurityName": b"s", "SecurityLevel": 1,
             "RowStatus": GO, **columns}
    rig.change(*(("snmpTargetParams" + key, value, (name,)) for key, value in given.items()))


def notify(rig: Rig, name: bytes = b"n", **columns: Value) -> None:
    given = {"Tag": b"x", "RowStatus": GO, **columns}
    rig.change(*(("snmpNotify" + key, value, (name,)) for key, value in given.items()))


def all_three(rig: Rig) -> None:
    params(rig)
    address(rig)
    notify(rig)


def names(rig: Rig) -> list[tuple[bytes, Kind]]:
    return [(each.target.name, each.kind) for each in targets_in(rig.store).recipients]


# -- the tables say who


def test_three_rows_make_a_recipient(rig: Rig) -> None:
    all_three(rig)
    (found,) = targets_in(rig.store).recipients
    assert (found.target.name, found.kind, found.filter) == (b"a", Kind.TRAP, None)
    assert found.target.address == Address("192.0.2.1", 162)
    assert (found.target.timeout_s, found.target.retries) == (15.0, 3)
    made = found.target.params
    assert (made.message_model, made.security_model, made.security_name, made.level) == \
        (1, 2, b"s", 1)


@pytest.mark.parametrize(("row", "status"), [
    ("snmpTargetAddrRowStatus", SUSPEND), ("snmpTargetAddrRowStatus", DESTROY),
    ("snmpTargetParamsRowStatus", SUSPEND), ("snmpTargetParamsRowStatus", DESTROY),
    ("snmpNotifyRowStatus", SUSPEND), ("snmpNotifyRowStatus", DESTROY)])
def test_a_row_out_of_service_is_nobody(rig: Rig, row: str, status: int) -> None:
    all_three(rig)
    key = {"A": b"a", "P": b"p", "o": b"n"}[row[10] if row.startswith("snmpT") else "o"]
    rig.change((row, status, (key,)))
    assert names(rig) == []


def test_a_row_that_is_not_ready_is_nobody(rig: Rig) -> None:
    params(rig)
    notify(rig)
    rig.change(("snmpTargetAddrRowStatus", WAIT, A), ("snmpTargetAddrTagList", b"x", A))
    assert rig.store.get("snmpTargetAddrRowStatus", A) == 3
    assert names(rig) == []
    rig.change(("snmpTargetAddrTDomain", UDP_IPV6, A), ("snmpTargetAddrParams", b"p", A),
               ("snmpTargetAddrTAddress", bytes(15) + b"\1\0\xa2", A))
    rig.change(("snmpTargetAddrRowStatus", ACTIVE, A))
    assert [each.target.address for each in targets_in(rig.store).recipients] == \
        [Address("::1", 162)]


def test_informs_and_times_are_those_of_the_rows(rig: Rig) -> None:
    params(rig)
    address(rig, Timeout=250, RetryCount=7)
    notify(rig, Type=2)
    (found,) = targets_in(rig.store).recipients
    assert (found.kind, found.target.timeout_s, found.target.retries) == (Kind.INFORM, 2.5, 7)


def test_no_timeout_is_so_short_that_nothing_else_is_done(rig: Rig) -> None:
    params(rig)
    address(rig, Timeout=0)
    notify(rig)
    assert targets_in(rig.store).recipients[0].target.timeout_s == 0.1


def test_rows_that_follow_from_parameters_count_too(rig: Rig) -> None:
    params(rig)
    notify(rig)
    rig.store.follow("snmpTargetAddrTable").add("door", {
        "snmpTargetAddrTDomain": UDP_DOMAIN, "snmpTargetAddrTAddress": PLACE,
        "snmpTargetAddrTagList": b"x", "snmpTargetAddrParams": b"p",
        "snmpTargetAddrStorageType": 5, "snmpTargetAddrRowStatus": 1})
    assert names(rig) == [(b"door", Kind.TRAP)]
    refusal = rig.refusal(("snmpTargetAddrRetryCount", 1, (b"door",)))
    assert isinstance(refusal, NotWritable)


EVENT = (1, 3, 6, 1, 4, 1, 32473, 1, 1400, 0, 303)


def family(rig: Rig, subtree: tuple[int, ...], kind: int, mask: bytes = b"") -> None:
    index: Any = (b"f", subtree)
    rig.change(("snmpNotifyFilterRowStatus", GO, index), ("snmpNotifyFilterType", kind, index),
               ("snmpNotifyFilterMask", mask, index))


def test_a_filter_is_found_by_its_profile(rig: Rig) -> None:
    all_three(rig)
    rig.change(("snmpNotifyFilterProfileRowStatus", GO, (b"p",)),
               ("snmpNotifyFilterProfileName", b"f", (b"p",)))
    (found,) = targets_in(rig.store).recipients
    assert found.filter is not None and not found.filter.passes(EVENT, ())
    family(rig, EVENT[:7], 1)
    family(rig, (*EVENT[:8], 1, 0, 303), 2, b"\xff\x7f")
    (found,) = targets_in(rig.store).recipients
    assert found.filter is not None
    assert found.filter.passes((*EVENT[:-1], 310), ())
    assert not found.filter.passes(EVENT, ())
    assert rig.store.get("snmpNotifyFilterMask", (b"f", (*EVENT[:8], 1, 0, 303))) == b"\xff\x7f"


# -- what the tables refuse


@pytest.mark.parametrize(("name", "value"), [
    ("snmpTargetAddrTDomain", UDP_IPV6), ("snmpTargetAddrTAddress", PLACE[:-1] + b"\x01")])
def test_an_active_address_does_not_move(rig: Rig, name: str, value: Value) -> None:
    all_three(rig)
    wishes = [(name, value, A)]
    if name.endswith("TDomain"):
        wishes.append(("snmpTargetAddrTAddress", bytes(18)[:-1] + b"\x01", A))
    refusal = rig.refusal(*wishes)
    assert isinstance(refusal, InconsistentValue)
    assert "active" in refusal.why
    rig.change(("snmpTargetAddrRowStatus", SUSPEND, A), *wishes)
    rig.change(("snmpTargetAddrRowStatus", ACTIVE, A))
    assert rig.store.get(name, A) == value


@pytest.mark.parametrize(("name", "value"), [
    ("MPModel", 0), ("SecurityModel", 1), ("SecurityName", b"other"), ("SecurityLevel", 3)])
def test_active_params_do_not_change(rig: Rig, name: str, value: Value) -> None:
    params(rig)
    refusal = rig.refusal(("snmpTargetParams" + name, value, (b"p",)))
    assert isinstance(refusal, InconsistentValue)
    rig.change(("snmpTargetParamsRowStatus", SUSPEND, (b"p",)))
    rig.change(("snmpTargetParams" + name, value, (b"p",)))
    rig.change(("snmpTargetParamsRowStatus", ACTIVE, (b"p",)))


def test_the_same_value_again_is_no_change(rig: Rig) -> None:
    all_three(rig)
    rig.change(("snmpTargetAddrTAddress", PLACE, A), ("snmpTargetAddrRetryCount", 1, A))
    assert rig.store.get("snmpTargetAddrRetryCount", A) == 1


@pytest.mark.parametrize(("columns", "blamed"), [
    ({"TDomain": (1, 3, 6, 1, 6, 1, 2)}, "snmpTargetAddrTDomain"),
    ({"TAddress": PLACE[:4]}, "snmpTargetAddrTAddress"),
    ({"TAddress": PLACE[:4] + b"\0\0"}, "snmpTargetAddrTAddress"),
    ({"TagList": b"x  y"}, "snmpTargetAddrTagList"),
    ({"TagList": b" x"}, "snmpTargetAddrTagList")])
def test_what_cannot_be_sent_to_is_refused_and_named(
    rig: Rig, columns: dict[str, Any], blamed: str
) -> None:
    with pytest.raises(WrongValue) as refused:
        address(rig, **columns)
    assert refused.value.name == blamed


@pytest.mark.parametrize("status", [GO, WAIT])
def test_rows_are_bounded_those_out_of_service_too(rig: Rig, status: int) -> None:
    rig.change(*(("snmpNotifyRowStatus", status, (b"%d" % number,))
                 for number in range(MOST_ROWS)))
    refusal = rig.refusal(("snmpNotifyRowStatus", status, (b"one more",)))
    assert isinstance(refusal, ResourceUnavailable)
    assert (refusal.name, refusal.index) == ("snmpNotifyRowStatus", (b"one more",))
    rig.change(("snmpNotifyRowStatus", DESTROY, (b"0",)))
    rig.change(("snmpNotifyRowStatus", status, (b"one more",)))


def test_a_tag_has_no_blank_in_it(rig: Rig) -> None:
    with pytest.raises(WrongValue) as refused:
        notify(rig, Tag=b"x y")
    assert refused.value.name == "snmpNotifyTag"


@pytest.mark.parametrize("name", [
    "snmpTargetSpinLock", "snmpTargetAddrRetryCount", "snmpTargetParamsSecurityName",
    "snmpNotifyTag", "snmpNotifyFilterType", "snmpNotifyFilterProfileName"])
def test_only_an_admin_says_who_is_told(rig: Rig, name: str) -> None:
    assert rig.model[name].admin_only
    if name == "snmpTargetSpinLock":
        assert isinstance(rig.refusal((name, 0), who=USER), NoAccess)


def test_the_lock_is_one_for_managers_that_work_together(rig: Rig) -> None:
    rig.change(("snmpTargetSpinLock", 0))
    assert rig.store.get("snmpTargetSpinLock") == 1
    with pytest.raises(Refused) as refused:
        rig.change(("snmpTargetSpinLock", 0), ("snmpNotifyRowStatus", GO, (b"n",)))
    assert isinstance(refused.value, InconsistentValue)
    assert not rig.store.has_row(rig.model.tables["snmpNotifyTable"], (b"n",))


def test_contexts_are_counted_by_the_engine(rig: Rig) -> None:
    rig.unit_of.counted.unknown_contexts += 3  # type: ignore[attr-defined]
    assert rig.store.get("snmpUnknownContexts") == 3
    assert rig.store.get("snmpUnavailableContexts") == 0
