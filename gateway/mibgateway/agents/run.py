"""Runs the agents of one command: places, contexts, consoles, signals."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.error import CannotListenError
from twisted.python.failure import Failure
from twisted.python.log import PythonLoggingObserver

from mibagent.agent import Agent
from mibagent.errors import LocalError, MibgateError
from mibagent.snmp.contexts import Contexts
from mibagent.snmp.shell import SnmpPort
from mibagent.snmp.shell import start as listen
from mibagent.snmp.trap import Notification
from mibagent.snmp.usm import Usm
from mibagent.store.access import Rights
from mibgateway.agents.modules import about, services_of
from mibgateway.agents.plan import Place, Plan, Section
from mibgateway.agents.shell import Request, open_console, own_folder, runtime_folder
from mibgateway.agents.traps import Receiver, issued, typed
from mibgateway.agents.users import AgentUser, KeyedUsers, engine_of
from mibgateway.ending import end, end_by_signals
from mibgateway.errors import StartError
from mibgateway.state import StateDirectory
from mibgateway.whereabouts import check_kind

WATCH_S = 1.0

log = logging.getLogger(__name__)


def communities_of(section: Section) -> dict[bytes, Rights]:
    """Give who may come in, by the communities that mean this section's context."""
    writers = section.communities or (() if section.readers or section.users else ("public",))
    rights = {**dict.fromkeys(section.readers, Rights.OBSERVER),
              **dict.fromkeys(writers, Rights.ADMIN)}
    if not section.context:
        return {name.encode(): right for name, right in rights.items()}
    found = {f"{name}@{section.context}".encode(): right for name, right in rights.items()}
    if section.is_named and (rights or not section.users):
        found[section.context.encode()] = Rights.ADMIN
    return found


def _state_of(section: Section) -> StateDirectory | None:
    if section.state is None:
        return None
    check_kind(section.state, is_agents=True)
    return StateDirectory(section.state)


class RunningAgent:
    """One agent with what it was asked for."""

    def __init__(self, reactor: Any, plan: Plan) -> None:
        """Make it. Raises MibgateError."""
        self.plan, self.section = plan, plan.section
        self._state = _state_of(self.section)
        self.receivers = [Receiver.of(text) for text in self.section.traps_to]
        services = services_of(self.section.module) if self.section.module else []
        self._changed_at = self._stamp()
        with about(self.section.module):
            self.agent = Agent(
                reactor, plan.model, None if self._state is None else self._state.journal,
                sys_descr=plan.descr, sys_object_id=plan.identity,
                communities=communities_of(self.section), partly=services,
                recording=plan.laid,
                users={user.name: user.rights for user in self.section.users},
                context=self.section.context.encode(), notify=self._notify)

    def _stamp(self) -> int:
        try:
            return self.section.module.stat().st_mtime_ns if self.section.module else 0
        except OSError:
            return self._changed_at

    def _notify(self, name: str, values: dict[str, object]) -> None:
        """Send what a service issues."""
        try:
            self.send(issued(self.plan.model, name, values, self._ticks, self.agent.store.get),
                      self.receivers)
        except MibgateError as error:
            log.warning("the notification %s was not sent: %s", name, error)

    @property
    def _ticks(self) -> int:
        return int(self.agent.uptime() * 100)

    def typed(self, name: str, words: Sequence[str]) -> Notification:
        """Give the notification that somebody typed. Raises StartError, LocalError."""
        return typed(self.plan.model, name, words, self._ticks, self.agent.store.get)

    def send(self, notification: Notification, receivers: Sequence[Receiver]) -> None:
        """Send a notification. Raises StartError."""
        for receiver in receivers:
            datagram = receiver.datagram(notification)
            family = socket.AF_INET6 if ":" in receiver.host else socket.AF_INET
            with socket.socket(family, socket.SOCK_DGRAM) as link:
                try:
                    link.sendto(datagram, (receiver.host, receiver.port))
                except OSError as error:
                    raise StartError(f"{receiver.host}: {error.strerror}") from None

    async def restart(self) -> list[str]:
        """Read the module anew and put its services in their place. Raises MibgateError."""
        if self.section.module is None:
            return []
        self._changed_at = self._stamp()
        said = []
        for service in services_of(self.section.module):
            try:
                with about(self.section.module):
                    await self.agent.replace(service)
            except MibgateError:
                raise
            except Exception as error:
                raise StartError(f"{service.__name__} did not start: {error}") from None
            said.append(f"{self.section.title}: {service.mib} is answered by "
                        f"{self.section.module} as it is now")
        return said

    @property
    def is_stale(self) -> bool:
        """Whether its module has changed since it was read, and is watched."""
        return self.section.watch and self._stamp() != self._changed_at

    async def stop(self) -> None:
        """Stop its services and close its state."""
        await self.agent.stop()
        if self._state is not None:
            self._state.close()


