"""usmUserTable and Aaa's users are one set; keys are changed and cloned without a password."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from twisted.internet.defer import ensureDeferred

from mibagent.errors import (
    InconsistentName,
    InconsistentValue,
    Index,
    NoAccess,
    NoCreation,
    Refused,
    WrongLength,
    WrongValue,
)
from mibagent.smi.oid import Oid
from mibagent.snmp.auth import PROTOCOLS
from mibagent.snmp.keys import localized_key
from mibagent.snmp.users import User
from mibagent.store.access import Principal, Rights
from mibgateway.services.snmp import SnmpService
from mibgateway.snmp_users import AsConfigured, KeyRing
from tests.agent.snmp.test_keys import change_of
from tests.gateway.kit import Bench, model
from tests.gateway.kit import bench as running
from tests.gateway.test_snmp_users import OTHER, PASSWORD, add

ACTIVE, NOT_IN_SERVICE, CREATE_AND_GO, CREATE_AND_WAIT, DESTROY = 1, 2, 4, 5, 6
NEW = b"quite another one"
NO_PRIV: Oid = (1, 3, 6, 1, 6, 3, 10, 1, 2, 1)


def at(unit: Bench, name: bytes = b"eva") -> Index:
    return (unit.unit.engine_id, name)


def listed(unit: Bench) -> dict[bytes, object]:
    """Users of the standard table with their status."""
    return {index[1]: unit.get("usmUserStatus", index)      # type: ignore[misc]
            for index in unit.rows("usmUserTable")}


def user(unit: Bench, name: bytes = b"eva") -> User | None:
    service = unit.services[SnmpService.mib]
    assert isinstance(service, SnmpService)
    return service.users.user(name)


def keys(unit: Bench, name: bytes = b"eva") -> tuple[bytes, bytes]:
    found = user(unit, name)
    assert found is not None and found.auth is not None and found.priv is not None
    return found.auth.key, found.priv.key


def kul(unit: Bench, password: bytes) -> bytes:
    return localized_key("SHA-256", password, unit.unit.engine_id)


def pointer(unit: Bench, name: bytes = b"eva") -> Oid:
    return model()["usmUserSecurityName"].instance_oid(at(unit, name))


def clone(unit: Bench, name: bytes = b"copy", status: int = CREATE_AND_GO) -> None:
    unit.change(("usmUserStatus", at(unit, name), status),
                ("usmUserCloneFrom", at(unit, name), pointer(unit)))


def asker(name: str, rights: Rights) -> Principal:
    return Principal(name, rights, "snmp", "192.0.2.1", proven=True)


# -- one set of users


def test_every_user_with_keys_has_a_row_and_no_other(unit: Bench) -> None:
    assert listed(unit) == {}
    add(unit)
    add(unit, b"tom", b"short")
    add(unit, b"e" * 33)
    assert listed(unit) == {b"eva": ACTIVE}
    unit.set("aaaUsersPassword", OTHER, (b"tom",))
    assert listed(unit) == {b"eva": ACTIVE, b"tom": ACTIVE}
    unit.set("aaaUsersPassword", b"", (b"tom",))
    assert listed(unit) == {b"eva": ACTIVE}
    unit.set("aaaUsersRowStatus", DESTROY, (b"eva",))
    assert listed(unit) == {}


def test_a_row_says_what_the_user_has(unit: Bench) -> None:
    add(unit, AuthProtocol=600, PrivProtocol=600)
    index = at(unit)
    assert unit.get("usmUserSecurityName", index) == b"eva"
    assert unit.get("usmUserCloneFrom", index) == (0, 0)
    assert unit.get("usmUserAuthProtocol", index) == PROTOCOLS["SHA-512"]
    assert unit.get("usmUserPrivProtocol", index) == model().names["snmpAes256ReederProtocol"]
    for column in ("AuthKeyChange", "OwnAuthKeyChange", "PrivKeyChange", "OwnPrivKeyChange"):
        assert unit.get("usmUser" + column, index) == b""
    unit.set("aaaUsersPrivProtocol", 50, (b"eva",))
    assert unit.get("usmUserPrivProtocol", index) == NO_PRIV


def test_suspending_one_row_suspends_the_other(unit: Bench) -> None:
    add(unit)
    unit.set("usmUserStatus", NOT_IN_SERVICE, at(unit))
    assert unit.get("aaaUsersRowStatus", (b"eva",)) == NOT_IN_SERVICE and user(unit) is None
    unit.set("aaaUsersRowStatus", ACTIVE, (b"eva",))
    assert unit.get("usmUserStatus", at(unit)) == ACTIVE and user(unit) is not None


def test_destroying_the_row_destroys_the_user_but_never_the_last_admin(unit: Bench) -> None:
    add(unit)
    add(unit, b"root", AccessRights=100)
    unit.set("usmUserStatus", DESTROY, at(unit))
    assert unit.rows("aaaUsersTable") == [(b"root",)]
    with pytest.raises(InconsistentValue, match="the last Admin"):
        unit.set("usmUserStatus", DESTROY, at(unit, b"root"))


# -- clone-from


def test_a_clone_is_an_observer_with_the_same_keys_and_no_password(unit: Bench) -> None:
    add(unit, AccessRights=100, PrivPassword=OTHER)
    clone(unit)
    assert listed(unit) == {b"eva": ACTIVE, b"copy": ACTIVE}
    assert keys(unit, b"copy") == keys(unit)
    assert unit.get("aaaUsersAccessRights", (b"copy",)) == Rights.OBSERVER
    assert unit.store.configured.cell("aaaUsersPassword", (b"copy",)) is None
    unit.set("aaaUsersPassword", NEW, (b"eva",))
    assert keys(unit, b"copy")[0] == kul(unit, PASSWORD)


def test_a_clone_in_steps_is_ready_with_its_keys(unit: Bench) -> None:
    add(unit)
    index = at(unit, b"copy")
    unit.set("usmUserStatus", CREATE_AND_WAIT, index)
    assert unit.get("usmUserStatus", index) == 3 and user(unit, b"copy") is None
    with pytest.raises(InconsistentValue):
        unit.set("usmUserStatus", ACTIVE, index)
    unit.set("usmUserCloneFrom", pointer(unit), index)
    assert unit.get("usmUserStatus", index) == NOT_IN_SERVICE and user(unit, b"copy") is None
    unit.set("usmUserAuthKeyChange", change_of("SHA-256", kul(unit, PASSWORD), kul(unit, NEW)),
             index)
    unit.set("usmUserStatus", ACTIVE, index)
    assert keys(unit, b"copy") == (kul(unit, NEW), kul(unit, PASSWORD)[:16])


@pytest.mark.parametrize("name", [b"nobody", b"off"])
def test_a_clone_of_nobody_is_refused(unit: Bench, name: bytes) -> None:
    add(unit)
    add(unit, b"off")
    unit.set("usmUserStatus", NOT_IN_SERVICE, at(unit, b"off"))
    with pytest.raises(InconsistentName) as refused:
        unit.change(("usmUserStatus", at(unit, b"copy"), CREATE_AND_GO),
                    ("usmUserCloneFrom", at(unit, b"copy"), pointer(unit, name)))
    assert refused.value.name == "usmUserCloneFrom"
    with pytest.raises(InconsistentName):
        unit.change(("usmUserStatus", at(unit, b"copy"), CREATE_AND_GO),
                    ("usmUserCloneFrom", at(unit, b"copy"), (1, 3, 6, 1)))
    assert b"copy" not in listed(unit) and (b"copy",) not in unit.rows("aaaUsersTable")


def test_rows_of_other_engines_are_not_made_here(unit: Bench) -> None:
    with pytest.raises(NoCreation, match="KeepInformKeys"):
        unit.set("usmUserStatus", CREATE_AND_WAIT, (b"\x80\0\0\1\5x", b"eva"))


def test_a_clone_keeps_its_protocols_until_it_has_a_password(unit: Bench) -> None:
    add(unit)
    clone(unit)
    unit.change(("snmpAuthProtocol", (), 600), ("snmpPrivProtocol", (), 400))
    unit.restart("Snmp")
    assert keys(unit, b"copy") == (kul(unit, PASSWORD), kul(unit, PASSWORD)[:16])
    with pytest.raises(InconsistentValue, match="set its password, too"):
        unit.set("aaaUsersAuthProtocol", 600, (b"copy",))
    unit.change(("aaaUsersAuthProtocol", (b"copy",), 0), ("aaaUsersPrivProtocol", (b"copy",), 0),
                ("aaaUsersPassword", (b"copy",), NEW))
    assert keys(unit, b"copy")[0] == localized_key("SHA-512", NEW, unit.unit.engine_id)


# -- key changes


@pytest.mark.parametrize("column", ["usmUserAuthKeyChange", "usmUserPrivKeyChange"])
def test_a_key_change_moves_that_key_and_the_password_stays(unit: Bench, column: str) -> None:
    add(unit)
    kept = unit.store.configured.cell("aaaUsersPassword", (b"eva",))
    old, new = kul(unit, PASSWORD), kul(unit, NEW)
    if "Priv" in column:
        unit.set(column, change_of("SHA-256", old[:16], new[:16]), at(unit))
        assert keys(unit) == (old, new[:16])
    else:
        unit.set(column, change_of("SHA-256", old, new), at(unit))
        assert keys(unit) == (new, old[:16])
    assert unit.store.configured.cell("aaaUsersPassword", (b"eva",)) == kept
    assert column in repr(unit.store.audit(1))
    assert new.hex() not in repr(unit.store.audit())
    unit.set("aaaUsersPassword", OTHER, (b"eva",))
    assert keys(unit) == (kul(unit, OTHER), kul(unit, OTHER)[:16])


def test_both_keys_change_in_one_request_and_one_after_the_other(unit: Bench) -> None:
    add(unit)
    passwords = [PASSWORD, NEW, OTHER]
    for before, after in pairwise(passwords):
        old, new = kul(unit, before), kul(unit, after)
        unit.change(("usmUserAuthKeyChange", at(unit), change_of("SHA-256", old, new)),
                    ("usmUserPrivKeyChange", at(unit), change_of("SHA-256", old[:16], new[:16])),
                    ("usmUserPublic", at(unit), after[:8]))
        assert keys(unit) == (new, new[:16])
        assert unit.get("usmUserPublic", at(unit)) == after[:8]


@pytest.mark.parametrize("password", ["aaaUsersPassword", "aaaUsersPrivPassword"])
@pytest.mark.parametrize("column", ["usmUserAuthKeyChange", "usmUserPrivKeyChange"])
def test_a_key_change_beside_a_password_is_refused_and_nothing_changes(
    unit: Bench, column: str, password: str
) -> None:
    add(unit)
    before = keys(unit)
    octets = change_of("SHA-256", *(kul(unit, each)[:16 if "Priv" in column else 32]
                                    for each in (PASSWORD, NEW)))
    wishes = [(column, at(unit), octets), (password, (b"eva",), OTHER)]
    for several in (wishes, wishes[::-1]):
        with pytest.raises(InconsistentValue, match="one or the other") as refused:
            unit.change(*several)
        assert refused.value.name == column
        assert keys(unit) == before


def test_a_key_change_outlives_the_process(tmp_path: Path) -> None:
    unit = Bench(tmp_path / "state")
    add(unit)
    new = kul(unit, NEW)
    unit.set("usmUserAuthKeyChange", change_of("SHA-256", kul(unit, PASSWORD), new), at(unit))
    unit.stop()
    with running(tmp_path / "state", starts=False) as again:
        ring = KeyRing(again.store.configured, AsConfigured(again.store.configured), b"eva",
                       again.unit.engine_id)
        assert ring.auth_key() == new


@pytest.mark.parametrize("octets", [b"x", bytes(63), bytes(65), bytes(32)])
def test_a_key_change_of_another_length_is_refused(unit: Bench, octets: bytes) -> None:
    add(unit)
    with pytest.raises(WrongLength, match="64 octets"):
        unit.set("usmUserAuthKeyChange", octets, at(unit))
    assert keys(unit)[0] == kul(unit, PASSWORD)


@pytest.mark.parametrize("rights", list(Rights))
def test_everybody_changes_his_own_key_and_no_other(unit: Bench, rights: Rights) -> None:
    add(unit)
    add(unit, b"tom", AccessRights=int(rights))
    change = change_of("SHA-256", kul(unit, PASSWORD), kul(unit, NEW))
    with pytest.raises(NoAccess):
        unit.set("usmUserOwnAuthKeyChange", change, at(unit), principal=asker("tom", rights))
    unit.set("usmUserOwnAuthKeyChange", change, at(unit, b"tom"), principal=asker("tom", rights))
    assert keys(unit, b"tom")[0] == kul(unit, NEW) and keys(unit)[0] == kul(unit, PASSWORD)
    unit.set("usmUserOwnPrivKeyChange", change_of(
        "SHA-256", kul(unit, PASSWORD)[:16], kul(unit, OTHER)[:16]), at(unit, b"tom"),
        principal=asker("tom", rights))
    assert keys(unit, b"tom")[1] == kul(unit, OTHER)[:16]


def test_a_community_that_stands_for_a_user_changes_no_key_of_it(unit: Bench) -> None:
    """RFC 3414 section 5, usmUserOwnAuthKeyChange: noAccess to whoever is not of USM."""
    add(unit, AccessRights=100)
    unit.change(("snmpEnableSnmpV2", (), 1), ("snmpCommunity", (), b"word"),
                ("snmpSnmpUser", (), b"eva"), ("snmpCommunityMayWrite", (), 1))
    unit.restart("Snmp")
    service = unit.services[SnmpService.mib]
    assert isinstance(service, SnmpService)
    grant = service.access.judge(1, b"word", "192.0.2.1")
    assert grant is not None and grant.principal.name == "eva"
    before = keys(unit)
    for column in ("usmUserOwnAuthKeyChange", "usmUserOwnPrivKeyChange"):
        with pytest.raises(NoAccess):
            unit.set(column, bytes(64), at(unit), principal=grant.principal)
    assert keys(unit) == before
    mine = service.access.judge_user(b"eva", 3, b"", "192.0.2.1")
    assert mine is not None and mine.principal.proven


def test_keys_are_changed_after_cloning_and_those_for_privacy_where_there_is_any(
    unit: Bench
) -> None:
    """RFC 3414 section 5, usmUserPrivKeyChange: else inconsistentName, or nothing at all."""
    add(unit)
    index = at(unit, b"copy")
    unit.set("usmUserStatus", CREATE_AND_WAIT, index)
    for column in ("usmUserAuthKeyChange", "usmUserPrivKeyChange"):
        with pytest.raises(InconsistentName):
            unit.set(column, bytes(64), index)
    unit.set("usmUserCloneFrom", pointer(unit), index)
    unit.change(("usmUserPrivProtocol", index, NO_PRIV), ("usmUserStatus", index, ACTIVE))
    before = user(unit, b"copy")
    unit.set("usmUserPrivKeyChange", bytes(32), index)
    after = user(unit, b"copy")
    assert before is not None and after is not None and before.auth is not None
    assert after.priv is None and after.auth is not None and after.auth.key == before.auth.key


@pytest.mark.parametrize("rights", [Rights.USER, Rights.OBSERVER])
def test_only_an_admin_changes_the_keys_of_others(unit: Bench, rights: Rights) -> None:
    add(unit)
    for wish in (("usmUserAuthKeyChange", at(unit), bytes(64)),
                 ("usmUserStatus", at(unit), DESTROY), ("usmUserSpinLock", (), 0)):
        with pytest.raises(NoAccess):
            unit.change(wish, principal=asker("eva", rights))


def test_two_managers_that_change_a_key_at_once_are_told_by_the_spin_lock(unit: Bench) -> None:
    add(unit)
    change = change_of("SHA-256", kul(unit, PASSWORD), kul(unit, NEW))
    unit.change(("usmUserSpinLock", (), 0), ("usmUserAuthKeyChange", at(unit), change))
    with pytest.raises(InconsistentValue):
        unit.change(("usmUserSpinLock", (), 0), ("usmUserAuthKeyChange", at(unit), change))
    assert keys(unit)[0] == kul(unit, NEW)


def test_privacy_may_be_dropped_and_no_other_protocol_written(unit: Bench) -> None:
    add(unit)
    unit.set("usmUserAuthProtocol", PROTOCOLS["SHA-256"], at(unit))
    for column, value in (("usmUserAuthProtocol", PROTOCOLS["SHA-512"]),
                          ("usmUserAuthProtocol", (1, 3, 6, 1, 6, 3, 10, 1, 1, 1)),
                          ("usmUserPrivProtocol", (1, 3, 6, 1, 6, 3, 10, 1, 2, 2))):
        with pytest.raises(Refused):
            unit.set(column, value, at(unit))
    unit.set("usmUserPrivProtocol", NO_PRIV, at(unit))
    found = user(unit)
    assert found is not None and found.priv is None
    assert unit.get("aaaUsersPrivProtocol", (b"eva",)) == 50


@pytest.mark.parametrize("status", [CREATE_AND_GO, CREATE_AND_WAIT])
def test_the_protocols_of_a_clone_are_kept_or_dropped_whatever_its_state(
    unit: Bench, status: int
) -> None:
    add(unit)
    clone(unit, status=status)
    index = at(unit, b"copy")
    for column, value in (("usmUserAuthProtocol", PROTOCOLS["SHA-512"]),
                          ("usmUserAuthProtocol", (1, 3, 6, 1, 6, 3, 10, 1, 1, 1)),
                          ("usmUserPrivProtocol", (1, 3, 6, 1, 6, 3, 10, 1, 2, 2))):
        with pytest.raises(InconsistentValue):
            unit.set(column, value, index)
    for column in ("usmUserAuthProtocol", "usmUserPrivProtocol"):
        with pytest.raises(WrongValue):
            unit.set(column, (1, 3, 6, 1), index)
    unit.set("usmUserStatus", ACTIVE, index)
    assert keys(unit, b"copy") == keys(unit)
    unit.set("usmUserPrivProtocol", NO_PRIV, index)
    assert unit.get("usmUserPrivProtocol", index) == NO_PRIV
    found = user(unit, b"copy")
    assert found is not None and found.priv is None
    with pytest.raises(InconsistentValue):
        unit.set("usmUserPrivProtocol", (1, 3, 6, 1, 6, 3, 10, 1, 2, 4), index)


def test_a_row_that_has_no_keys_yet_takes_a_protocol_that_is_known(unit: Bench) -> None:
    add(unit)
    index = at(unit, b"copy")
    unit.set("usmUserStatus", CREATE_AND_WAIT, index)
    with pytest.raises(WrongValue):
        unit.set("usmUserPrivProtocol", (1, 3, 6, 1), index)
    unit.set("usmUserPrivProtocol", (1, 3, 6, 1, 6, 3, 10, 1, 2, 2), index)
    unit.set("usmUserCloneFrom", pointer(unit), index)
    unit.set("usmUserStatus", ACTIVE, index)
    assert keys(unit, b"copy") == keys(unit)


def test_rows_follow_a_new_engine_id(unit: Bench) -> None:
    add(unit)
    unit.change(("snmpOwnEngineId", (), b"\x80\0\x7e\xd9\5another1"),
                ("aaaUsersPassword", (b"eva",), NEW))
    assert unit.rows("usmUserTable") == [(b"\x80\0\x7e\xd9\5another1", b"eva")]


def test_a_state_that_became_another_unit_has_rows_of_its_own_engine(tmp_path: Path) -> None:
    with running(tmp_path / "state") as unit:
        add(unit)
        unit.unit.identity = replace(unit.unit.identity, engine_id="80007ed9056162636465666768")
        unit.result(ensureDeferred(unit.unit.keep_identity()))  # type: ignore[arg-type]
    with running(tmp_path / "state") as unit:
        assert unit.rows("usmUserTable") == [(b"\x80\0\x7e\xd9\5abcdefgh", b"eva")]
        found = user(unit)
        assert found is not None and "another engine ID" in found.unusable


def test_what_was_refused_is_counted(unit: Bench) -> None:
    for name in ("UnsupportedSecLevels", "NotInTimeWindows", "UnknownUserNames",
                 "UnknownEngineIDs", "WrongDigests", "DecryptionErrors"):
        assert unit.get("usmStats" + name) == 0
