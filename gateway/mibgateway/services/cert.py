"""Host and CA certificates: kept sealed in the database, listed, made, judged by date.

How they come in is in `cert_transfer.py`; here is also what looks into TLS for an Admin: the
probe and the key log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any

from cryptography import x509

from mibagent.errors import WrongValue
from mibagent.service.jobs import Job, JobFailed
from mibagent.service.service import check, command, on_change, provides
from mibagent.store.live import LiveTable
from mibgateway.clock.unit_clock import printed
from mibgateway.services.cert_rows import (
    AuthorityRow,
    CertificateRow,
    CertSettings,
    CsrArguments,
    KeyLogArguments,
    ProbeArguments,
    ReportLine,
    Reports,
    RequestRow,
    SelfSignedArguments,
)
from mibgateway.services.cert_transfer import (
    HOSTS,
    OTHERS,
    REQUESTS,
    CertTransfer,
    cells_of,
    check_name,
    why_of,
)
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
    PrivateKey,
    key_pem,
    read_certificates,
    read_host,
)
from mibgateway.tls.keylog import TimedKeyLog
from mibgateway.tls.making import make_key, self_signed, signing_request
from mibgateway.tls.ocsp import is_responder_url
from mibgateway.tls.probe import NoConnection, Probe
from mibgateway.tls.revocation import Event, Revoked
from mibgateway.tls.shell import shake

MOST_REQUESTS = 20
"""Signing requests that may wait for their certificate."""

KEY_LOG = "keylog.txt"

MOST_SILENT_RESPONDERS = 50
"""Responders whose silence is remembered, so that their return is told."""

_JUDGE_EVERY_S = 3600.0


class CertService(CertTransfer):
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
        self._silent: dict[str, None] = {}
        self._reports = Reports()
        self._key_log = TimedKeyLog(
            unit.vault.shared.key_log, unit.reactor, self._key_log_ended)

    def start(self, running: CertSettings) -> None:
        """Open the sealed certificates into the vault and judge their dates."""
        self.sweep_incoming()
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
        self.fetch_no_more()
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

    # -- made here

    @command("certGenerateSelfSignedTable")
    async def generate_self_signed(self, job: Job[SelfSignedArguments]) -> None:
        """Make a key and a certificate that it signs itself."""
        given, now = job.arguments, self.unit.judging_time()
        check_name(given.file_name)
        if now is None:
            raise JobFailed("the time is not known, so that no certificate can be dated")
        made = await self.unit.in_thread(lambda: self_signed(
            given.file_name, given.common_name, given.subject_alt_name, given.days,
            make_key(given.key_type), now))
        await self._commit(self._laid(HOSTS, given.file_name, cells_of(made)))

    @command("certGenerateCsrTable")
    async def generate_csr(self, job: Job[CsrArguments]) -> None:
        """Make a key that stays, and a request that can be read; the answer is the request."""
        given = job.arguments
        check_name(given.file_name)
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
            raise JobFailed(f"{path} can't be written: {why_of(error)}") from None
        self.unit.notifier.issue("certKeyLogOn", {
            "certNotifiedFileName": KEY_LOG, "certNotifiedMinutes": minutes})
        job.answer = str(path)

    def _key_log_ended(self) -> None:
        self.unit.notifier.issue("certKeyLogOff", {"certNotifiedFileName": KEY_LOG})

    @provides("certKeyLogRemaining")
    def key_log_remaining(self) -> int:
        """Seconds until it ends."""
        return self._key_log.remaining()