class Agents:
    """All agents of one process."""

    def __init__(self, reactor: Any, plans: Sequence[Plan], say: Callable[[str], None]) -> None:
        self._reactor, self._say = reactor, say
        self.running: list[RunningAgent] = []
        self._ports: list[SnmpPort] = []
        self._console: Any = None
        self._folder: Path | None = None
        refuse_doubles([plan.section for plan in plans])
        for plan in plans:
            self.running.append(RunningAgent(reactor, plan))

    async def start(self) -> None:
        """Start all, listen, and say where. Raises what stops a start."""
        places: dict[Place, list[RunningAgent]] = {}
        for running in self.running:
            await running.agent.begin()
            places.setdefault(running.section.place, []).append(running)
        for place, agents in places.items():
            port = self._listen(place, agents, await self._secure(agents))
            for running in agents:
                self._say(_told(running, Place(place.host, port.number)))
        state = next((each.section.state for each in self.running if each.section.state), None)
        if state is None:
            state = self._folder = own_folder(
                runtime_folder() / f"mibgate-agent-{os.getpid()}")
        self._console = open_console(self._reactor, state / "console", self._answer)
        if self._console is not None:
            self._say(f"console {state}  (mibgate agent notify, mibgate agent restart)")
        if any(running.section.watch for running in self.running):
            self._reactor.callLater(WATCH_S, self._watch)

    async def _secure(self, agents: list[RunningAgent]) -> Usm | None:
        """Let the agents of one place answer SNMPv3, as one engine, if they have users."""
        users = {user.name: user for running in agents for user in running.section.users}
        if not users:
            return None
        keeper = next((each for each in agents if each.section.state is not None), agents[0])
        engine_id, boots, said = await engine_of(keeper.agent.store, keeper.section.state)
        if said:
            self._say(said)
        usm = Usm(engine_id, boots, KeyedUsers(users.values(), engine_id), self._reactor.seconds)
        for running in agents:
            running.agent.engine.secure(usm)
        return usm

    def _listen(self, place: Place, agents: list[RunningAgent], usm: Usm | None) -> SnmpPort:
        engine: Any = agents[0].agent.engine
        if len(agents) > 1 or agents[0].section.context:
            engine = Contexts(
                {community: running.agent.engine for running in agents
                 for community in communities_of(running.section)},
                {running.section.context.encode(): running.agent.engine
                 for running in agents if running.section.users},
                usm)
        try:
            port = listen(self._reactor, engine, place.host, place.port)
        except CannotListenError as error:
            raise StartError(f"{place}: {error.socketError.strerror}"
                             + (": give another --listen" if place.port else "")) from None
        self._ports.append(port)
        return port

    async def _answer(self, request: Request) -> list[str]:
        if request["do"] == "restart":
            return await self.restart()
        if request["do"] != "notify":
            raise ValueError
        words = [str(word) for word in request["objects"]]
        given = [Receiver.of(str(text)) for text in request["to"]]
        chosen = [each for each in self.running
                  if request["agent"] in ("", each.section.title, each.section.context)]
        if not chosen:
            raise StartError(f"no agent is called {request['agent']}: "
                             + ", ".join(each.section.title for each in self.running))
        receivers = given or chosen[0].receivers
        if not receivers:
            raise StartError("nobody to tell: give --to ADDRESS:PORT, or start with --trap-to")
        try:
            chosen[0].send(chosen[0].typed(str(request["name"]), words), receivers)
        except LocalError as error:
            raise StartError(str(error)) from None
        return [f"{request['name']} to {receiver.host} port {receiver.port}"
                for receiver in receivers]

    async def restart(self) -> list[str]:
        """Read each module anew. Raises StartError where there is none."""
        said = [line for running in self.running for line in await running.restart()]
        if not said:
            raise StartError("no agent here has a --module")
        return said

    def restart_soon(self, *_: object) -> None:
        """Restart at a signal; what is wrong is said."""
        self._reactor.callFromThread(self._restart_and_say, self.running)

    def _restart_and_say(self, agents: Sequence[RunningAgent]) -> None:
        async def each() -> None:
            for running in agents:
                try:
                    for line in await running.restart():
                        self._say(line)
                except MibgateError as error:
                    print(f"mibgate: {error}; what ran goes on", file=sys.stderr, flush=True)
        ensureDeferred(each())

    def _watch(self) -> None:
        self._restart_and_say([running for running in self.running if running.is_stale])
        self._reactor.callLater(WATCH_S, self._watch)

    async def stop(self) -> None:
        """Close ports, agents and console."""
        for port in self._ports:
            await port.stop()
        if self._console is not None:
            await self._console.stopListening()
        for running in self.running:
            await running.stop()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def refuse_doubles(sections: Sequence[Section]) -> None:
    """Refuse what only a network of trust should see, and communities with two meanings."""
    taken: dict[tuple[Place, bytes], str] = {}
    for section in sections:
        if not (section.communities or section.readers or section.users or section.is_local):
            raise StartError(f"--listen {section.place}: others may come from there, so give a "
                             "--community or --read-community of your own, or --users")
        for community in communities_of(section):
            key = (section.place, community)
            if key in taken:
                raise StartError(f"{section.place}: the community {community.decode()} means two "
                                 "agents: give one another --listen, or a --context")
            taken[key] = section.title
    _refuse_two_meanings([section for section in sections if section.users])


