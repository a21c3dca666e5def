"""Notifications by rules to syslog and the local log, and what is active."""

from __future__ import annotations

import pytest

from mibagent.errors import Index, WrongValue
from mibagent.service.jobs import JobResult
from mibgateway.services.nlm import LOG_CAPACITY
from tests.gateway.kit import SCALAR, Bench

COLLECTOR = b"192.0.2.9:1514"
SYSLOG, SIP, LOCALLY, FILE, SNMP = 100, 200, 300, 400, 500
LOG = "nlmLocalLogMessagesTable"
HOST, GATEWAY, NAME = (
    "sipEpTlsPersistentConnectionStatusRemoteHost", "sipEpTlsPersistentConnectionStatusGateway",
    "sipEpGatewayStatusName")
FIRST = {"sipEpTlsPersistentConnectionStatusTable": 1}


@pytest.fixture
def unit(unit: Bench) -> Bench:
    unit.set("nlmSyslogRemoteHost", COLLECTOR)
    unit.set("nlmClearLocalLog", 10)
    return unit


def sent(unit: Bench) -> list[bytes]:
    """Give what went to the collector, and forget it."""
    ports = [port for port in unit.reactor.ports if port.kind == "udp" and not port.port]
    found = [data for port in ports for data, _ in port.written]
    for port in ports:
        port.written.clear()
    return found


def say(unit: Bench, text: str) -> None:
    unit.unit.notifier.issue("nlmTest", {"nlmSendTestNotificationText": text},
                             {"nlmSendTestNotificationTable": 1})


def logged(unit: Bench) -> list[bytes]:
    return [unit.get("nlmLocalLogMessagesMessage", index) for index in unit.rows(LOG)]


def rule(
    unit: Bench, number: int, criteria: bytes = b"All", action: int = SYSLOG, active: int = 1
) -> None:
    unit.change(
        ("nlmEventsRowStatus", (number,), 4), ("nlmEventsCriteria", (number,), criteria),
        ("nlmEventsAction", (number,), action), ("nlmEventsActivation", (number,), active))


def no_rules(unit: Bench) -> None:
    unit.change(*(("nlmEventsRowStatus", index, 6) for index in unit.rows("nlmEventsTable")))


# -- the wire


def test_303_and_310_word_for_word(unit: Bench) -> None:
    unit.unit.notifier.issue("sipEpTlsConnectionReady", {
        HOST: "10.5.128.14:5063", GATEWAY: "default", NAME: "default"}, FIRST)
    unit.unit.notifier.issue("sipEpServerReachable", {
        "sipEpNotifiedServer": "10.5.128.14:5063", NAME: "default"})
    assert sent(unit) == [
        b"<14>SipEp: 1400-SIP Endpoint: 303-TLS connection with remote host 10.5.128.14:5063 "
        b"is now ready to be used for SIP gateway default.",
        b"<14>SipEp: 1400-SIP Endpoint: 310-Server 10.5.128.14:5063 is now reachable for SIP "
        b"gateway default."]


def test_it_goes_where_the_parameter_says_at_once(unit: Bench) -> None:
    say(unit, "one")
    (port,) = [port for port in unit.reactor.ports if port.kind == "udp" and not port.port]
    assert port.peer == ("192.0.2.9", 1514)
    unit.set("nlmSyslogRemoteHost", b"198.51.100.7")
    say(unit, "two")
    (port,) = [port for port in unit.reactor.ports if port.kind == "udp" and not port.port]
    assert (port.peer, len(port.written)) == (("198.51.100.7", 514), 1)


def test_without_a_host_nothing_is_sent(unit: Bench) -> None:
    unit.set("nlmSyslogRemoteHost", b"")
    say(unit, "one")
    assert sent(unit) == []
    assert logged(unit) == [b"one"]


def test_a_name_is_looked_up(unit: Bench) -> None:
    unit.reactor.nameResolver.names["log.example.com"] = ["192.0.2.77"]  # type: ignore[attr-defined]
    unit.set("nlmSyslogRemoteHost", b"log.example.com")
    say(unit, "one")
    (port,) = [port for port in unit.reactor.ports if port.kind == "udp" and not port.port]
    assert port.peer == ("192.0.2.77", 514)


def test_the_format_has_its_macros(unit: Bench) -> None:
    identity = unit.unit.identity
    unit.set("nlmSyslogMessageFormat",
             b"%serial %mac %version %5msgid %.3servicename %serviceid %% %message")
    say(unit, "one")
    assert sent(unit) == [
        f"<14>{identity.serial} {identity.mac} 1.2.3   900 Not 1100 % one".encode()]


