"""What the Cert service's tables show, and what its jobs take."""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from mibagent.service.settings import Row, Table
from mibagent.smi.host import HostPort
from mibagent.store.live import LiveTable
from mibgateway.tls.certificate import CertificateFacts, Status
from mibgateway.tls.making import KeyKind
from mibgateway.tls.policy import Floor, SuiteSet, Trust
from mibgateway.transfer.asked import Validation


class ImportType(enum.IntEnum):
    """Whose certificate it is."""

    HOST = 100
    OTHER = 200


class TransferResult(enum.IntEnum):
    """What came of the certificate that was brought in last."""

    NONE = 100
    TRANSFERRING = 200
    SUCCESS = 300
    TRANSFER_FAILED = 400
    INVALID_CERTIFICATE = 500
    KEY_MISMATCH = 600


@dataclass(frozen=True)
class AssociationRow(Row):
    """Which services may use a host certificate."""

    sip: bool
    conf: bool
    file: bool
    cert: bool


@dataclass(frozen=True)
class AuthorityRow(Row):
    """How certificates of an authority are asked after."""

    override_issued_certificate_ocsp_url: str


@dataclass(frozen=True)
class CertSettings:
    """The writable objects of MIBGATE-CERT-MIB."""

    host_certificate_association: Table[AssociationRow]
    certificate_authorities: Table[AuthorityRow]
    expiry_warning_days: int
    transfer_https_cipher_suite: SuiteSet
    transfer_https_tls_version: Floor
    transfer_certificate_validation: Validation
    transfer_certificate_trust_level: Trust
    transfer_username: str
    transfer_password: str
    transfer_http_enable: bool


@dataclass(frozen=True)
class ImportArguments(Row):
    """What certImportTable takes."""

    type: ImportType
    file_name: str
    path: str
    pem: bytes
    password: str


@dataclass(frozen=True)
class DownloadArguments(Row):
    """What certDownloadTable takes."""

    url: str
    type: ImportType
    file_name: str
    password: str


@dataclass(frozen=True)
class SelfSignedArguments(Row):
    """What certGenerateSelfSignedTable takes."""

    file_name: str
    common_name: str
    subject_alt_name: str
    days: int
    key_type: KeyKind


@dataclass(frozen=True)
class CsrArguments(Row):
    """What certGenerateCsrTable takes."""

    file_name: str
    common_name: str
    subject_alt_name: str
    key_type: KeyKind


@dataclass(frozen=True)
class ProbeArguments(Row):
    """What certProbeTable takes."""

    host: HostPort
    sni: str


@dataclass(frozen=True)
class KeyLogArguments(Row):
    """What certKeyLogTable takes."""

    minutes: int


@dataclass(frozen=True)
class ReportLine:
    """One line of a probe's report."""

    text: str


@dataclass(frozen=True)
class RequestRow:
    """One signing request as its table shows it."""

    issued_to: str
    key_type: str
    pem: bytes


@dataclass(frozen=True)
class CertificateRow:
    """One certificate as the tables show it."""

    facts: CertificateFacts
    judged: Status
    days_left: int
    shown_time: Callable[[datetime], str]

    @property
    def issued_to(self) -> str:
        return self.facts.issued_to

    @property
    def issued_by(self) -> str:
        return self.facts.issued_by

    @property
    def valid_from(self) -> str:
        return self.shown_time(self.facts.valid_from)

    @property
    def valid_to(self) -> str:
        return self.shown_time(self.facts.valid_to)

    @property
    def usage(self) -> str:
        return ", ".join(self.facts.usage)

    @property
    def certificate_authority(self) -> bool:
        return self.facts.is_authority

    @property
    def fingerprint(self) -> str:
        return self.facts.fingerprint

    @property
    def subject_alt_names(self) -> str:
        return _cut(", ".join(self.facts.alternative_names), 4096)

    @property
    def key_type(self) -> str:
        return self.facts.key_type

    @property
    def status(self) -> int:
        return int(self.judged)


def _cut(text: str, octets: int) -> str:
    return text.encode()[:octets].decode("utf-8", "ignore")


KEPT_REPORTS = 5


class Reports:
    """The reports of the last probes, line by line."""

    def __init__(self) -> None:
        self.table: LiveTable[ReportLine] = LiveTable()
        self._kept: deque[int] = deque()

    def keep(self, number: int, lines: list[str]) -> None:
        """Keep the report of that run, and drop the oldest."""
        self._drop(number)
        self._kept.append(number)
        if len(self._kept) > KEPT_REPORTS:
            self._drop(self._kept[0])
        for at, line in enumerate(lines, 1):
            self.table.add((number, at), ReportLine(_cut(line, 1024)))

    def _drop(self, number: int) -> None:
        if number in self._kept:
            self._kept.remove(number)
        for index in self.table.indexes():
            if index[0] == number:
                self.table.remove(index)
