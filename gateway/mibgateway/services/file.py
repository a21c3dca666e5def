"""The unit's files: listed, brought and sent over HTTPS, within a quota."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from twisted.internet.defer import CancelledError, DeferredLock

from mibagent.errors import MibgateError
from mibagent.service.jobs import Job, JobFailed
from mibagent.service.service import Service, command, provides
from mibagent.store.live import LiveTable, Snapshot
from mibagent.store.rows import Status
from mibgateway.files import Files, Look
from mibgateway.host.reading import Reading
from mibgateway.services.file_rows import (
    DownloadResult,
    FileRow,
    FileSettings,
    TransferArguments,
    UploadResult,
)
from mibgateway.transfer.asked import Asked, asked, shown, told
from mibgateway.transfer.macros import expand
from mibgateway.transfer.part import sweep
from mibgateway.transfer.terms import Done

ASSOCIATION = "certHostCertificateAssociationFile"

_KB = 1024


class FileService(Service[FileSettings]):
    """Carries the file commands out. Downloads follow each other, so that the quota holds."""

    mib = "MIBGATE-FILE-MIB"
    settings = FileSettings
    makes = ("fileFilesTable",)

    def __init__(self, unit: Any) -> None:
        super().__init__(unit)
        self._files = Files(unit.state.path / "files")
        self._numbers: dict[str, int] = {}
        self._last_number = 0
        self._turn = DeferredLock()
        self._running: set[Job[TransferArguments]] = set()
        self._downloaded, self._uploaded = DownloadResult.NONE, UploadResult.NONE
        self._is_swept = False
        self._looked: Reading[Look] = Reading(
            self._files.look, unit.reactor.seconds, unit.in_thread, unit.reactor.callLater)
        self._table: Snapshot[FileRow] = Snapshot(self._rows, unit.reactor.callLater)

    def start(self, running: FileSettings) -> None:
        """Make the folder; remove what transfers left that a dying process did not finish."""
        self._files.root.mkdir(mode=0o700, exist_ok=True)
        if not self._is_swept:
            sweep(self._files.root)
            self._is_swept = True

    def stop(self) -> None:
        """End what is being transferred."""
        for job in list(self._running):
            job.cancel()
        self._looked.stop()

    # -- the commands

    @command("fileDownloadFileTable")
    async def download(self, job: Job[TransferArguments]) -> None:
        """Bring a file; it stands under its name when it is whole."""
        self._downloaded = DownloadResult.DOWNLOADING
        try:
            await self._run(job, self._bring)
        except BaseException:
            self._downloaded = DownloadResult.FAILED
            raise
        self._downloaded = DownloadResult.SUCCESS

    @command("fileUploadFileTable")
    async def upload(self, job: Job[TransferArguments]) -> None:
        """Send a file."""
        self._uploaded = UploadResult.UPLOADING
        try:
            await self._run(job, self._send)
        except BaseException:
            self._uploaded = UploadResult.FAILED
            raise
        self._uploaded = UploadResult.SUCCESS

    async def _run(
        self, job: Job[TransferArguments],
        carry: Callable[[Job[TransferArguments], Asked, str], Awaitable[Done]],
    ) -> None:
        url = shown(job.arguments.url)
        self._running.add(job)
        try:
            names = self.unit.macros()
            wanted = asked(
                job.arguments.url, names, self.configured, "File transfer", job.principal)
            url = wanted.url.shown
            done = await carry(job, wanted, expand(job.arguments.file_name, names)
                               or wanted.url.name)
        except (MibgateError, CancelledError) as error:
            why = str(error).rstrip(".") or "cancelled"
            self.unit.notifier.issue("fileTransferFailed", {
                "fileNotifiedUrl": url, "fileNotifiedReason": why})
            raise
        finally:
            self._running.discard(job)
        job.progress(octets=done.octets)
        self.unit.notifier.issue("fileTransferDone", {
            "fileNotifiedUrl": url, "fileNotifiedBytes": done.octets})

    async def _bring(self, job: Job[TransferArguments], wanted: Asked, name: str) -> Done:
        to = self._files.place(name)
        await self._turn.acquire()
        try:
            left = (await self.unit.in_thread(self._files.look)).available
            if not left:
                raise JobFailed(f"nothing is left of {self._files.quota // _KB} KB for files")
            done: Done = await self.unit.transfers(ASSOCIATION).download(
                wanted.url, to, policy=wanted.policy, most_octets=left,
                credentials=wanted.credentials, progress=told(job.progress))
            return done
        finally:
            self._turn.release()
            self._forget()

    async def _send(self, job: Job[TransferArguments], wanted: Asked, name: str) -> Done:
        done: Done = await self.unit.transfers(ASSOCIATION).upload(
            wanted.url, self._files.present(name), policy=wanted.policy,
            credentials=wanted.credentials, progress=told(job.progress))
        return done

    @provides("fileDownloadFileUrl")
    def download_url(self, number: int) -> str:
        """The URL of a job without its user part."""
        return self._url("fileDownloadFileUrl", number)

    @provides("fileUploadFileUrl")
    def upload_url(self, number: int) -> str:
        """The URL of a job without its user part."""
        return self._url("fileUploadFileUrl", number)

    def _url(self, name: str, number: int) -> str:
        found = self.unit.store.configured.cell(name, (number,)) or b""
        return shown(found.decode("utf-8", "replace"))

    # -- what is there

    @provides("fileFilesTable")
    def files(self) -> LiveTable[FileRow]:
        """The files, as often as somebody looks."""
        return self._table

    @provides("fileFilesRowStatus")
    def file_status(self, number: int) -> int:
        """Files that are there are active."""
        return int(Status.ACTIVE)

    @command("fileFilesRowStatus")
    async def remove(self, number: int) -> None:
        """Remove the file whose row was destroyed."""
        names = [name for name, known in self._numbers.items() if known == number]
        try:
            for name in names:
                await self.unit.in_thread(partial(self._files.remove, name))
        finally:
            self._forget()

    def _rows(self) -> Mapping[int, FileRow]:
        kept = self._looked.get().kept
        there = {each.name for each in kept}
        self._numbers = {name: number for name, number in self._numbers.items() if name in there}
        for name in sorted(there - self._numbers.keys()):
            self._last_number += 1
            self._numbers[name] = self._last_number
        return {self._numbers[each.name]: FileRow(
            each.name, each.description, -(-each.octets // _KB)) for each in kept}

    def _forget(self) -> None:
        """Look anew when somebody asks."""
        self._looked.forget()
        self._table.rest()

    @provides("fileFileSystemQuotaSize")
    def quota_size(self) -> int:
        """KB that files may take."""
        return self._files.quota // _KB

    @provides("fileFileSystemAvailableSize")
    def available_size(self) -> int:
        """KB that are left."""
        return self._looked.get().available // _KB

    @provides("fileStatLastDownloadFileResult")
    def last_download(self) -> int:
        """What came of the last download."""
        return int(self._downloaded)

    @provides("fileStatLastUploadFileResult")
    def last_upload(self) -> int:
        """What came of the last upload."""
        return int(self._uploaded)
