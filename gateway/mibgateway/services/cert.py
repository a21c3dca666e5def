"""Host and CA certificates: kept sealed in the database, listed, brought in, judged by date.

And what looks into TLS for an Admin: the probe and the key log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mibagent.errors import WrongValue
from mibagent.service.jobs import Job, JobFailed
from mibagent.service.service import Service, check, command, offline, on_change, provides
from mibagent.smi.syntax import Value
from mibagent.store.live import LiveTable
from mibagent.store.rows import Status as RowStatus
from mibagent.store.store import SYSTEM
from mibagent.store.wish import Wish
from mibgateway.clock.unit_clock import printed
from mibgateway.services.cert_rows import (
    AuthorityRow,
    CertificateRow,
    CertSettings,
    CsrArguments,
    ImportArguments,
    ImportType,
    KeyLogArguments,
    ProbeArguments,
    ReportLine,
    Reports,
    RequestRow,
    SelfSignedArguments,
    TransferResult,
)
from mibgateway.state import own_file
from mibgateway.tls.certificate import (
    CertificateFacts,
    CredentialError,
    Status,
    Usage,
    facts,
    kind_of_key,
    shown_name,
)
from mibgateway.tls.credentials import (
    Authority,
    HostCredential,
    KeyMismatch,
    PrivateKey,
    key_pem,
    read_certificates,
    read_host,
    read_key,
)
from mibgateway.tls.keylog import TimedKeyLog
from mibgateway.tls.making import make_key, self_signed, signing_request
from mibgateway.tls.ocsp import is_responder_url
from mibgateway.tls.probe import NoConnection, Probe
from mibgateway.tls.revocation import Event, Revoked
from mibgateway.tls.shell import shake

HOSTS = "certHostCertificatesInfo"
OTHERS = "certOthersCertificatesInfo"
REQUESTS = "certSigningRequests"

LARGEST_FILE_OCTETS = 4 * 1024 * 1024

MOST_REQUESTS = 20
"""Signing requests that may wait for their certificate."""

KEY_LOG = "keylog.txt"

MOST_SILENT_RESPONDERS = 50
"""Responders whose silence is remembered, so that their return is told."""

_JUDGE_EVERY_S = 3600.0


class CertService(Service[CertSettings]):
    """Fills the unit's vault; every handshake looks there."""

    mib = "MIBGATE-CERT-MIB"
    settings = CertSettings
    makes = (HOSTS + "Table", OTHERS + "Table", REQUESTS + "Table")
    hidden = {  # noqa: RUF012
        HOSTS + "Table": (HOSTS + "@chain", HOSTS + "@key"),
        OTHERS + "Table": (OTHERS + "@chain",),
        REQUESTS + "Table": (REQUESTS + "@pem", REQUESTS + "@key")}

    def __init__(self, unit: Any) -> None:
        super().__init__(unit)
        self._listed: dict[tuple[str, str], tuple[bytes, CertificateFacts]] = {}
        self._warned: set[tuple[str, str, str]] = set()
        self._next: Any = None
        self._end_step: Callable[[], None] = lambda: None
        self._last_result = TransferResult.NONE
        self._silent: dict[str, None] = {}
        self._reports = Reports()
        self._key_log = TimedKeyLog(
            unit.vault.shared.key_log, unit.reactor, self._key_log_ended)

    def start(self, running: CertSettings) -> None:
        """Open the sealed certificates into the vault and judge their dates."""
        self.open_vault()
        self._end_step = self.unit.clock.on_step(lambda _: self._judge_dates())
        revocation = self.unit.vault.shared.revocation
        revocation.override, revocation.tell = self._responder_for, self._tell
        self._judge()

    def open_vault(self) -> None:
        """Open the sealed certificates, so that connections find them."""
        self._fill_vault(announce=False)

    def stop(self) -> None:
        """Leave the vault as it is: links that stand go on. The key log is over."""
        self._end_step()
        self._key_log.end()
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
            with self._left_out(name):
                hosts[name] = read_host(name, chain + b"\n" + key)
                listed[HOSTS, name] = (chain, hosts[name].facts)
        for name, chain in self._stored(OTHERS):
            with self._left_out(name):
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

    @contextmanager
    def _left_out(self, name: str) -> Iterator[None]:
        """Go on without what today's library can't read any more, and say so."""
        try:
            yield
        except CredentialError as error:
            self.unit.notifier.issue("certCertificateRefused", {
                "certNotifiedFileName": name, "certNotifiedReason": str(error).rstrip(".")})

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
                    self._shown_time(found.valid_to)})
            elif status in (Status.EXPIRED, Status.NOT_YET_VALID, Status.INVALID):
                self.unit.notifier.issue("certCertificateNotValid", {
                    "certNotifiedFileName": name,
                    "certNotifiedValidFrom": self._shown_time(found.valid_from),
                    "certNotifiedValidTo": self._shown_time(found.valid_to)})
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
            found.days_left(now or self.unit.clock.utc()), self._shown_time)

    def _shown_time(self, moment: datetime) -> str:
        """Give a certificate's date for people, in the unit's zone."""
        return printed(self.unit.clock.zone.local(moment))

    # -- revocation

    @check("certCertificateAuthoritiesOverrideIssuedCertificateOcspUrl")
    def a_responder_is_asked_by_http(self, wanted: CertSettings, row: AuthorityRow) -> None:
        """Refuse what is no URL of a responder."""
        url = row.override_issued_certificate_ocsp_url
        if url and not is_responder_url(url):
            raise row.no(WrongValue, "override_issued_certificate_ocsp_url",
                         "an http:// URL is wanted, or nothing")

    def _responder_for(self, issuer: x509.Certificate) -> str:
        rows = self.configured.certificate_authorities
        for name, authorities in self.unit.vault.trusted.items():
            if any(each.certificate == issuer for each in authorities) and name in rows:
                url = rows[name].override_issued_certificate_ocsp_url
                if url:
                    return url
        return ""

    def _tell(self, event: Event) -> None:
        issue = self.unit.notifier.issue
        if isinstance(event, Revoked):
            issue("certCertificateRevoked", {
                "certNotifiedSubject": event.subject, "certNotifiedIssuer": event.issuer})
        elif not event.why:
            if self._silent.pop(event.url, "") is None:
                issue("certOcspResponderAvailable", {"certNotifiedUrl": event.url})
        elif event.url not in self._silent and len(self._silent) < MOST_SILENT_RESPONDERS:
            self._silent[event.url] = None
            issue("certOcspResponderNotAvailable", {
                "certNotifiedUrl": event.url, "certNotifiedReason": event.why.rstrip(".")})

    # -- brought in

    @command("certImportTable")
    async def import_file(self, job: Job[ImportArguments]) -> None:
        """Read, judge and install what a job names, as one transaction."""
        self._last_result = TransferResult.TRANSFERRING
        try:
            keys = self._keys() if job.arguments.type is ImportType.HOST else {}
            wishes = await self.unit.in_thread(lambda: self._wishes_of(job, keys))
        except (JobFailed, CredentialError) as error:
            self._last_result = _result_of(error)
            self.unit.notifier.issue("certCertificateRefused", {
                "certNotifiedFileName": _name_of(job.arguments),
                "certNotifiedReason": str(error).rstrip(".")})
            raise
        await self._commit(wishes)
        self._last_result = TransferResult.SUCCESS

    @offline("certImportTable")
    def import_wishes(self, job: Job[ImportArguments]) -> list[Wish]:
        """Give the same as wishes, for a script at the start."""
        return list(self._current(self._wishes_of(job, self._keys())))

    @provides("certStatLastTransferResult")
    def last_result(self) -> int:
        """What came of the last certificate that was brought in."""
        return int(self._last_result)

    async def _commit(self, wishes: list[Wish]) -> None:
        with self.unit.store.begin(SYSTEM) as transaction:
            for wish in self._current(wishes):
                transaction.put(wish)
            transaction.prepare()
            await transaction.commit()

    def _current(self, wishes: list[Wish]) -> Iterator[Wish]:
        """Leave out the making of rows that are there by now, made by a job beside this one."""
        for wish in wishes:
            table = self.unit.model[wish.name].table if "@" not in wish.name else None
            makes = table is not None and wish.value == int(RowStatus.CREATE_AND_GO)
            if not (makes and self.unit.store.tip.has_row(table, wish.index)):
                yield wish

    def _keys(self) -> dict[str, bytes]:
        """Give the unit's keys, those of requests by their names, for what comes without one."""
        found: dict[str, bytes] = {}
        configured = self.unit.store.configured
        for table in (REQUESTS, HOSTS):
            for index in configured.rows(self.unit.model.tables[table + "Table"]):
                key = configured.cell(table + "@key", index)
                if key:
                    found[f"{table}/{index[0].decode('utf-8', 'replace')}"] = key
        return found

    def _wishes_of(self, job: Job[ImportArguments], kept: dict[str, bytes]) -> list[Wish]:
        """Read what the job names and give what installs it. Raises JobFailed, CredentialError."""
        given = job.arguments
        name = _name_of(given)
        octets = self._octets(job)
        job.progress(octets=len(octets), percent=50)
        _check_name(name)
        if given.type is ImportType.OTHER:
            return self._laid(OTHERS, name, {"@chain": _pem(read_certificates(name, octets))})
        keys = {each: read_key(each, key) for each, key in kept.items()}
        credential = read_host(name, octets, given.password, keys.values())
        wishes = self._laid(HOSTS, name, _cells_of(credential))
        for each, key in keys.items():
            table, _, request = each.partition("/")
            if table == REQUESTS and key.public_key() == credential.key.public_key():
                wishes.append(Wish(REQUESTS + "RowStatus", (request.encode(),),
                                   int(RowStatus.DESTROY), raw=True))
        return wishes

    def _laid(self, table: str, name: str, cells: dict[str, Value]) -> list[Wish]:
        index = (name.encode(),)
        made = Wish(table + "RowStatus", index, int(RowStatus.CREATE_AND_GO), raw=True)
        return [made, *(Wish(table + part, index, value, raw=True)
                        for part, value in cells.items())]

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

    # -- made here

    @command("certGenerateSelfSignedTable")
    async def generate_self_signed(self, job: Job[SelfSignedArguments]) -> None:
        """Make a key and a certificate that it signs itself."""
        given, now = job.arguments, self.unit.judging_time()
        _check_name(given.file_name)
        if now is None:
            raise JobFailed("the time is not known, so that no certificate can be dated")
        made = await self.unit.in_thread(lambda: self_signed(
            given.file_name, given.common_name, given.subject_alt_name, given.days,
            make_key(given.key_type), now))
        await self._commit(self._laid(HOSTS, given.file_name, _cells_of(made)))

    @command("certGenerateCsrTable")
    async def generate_csr(self, job: Job[CsrArguments]) -> None:
        """Make a key that stays, and a request that can be read; the answer is the request."""
        given = job.arguments
        _check_name(given.file_name)
        table = self.unit.model.tables[REQUESTS + "Table"]
        known = list(self.unit.store.tip.rows(table))
        if len(known) >= MOST_REQUESTS and (given.file_name.encode(),) not in known:
            raise JobFailed(f"{MOST_REQUESTS} signing requests wait already; destroy one")

        def make() -> tuple[bytes, PrivateKey]:
            key = make_key(given.key_type)
            return signing_request(
                given.file_name, given.common_name, given.subject_alt_name, key), key

        pem, key = await self.unit.in_thread(make)
        await self._commit(self._laid(REQUESTS, given.file_name, {
            "@pem": pem, "@key": key_pem(key)}))
        job.answer = pem.decode("ascii").rstrip("\n")

    @provides(REQUESTS + "Table")
    def request_row(self, name: str) -> RequestRow:
        """One signing request."""
        pem = self.unit.store.configured.cell(REQUESTS + "@pem", (name.encode(),)) or b""
        request = x509.load_pem_x509_csr(pem)
        return RequestRow(shown_name(request.subject), kind_of_key(request.public_key()), pem)

    # -- the probe

    @command("certProbeTable")
    async def probe(self, job: Job[ProbeArguments]) -> None:
        """Look a server over; the answer is the report."""
        lines = await self.look_over(job.arguments.host, job.arguments.sni)
        job.answer = "\n".join(lines)
        self._reports.keep(job.number, lines)

    async def look_over(self, server: Any, sni: str) -> list[str]:
        """Give the report about a server. Raises JobFailed."""
        if not server or not server.port:
            raise JobFailed("Host is a host with its port, as in sip.example.com:5061")
        vault = self.unit.vault
        probe = Probe(
            str(server), sni or server.host,
            partial(shake, self.unit.reactor, server.host, server.port),
            lambda policy: vault.credential(Usage.TLS_CLIENT, policy), vault.authorities(),
            self.unit.judging_time, vault.shared)
        try:
            return await probe.report()
        except NoConnection as error:
            raise JobFailed(f"{server} can't be reached: {error}") from error

    @provides("certProbeReportTable")
    def reports(self) -> LiveTable[ReportLine]:
        """The last reports, line by line."""
        return self._reports.table

    # -- the key log

    @command("certKeyLogTable")
    def key_log(self, job: Job[KeyLogArguments]) -> None:
        """Turn it on for so many minutes, or off."""
        self._key_log.end()
        minutes = job.arguments.minutes
        if not minutes:
            return
        path = self.unit.state.path / KEY_LOG
        try:
            self._key_log.begin(path, 60.0 * minutes)
        except OSError as error:
            raise JobFailed(f"{path} can't be written: {_why(error)}") from None
        self.unit.notifier.issue("certKeyLogOn", {
            "certNotifiedFileName": KEY_LOG, "certNotifiedMinutes": minutes})
        job.answer = str(path)

    def _key_log_ended(self) -> None:
        self.unit.notifier.issue("certKeyLogOff", {"certNotifiedFileName": KEY_LOG})

    @provides("certKeyLogRemaining")
    def key_log_remaining(self) -> int:
        """Seconds until it ends."""
        return self._key_log.remaining()


def _cells_of(credential: HostCredential) -> dict[str, Value]:
    return {"@chain": credential.chain_pem(), "@key": credential.key_pem()}


def _check_name(name: str) -> None:
    if not name or len(name.encode()) > 64 or not name.isprintable() or "/" in name:
        raise JobFailed("FileName is 1 to 64 printable octets without a slash")


def _result_of(error: Exception) -> TransferResult:
    if isinstance(error, KeyMismatch):
        return TransferResult.KEY_MISMATCH
    if isinstance(error, CredentialError):
        return TransferResult.INVALID_CERTIFICATE
    return TransferResult.TRANSFER_FAILED


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _name_of(given: ImportArguments) -> str:
    return given.file_name or (Path(given.path).name if given.path else "")


def _pem(certificates: tuple[x509.Certificate, ...]) -> bytes:
    return b"".join(each.public_bytes(Encoding.PEM) for each in certificates)
