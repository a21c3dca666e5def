"""Host and CA certificates: kept sealed in the database, listed, imported, judged by date."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mibagent.service.jobs import Job, JobFailed
from mibagent.service.service import Service, command, offline, on_change, provides
from mibagent.service.settings import Row, Table
from mibagent.smi.syntax import Value
from mibagent.store.rows import Status as RowStatus
from mibagent.store.store import SYSTEM
from mibagent.store.wish import Wish
from mibgateway.tls.certificate import CertificateFacts, CredentialError, Status, facts
from mibgateway.tls.credentials import (
    Authority,
    HostCredential,
    read_certificates,
    read_host,
)

HOSTS = "certHostCertificatesInfo"
OTHERS = "certOthersCertificatesInfo"

LARGEST_FILE_OCTETS = 4 * 1024 * 1024

_JUDGE_EVERY_S = 3600.0


class ImportType(enum.IntEnum):
    """Whose certificate it is."""

    HOST = 100
    OTHER = 200


@dataclass(frozen=True)
class AssociationRow(Row):
    """Which services may use a host certificate."""

    sip: bool


@dataclass(frozen=True)
class CertSettings:
    """The writable objects of MIBGATE-CERT-MIB."""

    host_certificate_association: Table[AssociationRow]
    expiry_warning_days: int


@dataclass(frozen=True)
class ImportArguments(Row):
    """What certImportTable takes."""

    type: ImportType
    file_name: str
    path: str
    pem: bytes
    password: str


@dataclass(frozen=True)
class CertificateRow:
    """One certificate as the tables show it."""

    facts: CertificateFacts
    judged: Status
    days_left: int

    @property
    def issued_to(self) -> str:
        return self.facts.issued_to

    @property
    def issued_by(self) -> str:
        return self.facts.issued_by

    @property
    def valid_from(self) -> str:
        return shown_time(self.facts.valid_from)

    @property
    def valid_to(self) -> str:
        return shown_time(self.facts.valid_to)

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


def shown_time(moment: datetime) -> str:
    """Give a certificate's date for people, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _cut(text: str, octets: int) -> str:
    return text.encode()[:octets].decode("utf-8", "ignore")


