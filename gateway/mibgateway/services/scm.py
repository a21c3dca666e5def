"""Starts, stops and restarts services, and says how the unit is."""

from __future__ import annotations

import enum
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import ensureDeferred
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from mibagent.errors import InconsistentValue
from mibagent.service.host import ExecState
from mibagent.service.jobs import Job
from mibagent.service.service import Service, check, command, provides, rows
from mibagent.service.settings import Row, Table

log = logging.getLogger(__name__)

_LAST_ANSWERS_S = 0.1

class StartupType(enum.IntEnum):
    """Whether a service starts with the unit."""

    AUTO = 100
    MANUAL = 200


class ServiceClass(enum.IntEnum):
    """System services restart only; user services can be stopped."""

    SYSTEM = 100
    USER = 200


class UnitHealth(enum.IntEnum):
    """The one object to poll."""

    OK = 100
    WARNING = 200
    CRITICAL = 300


@dataclass(frozen=True)
class ServicesConfigRow(Row):
    """How one service starts."""

    startup_type: StartupType


@dataclass(frozen=True)
class ServiceCommandsRow(Row):
    """The commands for one service."""


@dataclass(frozen=True)
class ScmSettings:
    """The writable objects of MIBGATE-SCM-MIB."""

    service_commands: Table[ServiceCommandsRow]
    services_config: Table[ServicesConfigRow]
    restart_required_services_grace_delay: int


@dataclass(frozen=True)
class ServicesInfoRow:
    """What a poller sees of one service."""

    id: int
    class_: ServiceClass
    startup_type: StartupType
    exec_state: ExecState
    comment: str
    need_restart: bool

    def __getattr__(self, name: str) -> Any:
        if name == "class":
            return self.class_
        raise AttributeError(name)


@dataclass(frozen=True)
class RestartUnitArguments(Row):
    """What scmRestartUnitTable takes."""

    delay: int


class ScmService(Service[ScmSettings]):
    """Carries out the commands about services; the service host does the work."""

    mib = "MIBGATE-SCM-MIB"
    settings = ScmSettings

    def __init__(self, unit: Any) -> None:
        super().__init__(unit)
        self._due: Any = None
        self._restart: Any = None

    def start(self, running: ScmSettings) -> None:
        """Tell of services that start and stop, and of those that need a restart."""
        host = self.unit.host
        host.on_state = self._tell_state
        host.on_need = self._tell_need

    def stop(self) -> None:
        """Forget a restart that waits for its grace delay."""
        self._forget()
        if self._restart is not None and self._restart.active():
            self._restart.cancel()

    def _forget(self) -> None:
        if self._due is not None and self._due.active():
            self._due.cancel()
        self._due = None

    def _tell_state(self, name: str, state: ExecState) -> None:
        if name not in self.unit.service_names:
            return
        issue = self.unit.notifier.issue
        if state is ExecState.STARTED:
            issue("scmServiceStarted", {"scmServicesInfoName": name})
        elif state is ExecState.STOPPED:
            issue("scmServiceStopped", {"scmServicesInfoName": name})

    def _tell_need(self) -> None:
        needing = self.unit.host.needing_restart()
        if needing:
            self.unit.notifier.issue(
                "scmServicesNeedRestart", {"scmNotifiedServices": ", ".join(needing)})

    @rows("scmServicesInfoTable")
    def all_services(self) -> Mapping[str, Mapping[str, object]]:
        """Give a row to each service of the unit."""
        return {name: {} for name in self.unit.service_names}

    @provides("scmServicesInfoTable")
    def services_info(self, name: str) -> ServicesInfoRow:
        """How one service is."""
        node = self.unit.model.services[name]
        hosted = self.unit.host.services[name]
        return ServicesInfoRow(
            node.number, ServiceClass.USER if node.is_user else ServiceClass.SYSTEM,
            self.configured.services_config[name].startup_type, hosted.state, hosted.comment,
            hosted.needs_restart)

    @check("scmServicesConfigStartupType")
    def system_services_start_by_themselves(
        self, wanted: ScmSettings, row: ServicesConfigRow
    ) -> None:
        """Refuse to start a system service by hand only."""
        if row.startup_type is StartupType.MANUAL \
                and not self.unit.model.services[row.key].is_user:
            raise row.no(InconsistentValue, "startup_type", "a system service starts by itself")

    @check("scmServiceCommandsStop", "scmServiceCommandsStart")
    def system_services_only_restart(
        self, wanted: ScmSettings, row: ServiceCommandsRow
    ) -> None:
        """Refuse to stop what the unit can't do without."""
        if not self.unit.model.services[row.key].is_user:
            raise InconsistentValue(
                "scmServiceCommandsStop", "a system service is restarted, not stopped", row.index)

    @command("scmServiceCommandsRestart")
    async def restart(self, name: str) -> None:
        """Restart one service."""
        await self.unit.host.restart(name)

    @command("scmServiceCommandsStop")
    async def stop_service(self, name: str) -> None:
        """Stop one user service."""
        await self.unit.host.stop(name)

    @command("scmServiceCommandsStart")
    async def start_service(self, name: str) -> None:
        """Start one service."""
        await self.unit.host.start(name)

    @command("scmRestartRequiredServices")
    def restart_required(self) -> None:
        """Restart what needs it, once the grace delay is over."""
        self._forget()
        minutes = self.configured.restart_required_services_grace_delay
        self._due = self.unit.reactor.callLater(
            minutes * 60, lambda: ensureDeferred(self._restart_needing()))

    async def _restart_needing(self) -> None:
        for name in self.unit.host.needing_restart():
            try:
                await self.unit.host.restart(name)
            except Exception as error:
                log.error("%s could not be restarted: %s", name, error)  # its comment says so too

    @command("scmRestartUnitTable")
    async def restart_unit(self, job: Job[RestartUnitArguments]) -> None:
        """Restart the unit once the delay is over; the job ends just before."""
        reactor = self.unit.reactor
        await deferLater(reactor, job.arguments.delay)

        def restart() -> None:
            self.unit.restart_ordered_by = job.principal
            ensureDeferred(self.unit.restart()).addErrback(_log_broken)

        self._restart = reactor.callLater(_LAST_ANSWERS_S, restart)

    @provides("scmAnyServiceNeedsRestart")
    def any_needs_restart(self) -> bool:
        """Whether any service waits for its restart."""
        return bool(self.unit.host.needing_restart())

    @provides("scmReadyLed")
    def ready_led(self) -> int:
        """Steady once every SIP link is ready."""
        return int(self.unit.ready_led)

    @provides("scmUnitHealth")
    def unit_health(self) -> int:
        """The worst of what is active."""
        return int(self._health()[0])

    @provides("scmUnitHealthText")
    def unit_health_text(self) -> str:
        """Why."""
        return self._health()[1][:255]

    def _health(self) -> tuple[UnitHealth, str]:
        broken = [f"{name}: {hosted.comment or 'stopped'}"
                  for name, hosted in self.unit.host.services.items()
                  if hosted.state is not ExecState.STARTED and hosted.comment]
        active = sorted(self.unit.notifier.active.values(), key=lambda each: -each.severity)
        texts = broken + [notice.text for notice in active]
        if broken or any(notice.severity >= 400 for notice in active):
            return UnitHealth.CRITICAL, "; ".join(texts)
        if active:
            return UnitHealth.WARNING, "; ".join(texts)
        return UnitHealth.OK, ""


def _log_broken(failure: Failure) -> None:
    log.error("the unit's restart broke: %s", failure.getErrorMessage())
