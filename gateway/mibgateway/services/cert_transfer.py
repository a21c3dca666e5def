"""Certificates that come in: from a file, as text, or over HTTPS."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from twisted.internet.defer import CancelledError

from mibagent.errors import MibgateError
from mibagent.service.jobs import Job, JobFailed
from mibagent.service.service import Service, command, offline, provides
from mibagent.smi.syntax import Value
from mibagent.store.rows import Status as RowStatus
from mibagent.store.store import SYSTEM
from mibagent.store.wish import Wish
from mibgateway.services.cert_rows import (
    CertSettings,
    DownloadArguments,
    ImportArguments,
    ImportType,
    TransferResult,
)
from mibgateway.state import own_file
from mibgateway.tls.certificate import CredentialError
from mibgateway.tls.credentials import (
    HostCredential,
    KeyMismatch,
    read_certificates,
    read_host,
    read_key,
)
from mibgateway.transfer.asked import asked, shown, told

HOSTS = "certHostCertificatesInfo"
OTHERS = "certOthersCertificatesInfo"
REQUESTS = "certSigningRequests"

LARGEST_FILE_OCTETS = 4 * 1024 * 1024

ASSOCIATION = "certHostCertificateAssociationCert"

INCOMING = "incoming"
"""The folder, in the state directory, of what is not installed yet."""


@dataclass(frozen=True)
class Brought:
    """What came, as it came."""

    name: str
    kind: ImportType
    octets: bytes = field(repr=False)
    password: str = field(repr=False)


class CertTransfer(Service[CertSettings]):
    """The part of the Cert service that brings certificates in."""

    def __init__(self, unit: Any) -> None:
        super().__init__(unit)
        self._last_result = TransferResult.NONE
        self._fetching: set[Job[DownloadArguments]] = set()
        self._is_swept = False

    def sweep_incoming(self) -> None:
        """Remove what a process that died had fetched, once."""
        if not self._is_swept:
            shutil.rmtree(self.unit.state.path / INCOMING, ignore_errors=True)
            self._is_swept = True

    def fetch_no_more(self) -> None:
        """End what is being fetched."""
        for job in list(self._fetching):
            job.cancel()

    # -- from a file or as text

    @command("certImportTable")
    async def import_file(self, job: Job[ImportArguments]) -> None:
        """Read, judge and install what a job names, as one transaction."""
        await self._install(_name_of(job.arguments), job.arguments.type, partial(self._read, job))

    @offline("certImportTable")
    def import_wishes(self, job: Job[ImportArguments]) -> list[Wish]:
        """Give the same as wishes, for a script at the start."""
        return list(self._current(self._wishes_of(self._read(job), self._keys())))

    def _read(self, job: Job[ImportArguments]) -> Brought:
        given = job.arguments
        octets = self._octets(job)
        job.progress(octets=len(octets), percent=50)
        return Brought(_name_of(given), given.type, octets, given.password)

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
            raise JobFailed(f"{given.path} can't be read: {why_of(error)}") from None

    # -- over HTTPS

    @command("certDownloadTable")
    async def download(self, job: Job[DownloadArguments]) -> None:
        """Fetch what a job names, then install it as an import does."""
        given = job.arguments
        self._last_result = TransferResult.TRANSFERRING
        self._fetching.add(job)
        try:
            name, octets = await self._fetch(job)
        except (MibgateError, CancelledError) as error:
            self._last_result = TransferResult.TRANSFER_FAILED
            self.unit.notifier.issue("certTransferFailed", {
                "certNotifiedUrl": shown(given.url),
                "certNotifiedReason": str(error).rstrip(".") or "cancelled"})
            raise
        finally:
            self._fetching.discard(job)
        job.progress(octets=len(octets))
        self.unit.notifier.issue("certTransferDone", {
            "certNotifiedUrl": shown(given.url), "certNotifiedBytes": len(octets)})
        await self._install(name, given.type,
                            lambda: Brought(name, given.type, octets, given.password))

    async def _fetch(self, job: Job[DownloadArguments]) -> tuple[str, bytes]:
        """Give the name that it gets, and what came. Raises TransferError, JobFailed."""
        given = job.arguments
        wanted = asked(given.url, self.unit.macros(), self.configured, "certificate transfer",
                       job.principal)
        name = given.file_name or wanted.url.name
        check_name(name)
        folder = await self.unit.in_thread(self._folder)
        try:
            to = folder / "fetched"
            await self.unit.transfers(ASSOCIATION).download(
                wanted.url, to, policy=wanted.policy, most_octets=LARGEST_FILE_OCTETS,
                credentials=wanted.credentials, progress=told(job.progress))
            return name, await self.unit.in_thread(to.read_bytes)
        except OSError as error:
            raise JobFailed(f"what came can't be kept: {why_of(error)}") from None
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _folder(self) -> Path:
        """Make a folder for one file."""
        incoming: Path = self.unit.state.path / INCOMING
        try:
            incoming.mkdir(mode=0o700, exist_ok=True)
            return Path(tempfile.mkdtemp(dir=incoming))
        except OSError as error:
            raise JobFailed(f"what comes can't be kept: {why_of(error)}") from None

    @provides("certDownloadUrl")
    def download_url(self, number: int) -> str:
        """The URL of a job without its user part."""
        found = self.unit.store.configured.cell("certDownloadUrl", (number,)) or b""
        return shown(found.decode("utf-8", "replace"))

    # -- judged and installed

    @provides("certStatLastTransferResult")
    def last_result(self) -> int:
        """What came of the last certificate that was brought in."""
        return int(self._last_result)

    async def _install(
        self, name: str, kind: ImportType, read: Callable[[], Brought]
    ) -> None:
        self._last_result = TransferResult.TRANSFERRING
        try:
            keys = self._keys() if kind is ImportType.HOST else {}
            wishes = await self.unit.in_thread(lambda: self._wishes_of(read(), keys))
        except (JobFailed, CredentialError) as error:
            self._last_result = _result_of(error)
            self.unit.notifier.issue("certCertificateRefused", {
                "certNotifiedFileName": name, "certNotifiedReason": str(error).rstrip(".")})
            raise
        await self._commit(wishes)
        self._last_result = TransferResult.SUCCESS

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

    def _wishes_of(self, brought: Brought, kept: dict[str, bytes]) -> list[Wish]:
        """Read what came and give what installs it. Raises JobFailed, CredentialError."""
        name = brought.name
        check_name(name)
        if brought.kind is ImportType.OTHER:
            return self._laid(OTHERS, name, {"@chain": _pem(
                read_certificates(name, brought.octets))})
        keys = {each: read_key(each, key) for each, key in kept.items()}
        credential = read_host(name, brought.octets, brought.password, keys.values())
        wishes = self._laid(HOSTS, name, cells_of(credential))
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


def cells_of(credential: HostCredential) -> dict[str, Value]:
    """Give what is kept of a credential."""
    return {"@chain": credential.chain_pem(), "@key": credential.key_pem()}


def check_name(name: str) -> None:
    """Refuse a name that can't be shown. Raises JobFailed."""
    if not name or len(name.encode()) > 64 or not name.isprintable() or "/" in name:
        raise JobFailed("FileName is 1 to 64 printable octets without a slash")


def _result_of(error: Exception) -> TransferResult:
    if isinstance(error, KeyMismatch):
        return TransferResult.KEY_MISMATCH
    if isinstance(error, CredentialError):
        return TransferResult.INVALID_CERTIFICATE
    return TransferResult.TRANSFER_FAILED


def why_of(error: Exception) -> str:
    """Give what the system says, without numbers and names."""
    return getattr(error, "strerror", None) or str(error)


def _name_of(given: ImportArguments) -> str:
    return given.file_name or (Path(given.path).name if given.path else "")


def _pem(certificates: tuple[x509.Certificate, ...]) -> bytes:
    return b"".join(each.public_bytes(Encoding.PEM) for each in certificates)
