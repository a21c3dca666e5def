"""Notifications: by the rules of the Events table to syslog, the local log and managers."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mibagent.errors import WrongValue
from mibagent.service.jobs import Job
from mibagent.service.service import Service, check, command, on_change, provides, rows
from mibagent.service.settings import Row, Table
from mibagent.smi.host import HostPort
from mibagent.store.live import LiveTable
from mibgateway.notifier import Notice
from mibgateway.syslog.criteria import parse_criteria
from mibgateway.syslog.message import Facts, check_format, datagram, expand
from mibgateway.syslog.shell import SyslogSender

LOG_CAPACITY = 500
"""Messages that the local log holds."""

SYSLOG_PORT = 514
"""Where the parameter names none. RFC 5426 section 3.3."""


class EventType(enum.IntEnum):
    """What a rule is about."""

    NOTIFICATION = 100


class Action(enum.IntEnum):
    """Where a rule sends what it takes."""

    SEND_VIA_SYSLOG = 100
    SEND_VIA_SIP = 200
    LOG_LOCALLY = 300
    LOG_TO_FILE = 400
    SEND_VIA_SNMP = 500


class ConfigStatus(enum.IntEnum):
    """Whether a rule can act."""

    VALID = 100
    INVALID = 200
    NOT_SUPPORTED = 300


SUPPORTED = frozenset({Action.SEND_VIA_SYSLOG, Action.LOG_LOCALLY, Action.SEND_VIA_SNMP})


@dataclass(frozen=True)
class EventsRow(Row):
    """One rule."""

    activation: bool
    type: EventType
    criteria: str
    action: Action


@dataclass(frozen=True)
class NlmSettings:
    """The writable objects of MIBGATE-NLM-MIB."""

    syslog_remote_host: HostPort
    syslog_message_format: str
    events: Table[EventsRow]


@dataclass(frozen=True)
class LogRow:
    """One message of the local log."""

    local_time: str
    service_numkey: int
    notification_id: int
    severity: int
    service_textkey: str
    message: str


@dataclass(frozen=True)
class TestArguments(Row):
    """What nlmSendTestNotificationTable takes."""

    text: str


class NlmService(Service[NlmSettings]):
    """Takes notifications from the notifier and sends them where the rules say."""

    mib = "MIBGATE-NLM-MIB"
    settings = NlmSettings

    def __init__(self, unit: Any) -> None:
        super().__init__(unit)
        self._log: LiveTable[LogRow] = LiveTable()
        self._next_log_index = 1
        self._rules: list[tuple[Any, Action]] = []
        self._syslog: SyslogSender | None = None
        self._end: Callable[[], None] = lambda: None
        self._sent = self._failed = 0

    def start(self, running: NlmSettings) -> None:
        """Open the syslog socket, read the rules, take what waits."""
        self._syslog = SyslogSender(self.unit.reactor)
        self.send_elsewhere(self.configured)
        self.read_rules(self.configured)
        self._end = self.unit.notifier.deliver_to(self._deliver)

    def stop(self) -> None:
        """Leave notifications to wait for the next start."""
        self._end()
        if self._syslog is not None:
            self._sent += self._syslog.sent
            self._failed += self._syslog.failed
            self._syslog.stop()
            self._syslog = None

    @rows("nlmEventsTable")
    def factory_rules(self) -> Mapping[int, Mapping[str, object]]:
        """Everything to syslog, to the local log, to SNMP."""
        return {1: {"criteria": "All", "action": Action.SEND_VIA_SYSLOG},
                2: {"criteria": "All", "action": Action.LOG_LOCALLY},
                3: {"criteria": "All", "action": Action.SEND_VIA_SNMP}}

    @check("nlmEventsCriteria")
    def criteria_can_be_read(self, wanted: NlmSettings, row: EventsRow) -> None:
        """Refuse criteria that mean nothing."""
        try:
            parse_criteria(row.criteria)
        except ValueError as error:
            raise row.no(WrongValue, "criteria", str(error)) from None

    @check("nlmSyslogMessageFormat")
    def format_can_be_read(self, wanted: NlmSettings) -> None:
        """Refuse a format with an unknown macro."""
        why = check_format(wanted.syslog_message_format)
        if why:
            raise WrongValue("nlmSyslogMessageFormat", why)

    @on_change("nlmSyslogRemoteHost", "nlmSyslogMessageFormat")
    def send_elsewhere(self, wanted: NlmSettings) -> None:
        """Send to the configured server from now on."""
        if self._syslog is not None:
            host = wanted.syslog_remote_host
            self._syslog.send_to(host.host if host else "", host.port or SYSLOG_PORT)

    @on_change("nlmEventsTable")
    def read_rules(self, wanted: NlmSettings) -> None:
        """Take the rules as they are now."""
        self._rules = [(parse_criteria(row.criteria), row.action)
                       for _, row in sorted(wanted.events.items())
                       if row.activation and row.action in SUPPORTED]

    def _deliver(self, notice: Notice) -> None:
        actions = {action for criteria, action in self._rules
                   if criteria.matches(notice.service_number, notice.node.number,
                                       notice.node.severity)}
        if Action.LOG_LOCALLY in actions:
            self._log_locally(notice)
        if Action.SEND_VIA_SNMP in actions:
            self.unit.notifier.tell_managers(notice)
        if Action.SEND_VIA_SYSLOG in actions and self._syslog is not None \
                and self.configured.syslog_remote_host:
            identity = self.unit.identity
            text = expand(self.configured.syslog_message_format, Facts(
                msgid=notice.node.number, serviceid=notice.service_number,
                servicetextkey=notice.service, servicename=notice.service_title,
                message=notice.text, mac=identity.mac, serial=identity.serial,
                version=self.unit.options.version, profile=identity.profile))
            self._syslog.send(datagram(notice.node.severity, text))

    def _log_locally(self, notice: Notice) -> None:
        clock = self.unit.clock
        self._log.add(self._next_log_index, LogRow(
            f"{clock.local():%Y-%m-%d %H:%M:%S}", notice.service_number, notice.node.number,
            notice.severity, notice.service, notice.text))
        self._next_log_index += 1
        while len(self._log) > LOG_CAPACITY:
            self._log.remove(self._log.indexes()[0])

    @provides("nlmLocalLogMessagesTable")
    def local_log(self) -> LiveTable[LogRow]:
        """The log, the oldest message first."""
        return self._log

    @provides("nlmLocalLogMaxNbEntries")
    def log_capacity(self) -> int:
        """How many messages it holds."""
        return LOG_CAPACITY

    @provides("nlmLocalLogNbErrorEntries")
    def logged_errors(self) -> int:
        """Errors among them."""
        return sum(1 for row in self._log.values() if row.severity == 400)

    @provides("nlmLocalLogNbCriticalEntries")
    def logged_criticals(self) -> int:
        """Criticals among them."""
        return sum(1 for row in self._log.values() if row.severity == 500)

    @command("nlmClearLocalLog")
    def clear_log(self) -> None:
        """Empty the log."""
        self._log.clear()

    @provides("nlmEventsConfigStatus")
    def rule_status(self, index: int) -> int:
        """Whether the rule can act here."""
        supported = self.unit.store.get("nlmEventsAction", (index,)) in SUPPORTED
        return int(ConfigStatus.VALID if supported else ConfigStatus.NOT_SUPPORTED)

    @provides("nlmActiveTable")
    def active(self) -> LiveTable[Notice]:
        """What trouble is not over."""
        table: LiveTable[Notice] = self.unit.notifier.active
        return table

    @provides("nlmSyslogSent")
    def syslog_sent(self) -> int:
        """Messages handed to the network."""
        return (self._sent + (self._syslog.sent if self._syslog else 0)) & 0xFFFFFFFF

    @provides("nlmSyslogFailed")
    def syslog_failed(self) -> int:
        """Messages that could not be."""
        return (self._failed + (self._syslog.failed if self._syslog else 0)) & 0xFFFFFFFF

    @command("nlmSendTestNotificationTable")
    def send_test(self, job: Job[TestArguments]) -> None:
        """Issue a notification that means nothing."""
        self.unit.notifier.issue(
            "nlmTest", {"nlmSendTestNotificationText": job.arguments.text},
            {"nlmSendTestNotificationTable": job.number})

