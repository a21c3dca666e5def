"""The console: a socket in the state directory that takes a script and gives a report.

While a job of the script runs, its progress is told: a line of JSON each. The report is the last.
Only the user who owns the state directory can open it, so whoever does is an Admin.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import ensureDeferred
from twisted.internet.interfaces import IAddress, IHalfCloseableProtocol
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from mibagent.northbound import RunningJob, Session
from mibagent.service.host import ServiceHost
from mibagent.store.access import Principal, Rights
from mibgateway.errors import StartError
from mibgateway.northbound.script import LineFailure, Report, ScriptRunner
from mibgateway.northbound.script_grammar import LIMIT_BYTES, ScriptError

CONSOLE = Principal("console", Rights.ADMIN, "console")

LONGEST_SOCKET_NAME = 100
"""Octets; the kernel takes 107."""

MOST_CALLERS = 16

TELL_EVERY_S = 0.2
"""How often a job is looked at that somebody waits for."""
TELL_AT_LEAST_S = 20.0
"""After so long it is told where a job is though nothing has moved."""


class Teller:
    """Tells how far a job is, as it moves, until it has ended."""

    def __init__(self, reactor: Any, write: Callable[[bytes], None]) -> None:
        self._reactor, self._write = reactor, write
        self._next: Any = None
        self._told: tuple[int, int] = (0, 0)
        self._told_at = 0.0

    def follow(self, path: str, job: RunningJob) -> None:
        """Tell of this job until `stop`."""
        self.stop()
        self._told, self._told_at = (0, 0), self._reactor.seconds()
        self._next = self._reactor.callLater(TELL_EVERY_S, self._look, path, job)

    def _look(self, path: str, job: RunningJob) -> None:
        now, at = self._reactor.seconds(), (job.percent, job.bytes)
        if at != self._told or now - self._told_at >= TELL_AT_LEAST_S:
            self._told, self._told_at = at, now
            said = {"job": path, "percent": job.percent, "octets": job.bytes}
            self._write(json.dumps(said).encode() + b"\n")
        self._next = self._reactor.callLater(TELL_EVERY_S, self._look, path, job)

    def stop(self) -> None:
        """Tell nothing more."""
        if self._next is not None and self._next.active():
            self._next.cancel()


def report_as_json(report: Report) -> bytes:
    """Give a report as the console sends it."""
    return json.dumps({
        "result": report.result, "lines": report.lines, "answers": report.answers,
        "failures": [{"line": each.line, "why": each.why} for each in report.failures],
    }).encode()


@implementer(IHalfCloseableProtocol)
class _Console(Protocol):
    """Takes a script up to the end of the stream, answers, closes."""

    def __init__(self, factory: _Consoles) -> None:
        self._factory = factory
        self._octets = bytearray()

    def connectionMade(self) -> None:
        self._factory.callers += 1
        if self._factory.callers > MOST_CALLERS and self.transport is not None:
            self.transport.loseConnection()

    def dataReceived(self, data: bytes) -> None:
        self._octets += data
        if len(self._octets) > LIMIT_BYTES + 1 and self.transport is not None:
            self.transport.loseConnection()

    def readConnectionLost(self) -> None:
        ensureDeferred(self._answer())

    def writeConnectionLost(self) -> None:
        """Nobody listens any more; the script runs to its end all the same."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.connected = 0
        self._factory.callers -= 1

    async def _answer(self) -> None:
        teller = Teller(self._factory.reactor, self._tell)
        runner = ScriptRunner(Session(self._factory.host, CONSOLE), teller.follow)
        try:
            report = await runner.run_text(bytes(self._octets))
        except ScriptError as error:
            report = Report()
            report.failures.append(LineFailure(error.line, error.why))
        finally:
            teller.stop()
        if self.transport is not None:
            self.transport.write(report_as_json(report))
            self.transport.loseConnection()

    def _tell(self, line: bytes) -> None:
        if self.transport is not None and self.connected:
            self.transport.write(line)


class _Consoles(ServerFactory):
    noisy = False

    def __init__(self, reactor: Any, host: ServiceHost) -> None:
        self.reactor, self.host = reactor, host
        self.callers = 0

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        return _Console(self)


def open_console(reactor: Any, host: ServiceHost, path: Path) -> Any:
    """Listen at a socket that only its owner opens; None where its name is too long."""
    if len(str(path).encode()) > LONGEST_SOCKET_NAME:
        return None
    path.unlink(missing_ok=True)
    return reactor.listenUNIX(str(path), _Consoles(reactor, host), mode=0o600)


def ask_console(
    path: Path, script: bytes, timeout_s: float = 120.0,
    moved: Callable[[dict[str, Any]], None] = lambda told: None,
) -> dict[str, Any] | None:
    """Send a script to a running unit and wait for its report; None where none runs there.

    moved: is told how far a job is. Raises StartError when the unit gives no report.
    """
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(timeout_s)
        try:
            link.connect(str(path))
        except OSError:
            return None
        answer = bytearray()
        try:
            link.sendall(script)
            link.shutdown(socket.SHUT_WR)
            while data := link.recv(65536):
                answer += data
                while b"\n" in answer:
                    line, _, answer = answer.partition(b"\n")
                    moved(json.loads(line))
            found: dict[str, Any] = json.loads(answer)
        except (OSError, ValueError) as error:
            raise StartError(f"the unit gave no report of the script: "
                             f"{error if isinstance(error, OSError) else 'it hung up'}") from None
    return found
