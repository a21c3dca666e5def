"""An SNMP agent by itself: a model, services, a database, a port.

For somebody else's MIB; a gateway unit builds the same by hand, with a journal thread and more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred

from mibagent.model.nodes import MibModel
from mibagent.recording.lay import Laid
from mibagent.service.host import ServiceHost
from mibagent.service.service import Service
from mibagent.smi.oid import Oid
from mibagent.snmp.counters import Counters
from mibagent.snmp.engine import Engine
from mibagent.snmp.serving import StoreSource
from mibagent.snmp.shell import SnmpPort
from mibagent.snmp.shell import start as listen
from mibagent.snmp.source import Grant
from mibagent.snmp.system import SystemGroup
from mibagent.snmp.vacm import Level
from mibagent.store.access import Principal, Rights
from mibagent.store.given import GivenRows
from mibagent.store.journal import AGENT, Journal
from mibagent.store.seal import Sealer
from mibagent.store.store import ParameterStore
from mibagent.store.upkeep import Upkeep

RECORDED = "recorded"
"""What a state remembers once it has the rows of a recording."""


class Agent:
    """One agent. Services are given it as their `unit`."""

    def __init__(
        self,
        reactor: Any,
        model: MibModel,
        state: Path | Journal | None,
        services: Sequence[type[Service[Any]]] = (),
        *,
        sys_descr: str,
        sys_object_id: Oid,
        communities: dict[bytes, Rights],
        users: Mapping[bytes, Rights] | None = None,
        context: bytes = b"",
        partly: Sequence[type[Service[Any]]] = (),
        serve: Iterable[str] = (),
        recording: Laid | None = None,
        notify: Callable[[str, dict[str, object]], None] = lambda name, values: None,
    ) -> None:
        """state: a directory that is there, for the database and its key, or a journal of the
        caller's, which is closed with the agent; None keeps nothing.

        partly: services that leave objects of their MIBs to the store. serve: objects that the
        store alone answers for. recording: one that was laid over `model`; then its own model
        and objects are served. communities: who may come in by v1 and v2c, and what each may
        do; users: the same of SNMPv3, which the engine answers once it is secured; context: the
        one of SNMPv3 that it is. Raises MibgateError.
        """
        self.reactor = reactor
        self.model = model if recording is None else recording.model
        self.sys_descr, self.sys_object_id = sys_descr, sys_object_id
        self.notify = notify
        self._communities, self._users = communities, users or {}
        self._context = context
        self._port: SnmpPort | None = None
        self._started_at = time.monotonic()
        self._journal = _journal_of(state)
        self._recording = recording
        self.store = ParameterStore(
            self.model, self._journal, self._journal.unit(AGENT), run=_at_once,
            soon=lambda call: reactor.callLater(0, call),
            profile=None if recording is None else recording.profile)
        for table, rows in ({} if recording is None else recording.fixed).items():
            self.store.give_fixed(table, rows)
        self.store.load()
        self.upkeep = Upkeep(self.store, reactor.callLater, reactor.seconds)
        self.counters: Callable[[], Counters] = lambda: self.engine.counted()
        has_system = recording is None or recording.is_empty
        system = [SystemGroup(self)] if has_system else []
        self.host = ServiceHost(
            self.store, [*system, *(service(self) for service in services)],
            [service(self) for service in partly])
        assert self.store.served is not None
        self.store.served.update(serve if recording is None else recording.served)
        self.engine = Engine(StoreSource(self.store), self, clock=reactor.seconds)

    def uptime(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started_at

    def admits(self, peer_host: str) -> bool:
        """Let everybody ask: communities say who may."""
        return True

    def judge(self, version: int, community: bytes, peer_host: str) -> Grant | None:
        """Say whom a community stands for; None for one that is not known."""
        rights = self._communities.get(community)
        if rights is None:
            return None
        return Grant.by_rights(Principal("community", rights, "snmp", peer_host))

    def judge_user(
        self, name: bytes, level: int, context: bytes, peer_host: str
    ) -> Grant | None:
        """Say what a user of SNMPv3 may: nothing without authentication."""
        if context != self._context:
            return None
        rights = self._users.get(name)
        who = name.decode("utf-8", "replace")
        if rights is None or level < Level.AUTH_NO_PRIV:
            return Grant(Principal(who, Rights.OBSERVER, "snmp", peer_host))
        return Grant.by_rights(Principal(who, rights, "snmp", peer_host))

    async def begin(self) -> None:
        """Take the recording's rows in, and start the services. Raises what a service raises."""
        await self.upkeep.start()
        if self._recording is not None:
            GivenRows(self.store, self._recording.sparse)
            if RECORDED not in self.store.memory:
                self.store.seed(self._recording.made)
                await self.store.remember({RECORDED: b"1"})
        await self.host.start_all()

    async def start(self, interface: str, port: int) -> SnmpPort:
        """Start the services and listen. Raises CannotListenError, and what a service raises."""
        await self.begin()
        self._port = listen(self.reactor, self.engine, interface, port)
        return self._port

    async def replace(self, service: type[Service[Any]]) -> None:
        """Put a service in the place of the one that has its MIB. Raises as the host does."""
        try:
            await self.host.replace(service(self))
        finally:
            self.engine.tree.reset()
            self.engine.forget()

    async def stop(self) -> None:
        """Close the port, stop the services and close the database."""
        if self._port is not None:
            await self._port.stop()
        await self.host.stop_all()
        self.upkeep.stop()
        await self.store.idle()
        self._journal.close()


def _journal_of(state: Path | Journal | None) -> Journal:
    if state is None:
        return Journal.in_memory()
    if isinstance(state, Journal):
        return state
    return Journal(state / "agent.db", Sealer.of_file(state / "key"))


def _at_once(call: Callable[[], Any]) -> Deferred[Any]:
    return maybeDeferred(call)