@pytest.mark.parametrize("format", [b"%nothing", b"%", b"%99999msgid"])
def test_a_format_that_means_nothing_is_refused(unit: Bench, format: bytes) -> None:
    with pytest.raises(WrongValue) as refused:
        unit.set("nlmSyslogMessageFormat", format)
    assert (refused.value.name, bool(refused.value.why)) == ("nlmSyslogMessageFormat", True)


def test_what_is_sent_is_counted_over_a_restart(unit: Bench) -> None:
    say(unit, "one")
    before = unit.get("nlmSyslogSent")
    assert before > 0
    unit.restart("Nlm")
    say(unit, "two")
    assert unit.get("nlmSyslogSent") > before
    assert unit.get("nlmSyslogFailed") == 0


def test_what_cannot_be_sent_is_counted(unit: Bench) -> None:
    unit.reactor.occupy(0)
    unit.set("nlmSyslogRemoteHost", b"192.0.2.10")
    for number in range(70):
        say(unit, str(number))
    assert unit.get("nlmSyslogFailed") > 0


# -- rules


def test_the_factory_rules(unit: Bench) -> None:
    assert sorted(unit.rows("nlmEventsTable")) == [(1,), (2,), (3,)]
    actions = [unit.get("nlmEventsAction", (number,)) for number in (1, 2, 3)]
    assert actions == [SYSLOG, LOCALLY, SNMP]
    assert [unit.get("nlmEventsConfigStatus", (number,)) for number in (1, 2, 3)] == \
        [100, 100, 100]
    say(unit, "one")
    assert (len(sent(unit)), logged(unit)) == (1, [b"one"])


def test_without_rules_nothing_goes_anywhere(unit: Bench) -> None:
    no_rules(unit)
    sent(unit)
    say(unit, "one")
    assert (sent(unit), logged(unit)) == ([], [])


@pytest.mark.parametrize(("criteria", "takes"), [
    (b"All", True), (b"1100.All", True), (b"1100.900", True), (b"All.I", True),
    (b"1400.All", False), (b"1100.901", False), (b"All.E", False), (b"All,-1100.900", False),
    (b"1400.All,1100.900", True), (b"All.All,-All.I", False)])
def test_criteria_choose(unit: Bench, criteria: bytes, takes: bool) -> None:
    no_rules(unit)
    rule(unit, 7, criteria)
    sent(unit)
    say(unit, "one")
    assert bool(sent(unit)) is takes


@pytest.mark.parametrize("criteria", [b"1400", b"All.X", b"x.y", b"All,"])
def test_criteria_that_mean_nothing_are_refused(unit: Bench, criteria: bytes) -> None:
    with pytest.raises(WrongValue) as refused:
        unit.set("nlmEventsCriteria", criteria, (1,))
    assert (refused.value.name, refused.value.index) == ("nlmEventsCriteria", (1,))


def test_two_rules_for_one_target_send_once(unit: Bench) -> None:
    rule(unit, 7)
    sent(unit)
    say(unit, "one")
    assert len(sent(unit)) == 1


def test_a_rule_can_be_switched_off_and_on(unit: Bench) -> None:
    unit.set("nlmEventsActivation", 0, (1,))
    sent(unit)
    say(unit, "one")
    assert sent(unit) == []
    unit.set("nlmEventsActivation", 1, (1,))
    say(unit, "two")
    assert len(sent(unit)) == 1


def test_a_rule_that_is_not_in_service_takes_nothing(unit: Bench) -> None:
    unit.set("nlmEventsRowStatus", 2, (1,))
    sent(unit)
    say(unit, "one")
    assert sent(unit) == []


def test_an_action_that_is_not_there_yet_says_so(unit: Bench) -> None:
    for number, action in enumerate((SIP, FILE), 10):
        rule(unit, number, action=action)
        assert unit.get("nlmEventsConfigStatus", (number,)) == 300


def test_a_rule_is_about_notifications(unit: Bench) -> None:
    """The one type that there is: another is refused by the MIB."""
    assert unit.get("nlmEventsType", (1,)) == 100
    with pytest.raises(WrongValue):
        unit.set("nlmEventsType", 200, (1,))
    unit.set("nlmEventsType", 100, (1,))


def test_what_is_for_managers_reaches_them_by_its_rule(unit: Bench) -> None:
    heard: list[str] = []
    unit.unit.notifier.reach_managers_by(lambda notice: heard.append(notice.text))
    say(unit, "one")
    unit.set("nlmEventsCriteria", b"1400.All", (3,))
    say(unit, "two")
    assert heard[-1] == "one"


# -- the local log


