"""What is lent to every service of one unit: reactor, store, vault, notifier, clock, identity.

The journal's thread lives here.
"""

from __future__ import annotations

import enum
import errno
import json
import logging
import platform
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from mibagent.model.nodes import MibModel
from mibagent.service.host import ServiceHost
from mibagent.smi.oid import Oid
from mibagent.smi.syntax import Value
from mibagent.snmp.counters import Counters
from mibagent.snmp.framework import Speaking
from mibagent.store.access import Principal
from mibagent.store.layers import Key, View
from mibagent.store.store import ParameterStore
from mibagent.store.upkeep import Upkeep
from mibgateway.clock.unit_clock import UnitClock
from mibgateway.errors import StartError
from mibgateway.host.interfaces import Links, links
from mibgateway.host.reading import Reading
from mibgateway.notifier import Notifier
from mibgateway.state import StateDirectory
from mibgateway.tls.certificate import Usage
from mibgateway.tls.creator import ClientCreator
from mibgateway.tls.policy import TlsPolicy
from mibgateway.tls.revocation import Revocation
from mibgateway.tls.shared import Sessions, Shared
from mibgateway.tls.shell import fetch_answer
from mibgateway.tls.vault import Vault
from mibgateway.whereabouts import KEPT, Whereabouts

if TYPE_CHECKING:
    from mibagent.service.service import Service
    from mibgateway.transfer.shell import Transfers

T = TypeVar("T")

DOCUMENTATION_MAC = bytes.fromhex("00005E0053")
"""RFC 7042 section 2.1.2: for documentation; the last octet is the unit's."""
DOCUMENTATION_OUI = "00005E"

FALLBACK_PORTS = {161: 1161, 22: 2222, 80: 8080, 443: 8443}
"""What a port that needs privileges falls back to."""

log = logging.getLogger(__name__)


class ReadyLed(enum.IntEnum):
    """The one light to look at."""

    OFF = 0
    BLINKING = 100
    STEADY = 200


@dataclass(frozen=True)
class Identity:
    """Who the unit is; made at the first start and kept."""

    serial: str
    mac: str
    oui: str = DOCUMENTATION_OUI
    product: str = "mibgate"
    profile: str = ""
    engine_id: str = ""

    @classmethod
    def fresh(cls, enterprise: int) -> Identity:
        """Make one at random; the engine ID is of format 5, octets of our choice.

        RFC 3411 section 5, SnmpEngineID.
        """
        octets = DOCUMENTATION_MAC + secrets.token_bytes(1)
        engine_id = (2**31 | enterprise).to_bytes(4, "big") + b"\5" + secrets.token_bytes(8)
        return cls(secrets.token_hex(6).upper(), octets.hex(":").upper(),
                   engine_id=engine_id.hex())


@dataclass(frozen=True)
class Options:
    """How this process runs the unit; none of it is kept."""

    listen: str = "127.0.0.1"
    """The address that bounds every interface parameter."""
    unprivileged: bool = False
    version: str = ""