class CertService(Service[CertSettings]):
    """Fills the unit's vault; every handshake looks there."""

    mib = "MIBGATE-CERT-MIB"
    settings = CertSettings
    makes = (HOSTS + "Table", OTHERS + "Table")
    hidden = {  # noqa: RUF012
        HOSTS + "Table": (HOSTS + "@chain", HOSTS + "@key"),
                        OTHERS + "Table": (OTHERS + "@chain",)}

    def __init__(self, unit: Any) -> None:
        super().__init__(unit)
        self._listed: dict[tuple[str, str], tuple[bytes, CertificateFacts]] = {}
        self._warned: set[tuple[str, str, str]] = set()
        self._next: Any = None
        self._end_step: Callable[[], None] = lambda: None

    def start(self, running: CertSettings) -> None:
        """Open the sealed certificates into the vault and judge their dates."""
        self._fill_vault(announce=False)
        self._end_step = self.unit.clock.on_step(lambda _: self._judge_dates())
        self._judge()

    def stop(self) -> None:
        """Leave the vault as it is: links that stand go on."""
        self._end_step()
        if self._next is not None:
            self._next.cancel()
            self._next = None

    # -- the vault

    def _stored(self, table: str) -> Iterator[tuple[str, bytes]]:
        configured = self.unit.store.configured
        for index in configured.rows(self.unit.model.tables[table + "Table"]):
            chain = configured.cell(table + "@chain", index)
            if chain is not None:
                yield index[0].decode("utf-8", "replace"), chain

    @on_change(HOSTS + "RowStatus", HOSTS + "@chain", HOSTS + "@key", OTHERS + "RowStatus",
               OTHERS + "@chain")
    def certificates_changed(self, wanted: CertSettings) -> None:
        """Use them from the next handshake on."""
        self._fill_vault(announce=True)
        self._judge_dates()

    def _fill_vault(self, announce: bool) -> None:
        configured = self.unit.store.configured
        listed: dict[tuple[str, str], tuple[bytes, CertificateFacts]] = {}
        hosts: dict[str, HostCredential] = {}
        trusted: dict[str, tuple[Authority, ...]] = {}
        for name, chain in self._stored(HOSTS):
            key = configured.cell(HOSTS + "@key", (name.encode(),)) or b""
            hosts[name] = read_host(name, chain + b"\n" + key)
            listed[HOSTS, name] = (chain, hosts[name].facts)
        for name, chain in self._stored(OTHERS):
            found = read_certificates(name, chain)
            listed[OTHERS, name] = (chain, facts(found[0]))
            authorities = tuple(Authority(name, each) for each in found
                                if facts(each).is_authority)
            if authorities:
                trusted[name] = authorities
        before, self._listed = self._listed, listed
        self.unit.vault.replace(hosts, trusted)
        if announce:
            self._announce(before)

    def _announce(self, before: dict[tuple[str, str], tuple[bytes, CertificateFacts]]) -> None:
        issue = self.unit.notifier.issue
        for (table, name), (chain, found) in self._listed.items():
            if before.get((table, name), (b"",))[0] != chain:
                self._warned -= {each for each in self._warned if each[:2] == (table, name)}
                issue("certCertificateAdded", {
                    "certNotifiedFileName": name, "certNotifiedSubject": found.issued_to,
                    "certNotifiedKind": "host" if table == HOSTS else "other"})
        for _, name in (key for key in before if key not in self._listed):
            issue("certCertificateDeleted", {"certNotifiedFileName": name})

    # -- dates

    @on_change("certExpiryWarningDays")
    def judge_again(self, wanted: CertSettings) -> None:
        """Warn by the new number of days."""
        self._judge_dates()

    def _judge(self) -> None:
        self._judge_dates()
        self._next = self.unit.reactor.callLater(_JUDGE_EVERY_S, self._judge)

    def _judge_dates(self) -> None:
        now = self.unit.judging_time()
        for (table, name), (_, found) in self._listed.items():
            status = found.status(now, self.configured.expiry_warning_days)
            said = (table, name, status.name)
            if said in self._warned:
                continue
            self._warned -= {each for each in self._warned if each[:2] == (table, name)}
            self.unit.notifier.end_trouble(
                ("certCertificateExpiresSoon", "certCertificateNotValid"),
                {"certNotifiedFileName": name})
            if status is Status.EXPIRES_SOON:
                self.unit.notifier.issue("certCertificateExpiresSoon", {
                    "certNotifiedFileName": name, "certNotifiedValidTo":
                    shown_time(found.valid_to)})
            elif status in (Status.EXPIRED, Status.NOT_YET_VALID, Status.INVALID):
                self.unit.notifier.issue("certCertificateNotValid", {
                    "certNotifiedFileName": name,
                    "certNotifiedValidFrom": shown_time(found.valid_from),
                    "certNotifiedValidTo": shown_time(found.valid_to)})
            else:
                continue
            self._warned.add(said)

    @provides("certHostCertificatesInfoTable")
    def host_row(self, name: str) -> CertificateRow:
        """One host certificate."""
        return self._row(HOSTS, name)

    @provides("certOthersCertificatesInfoTable")
    def other_row(self, name: str) -> CertificateRow:
        """One other certificate, the first of its file."""
        return self._row(OTHERS, name)

    def _row(self, table: str, name: str) -> CertificateRow:
        listed = self._listed.get((table, name))
        if listed is None:
            chain = self.unit.store.configured.cell(table + "@chain", (name.encode(),))
            found = facts(read_certificates(name, chain)[0])
        else:
            found = listed[1]
        now = self.unit.judging_time()
        return CertificateRow(
            found, found.status(now, self.configured.expiry_warning_days),
            found.days_left(now or self.unit.clock.utc()))

    # -- import

    @command("certImportTable")
    async def import_file(self, job: Job[ImportArguments]) -> None:
        """Read, judge and install what a job names, as one transaction."""
        try:
            wishes = await self.unit.in_thread(lambda: self.wishes_of(job))
        except (JobFailed, CredentialError) as error:
            self.unit.notifier.issue("certCertificateRefused", {
                "certNotifiedFileName": _name_of(job.arguments),
                "certNotifiedReason": str(error).rstrip(".")})
            raise
        transaction = self.unit.store.begin(SYSTEM)
        for wish in wishes:
            transaction.put(wish)
        transaction.prepare()
        await transaction.commit()

    @offline("certImportTable")
    def import_wishes(self, job: Job[ImportArguments]) -> list[Wish]:
        """Give the same as wishes, for a script at the start."""
        return self.wishes_of(job)

    def wishes_of(self, job: Job[ImportArguments]) -> list[Wish]:
        """Read what the job names and give what installs it. Raises JobFailed, CredentialError."""
        given = job.arguments
        name = _name_of(given)
        octets = self._octets(job)
        job.progress(octets=len(octets), percent=50)
        if not name or len(name.encode()) > 64 or not name.isprintable() or "/" in name:
            raise JobFailed("FileName is 1 to 64 printable octets without a slash")
        cells: dict[str, Value]
        if given.type is ImportType.HOST:
            table = HOSTS
            credential = read_host(name, octets, given.password)
            cells = {"@chain": credential.chain_pem(), "@key": credential.key_pem()}
        else:
            table = OTHERS
            found = read_certificates(name, octets)
            cells = {"@chain": _pem(found)}
        index = (name.encode(),)
        wishes = [Wish(table + part, index, value, raw=True) for part, value in cells.items()]
        model = self.unit.model.tables[table + "Table"]
        if not self.unit.store.tip.has_row(model, index):
            wishes.insert(0, Wish(table + "RowStatus", index, int(RowStatus.CREATE_AND_GO),
                                  raw=True))
        return wishes

    def _octets(self, job: Job[ImportArguments]) -> bytes:
        given = job.arguments
        if bool(given.path) == bool(given.pem):
            raise JobFailed("give either Path or Pem")
        if given.pem:
            return given.pem
        path = Path(given.path)
        if not job.is_local:
            path = own_file(self.unit.state.path / "files", given.path)
        try:
            if path.stat().st_size > LARGEST_FILE_OCTETS:
                raise JobFailed(f"{given.path} is over {LARGEST_FILE_OCTETS} octets")
            if not path.is_file():
                raise JobFailed(f"{given.path} is not a file")
            with path.open("rb") as file:
                return file.read(LARGEST_FILE_OCTETS)
        except (OSError, ValueError) as error:
            raise JobFailed(f"{given.path} can't be read: {_why(error)}") from None


def own_file(root: Path, name: str) -> Path:
    """Give the file below root that a network may name. Raises JobFailed when it leads out."""
    path = Path(name)
    if path.is_absolute() or ".." in path.parts:
        raise JobFailed(f"{name}: from a network a path is relative to the unit's files, "
                        "without ..")
    try:
        found = (root / path).resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise JobFailed(f"{name} can't be read: {_why(error)}") from None
    if not found.is_relative_to(root.resolve()):
        raise JobFailed(f"{name}: a link leads out of the unit's files")
    return found


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _name_of(given: ImportArguments) -> str:
    return given.file_name or (Path(given.path).name if given.path else "")


def _pem(certificates: tuple[x509.Certificate, ...]) -> bytes:
    return b"".join(each.public_bytes(Encoding.PEM) for each in certificates)
