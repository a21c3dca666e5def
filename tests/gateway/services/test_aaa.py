"""Users: what is kept of a password, and who has to stay."""

from __future__ import annotations

import json

import pytest

from mibagent.errors import InconsistentValue, NoAccess
from mibagent.snmp.keys import localized_key
from mibgateway.services.aaa import AccessRights, is_password, kept_of
from tests.gateway.kit import USER, Bench, bench

ENGINE = bytes.fromhex("80007ed9051122334455667788")
CREATE_AND_GO, DESTROY, NOT_IN_SERVICE = 4, 6, 2


def add(unit: Bench, name: bytes, rights: int = 300, password: bytes = b"") -> None:
    unit.change(("aaaUsersRowStatus", (name,), CREATE_AND_GO),
                ("aaaUsersAccessRights", (name,), rights),
                *([("aaaUsersPassword", (name,), password)] if password else []))


def test_what_is_kept_knows_its_password_and_no_other() -> None:
    kept = kept_of(b"correct horse", ENGINE)
    assert is_password(kept, b"correct horse")
    assert not is_password(kept, b"correct horsf")
    assert not is_password(kept, b"")
    assert b"correct" not in kept


def test_two_users_with_one_password_cannot_be_told() -> None:
    assert json.loads(kept_of(b"12345678", ENGINE))["scrypt"] != \
        json.loads(kept_of(b"12345678", ENGINE))["scrypt"]


def test_an_empty_password_keeps_nothing_and_lets_nobody_in() -> None:
    assert kept_of(b"", ENGINE) == b""
    assert not is_password(b"", b"")
    assert not is_password(kept_of(b"12345678", ENGINE), b"")


def test_the_snmpv3_keys_of_every_allowed_protocol_are_there() -> None:
    keys = json.loads(kept_of(b"maplesyrup", ENGINE))["keys"]
    assert set(keys) == {"SHA-224", "SHA-256", "SHA-384", "SHA-512"}
    for protocol, key in keys.items():
        assert key == localized_key(protocol, b"maplesyrup", ENGINE).hex()


def test_under_8_octets_there_are_no_keys_but_a_login() -> None:
    kept = kept_of(b"1234567", ENGINE)
    assert json.loads(kept)["keys"] == {}
    assert is_password(kept, b"1234567")


def test_a_set_keeps_the_figure_and_not_the_password(unit: Bench) -> None:
    add(unit, b"eva", 100, b"correct horse")
    kept = unit.store.configured.cell("aaaUsersPassword", (b"eva",))
    assert isinstance(kept, bytes)
    assert is_password(kept, b"correct horse")
    assert json.loads(kept)["engine"] == unit.unit.engine_id.hex()
    assert unit.get("aaaUsersPassword", (b"eva",)) == b""
    assert "correct horse" not in repr(unit.store.audit())
    database = b"".join(path.read_bytes() for path in unit.unit.state.path.glob("unit.db*"))
    assert b"correct horse" not in database
    assert b"scrypt" not in database


def test_a_password_can_be_changed_and_taken_away(unit: Bench) -> None:
    add(unit, b"eva", 100, b"correct horse")
    unit.set("aaaUsersPassword", b"battery staple", (b"eva",))
    kept = unit.store.configured.cell("aaaUsersPassword", (b"eva",))
    assert is_password(kept, b"battery staple")  # type: ignore[arg-type]
    assert not is_password(kept, b"correct horse")  # type: ignore[arg-type]
    unit.set("aaaUsersPassword", b"", (b"eva",))
    assert unit.store.configured.cell("aaaUsersPassword", (b"eva",)) is None


def test_new_users_are_observers(unit: Bench) -> None:
    unit.set("aaaUsersRowStatus", CREATE_AND_GO, (b"eva",))
    assert unit.get("aaaUsersAccessRights", (b"eva",)) == AccessRights.OBSERVER
    assert unit.get("aaaUsersUserName", (b"eva",)) == b"eva"


@pytest.mark.parametrize("take", [
    ("aaaUsersRowStatus", DESTROY), ("aaaUsersRowStatus", NOT_IN_SERVICE),
    ("aaaUsersAccessRights", 200), ("aaaUsersAccessRights", 300)])
def test_the_last_admin_stays(unit: Bench, take: tuple[str, int]) -> None:
    add(unit, b"eva", 100)
    add(unit, b"tom", 200)
    with pytest.raises(InconsistentValue, match="the last Admin") as refused:
        unit.set(take[0], take[1], (b"eva",))
    assert (refused.value.name, refused.value.index) == (take[0], (b"eva",))
    assert unit.get("aaaUsersAccessRights", (b"eva",)) == AccessRights.ADMIN
    add(unit, b"pia", 100)
    unit.set(take[0], take[1], (b"eva",))


def test_the_office_may_change_hands_in_one_transaction(unit: Bench) -> None:
    add(unit, b"eva", 100)
    add(unit, b"tom", 200)
    unit.change(("aaaUsersAccessRights", (b"eva",), 300),
                ("aaaUsersAccessRights", (b"tom",), 100))
    assert unit.get("aaaUsersAccessRights", (b"tom",)) == AccessRights.ADMIN


@pytest.mark.parametrize(("name", "value"), [
    ("aaaUsersPassword", b"x"), ("aaaUsersAccessRights", 100), ("aaaUsersRowStatus", DESTROY)])
def test_only_an_admin_touches_users(unit: Bench, name: str, value: int | bytes) -> None:
    add(unit, b"eva", 100)
    with pytest.raises(NoAccess):
        unit.change((name, (b"eva",), value), principal=USER)


def test_the_figure_is_there_after_a_restart_of_the_process(tmp_path: object) -> None:
    path = tmp_path / "state"  # type: ignore[operator]
    with bench(path) as first:
        add(first, b"eva", 100, b"correct horse")
        engine_id = first.unit.engine_id
    with bench(path, starts=False) as second:
        kept = second.store.configured.cell("aaaUsersPassword", (b"eva",))
        assert is_password(kept, b"correct horse")  # type: ignore[arg-type]
        assert second.unit.engine_id == engine_id