class JournalThread:
    """One thread that alone writes the database; it begins with the first call."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._pool = ThreadPool(minthreads=1, maxthreads=1, name="journal")

    def run(self, call: Callable[[], T]) -> Deferred[T]:
        """Call it in the thread; calls follow each other."""
        if not self._pool.started:
            self._pool.start()
        found: Deferred[T] = deferToThreadPool(self._reactor, self._pool, call)
        return found

    def stop(self) -> None:
        """End the thread once its work is done."""
        if self._pool.started:
            self._pool.stop()


@dataclass(frozen=True)
class Identified:
    """Who the SNMP engine would be, before it has started."""

    engine_id: bytes
    boots: int
    time: int

    def boots_and_time(self) -> tuple[int, int]:
        """Give snmpEngineBoots and snmpEngineTime."""
        return self.boots, self.time


class Unit:
    """One gateway unit: its state, its services and what they share."""

    def __init__(
        self,
        reactor: Any,
        model: MibModel,
        state: StateDirectory,
        options: Options,
        *,
        name: str = "unit",
        profile: Mapping[Key, Value] | None = None,
        say: Callable[[str], None] = lambda text: None,
        clock: UnitClock | None = None,
    ) -> None:
        """clock: None is the host's."""
        self.reactor, self.model, self.state, self.options = reactor, model, state, options
        self.say = say
        self.clock = clock or UnitClock(host=time.time, monotonic=time.monotonic)
        self.notifier = Notifier(model, self.clock.local)
        answers = Revocation(
            self.judging_time, partial(fetch_answer, reactor), self.clock.monotonic)
        self.vault = Vault(self.judging_time, Shared(answers, Sessions()))
        self.thread = JournalThread(reactor)
        self.links: Reading[Links] = Reading(
            links, reactor.seconds, lambda ask: self.in_thread(ask), reactor.callLater)
        self.number = state.journal.unit(name)
        self.store = ParameterStore(
            model, state.journal, self.number, run=self.thread.run,
            soon=lambda call: reactor.callLater(0, call), profile=profile)
        self.store.load()
        self.upkeep = Upkeep(self.store, reactor.callLater, reactor.seconds)
        self.identity = self._kept_identity()
        self.started_at = self.clock.monotonic()
        self.host: ServiceHost
        self.service_names: list[str] = []
        self._armed: dict[int, Any] = {}
        self.ready_led = ReadyLed.OFF
        self.managers_changed: Callable[[], None] = lambda: None
        """Called when the agent's port or its users' keys may have changed."""
        self.restart_ordered_by: Principal | None = None
        """Who ordered the restart that is under way; None where nobody did."""
        self.is_ready = False
        """Whether the start is over, so that the console is left alone."""
        self.boots = int(self.store.memory.get("boots", b"0"))
        """How often the unit has started or restarted. RFC 3414 section 2.2.2."""
        self.counters: Callable[[], Counters] = Counters
        self.speaking: Callable[[], Speaking] = lambda: Identified(
            self.engine_id, max(1, self.boots), int(self.uptime()))
        self.store.aliases.update({
            "sysContact": "hocSystemContact", "sysName": "hocSystemName",
            "sysLocation": "hocSystemLocation"})
        self.notifier.least = self._least_severity
        self.notifier.uptime = self.uptime
        self.notifier.read = self.store.get

    def _kept_identity(self) -> Identity:
        kept = self.store.memory.get("identity")
        if kept:
            return Identity(**json.loads(kept))
        return Identity.fresh(self.model.names["mibgate"][-1])

    @property
    def is_first_start(self) -> bool:
        """Whether nothing was ever stored here."""
        return "identity" not in self.store.memory

    def identify(self, **given: str) -> None:
        """Set parts of the identity, which only the first start may do. Raises StartError."""
        wanted = {key: value for key, value in given.items() if value}
        if wanted and not self.is_first_start:
            differing = [key for key, value in wanted.items()
                         if getattr(self.identity, key).upper() != value.upper()]
            if differing:
                raise StartError(
                    f"--{differing[0]} is settled at the first start and kept: "
                    f"this unit's is {getattr(self.identity, differing[0])}")
            return
        self.identity = replace(self.identity, **wanted)

    def keep_identity(self) -> Awaitable[None]:
        """Write the identity down; the next start is not a first one."""
        return self.store.remember({"identity": json.dumps(asdict(self.identity)).encode()})

    async def keep_whereabouts(self) -> None:
        """Write down where the state is, where that has changed."""
        here = Whereabouts.here(self.state.path).kept()
        if self.store.memory.get(KEPT) != here:
            await self.store.remember({KEPT: here})

    def judging_time(self) -> datetime | None:
        """Give the time that certificates are judged by, None while the clock is not known."""
        return self.clock.utc() if self.clock.synchronized() else None

    def _least_severity(self, service: str) -> int:
        name = service[:1].lower() + service[1:] + "MinSeverity"
        return int(self.store.get(name)) if name in self.model.objects else 200  # type: ignore[arg-type]

    @property
    def engine_id(self) -> bytes:
        """The SNMP engine's, as configured. RFC 3411 section 5."""
        return self.engine_id_in(self.store.configured)

    def engine_id_in(self, view: View) -> bytes:
        """Give the engine ID of a layer of the store: Snmp.OwnEngineId, else the first start's."""
        own = view.cell("snmpOwnEngineId", ())
        return own if isinstance(own, bytes) and own else bytes.fromhex(self.identity.engine_id)

    @property
    def sys_descr(self) -> str:
        """SNMPv2-MIB's sysDescr: the product's name first, then what may change."""
        return f"mibgate {self.options.version} software gateway unit, {platform.system()} " \
               f"{platform.release()}"

    @property
    def sys_object_id(self) -> Oid:
        """SNMPv2-MIB's sysObjectID: mibgateUnit, whatever the version."""
        return self.model.names["mibgateUnit"]

    def say_interface(self, interface: str, where: str, how: str = "") -> None:
        """Tell the console where an interface listens, while the unit starts."""
        if not self.is_ready:
            self.say(f"  {interface:<8} {where:<34} {how}".rstrip())

    def uptime(self) -> float:
        """Seconds since the unit started or restarted."""
        return self.clock.monotonic() - self.started_at

    def serve(self, services: Sequence[Service[Any]]) -> None:
        """Wire the services. Raises ModelError."""
        self.service_names = [
            node.name for service in services
            if (node := self.model.modules[service.mib].service) is not None]
        self.host = ServiceHost(self.store, services)
        self.host.on_confirm = self.arm

    async def start(self) -> None:
        """Start the services; what waits to be confirmed goes on waiting. Raises what stops it."""
        self.boots += 1
        await self.store.remember({"boots": str(self.boots).encode()})
        self.started_at = self.clock.monotonic()
        await self.host.start_all(self.manual_services())
        for number, deadline in self.store.pending.items():
            self.arm(number, deadline)

    async def restart(self) -> None:
        """Stop all services and start them again, in this process."""
        await self.host.stop_all()
        await self.store.idle()
        await self.upkeep.start()
        await self.start()

    def arm(self, number: int, deadline: float) -> None:
        """Take a commit back at its deadline unless it is confirmed before."""
        def take_back() -> None:
            del self._armed[number]
            if number in self.store.pending:
                maybeDeferred(lambda: self.store.take_back(number)).addErrback(failed)

        def failed(failure: Failure) -> None:
            log.error("revision %d could not be taken back: %s", number,
                      failure.getErrorMessage())

        call = self._armed.pop(number, None)
        if call is not None and call.active():
            call.cancel()
        self._armed[number] = self.reactor.callLater(
            max(0.0, deadline - time.time()), take_back)

    def manual_services(self) -> list[str]:
        """Give the services that are started by hand only."""
        name = "scmServicesConfigStartupType"
        if name not in self.model.objects:
            return []
        return [service for service in self.host.services
                if self.store.has_row(self.model.tables["scmServicesInfoTable"],
                                      (service.encode(),))
                and self.store.get(name, (service.encode(),)) == 200]

    def in_thread(self, call: Callable[[], T]) -> Deferred[T]:
        """Call what takes long in one of the reactor's threads."""
        found: Deferred[T] = deferToThreadPool(self.reactor, self.reactor.getThreadPool(), call)
        return found

    def forbidden_certificates(self, column: str) -> frozenset[str]:
        """Give the host certificates that a column of their associations lets a use not have."""
        table = self.model[column].table
        assert table is not None
        return frozenset(
            index[0].decode() for index in self.store.configured.rows(table)  # type: ignore[union-attr]
            if self.store.get(column, index) == 0)

    def transfers(self, column: str) -> Transfers:
        """Lend what brings and takes files for a service.

        column: the descriptor by which the service's use of host certificates is allowed.
        """
        # loaded with the first transfer: with it comes all that finds plugins, a tenth of a start
        from mibgateway.transfer.shell import Transfers

        def creator(policy: TlsPolicy, server: str) -> ClientCreator:
            credential = self.vault.credential(
                Usage.TLS_CLIENT, policy, self.forbidden_certificates(column))
            return ClientCreator(
                policy, credential, self.vault.authorities(), server, clock=self.judging_time,
                shared=self.vault.shared)

        return Transfers(
            self.reactor, creator, lambda call: self.in_thread(call),
            f"mibgate/{self.options.version}" if self.options.version else "mibgate")

    def macros(self) -> Mapping[str, str]:
        """Give what macros in names of files and in URLs stand for."""
        return {
            "mac": self.identity.mac.replace(":", ""), "serial": self.identity.serial,
            "product": self.identity.product, "version": self.options.version}

    def open_port(self, port: int, open_at: Callable[[int], T]) -> tuple[T, int]:
        """Listen at a port, or at what it falls back to; give what was opened and the port.

        Raises StartError when neither can be had.
        """
        other = FALLBACK_PORTS.get(port, port + 1024 if 0 < port < 1024 else 0)
        ports = [other] if other and self.options.unprivileged else [port] + [other] * bool(other)
        for number in ports:
            try:
                return open_at(number), number
            except CannotListenError as error:
                refused = getattr(error.socketError, "errno", None)
                if refused in (errno.EACCES, errno.EPERM) and number != ports[-1]:
                    continue
                raise StartError(
                    f"port {number} at {self.options.listen} can't be listened on: "
                    f"{getattr(error.socketError, 'strerror', error.socketError)}") from None
        raise AssertionError("a port is always tried")

    async def stop(self) -> None:
        """Stop services, let the journal write what is queued, and close."""
        await self.host.stop_all()
        for call in self._armed.values():
            call.cancel()
        self._armed.clear()
        self.upkeep.stop()
        self.links.stop()
        await self.store.idle()
        self.thread.stop()
        self.state.close()


__all__ = ["Identity", "JournalThread", "Options", "Unit"]
