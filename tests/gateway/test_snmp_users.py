"""Which keys a user has for SNMPv3, and why one has none."""

from __future__ import annotations

import json

import pytest

from mibagent.errors import InconsistentValue, WrongValue
from mibagent.smi.syntax import Value
from mibagent.snmp.keys import HASHES, LEGACY, localized_key, privacy_key
from mibagent.snmp.users import User
from mibagent.snmp.vacm import Level
from mibgateway.services.snmp import SnmpService
from mibgateway.snmp_users import (
    AUTH,
    PRIV,
    Keeping,
    SnmpUsers,
    UserAuthProtocol,
    UserPrivProtocol,
    keys_of,
)
from tests.gateway.kit import Bench

CREATE_AND_GO = 4
PASSWORD, OTHER, COMMON = b"correct horse", b"battery staple", b"common words"
ELSEWHERE = bytes.fromhex("80007ed905ffeeddccbbaa9988")


def users(unit: Bench) -> SnmpUsers:
    service = unit.services[SnmpService.mib]
    assert isinstance(service, SnmpService)
    return service.users


def add(unit: Bench, name: bytes = b"eva", password: bytes = PASSWORD, **columns: Value) -> None:
    more = [("aaaUsers" + column, (name,), value) for column, value in columns.items()]
    unit.change(("aaaUsersRowStatus", (name,), CREATE_AND_GO),
                *([("aaaUsersPassword", (name,), password)] if password else []), *more)


def user(unit: Bench, name: bytes = b"eva") -> User:
    found = users(unit).user(name)
    assert found is not None
    return found


def has_keys(unit: Bench, found: User, auth: str, priv: str, password: bytes,
             priv_password: bytes) -> bool:
    engine = unit.unit.engine_id
    assert found.auth is not None and not found.unusable
    if found.auth.protocol != auth or found.auth.key != localized_key(auth, password, engine):
        return False
    if not priv:
        return found.priv is None
    key = privacy_key(auth, localized_key(auth, priv_password, engine), priv, engine)
    return found.priv is not None and (found.priv.protocol, found.priv.key) == (priv, key)


def test_a_password_alone_makes_a_user_of_the_units_algorithms(unit: Bench) -> None:
    add(unit)
    assert has_keys(unit, user(unit), "SHA-256", "AES-128", PASSWORD, PASSWORD)
    assert users(unit).user(b"tom") is None


@pytest.mark.parametrize("auth", [each for each in UserAuthProtocol if each >= 300])
@pytest.mark.parametrize("priv", [each for each in UserPrivProtocol if each not in (0, 50, 100)])
def test_each_user_may_have_its_own_algorithms(
    unit: Bench, auth: UserAuthProtocol, priv: UserPrivProtocol
) -> None:
    add(unit, AuthProtocol=int(auth), PrivProtocol=int(priv))
    assert has_keys(unit, user(unit), AUTH[auth], PRIV[priv], PASSWORD, PASSWORD)


def test_no_privacy_is_a_level_less(unit: Bench) -> None:
    add(unit, PrivProtocol=50)
    assert user(unit).level is Level.AUTH_NO_PRIV


def test_the_privacy_password_is_the_users_else_the_units_else_the_password(unit: Bench) -> None:
    add(unit)
    unit.set("snmpPrivPassword", COMMON)
    assert has_keys(unit, user(unit), "SHA-256", "AES-128", PASSWORD, PASSWORD)
    unit.restart("Snmp")
    assert has_keys(unit, user(unit), "SHA-256", "AES-128", PASSWORD, COMMON)
    unit.set("aaaUsersPrivPassword", OTHER, (b"eva",))
    assert has_keys(unit, user(unit), "SHA-256", "AES-128", PASSWORD, OTHER)
    unit.set("aaaUsersPrivPassword", b"", (b"eva",))
    assert has_keys(unit, user(unit), "SHA-256", "AES-128", PASSWORD, COMMON)
    unit.set("snmpPrivPassword", b"")
    unit.restart("Snmp")
    assert has_keys(unit, user(unit), "SHA-256", "AES-128", PASSWORD, PASSWORD)