def _refuse_two_meanings(sections: Sequence[Section]) -> None:
    """Refuse users with two passwords and contexts with two agents, at one place."""
    users: dict[tuple[Place, bytes], AgentUser] = {}
    contexts: set[tuple[Place, str]] = set()
    for section in sections:
        key = (section.place, section.context)
        if key in contexts:
            raise StartError(f"{section.title}: users of SNMPv3 are given to two agents there: "
                             "give one another --listen, or a --context")
        contexts.add(key)
        for user in section.users:
            known = users.setdefault((section.place, user.name), user)
            if replace(known, rights=user.rights) != user:
                raise StartError(f"{section.place}: the user {user.name.decode()} has two "
                                 "passwords or protocols there")


def _told(running: RunningAgent, place: Place) -> str:
    laid, section = running.plan.laid, running.section
    found = {"community": communities_of(section),
             f"context {section.context} user" if section.context else "user":
             {user.name: user.rights for user in section.users}}
    names = "  ".join(f"{title} " + ", ".join(
        f"{name.decode()} ({'read' if rights is Rights.OBSERVER else 'read, set'})"
        for name, rights in named.items()) for title, named in found.items() if named)
    values = f"{laid.laid:,} values by their MIBs, {laid.found:,} as recorded" \
        if section.values else "values of the MIB's own"
    return f"agent {place}  {names}  {values}"


def run(plans: Sequence[Plan], say: Callable[[str], None]) -> int:
    """Run agents until a signal ends them; give the exit status."""
    from twisted.internet import reactor as installed
    reactor: Any = installed
    logging.getLogger("twisted").setLevel(logging.WARNING)
    PythonLoggingObserver("twisted").start()
    status = 0
    agents = Agents(reactor, plans, say)

    def failed(failure: Failure) -> None:
        nonlocal status
        status = 1
        if isinstance(failure.value, MibgateError | OSError):
            print(f"mibgate: {failure.value}", file=sys.stderr)
        else:
            print(f"mibgate: the start broke: {failure.getTraceback()}", file=sys.stderr)
        end(reactor)

    async def begin() -> None:
        end_by_signals(reactor)
        await agents.start()
        signal.signal(signal.SIGHUP, agents.restart_soon)
        say("ready")

    def ended() -> Deferred[None]:
        return ensureDeferred(agents.stop()).addErrback(failed)

    reactor.addSystemEventTrigger("before", "shutdown", ended)
    reactor.callWhenRunning(lambda: ensureDeferred(begin()).addErrback(failed))
    reactor.run()
    return status
