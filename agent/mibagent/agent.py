"""An SNMP agent by itself: a model, services, a database, a port.

For somebody else's MIB; a gateway unit builds the same by hand, with a journal thread and more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred

from mibagent.model.nodes import MibModel
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
from mibagent.store.access import Principal, Rights
from mibagent.store.journal import Journal
from mibagent.store.seal import Sealer
from mibagent.store.store import ParameterStore
from mibagent.store.upkeep import Upkeep


class Agent:
    """One agent. Services are given it as their `unit`."""

    def __init__(
        self,
        reactor: Any,
        model: MibModel,
        state: Path,
        services: Sequence[type[Service[Any]]],
        *,
        sys_descr: str,
        sys_object_id: Oid,
        communities: dict[bytes, Rights],
        notify: Callable[[str, dict[str, object]], None] = lambda name, values: None,
    ) -> None:
        """state: a directory that is there, for the database and its key. Raises MibgateError.

        communities: who may come in by v1 and v2c, and what each may do.
        """
        self.reactor, self.model = reactor, model
        self.sys_descr, self.sys_object_id = sys_descr, sys_object_id
        self.notify = notify
        self._communities = communities
        self._port: SnmpPort | None = None
        self._started_at = time.monotonic()
        self._journal = Journal(state / "agent.db", Sealer.of_file(state / "key"))
        self.store = ParameterStore(
            model, self._journal, self._journal.unit("agent"), run=_at_once,
            soon=lambda call: reactor.callLater(0, call))
        self.store.load()
        self.upkeep = Upkeep(self.store, reactor.callLater, reactor.seconds)
        self.counters: Callable[[], Counters] = lambda: self.engine.counted()
        self.host = ServiceHost(
            self.store, [SystemGroup(self), *(service(self) for service in services)])
        self.engine = Engine(StoreSource(self.store), self, clock=reactor.seconds)

    def uptime(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started_at

    def judge(self, version: int, community: bytes, peer_host: str) -> Grant | None:
        """Say whom a community stands for; None for one that is not known."""
        rights = self._communities.get(community)
        if rights is None:
            return None
        return Grant.by_rights(Principal("community", rights, "snmp", peer_host))

    def judge_user(
        self, name: bytes, level: int, context: bytes, peer_host: str
    ) -> Grant | None:
        """Say what a user of SNMPv3 may: nothing, since there are none."""
        if context:
            return None
        return Grant(Principal(name.decode("utf-8", "replace"), Rights.OBSERVER, "snmp", peer_host))

    async def start(self, interface: str, port: int) -> SnmpPort:
        """Start the services and listen. Raises CannotListenError, and what a service raises."""
        await self.upkeep.start()
        await self.host.start_all()
        self._port = listen(self.reactor, self.engine, interface, port)
        return self._port

    async def stop(self) -> None:
        """Close the port, stop the services and close the database."""
        if self._port is not None:
            await self._port.stop()
        await self.host.stop_all()
        self.upkeep.stop()
        await self.store.idle()
        self._journal.close()


def _at_once(call: Callable[[], Any]) -> Deferred[Any]:
    return maybeDeferred(call)
