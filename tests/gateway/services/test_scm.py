"""Starting, stopping and restarting services; how the unit is."""

from __future__ import annotations

from pathlib import Path

import pytest

from mibagent.errors import InconsistentValue, NoCreation
from mibagent.service.host import ExecState
from mibagent.service.jobs import JobResult
from tests.gateway.kit import DEFAULT, SCALAR, USER, Bench, bench

SYSTEM = [b"Aaa", b"Cert", b"Conf", b"File", b"Hoc", b"Nlm", b"Scm"]
USERS = [b"Snmp", b"SipEp"]
TLS = "sipEpTransportTlsVersion"
YES, NO = 100, 0


def state(unit: Bench, name: bytes) -> int:
    found = unit.get("scmServicesInfoExecState", (name,))
    assert isinstance(found, int)
    return found


def test_every_service_has_its_row(unit: Bench) -> None:
    assert sorted(index[0] for index in unit.rows("scmServicesInfoTable")) == \
        sorted([*SYSTEM, *USERS])  # type: ignore[type-var]
    assert unit.get("scmServicesInfoId", (b"SipEp",)) == 1400
    assert unit.get("scmServicesInfoName", (b"SipEp",)) == b"SipEp"
    assert unit.get("scmServicesInfoClass", (b"SipEp",)) == 200
    assert unit.get("scmServicesInfoClass", (b"Scm",)) == 100
    assert {state(unit, name) for name in (*SYSTEM, *USERS)} == {ExecState.STARTED}


@pytest.mark.parametrize("name", [*SYSTEM, *USERS])
def test_every_service_can_be_restarted(unit: Bench, name: bytes) -> None:
    unit.texts()
    unit.restart(name.decode())
    assert state(unit, name) == ExecState.STARTED
    told = unit.texts("scmServiceStarted", "scmServiceStopped")
    assert told == [f"Service {name.decode()} stopped.", f"Service {name.decode()} started."]


@pytest.mark.parametrize("name", SYSTEM)
@pytest.mark.parametrize("command", ["Stop", "Start"])
def test_system_services_are_not_stopped(unit: Bench, name: bytes, command: str) -> None:
    with pytest.raises(InconsistentValue, match="restarted, not stopped") as refused:
        unit.set(f"scmServiceCommands{command}", 10, (name,))
    assert (refused.value.name, refused.value.index) == (f"scmServiceCommands{command}", (name,))
    assert state(unit, name) == ExecState.STARTED


@pytest.mark.parametrize("name", USERS)
def test_user_services_stop_and_start(unit: Bench, name: bytes) -> None:
    unit.set("scmServiceCommandsStop", 10, (name,), principal=USER)
    assert state(unit, name) == ExecState.STOPPED
    unit.set("scmServiceCommandsStart", 10, (name,), principal=USER)
    assert state(unit, name) == ExecState.STARTED


def test_a_stopped_sip_endpoint_has_no_port_and_no_light(unit: Bench) -> None:
    assert 5060 in unit.reactor.listening("udp")
    unit.set("scmServiceCommandsStop", 10, (b"SipEp",))
    assert 5060 not in unit.reactor.listening("udp")
    assert unit.get("scmReadyLed") == 0
    unit.set("scmServiceCommandsStart", 10, (b"SipEp",))
    assert unit.get("scmReadyLed") == 200


def test_commands_read_noop_and_noop_does_nothing(unit: Bench) -> None:
    unit.texts()
    unit.set("scmServiceCommandsRestart", 0, (b"SipEp",))
    unit.set("scmRestartRequiredServices", 0)
    assert unit.texts() == []
    unit.set("scmServiceCommandsRestart", 10, (b"SipEp",))
    assert unit.get("scmServiceCommandsRestart", (b"SipEp",)) == 0


def test_there_is_no_service_to_command_but_ours(unit: Bench) -> None:
    with pytest.raises(NoCreation):
        unit.set("scmServiceCommandsRestart", 10, (b"Web",))


# -- what waits for a restart


def test_need_of_a_restart_comes_and_goes_with_the_difference(unit: Bench) -> None:
    unit.texts()
    before = unit.get(TLS)
    unit.set(TLS, 500)
    assert unit.get("sipEpNeedRestartInfo") == YES
    assert unit.get("scmServicesInfoNeedRestart", (b"SipEp",)) == YES
    assert unit.get("scmAnyServiceNeedsRestart") == YES
    assert unit.texts() == ["Services that need to be restarted: SipEp."]
    unit.set(TLS, before)
    assert unit.get("sipEpNeedRestartInfo") == NO
    assert unit.get("scmAnyServiceNeedsRestart") == NO


def test_the_required_restart_is_of_those_that_need_it(unit: Bench) -> None:
    unit.set(TLS, 500)
    unit.texts()
    unit.set("scmRestartRequiredServices", 10, principal=USER)
    unit.settle()
    assert unit.texts("scmServiceStopped") == ["Service SipEp stopped."]
    assert unit.get("scmAnyServiceNeedsRestart") == NO


def test_change_and_restart_stand_in_one_transaction(unit: Bench) -> None:
    unit.change((TLS, SCALAR, 500), ("scmRestartRequiredServices", SCALAR, 10))
    unit.settle()
    assert (unit.get(TLS), unit.get("sipEpNeedRestartInfo")) == (500, NO)
    unit.change((TLS, SCALAR, 400), ("scmServiceCommandsRestart", (b"SipEp",), 10))
    unit.settle()
    assert (unit.get(TLS), unit.get("sipEpNeedRestartInfo")) == (400, NO)


