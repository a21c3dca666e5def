"""The configuration as scripts: which, from where, when, and what came of them."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, ensureDeferred

from mibagent.errors import InconsistentValue, WrongValue
from mibagent.service.jobs import NEVER, Job, JobFailed
from mibagent.service.service import Service, check, command, on_change, provides
from mibagent.store.access import Principal, Rights
from mibgateway.clock.unit_clock import date_and_time, printed
from mibgateway.services.conf_rows import (
    Account,
    ConfSettings,
    Protocol,
    RunArguments,
    TransferResult,
    plan_of,
    policy_of,
)
from mibgateway.services.conf_scripts import JOB, NORTHBOUND, Scripts, Source
from mibgateway.state import own_file
from mibgateway.transfer.asked import shown as shown_url
from mibgateway.transfer.asked import told
from mibgateway.transfer.macros import expand
from mibgateway.transfer.schedule import Schedule
from mibgateway.transfer.terms import Credentials, TransferError
from mibgateway.transfer.url import Url

AFTER_START_S = 1.0
"""How long after its own start scripts are fetched, so that the other services run too."""

GENERIC, SPECIFIC = "generic", "specific"

_PERIODIC = (
    "confScriptsTransferPeriodicEnable", "confScriptsTransferPeriodicTimeUnit",
    "confScriptsTransferInterval", "confScriptsTransferTimeRange")

log = logging.getLogger(__name__)


def _unwatched(octets: int, total: int | None) -> None:
    """Nobody looks."""


class ConfService(Service[ConfSettings]):
    """Fetches scripts when it is time, or when told to, and has them run."""

    mib = "MIBGATE-CONF-MIB"
    settings = ConfSettings

    def __init__(self, unit: Any) -> None:
        super().__init__(unit)
        self._scripts = Scripts(unit)
        self._schedule = Schedule()
        self._left: list[str] = []
        self._timer: Any = None
        self._boots = 0
        self._end_trust: Callable[[], None] = lambda: None
        self._luck: Callable[[], float] = random.random

    # -- start and stop

    def start(self, running: ConfSettings) -> None:
        """Count the time to the next fetch; at the unit's start fetch, where that is wanted."""
        by, self.unit.restart_ordered_by = self.unit.restart_ordered_by, None
        if self.unit.boots != self._boots:
            self._boots = self.unit.boots
            if by is not None and by.northbound == NORTHBOUND:
                log.info("a script that was fetched ordered this restart: none is fetched now")
            elif running.scripts_transfer_on_restart_enable:
                self._left = self._places(running)
                self._schedule.ask(self._now() + AFTER_START_S)
        self._end_trust = self.unit.clock.on_trust(lambda _: self._plan(self.configured))
        self._plan(self.configured)

    def stop(self) -> None:
        """Fetch no more; a script ends after the line that is being run."""
        self._end_trust()
        self._schedule.stop()
        self._rearm()
        self._scripts.give_up()

    def _now(self) -> float:
        now: float = self.unit.clock.monotonic()
        return now

    def _local(self) -> Any:
        clock = self.unit.clock
        return clock.local().replace(tzinfo=None) if clock.synchronized() else None

    @check("confScriptsTransferTimeRange")
    def time_range_can_be_read(self, wanted: ConfSettings) -> None:
        """Refuse what is no time of day."""
        try:
            plan_of(wanted)
        except ValueError as error:
            raise WrongValue("confScriptsTransferTimeRange", str(error)) from None

    @on_change(*_PERIODIC)
    def count_anew(self, wanted: ConfSettings) -> None:
        """Fetch by the new interval, counted from now."""
        self._plan(wanted)

    def _plan(self, settings: ConfSettings) -> None:
        self._schedule.plan(self._now(), self._local(), self._luck(), plan_of(settings))
        self._rearm()

    def _rearm(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
        if self._schedule.deadline is not None:
            self._timer = self.unit.reactor.callLater(
                max(0.0, self._schedule.deadline - self._now()), self._tick)

    def _tick(self) -> None:
        if self._schedule.tick(self._now(), self._local(), self._luck()):
            if self._scripts.is_busy:
                self._schedule.postpone(self._now())
            else:
                if not self._schedule.failures:
                    self._left = self._places(self.configured)
                ensureDeferred(self._fetch_unasked()).addErrback(
                    lambda failure: log.error("scripts: %s", failure.getTraceback()))
        self._rearm()

    # -- which, and from where

    def _places(self, settings: ConfSettings) -> list[str]:
        names = {GENERIC: settings.script_generic_file_name,
                 SPECIFIC: settings.script_specific_file_name}
        return [place for place, name in names.items() if name]

    def _source(self, place: str) -> Source:
        """Give where a configured script lies. Raises TransferError."""
        settings, macros = self.configured, self.unit.macros()
        name = expand(settings.script_generic_file_name if place == GENERIC
                      else settings.script_specific_file_name, macros)
        folder = expand(settings.scripts_location, macros).strip("/")
        path = f"{folder}/{name}".lstrip("/")
        if settings.scripts_transfer_protocol is Protocol.FILE:
            try:
                file = own_file(self.unit.state.path / "files", path)
            except JobFailed as error:
                raise TransferError(str(error)) from None
            return Source(place, name, f"file:{path}", path=file)
        url = Url.parse(f"{self._server()}/{path.replace('#', '%23')}")
        return Source(place, name, url.shown, url, credentials=self._credentials())

    def _server(self) -> str:
        settings = self.configured
        host = settings.scripts_transfer_srv_hostname
        if not host:
            raise TransferError("Conf.ScriptsTransferSrvHostname names no server")
        bracketed = f"[{host.host}]" if ":" in host.host else host.host
        port = f":{host.port}" if host.port else ""
        return f"{settings.scripts_transfer_protocol.name.lower()}://{bracketed}{port}"

    def _credentials(self) -> Credentials | None:
        settings = self.configured
        if not settings.scripts_transfer_username:
            return None
        return Credentials(settings.scripts_transfer_username, settings.scripts_transfer_password)

    def _principal(self) -> Principal:
        """Give in whose name configured scripts run.

        Only an Admin says which they are; but whoever may bring files can say what is in a file.
        """
        from_files = self.configured.scripts_transfer_protocol is Protocol.FILE
        return Principal("Conf", Rights.USER if from_files else Rights.ADMIN, NORTHBOUND)

    # -- the configured ones

    @check("confConfiguredScriptsTransferAndRun")
    def there_is_what_to_do(self, wanted: ConfSettings) -> None:
        """Refuse a second order while one stands, and one about nothing."""
        if self._scripts.is_busy:
            raise InconsistentValue("confConfiguredScriptsTransferAndRun",
                                    "scripts are being fetched or run already")
        if not self._places(wanted):
            raise InconsistentValue("confConfiguredScriptsTransferAndRun",
                                    "no script is configured")

    @command("confConfiguredScriptsTransferAndRun")
    async def run_configured(self) -> None:
        """Fetch and run the configured scripts, each tried once."""
        self._schedule.forget()
        self._rearm()
        await self._guarded(self._places(self.configured), lambda error: False)

    async def _fetch_unasked(self) -> None:
        if not self._left:
            return

        def again(error: TransferError) -> bool:
            return error.may_retry and self._schedule.failed(
                self._now(), self.configured.scripts_transfer_retries_number)

        if await self._guarded(self._left, again):
            self._schedule.forget()
        self._rearm()

    async def _guarded(
        self, places: list[str], again: Callable[[TransferError], bool]
    ) -> bool:
        """Carry an order out; say whether it is over."""
        try:
            with self._scripts.order() as account:
                return await self._carry_out(places, account, again)
        except (JobFailed, CancelledError) as error:
            log.info("scripts: %s", error)
            return True

    async def _carry_out(
        self, places: list[str], account: Account, again: Callable[[TransferError], bool]
    ) -> bool:
        while places:
            shown = Source(places[0], places[0], f"the {places[0]} script")
            try:
                shown = self._source(places[0])
                await self._fetch_and_run(shown, self._principal(), account, _unwatched)
            except TransferError as error:
                self._scripts.not_had(shown, error.why)
                account.note(TransferResult.TRANSFER_FAILED, f"{shown.name}: {error.why}")
                if again(error):
                    return False
            places.pop(0)
            if places and self._scripts.is_given_up:
                account.note(TransferResult.TRANSFER_FAILED,
                             f"the {places[0]} script was not fetched: the service was stopped")
                return True
        return True

    async def _fetch_and_run(
        self, source: Source, principal: Principal, account: Account,
        progress: Callable[[int, int | None], None],
    ) -> None:
        octets = await self._scripts.fetch(source, policy_of(self.configured), progress)
        await self._scripts.run(
            source, octets, principal, account,
            repeated=self.configured.scripts_allow_repeated_execution)

    # -- by its URL

    @command("confScriptTransferAndRunTable")
    async def transfer_and_run(self, job: Job[RunArguments]) -> None:
        """Fetch a script and run it with the rights of who started the job."""
        with self._scripts.order() as account:
            shown = Source(JOB, "script", shown_url(job.arguments.url))
            who = job.principal
            principal = Principal(who.name, who.rights, NORTHBOUND, who.peer)
            try:
                shown = self._ordered(job.arguments.url)
                await self._fetch_and_run(shown, principal, account, told(job.progress))
            except TransferError as error:
                self._scripts.not_had(shown, error.why)
                account.note(TransferResult.TRANSFER_FAILED, f"{shown.name}: {error.why}")
            if account.errors:
                raise JobFailed("; ".join(account.errors))

    def _ordered(self, text: str) -> Source:
        """Give where a job's URL points. Raises TransferError."""
        url = Url.parse(expand(text, self.unit.macros()))
        if url.scheme == "http" \
                and self.configured.scripts_transfer_protocol is not Protocol.HTTP:
            raise TransferError("http is allowed only while Conf.ScriptsTransferProtocol is Http")
        is_ours = bool(self.configured.scripts_transfer_srv_hostname) \
            and self.configured.scripts_transfer_protocol is not Protocol.FILE \
            and Url.parse(self._server()).origin == url.origin
        return Source(JOB, url.name or url.host, url.shown, url,
                      credentials=self._credentials() if is_ours else None)

    @provides("confScriptTransferAndRunUrl")
    def url_shown(self, number: int) -> str:
        """A job's URL without its user part."""
        cell = self.unit.store.configured.cell("confScriptTransferAndRunUrl", (number,))
        return shown_url((cell or b"").decode("utf-8", "replace"))

    # -- shown

    @provides("confScriptsStatsCurrentTransferState")
    def current_state(self) -> int:
        """What is being done."""
        return int(self._scripts.state)

    @provides("confScriptsStatsLastTransferResult")
    def last_result(self) -> int:
        """What came of the last scripts."""
        return int(self._scripts.last.result)

    @provides("confScriptsStatsLastTransferDateTime")
    def last_time(self) -> str:
        """When that was known."""
        when = self._scripts.last.when
        return printed(when) if when is not None else ""

    @provides("confScriptsStatsLastTransferTime")
    def last_date_and_time(self) -> bytes:
        """The same for programs."""
        when = self._scripts.last.when
        return date_and_time(when) if when is not None else NEVER

    @provides("confScriptsStatsLastErrors")
    def last_errors(self) -> str:
        """What was wrong with them."""
        return self._scripts.last.text