def test_the_units_algorithms_change_later_without_a_password(unit: Bench) -> None:
    add(unit)
    unit.change(("snmpAuthProtocol", (), 600), ("snmpPrivProtocol", (), 600))
    assert has_keys(unit, user(unit), "SHA-256", "AES-128", PASSWORD, PASSWORD)
    unit.restart("Snmp")
    assert has_keys(unit, user(unit), "SHA-512", "AES-256-C", PASSWORD, PASSWORD)


@pytest.mark.parametrize(("password", "columns", "why"), [
    (b"1234567", {}, "its password is under 8 characters"),
    (b"", {}, "it has no password"),
    (PASSWORD, {"PrivPassword": b"short"}, "its privacy password is under 8 characters")])
def test_what_makes_no_keys_is_said(
    unit: Bench, password: bytes, columns: dict[str, Value], why: str
) -> None:
    add(unit, b"tom", password, **columns)
    assert user(unit, b"tom").unusable == why
    assert unit.texts("snmpUserUnusable") == [f"User tom has no SNMPv3: {why}."]
    unit.set("aaaUsersAccessRights", 200, (b"tom",))
    assert unit.texts("snmpUserUnusable") == []
    unit.restart("Snmp")
    assert unit.texts("snmpUserUnusable") == [f"User tom has no SNMPv3: {why}."]
    unit.change(("aaaUsersPassword", (b"tom",), OTHER), ("aaaUsersPrivPassword", (b"tom",), b""))
    assert user(unit, b"tom").unusable == "" and unit.texts("snmpUserUnusable") == []


def test_a_name_over_32_octets_is_no_user_of_snmp(unit: Bench) -> None:
    add(unit, b"e" * 33)
    assert "32 octets" in user(unit, b"e" * 33).unusable


@pytest.mark.parametrize("wish", [
    ("snmpAuthProtocol", (), 100), ("snmpAuthProtocol", (), 200), ("snmpPrivProtocol", (), 100),
    ("aaaUsersAuthProtocol", (b"eva",), 200), ("aaaUsersPrivProtocol", (b"eva",), 100)])
def test_legacy_algorithms_are_refused_until_they_are_allowed(
    unit: Bench, wish: tuple[str, tuple[bytes, ...], int]
) -> None:
    add(unit)
    with pytest.raises(InconsistentValue, match=r"unless Snmp\.AllowLegacyAlgorithms") as refused:
        unit.change(wish)
    assert refused.value.name == wish[0]
    unit.change(wish, ("snmpAllowLegacyAlgorithms", (), 1))
    with pytest.raises(InconsistentValue, match="is refused") as refused:
        unit.set("snmpAllowLegacyAlgorithms", 0)
    assert ("of the user eva" in refused.value.why) == bool(wish[1])


def test_allowing_legacy_algorithms_names_who_has_to_set_the_password_again(unit: Bench) -> None:
    add(unit)
    unit.change(("snmpAllowLegacyAlgorithms", (), 1), ("snmpAuthProtocol", (), 200))
    add(unit, b"tom")
    unit.restart("Snmp")
    assert unit.texts("snmpUserUnusable") == [
        "User eva has no SNMPv3: its password was set while SHA-1 was not allowed: set it again."]
    assert has_keys(unit, user(unit, b"tom"), "SHA", "AES-128", PASSWORD, PASSWORD)
    unit.change(("snmpAuthProtocol", (), 400))
    unit.restart("Snmp")
    assert unit.texts("snmpUserUnusable") == [
        "User eva has no SNMPv3: its password has to be set again before it can have MD5 or SHA-1."]
    unit.set("aaaUsersPassword", OTHER, (b"eva",))
    assert has_keys(unit, user(unit), "SHA-256", "AES-128", OTHER, OTHER)


def test_legacy_keys_do_not_work_once_they_are_forbidden_again(unit: Bench) -> None:
    unit.change(("snmpAllowLegacyAlgorithms", (), 1), ("snmpPrivProtocol", (), 100))
    unit.restart("Snmp")
    add(unit)
    assert has_keys(unit, user(unit), "SHA-256", "DES", PASSWORD, PASSWORD)
    unit.change(("snmpAllowLegacyAlgorithms", (), 0), ("snmpPrivProtocol", (), 200))
    unit.restart("Snmp")
    assert has_keys(unit, user(unit), "SHA-256", "AES-128", PASSWORD, PASSWORD)


