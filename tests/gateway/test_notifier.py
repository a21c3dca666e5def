"""Notifications: their texts, and what trouble is active."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mibagent.errors import LocalError
from mibgateway.notifier import Notice, Notifier, Rate
from tests.gateway.kit import model

NOW = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
HOST, GATEWAY = ("sipEpTlsPersistentConnectionStatusRemoteHost",
                 "sipEpTlsPersistentConnectionStatusGateway")
ERROR = "sipEpTlsPersistentConnectionStatusLastError"
NAME = "sipEpGatewayStatusName"
FIRST = {"sipEpTlsPersistentConnectionStatusTable": 1}
TEXT = "nlmSendTestNotificationText"


@pytest.fixture
def notifier() -> Notifier:
    return Notifier(model(), lambda: NOW)


def ready(notifier: Notifier, host: str, gateway: str) -> None:
    notifier.issue("sipEpTlsConnectionReady", {HOST: host, GATEWAY: gateway, NAME: gateway},
                   FIRST)


def lost(notifier: Notifier, host: str, gateway: str, why: str = "reset") -> None:
    notifier.issue("sipEpTlsConnectionLost", {HOST: host, GATEWAY: gateway, ERROR: why}, FIRST)


def say(notifier: Notifier, text: str) -> None:
    notifier.issue("nlmTest", {TEXT: text}, {"nlmSendTestNotificationTable": 3})


def active(notifier: Notifier) -> list[int]:
    return [notice.notification_id for notice in notifier.active.values()]


def test_a_text_has_its_values_in_place(notifier: Notifier) -> None:
    heard: list[Notice] = []
    notifier.deliver_to(heard.append)
    ready(notifier, "10.5.128.14:5063", "default")
    notice = heard[0]
    assert notice.text == ("TLS connection with remote host 10.5.128.14:5063 is now ready to be "
                           "used for SIP gateway default.")
    assert (notice.service, notice.service_number, notice.service_title, notice.severity) == \
        ("SipEp", 1400, "SIP Endpoint", 200)
    assert notice.since == bytes((7, 239, 5, 6, 7, 8, 9, 0, 43, 0, 0))
    assert notice.since_text == "2031-05-06 07:08:09"


def test_a_value_is_not_read_as_a_text(notifier: Notifier) -> None:
    heard: list[Notice] = []
    notifier.deliver_to(heard.append)
    say(notifier, r"{sipEpGatewayStatusName} \1")
    assert heard[0].text == r"{sipEpGatewayStatusName} \1"


def test_a_value_ends_no_line(notifier: Notifier, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[Notice] = []
    notifier.deliver_to(heard.append)
    with caplog.at_level("INFO"):
        say(notifier, "one\r\n2031-05-06 all is well\x1b[2J\u2028.")
    assert len(heard[0].text.splitlines()) == len(caplog.messages[-1].splitlines()) == 1
    assert heard[0].text.endswith(r"one\r\n2031-05-06 all is well\x1b[2J\u2028.")


def test_a_name_that_no_mib_has_is_our_bug(notifier: Notifier) -> None:
    with pytest.raises(LocalError, match="sipEpNothing"):
        notifier.issue("sipEpNothing")


def test_what_is_issued_before_anybody_listens_waits(notifier: Notifier) -> None:
    for number in range(250):
        say(notifier, str(number))
    heard: list[Notice] = []
    end = notifier.deliver_to(heard.append)
    assert [notice.text for notice in heard] == [str(number) for number in range(50, 250)]
    end()
    say(notifier, "later")
    assert len(heard) == 200


@pytest.mark.parametrize(("least", "issued"), [(100, True), (200, True), (300, False), (0, False)])
def test_min_severity_decides_first(notifier: Notifier, least: int, issued: bool) -> None:
    heard: list[Notice] = []
    notifier.deliver_to(heard.append)
    notifier.least = lambda service: least
    ready(notifier, "h:1", "default")
    assert bool(heard) is issued


def test_trouble_is_active_whether_or_not_it_is_issued(notifier: Notifier) -> None:
    notifier.least = lambda service: 0
    lost(notifier, "h:1", "default")
    assert active(notifier) == [304]


@pytest.mark.parametrize("name", [
    "sipEpTlsHandshakeFailed", "sipEpTlsConnectionLost", "sipEpServerCertificateRefused"])
def test_303_clears_what_is_about_the_same_host_and_gateway(
    notifier: Notifier, name: str
) -> None:
    for host, gateway in (("h:1", "one"), ("h:2", "one"), ("h:1", "two")):
        notifier.issue(name, {HOST: host, GATEWAY: gateway, ERROR: "why"}, FIRST)
    ready(notifier, "h:1", "one")
    left = [(notice.values[HOST], notice.values[GATEWAY]) for notice in notifier.active.values()]
    assert left == [("h:2", "one"), ("h:1", "two")]


@pytest.mark.parametrize("name", ["sipEpClientCertificateRefused", "sipEpTlsPortNotOpened"])
def test_303_clears_what_is_about_its_gateway_and_no_other(notifier: Notifier, name: str) -> None:
    for gateway in ("one", "two"):
        notifier.issue(name, {NAME: gateway})
    ready(notifier, "h:1", "one")
    assert [notice.values[NAME] for notice in notifier.active.values()] == ["two"]


def test_310_and_323_clear_theirs(notifier: Notifier) -> None:
    for gateway in ("one", "two"):
        notifier.issue("sipEpServerUnreachable", {"sipEpNotifiedServer": "h:1", NAME: gateway})
        notifier.issue("sipEpGatewayNotReady", {NAME: gateway, "sipEpGatewayStatusState": "so"})
    notifier.issue("sipEpServerReachable", {"sipEpNotifiedServer": "h:1", NAME: "one"})
    notifier.issue("sipEpGatewayReady", {NAME: "two"})
    assert [(notice.notification_id, notice.values[NAME]) for notice in
            notifier.active.values()] == [(324, "one"), (311, "two")]


def test_the_same_trouble_for_another_reason_is_one_row(notifier: Notifier) -> None:
    lost(notifier, "h:1", "default", "reset")
    lost(notifier, "h:1", "default", "timeout")
    assert [notice.values[ERROR] for notice in notifier.active.values()] == ["timeout"]


def test_one_service_never_clears_for_another(notifier: Notifier) -> None:
    """Aaa or Scm may use a number that SipEp uses too."""
    notifier.issue("scmServiceNotResponding", {"scmServicesInfoName": "SipEp"})
    ready(notifier, "h:1", "one")
    assert active(notifier) == [102]


def test_what_nothing_clears_is_never_active(notifier: Notifier) -> None:
    notifier.issue("certCertificateRefused", {"certNotifiedFileName": "a"})
    notifier.issue("sipEpMessageTooLarge", {"sipEpNotifiedSize": 1})
    assert active(notifier) == []


def test_trouble_ends_by_name_and_by_what_it_is_about(notifier: Notifier) -> None:
    for host in ("h:1", "h:2"):
        lost(notifier, host, "one")
    notifier.issue("sipEpTlsPortNotOpened", {NAME: "one"})
    notifier.end_trouble(("sipEpTlsConnectionLost",), {HOST: "h:1"})
    assert active(notifier) == [304, 307]
    notifier.end_trouble(("sipEpTlsConnectionLost",))
    assert active(notifier) == [307]


def test_active_trouble_is_bounded(notifier: Notifier) -> None:
    for number in range(1100):
        lost(notifier, f"h:{number}", "one")
    assert len(notifier.active) == 1000
    assert notifier.active.indexes()[0] == (1,)


def test_a_stranger_makes_only_so_many_reports_a_minute() -> None:
    now = 0.0
    rate = Rate(2, lambda: now)
    assert [rate.allows() for _ in range(3)] == [True, True, False]
    now = 59.0
    assert not rate.allows()
    now = 60.0
    assert rate.allows()


# -- what managers get


def told(notifier: Notifier) -> list[Notice]:
    heard: list[Notice] = []
    notifier.reach_managers_by(heard.append)
    return heard


def test_objects_have_their_instances_and_types(notifier: Notifier) -> None:
    heard: list[Notice] = []
    notifier.deliver_to(heard.append)
    notifier.uptime = lambda: 12.5
    notifier.issue("sipEpTlsConnectionReady", {HOST: "h:1", GATEWAY: "one", NAME: "one"},
                   {"sipEpTlsPersistentConnectionStatusTable": 7})
    assert [(each.node.name, each.index, each.value) for each in heard[0].carried] == [
        (HOST, (7,), b"h:1"), (GATEWAY, (7,), b"one"), (NAME, (b"one",), b"one")]
    assert heard[0].uptime == 12.5


def test_a_standard_notification_goes_to_managers_alone(notifier: Notifier) -> None:
    by_rules: list[Notice] = []
    notifier.deliver_to(by_rules.append)
    heard = told(notifier)
    notifier.issue("warmStart")
    assert by_rules == []
    assert [(notice.node.name, notice.carried) for notice in heard] == [("warmStart", ())]


def test_the_newest_wait_until_managers_can_be_told(notifier: Notifier) -> None:
    for _ in range(300):
        notifier.issue("warmStart")
    notifier.issue("coldStart")
    heard: list[Notice] = []
    end = notifier.reach_managers_by(heard.append)
    assert (len(heard), heard[-1].node.name) == (200, "coldStart")
    end()
    notifier.issue("coldStart")
    assert len(heard) == 200
