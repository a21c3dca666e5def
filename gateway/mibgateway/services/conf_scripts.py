"""Fetches scripts and runs them, one at a time."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, ensureDeferred
from twisted.python.failure import Failure

from mibagent.northbound import Session
from mibagent.service.jobs import JobFailed
from mibagent.store.access import Principal
from mibgateway.northbound.script import LineFailure, Report, ScriptRunner
from mibgateway.northbound.script_grammar import LIMIT_BYTES, ScriptError
from mibgateway.services.conf_rows import (
    MOST_ERRORS,
    Account,
    TransferResult,
    TransferState,
    one_line,
)
from mibgateway.tls.policy import TlsPolicy
from mibgateway.transfer.terms import Credentials, TransferError
from mibgateway.transfer.url import Url

NORTHBOUND = "script"
"""The door of scripts that were fetched: not the console's, which may name any file."""

ASSOCIATION = "certHostCertificateAssociationConf"

JOB = "job"
"""The place of a script that somebody fetches by its URL."""

FETCHED = "fetched"
"""The folder of the state where a script lies between its transfer and its run."""

log = logging.getLogger(__name__)


class GivenUp(JobFailed):
    """The service stops."""


@dataclass(frozen=True)
class Source:
    """One script: where it lies, and what its place among the scripts is."""

    place: str
    """`generic`, `specific` or JOB."""
    name: str
    """Its file's."""
    shown: str
    """Where it lies, without secrets."""
    url: Url | None = None
    path: Path | None = None
    credentials: Credentials | None = None