def test_keys_are_those_of_every_allowed_hash_and_the_password_is_nowhere() -> None:
    kept = keys_of(PASSWORD, ELSEWHERE)
    assert set(kept["keys"]) == set(HASHES) - LEGACY and "masters" not in kept
    legacy = keys_of(PASSWORD, ELSEWHERE, Keeping(tuple(HASHES)))
    assert set(legacy["keys"]) == set(HASHES)
    assert PASSWORD.decode() not in json.dumps(legacy) and PASSWORD.hex() not in json.dumps(legacy)


def test_a_new_engine_id_is_refused_while_it_orphans_keys(unit: Bench) -> None:
    add(unit)
    add(unit, b"tom", b"")
    with pytest.raises(InconsistentValue, match=r"orphaned: set these passwords anew.*: eva$"):
        unit.set("snmpOwnEngineId", ELSEWHERE)
    unit.change(("snmpOwnEngineId", (), ELSEWHERE), ("aaaUsersPassword", (b"eva",), OTHER))
    assert "another engine ID" in user(unit).unusable       # until the agent runs with it
    unit.restart("Snmp")
    assert unit.unit.engine_id == ELSEWHERE
    assert has_keys(unit, user(unit), "SHA-256", "AES-128", OTHER, OTHER)
    with pytest.raises(InconsistentValue, match="orphaned"):
        unit.set("snmpOwnEngineId", b"")
    unit.set("snmpPrivPassword", COMMON)
    with pytest.raises(InconsistentValue, match=r"eva, Snmp\.PrivPassword"):
        unit.set("snmpOwnEngineId", b"")


@pytest.mark.parametrize("octets", [bytes(5), b"\xff" * 8, b"\0\0\x7e\xd9\1abc"])
def test_what_is_no_engine_id_is_refused(unit: Bench, octets: bytes) -> None:
    """RFC 3411 section 5, SnmpEngineID."""
    with pytest.raises(WrongValue, match="no engine ID"):
        unit.set("snmpOwnEngineId", octets)


def has_no_keys_there(users: SnmpUsers) -> bool:
    """Whether no inform can be protected, and it says what to do."""
    found = users.user_at(b"eva", ELSEWHERE)
    return found is not None and found.auth is None and "KeepInformKeys" in found.unusable


def test_keys_for_other_engines_are_made_only_of_what_was_kept_for_it(unit: Bench) -> None:
    add(unit)
    assert has_no_keys_there(users(unit))
    unit.set("snmpKeepInformKeys", 1)
    assert has_no_keys_there(users(unit))
    unit.set("aaaUsersPassword", OTHER, (b"eva",))
    found = users(unit).user_at(b"eva", ELSEWHERE)
    assert found is not None and found.auth is not None and found.priv is not None
    key = localized_key("SHA-256", OTHER, ELSEWHERE)
    assert found.auth.key == key and found.priv.key == key[:16]
    assert found.engine_id == ELSEWHERE
    unit.set("aaaUsersPrivPassword", COMMON, (b"eva",))
    found = users(unit).user_at(b"eva", ELSEWHERE)
    assert found is not None and found.priv is not None
    assert found.priv.key == localized_key("SHA-256", COMMON, ELSEWHERE)[:16]
    unit.set("snmpKeepInformKeys", 0)
    unit.set("aaaUsersPassword", PASSWORD, (b"eva",))
    assert has_no_keys_there(users(unit))


def test_a_suspended_or_removed_user_is_nobody_at_once(unit: Bench) -> None:
    add(unit)
    assert users(unit).user(b"eva") is not None
    unit.set("aaaUsersRowStatus", 2, (b"eva",))
    assert users(unit).user(b"eva") is None
    unit.set("aaaUsersRowStatus", 1, (b"eva",))
    assert users(unit).user(b"eva") is not None
    unit.set("aaaUsersRowStatus", 6, (b"eva",))
    assert users(unit).user(b"eva") is None