def test_the_grace_delay_is_waited_for_in_minutes(unit: Bench) -> None:
    unit.change((TLS, SCALAR, 500), ("scmRestartRequiredServicesGraceDelay", SCALAR, 2))
    unit.set("scmRestartRequiredServices", 10)
    unit.wait(119)
    assert unit.get("sipEpNeedRestartInfo") == YES
    unit.wait(1)
    assert unit.get("sipEpNeedRestartInfo") == NO


def test_a_second_command_waits_anew_and_a_restart_of_scm_forgets(unit: Bench) -> None:
    unit.change((TLS, SCALAR, 500), ("scmRestartRequiredServicesGraceDelay", SCALAR, 1))
    unit.set("scmRestartRequiredServices", 10)
    unit.wait(50)
    unit.set("scmRestartRequiredServices", 10)
    unit.wait(50)
    assert unit.get("sipEpNeedRestartInfo") == YES
    unit.restart("Scm")
    unit.wait(60)
    assert unit.get("sipEpNeedRestartInfo") == YES


def test_one_that_cannot_restart_does_not_keep_the_others_from_it(
    unit: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    unit.change(("snmpEnableSnmpV2", SCALAR, 1), ("snmpPort", SCALAR, 7161), (TLS, SCALAR, 500))
    hosted = unit.host.services["Snmp"].wired.service
    hosted.start = _refuses  # type: ignore[method-assign]
    unit.set("scmRestartRequiredServices", 10)
    unit.settle()
    assert unit.get("sipEpNeedRestartInfo") == NO
    assert state(unit, b"Snmp") == ExecState.STOPPED
    assert unit.get("scmServicesInfoComment", (b"Snmp",)) == b"the port is taken"
    assert unit.get("scmUnitHealth") == 300
    assert b"Snmp: the port is taken" in unit.get("scmUnitHealthText")
    assert "Snmp could not be restarted: the port is taken" in caplog.text


def _refuses(running: object) -> None:
    raise OSError("the port is taken")


# -- how services start


def test_a_service_that_is_started_by_hand_is_left_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "state"
    with bench(path) as unit:
        unit.set("scmServicesConfigStartupType", 200, (b"SipEp",))
        assert state(unit, b"SipEp") == ExecState.STARTED
        assert unit.get("scmServicesInfoStartupType", (b"SipEp",)) == 200
    with bench(path) as unit:
        assert state(unit, b"SipEp") == ExecState.STOPPED
        unit.set("scmServiceCommandsStart", 10, (b"SipEp",))
        assert state(unit, b"SipEp") == ExecState.STARTED


@pytest.mark.parametrize("name", SYSTEM)
def test_a_system_service_starts_by_itself(unit: Bench, name: bytes) -> None:
    with pytest.raises(InconsistentValue, match="starts by itself"):
        unit.set("scmServicesConfigStartupType", 200, (name,))


# -- the unit


def restart_unit(unit: Bench, delay: int) -> None:
    unit.change(("scmRestartUnitDelay", (1,), delay), ("scmRestartUnitRowStatus", (1,), 4))
    unit.settle()


def test_the_unit_restarts_in_the_same_process(unit: Bench) -> None:
    boots = unit.unit.boots
    unit.wait(100)
    unit.texts()
    restart_unit(unit, 0)
    unit.wait(0.1)
    assert unit.unit.boots == boots + 1
    assert unit.get("hocSystemUptime") == b"0:00:00:00"
    assert sorted(unit.texts("scmServiceStarted")) == sorted(
        f"Service {name.decode()} started." for name in (*SYSTEM, *USERS))
    assert unit.get("scmRestartUnitResult", (1,)) == JobResult.SUCCESS


def test_its_delay_is_waited_for_and_destroying_the_row_calls_it_off(unit: Bench) -> None:
    boots = unit.unit.boots
    restart_unit(unit, 60)
    unit.wait(59)
    unit.set("scmRestartUnitRowStatus", 6, (1,))
    unit.wait(60)
    assert unit.unit.boots == boots
    restart_unit(unit, 60)
    unit.wait(59)
    assert unit.unit.boots == boots
    unit.wait(1)
    unit.wait(1)
    assert unit.unit.boots == boots + 1


# -- health


def test_health_is_the_worst_of_what_is_active(unit: Bench) -> None:
    assert (unit.get("scmUnitHealth"), unit.get("scmUnitHealthText")) == (100, b"")
    issue = unit.unit.notifier.issue
    issue("sipEpTlsPortNotOpened", {"sipEpGatewayStatusName": "default"})
    assert unit.get("scmUnitHealth") == 200
    issue("sipEpServerUnreachable",
          {"sipEpNotifiedServer": "h:1", "sipEpGatewayStatusName": "default"})
    assert unit.get("scmUnitHealth") == 300
    text = unit.get("scmUnitHealthText").decode()
    assert text.index("h:1") < text.index("TLS port not opened")
    unit.unit.notifier.end_trouble(("sipEpServerUnreachable", "sipEpTlsPortNotOpened"))
    assert unit.get("scmUnitHealth") == 100


def test_the_light_blinks_while_a_gateway_is_not_ready(unit: Bench) -> None:
    assert unit.get("scmReadyLed") == 200
    unit.reactor.occupy(5060)
    unit.restart("SipEp")
    assert unit.get("scmReadyLed") == 100
    assert unit.get("sipEpGatewayStatusStateCode", DEFAULT) == 200


@pytest.mark.parametrize(("least", "issued"), [(0, 0), (200, 2), (300, 0)])
def test_min_severity_quiets_scm_alone(unit: Bench, least: int, issued: int) -> None:
    unit.set("scmMinSeverity", least)
    unit.texts()
    unit.restart("SipEp")
    assert len(unit.texts("scmServiceStarted", "scmServiceStopped")) == issued
    assert unit.texts("sipEpGatewayReady") == ["SIP gateway default is ready."]