def test_a_row_of_the_log_tells_all(unit: Bench) -> None:
    say(unit, "one")
    (index,) = unit.rows(LOG)
    assert unit.get("nlmLocalLogMessagesLocalTime", index) == b"2031-05-06 07:08:09"
    assert unit.get("nlmLocalLogMessagesServiceNumkey", index) == 1100
    assert unit.get("nlmLocalLogMessagesServiceTextkey", index) == b"Nlm"
    assert unit.get("nlmLocalLogMessagesNotificationId", index) == 900
    assert unit.get("nlmLocalLogMessagesSeverity", index) == 200


def test_the_log_keeps_the_newest(unit: Bench) -> None:
    for number in range(LOG_CAPACITY + 3):
        say(unit, str(number))
    texts = logged(unit)
    assert (len(texts), texts[0], texts[-1]) == \
        (unit.get("nlmLocalLogMaxNbEntries"), b"3", b"502")


def test_errors_and_criticals_are_counted(unit: Bench) -> None:
    say(unit, "one")
    unit.unit.notifier.issue("sipEpServerUnreachable", {
        "sipEpNotifiedServer": "h:1", NAME: "default"})
    assert unit.get("nlmLocalLogNbErrorEntries") == 1
    assert unit.get("nlmLocalLogNbCriticalEntries") == 0


def test_the_log_is_cleared_by_command_and_its_numbers_go_on(unit: Bench) -> None:
    say(unit, "one")
    (before,) = unit.rows(LOG)
    unit.set("nlmClearLocalLog", 10)
    assert logged(unit) == []
    say(unit, "two")
    assert unit.rows(LOG)[0] > before


def test_what_is_issued_while_nlm_restarts_is_not_lost(unit: Bench) -> None:
    unit.services["MIBGATE-NLM-MIB"].stop()
    unit.unit.notifier._sinks.clear()
    say(unit, "meanwhile")
    unit.services["MIBGATE-NLM-MIB"].start(unit.services["MIBGATE-NLM-MIB"].configured)
    assert b"meanwhile" in logged(unit)


# -- what is active


def test_trouble_and_its_clearing_are_in_the_active_table(unit: Bench) -> None:
    issue = unit.unit.notifier.issue
    for gateway in ("one", "two"):
        issue("sipEpTlsConnectionLost", {HOST: "h:1", GATEWAY: gateway}, FIRST)
        issue("sipEpTlsPortNotOpened", {NAME: gateway})
    first = unit.rows("nlmActiveTable")[0]
    assert unit.get("nlmActiveService", first) == b"SipEp"
    assert unit.get("nlmActiveNotificationId", first) == 304
    assert unit.get("nlmActiveSeverity", first) == 300
    assert unit.get("nlmActiveSinceText", first) == b"2031-05-06 07:08:09"
    assert len(unit.get("nlmActiveSince", first)) == 11
    assert b"h:1" in unit.get("nlmActiveMessage", first)
    issue("sipEpTlsConnectionReady", {HOST: "h:1", GATEWAY: "one", NAME: "one"}, FIRST)
    texts = [unit.get("nlmActiveMessage", index) for index in unit.rows("nlmActiveTable")]
    assert len(texts) == 2
    assert all(b"gateway two" in text for text in texts)


# -- commands and severity


def test_a_test_notification_is_a_job(unit: Bench) -> None:
    sent(unit)
    job = unit.run("nlmSendTestNotificationTable", {"nlmSendTestNotificationText": b"can you hear"})
    assert job.result is JobResult.SUCCESS
    assert sent(unit) == [b"<14>Nlm: 1100-Notifications and Logging Manager: 900-can you hear"]
    assert logged(unit) == [b"can you hear"]


@pytest.mark.parametrize(("least", "heard"), [(0, False), (200, True), (300, False)])
def test_min_severity(unit: Bench, least: int, heard: bool) -> None:
    unit.set("nlmMinSeverity", least)
    say(unit, "one")
    assert bool(logged(unit)) is heard


def test_control_characters_do_not_leave(unit: Bench) -> None:
    sent(unit)
    say(unit, "a\nb\x00c")
    assert sent(unit)[0].endswith(rb"a\nb\x00c")


def test_scalars_are_at_once(unit: Bench) -> None:
    unit.change(("nlmSyslogRemoteHost", SCALAR, b"192.0.2.1"), ("nlmMinSeverity", SCALAR, 100))
    assert unit.get("nlmNeedRestartInfo") == 0


@pytest.mark.parametrize(("column", "index"), [
    ("nlmSendTestNotificationRowStatus", (7,)), ("certHostCertificatesInfoRowStatus", (b"x",))])
def test_not_ready_is_never_written_to_a_job_or_where_the_unit_makes_the_rows(
    unit: Bench, column: str, index: Index
) -> None:
    """RFC 2579 section 2, RowStatus: wrongValue in every state, before what the state says."""
    if column.startswith("nlm"):
        unit.set(column, 4, index)
    with pytest.raises(WrongValue):
        unit.set(column, 3, index)