class Scripts:
    """The scripts of a unit, and what came of the last."""

    def __init__(self, unit: Any) -> None:
        self._unit = unit
        self.state = TransferState.IDLE
        self.last = Account(TransferResult.NONE)
        self._taken = False
        self._runner: ScriptRunner | None = None
        self._give_up: Callable[[], None] = lambda: None
        self._told: set[str] = set()
        self.is_given_up = False
        """Whether the service was stopped while the last order was carried out."""

    # -- one at a time

    @property
    def is_busy(self) -> bool:
        """Whether a script is being fetched or run."""
        return self._taken or self._runner is not None

    @contextmanager
    def order(self) -> Iterator[Account]:
        """Begin an order of scripts and give its account. Raises JobFailed while another stands."""
        if self.is_busy:
            raise JobFailed("scripts are being fetched or run already")
        self._taken, self.is_given_up = True, False
        account = Account()
        try:
            yield account
        except (CancelledError, GivenUp) as error:
            why = str(error) or "cancelled"
            account.note(TransferResult.EXECUTION_FAILED if self.state is TransferState.RUNNING
                         else TransferResult.TRANSFER_FAILED, why)
            raise
        finally:
            self._taken, self.state = False, TransferState.IDLE
            account.when = self._unit.clock.local()
            self.last = account

    def give_up(self) -> None:
        """End what is being fetched or run: what a script has committed stands."""
        if self._taken:
            self.is_given_up = True
            give_up, self._give_up = self._give_up, lambda: None
            give_up()

    async def _until_given_up(self, work: Deferred[Any], end: Callable[[], object]) -> Any:
        """Wait for work; end is called when it is not waited for any more."""
        def cancel(_: Deferred[Any]) -> None:
            end()

        waited: Deferred[Any] = Deferred(cancel)

        def over(result: Any) -> None:
            if not waited.called:
                waited.callback(result)

        def give_up() -> None:
            waited.errback(GivenUp("the service was stopped"))
            end()

        work.addBoth(over)
        self._give_up = give_up
        try:
            return await waited
        finally:
            self._give_up = lambda: None

    # -- fetched

    async def fetch(
        self, source: Source, policy: TlsPolicy, progress: Callable[[int, int | None], None]
    ) -> bytes:
        """Give a script's octets. Raises TransferError."""
        self.state = TransferState.TRANSFERING
        work = self._read(source.path) if source.path is not None \
            else ensureDeferred(self._download(source, policy, progress))
        octets: bytes = await self._until_given_up(work, work.cancel)
        progress(len(octets), len(octets))
        self._told.discard(source.place)
        self._unit.notifier.issue("confTransferDone", {
            "confNotifiedUrl": source.shown, "confNotifiedBytes": len(octets)})
        return octets

    async def _download(
        self, source: Source, policy: TlsPolicy, progress: Callable[[int, int | None], None]
    ) -> bytes:
        assert source.url is not None
        folder = self._unit.state.path / FETCHED
        path = folder / source.place
        await self._unit.in_thread(lambda: _emptied(folder))
        try:
            await self._unit.transfers(ASSOCIATION).download(
                source.url, path, policy=policy, most_octets=LIMIT_BYTES,
                credentials=source.credentials, progress=progress)
            return await self._unit.in_thread(lambda: _read(path))  # type: ignore[no-any-return]
        finally:
            path.unlink(missing_ok=True)

    def _read(self, path: Path) -> Deferred[bytes]:
        found: Deferred[bytes] = self._unit.in_thread(lambda: _read(path))
        return found

    def not_had(self, source: Source, why: str) -> None:
        """Tell that a script can't be had; of a configured one once, until it can."""
        if source.place in self._told:
            return
        if source.place != JOB:
            self._told.add(source.place)
        self._unit.notifier.issue("confTransferFailed", {
            "confNotifiedUrl": source.shown[:1024], "confNotifiedReason": _sentence(why)})

    # -- run

    async def run(
        self, source: Source, octets: bytes, principal: Principal, account: Account,
        *, repeated: bool,
    ) -> None:
        """Run a script, unless it is the last one of its place and that is not to be repeated."""
        digest = await self._unit.in_thread(lambda: hashlib.sha256(octets).hexdigest().encode())
        memory = self._unit.store.memory
        if not repeated and memory.get(_kept(source)) == digest:
            log.info("the script %s is the one that was run last: it is not run again",
                     source.name)
            return
        self.state = TransferState.RUNNING
        session = Session(self._unit.host, principal)
        runner = self._runner = ScriptRunner(session, most_kept=MOST_ERRORS)
        running = ensureDeferred(runner.run_text(octets))
        running.addBoth(self._ended)
        try:
            report = await self._until_given_up(running, runner.stop)
        except (GivenUp, CancelledError) as error:
            self._tell(source, runner.report, account)
            if isinstance(error, GivenUp) and runner.is_through:
                await self._unit.store.remember({_kept(source): digest})
                return
            raise type(error)(f"{source.name}: nothing was run after line {runner.line}: "
                              f"{str(error) or 'cancelled'}") from None
        except ScriptError as error:
            report = Report(failures=[LineFailure(error.line, error.reason)], refused=1)
        else:
            await self._unit.store.remember({_kept(source): digest})
        self._tell(source, report, account)

    def _ended(self, result: Any) -> Any:
        self._runner = None
        if isinstance(result, Failure) and not result.check(ScriptError):
            log.error("a script broke: %s", result.getTraceback())
        return result

    def _tell(self, source: Source, report: Report, account: Account) -> None:
        issue, name = self._unit.notifier.issue, source.name[:60]
        if report.lines:
            issue("confScriptRun", {
                "confNotifiedName": name, "confNotifiedLines": report.lines,
                "confNotifiedRefused": report.refused})
        for failure in report.failures:
            account.note(TransferResult.EXECUTION_FAILED,
                         f"{source.name} line {failure.line}: {failure.why}")
            issue("confScriptLineFailed", {
                "confNotifiedName": name, "confNotifiedLine": failure.line,
                "confNotifiedReason": _sentence(failure.why)})


def _kept(source: Source) -> str:
    return f"conf.last-{source.place}"


def _sentence(why: str) -> str:
    return one_line(why).rstrip(".")


def _emptied(folder: Path) -> None:
    """Make the folder, and remove what a process that was killed has left in it."""
    folder.mkdir(mode=0o700, exist_ok=True)
    for left in folder.iterdir():
        left.unlink(missing_ok=True)


def _read(path: Path) -> bytes:
    """Give a file's octets. Raises TransferError."""
    try:
        if not path.is_file():
            raise TransferError("there is no such file")
        with path.open("rb") as file:
            octets = file.read(LIMIT_BYTES + 1)
    except OSError as error:
        raise TransferError(f"it can't be read: {error.strerror}") from None
    if len(octets) > LIMIT_BYTES:
        raise TransferError(f"it is longer than {LIMIT_BYTES} octets")
    return octets
