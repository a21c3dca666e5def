"""What a test asks of a unit: values by any name, notifications, and a reset that is one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import ensureDeferred

from mibagent.store.rows import Status
from mibgateway.lab.door import Door
from mibgateway.services.aaa import is_password
from tests.gateway.kit import DEFAULT, Bench
from tests.gateway.kit import LOCAL as LOCAL_ADMIN
from tests.gateway.tls.pki import chain_pem, issue


@pytest.fixture
def door(unit: Bench) -> Door:
    return Door(unit.unit, lambda: pytest.fail("nobody asks"))


def ask(unit: Bench, door: Door, what: str, **about: object) -> Any:
    waited = ensureDeferred(door.answer({"do": what, **about}))  # type: ignore[arg-type]
    return unit.result(waited)


def got(unit: Bench, door: Door, what: str, **about: object) -> Any:
    answer = ask(unit, door, what, **about)
    assert "ok" in answer, answer
    return answer["ok"]


@pytest.mark.parametrize("name", [
    "SipEp.Gateway[Name=default].Type", 'sipEpGatewayType."default"',
    "MIBGATE-SIPEP-MIB::sipEpGatewayType.7.100.101.102.97.117.108.116"])
def test_a_value_has_many_names(unit: Bench, door: Door, name: str) -> None:
    assert got(unit, door, "get", name=name) == "trunkGateway"


def test_a_value_is_set_as_people_write_it(unit: Bench, door: Door) -> None:
    got(unit, door, "set", name="SipEp.TransportTlsVersion", value="tlsv13")
    assert unit.get("sipEpTransportTlsVersion") == 500


@pytest.mark.parametrize(("request_", "why"), [
    ({"do": "set", "name": "SipEp.TransportFailbackInterval", "value": "1"}, "5..3600"),
    ({"do": "set", "name": "sysDescr", "value": "x"}, "read-only"),
    ({"do": "get", "name": "sipEpGatewayType"}, "name the row"),
    ({"do": "get", "name": "SipEp.Gateway[Name=none].Type"}, "no such row"),
    ({"do": "get"}, "name"), ({"do": "set", "name": "sysName"}, "value"),
    ({"do": "table", "name": "sysName"}, "is no table"),
    ({"do": "restart-service", "name": "None"}, "no such service"),
    ({"do": "dance"}, "the laboratory knows"), ({}, "the laboratory knows")])
def test_what_cannot_be_done_is_said_and_breaks_nothing(
    unit: Bench, door: Door, request_: dict[str, str], why: str
) -> None:
    answer = unit.result(ensureDeferred(door.answer(request_)))  # type: ignore[arg-type]
    assert why in answer["no"]
    assert got(unit, door, "get", name="sysName") == ""


def test_a_table_is_rows_of_words(unit: Bench, door: Door) -> None:
    (row,) = got(unit, door, "table", name="SipEp.TransportConfig")
    assert (row[""], row["GatewayName"], row["UdpEnable"]) == ("default", "default", "enable")


def test_a_script_is_told_line_by_line(unit: Bench, door: Door) -> None:
    found = got(unit, door, "script", text="Hoc.SystemName=a\nHoc.Nothing=1\n")
    assert [each["line"] for each in found["failures"]] == [2]
    assert got(unit, door, "get", name="sysName.0") == "a"
    assert got(unit, door, "script", text="Hoc.SystemName=a\n)(")["failures"][0]["line"] == 2


def test_notifications_are_kept_and_numbered(unit: Bench, door: Door) -> None:
    got(unit, door, "script", text='Nlm.SendTestNotification Text="hello"')
    seen = got(unit, door, "notices")
    assert (seen[-1]["name"], seen[-1]["service"]) == ("nlmTest", "Nlm")
    assert "hello" in seen[-1]["text"]
    assert got(unit, door, "notices", since=seen[-1]["number"]) == []


# -- reset


def test_a_reset_undoes_scalars_rows_secrets_and_certificates(unit: Bench) -> None:
    unit.set("hocSystemName", b"before")
    unit.change(("aaaUsersRowStatus", (b"admin",), int(Status.CREATE_AND_GO)),
                ("aaaUsersAccessRights", (b"admin",), 100),
                ("aaaUsersPassword", (b"admin",), b"the first one"))
    door = Door(unit.unit, lambda: pytest.fail("nobody asks"))
    start = unit.store.snapshot()
    folder = unit.unit.state.path
    (folder / "ca.pem").write_bytes(chain_pem(issue("a CA", ca=True).certificate))
    got(unit, door, "script", text=(
        "Hoc.SystemName=after\n"
        "Aaa.Users[UserName=admin].Password=another-one\n"
        "Aaa.Users[UserName=eve].AccessRights=observer\n"
        "SipEp.Gateway[Name=second].Port=5070\n"
        "SipEp.Gateway[Name=default].Delete\n"
        "Nlm.Events[Index=1].Delete\n"
        f'Cert.Import Type=Other FileName=ca.pem Path="{folder / "ca.pem"}"\n'))
    assert {key[0] for key in unit.rows("certOthersCertificatesInfoTable")} == {b"ca.pem"}
    got(unit, door, "reset")
    after = unit.store.snapshot()
    assert after.scalars == start.scalars
    jobs = {name for name, table in unit.unit.model.tables.items() if table.is_job}
    assert {name: rows for name, rows in after.tables.items() if rows and name not in jobs} == \
        {name: rows for name, rows in start.tables.items() if rows}
    kept = unit.store.configured.cell("aaaUsersPassword", (b"admin",))
    assert is_password(kept, b"the first one")  # type: ignore[arg-type]
    assert unit.unit.vault.authorities() == ()


def test_a_reset_restarts_what_ran_with_other_settings(unit: Bench, door: Door) -> None:
    unit.set("sipEpTransportConfigTlsEnable", 1, DEFAULT)
    assert got(unit, door, "apply") == ["SipEp"]
    assert 5060 not in unit.reactor.listening("udp")
    assert got(unit, door, "reset") == ["SipEp"]
    assert 5060 in unit.reactor.listening("udp")
    assert unit.host.needing_restart() == []


def test_a_reset_starts_what_was_stopped(unit: Bench, door: Door) -> None:
    unit.set("scmServiceCommandsStop", 10, (b"SipEp",))
    unit.settle()
    assert got(unit, door, "reset") == ["SipEp"]
    assert 5060 in unit.reactor.listening("udp")


def test_a_reset_forgets_what_was_seen(unit: Bench, door: Door) -> None:
    got(unit, door, "script", text='Nlm.SendTestNotification Text="hello"')
    assert unit.rows("nlmLocalLogMessagesTable") != []
    got(unit, door, "reset")
    assert not any("hello" in row["Message"]
                   for row in got(unit, door, "table", name="nlmLocalLogMessagesTable"))
    assert "nlmTest" not in {each["name"] for each in got(unit, door, "notices")}


def test_a_reset_ends_the_wait_for_a_confirmation(unit: Bench, door: Door) -> None:
    with unit.store.begin(LOCAL_ADMIN) as transaction:
        transaction.set("hocSystemName", (), b"waits")
        transaction.prepare()
        unit.result(transaction.commit(60.0))  # type: ignore[arg-type]
    got(unit, door, "reset")
    got(unit, door, "set", name="Hoc.SystemName", value="waits")
    unit.wait(120)
    assert unit.get("hocSystemName") == b"waits"


def test_a_reset_of_what_is_as_it_was_restarts_nothing(unit: Bench, door: Door) -> None:
    assert got(unit, door, "reset") == []
    assert got(unit, door, "reset") == []


def test_a_closed_door_hears_nothing(unit: Bench, door: Door) -> None:
    door.close()
    unit.unit.notifier.issue("scmServicesNeedRestart", {"scmNotifiedServices": "SipEp"})
    assert got(unit, door, "notices") == []


def test_a_unit_without_somebody_who_delivers_keeps_its_notifications_all_the_same(
    unit: Bench, door: Door, tmp_path: Path
) -> None:
    unit.restart("Nlm")
    assert any("Service Nlm started" in row["Message"]
               for row in got(unit, door, "table", name="nlmLocalLogMessagesTable"))
