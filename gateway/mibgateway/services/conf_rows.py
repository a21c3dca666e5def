"""What the Conf service is set by, what its job takes, and what it tells of the last scripts."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import datetime

from mibagent.service.settings import Row
from mibagent.smi.host import HostPort
from mibgateway.tls.policy import Floor, SuiteSet, TlsPolicy, Trust
from mibgateway.transfer.asked import Validation
from mibgateway.transfer.schedule import Plan, TimeRange, TimeUnit

MOST_ERRORS = 20
"""Of one run, with line and reason."""

_LONGEST_REASON = 300


class Protocol(enum.IntEnum):
    """How the configured scripts come here."""

    HTTP = 100
    HTTPS = 200
    FILE = 500


class HttpAuthentication(enum.IntEnum):
    """How credentials are told to a server."""

    NORMAL = 100


class TransferState(enum.IntEnum):
    """What is being done."""

    IDLE = 100
    TRANSFERING = 200
    RUNNING = 300


class TransferResult(enum.IntEnum):
    """What came of the last scripts; the worst counts."""

    NONE = 100
    SUCCESS = 200
    EXECUTION_FAILED = 300
    TRANSFER_FAILED = 400


@dataclass(frozen=True)
class ConfSettings:
    """The writable objects of MIBGATE-CONF-MIB."""

    script_generic_file_name: str
    script_specific_file_name: str
    scripts_location: str
    scripts_transfer_protocol: Protocol
    scripts_transfer_username: str
    scripts_transfer_password: str
    scripts_transfer_srv_hostname: HostPort
    scripts_transfer_certificate_validation: Validation
    scripts_transfer_certificate_trust_level: Trust
    scripts_transfer_cipher_suite: SuiteSet
    scripts_transfer_tls_version: Floor
    scripts_transfer_http_authentication_method: HttpAuthentication
    scripts_transfer_on_restart_enable: bool
    scripts_transfer_retries_number: int
    scripts_transfer_periodic_enable: bool
    scripts_transfer_periodic_time_unit: TimeUnit
    scripts_transfer_interval: int
    scripts_transfer_time_range: str
    scripts_allow_repeated_execution: bool


def policy_of(settings: ConfSettings) -> TlsPolicy:
    """Give how a server of scripts is spoken to and judged."""
    return TlsPolicy(
        settings.scripts_transfer_cipher_suite, settings.scripts_transfer_tls_version,
        settings.scripts_transfer_certificate_validation.level,
        trust=settings.scripts_transfer_certificate_trust_level, use="Script transfer")


def plan_of(settings: ConfSettings) -> Plan | None:
    """Give how often scripts are fetched; None where they are not. Raises ValueError."""
    text = settings.scripts_transfer_time_range.strip(" ")
    at = TimeRange.parse(text) if text else None
    if not settings.scripts_transfer_periodic_enable:
        return None
    return Plan(settings.scripts_transfer_periodic_time_unit,
                settings.scripts_transfer_interval, at)


@dataclass(frozen=True)
class RunArguments(Row):
    """What confScriptTransferAndRunTable takes."""

    url: str


@dataclass
class Account:
    """What came of the scripts of one order."""

    result: TransferResult = TransferResult.SUCCESS
    errors: list[str] = field(default_factory=list)
    when: datetime | None = None
    """When it was known, by the unit's clock and zone."""

    def note(self, result: TransferResult, why: str) -> None:
        """Note what was wrong."""
        self.result = max(self.result, result)
        if len(self.errors) < MOST_ERRORS:
            self.errors.append(one_line(why))

    @property
    def text(self) -> str:
        """The errors, one a line."""
        return "\n".join(self.errors).encode()[:8192].decode("utf-8", "ignore")


def one_line(text: str) -> str:
    """Give what may stand in a status: short, printable, on one line."""
    return "".join(each if each.isprintable() else "?" for each in text)[:_LONGEST_REASON]
