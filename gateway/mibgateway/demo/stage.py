"""Where the demo plays: a folder to be thrown away, two processes, and a syslog collector.

One thread, blocking waits: what the processes write and what the unit sends to syslog come out of
`hear` in the order in which they came.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO, Any

from mibagent.errors import MibgateError
from mibgateway.errors import StartError
from mibgateway.lab.folder import LabFolder
from mibgateway.lab.pki import Authority
from mibgateway.lab.ports import PortLender

ADDRESS = "127.0.0.1"

ELSEWHERE = "192.0.2.1"
"""What the wrong certificate is for. RFC 5737."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Each ends the demo."""

END_S = 10.0
"""How long a process may take to say goodbye before it is killed."""

SCRIPT = """\
# The unit's first start. `mibgate run --script` takes such a file.
Hoc.ClockSource = Host
Nlm.SyslogRemoteHost = "{address}:{syslog}"
Snmp.EnableSnmpV2 = enable
Snmp.Community = "{community}"
Snmp.SnmpUser = admin
Snmp.CommunityMayWrite = enable
Snmp.Port = {snmp}
SipEp.Gateway[Name=default].Port = {sip}
SipEp.Gateway[Name=default].SecurePort = {sips}
Cert.Import Type=Other FileName="ca.pem" Path="{folder}/ca.pem"
Cert.Import Type=Host FileName="unit.pem" Path="{folder}/unit.pem"
"""


class StageError(MibgateError):
    """The demo can't be played; the text says why."""


class Interrupted(BaseException):
    """A signal asks the demo to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Let each of SIGNALS raise Interrupted, once; those that follow are passed over."""
    def interrupt(number: int, frame: FrameType | None) -> None:
        for each in SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted(number)

    before = {each: signal.getsignal(each) for each in SIGNALS}
    for each in SIGNALS:
        if before[each] is not signal.SIG_IGN:    # nohup
            signal.signal(each, interrupt)
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@dataclass(frozen=True)
class Heard:
    """One thing that happened."""

    at: float
    """By time.monotonic()."""
    who: str
    """`syslog`, `unit` (what it prints), `log` (its complaints), `server`."""
    text: str
    """A datagram, or a line; nothing where the process has ended."""

    @property
    def event(self) -> dict[str, Any]:
        """What the server tells."""
        found: dict[str, Any] = json.loads(self.text)
        return found


class Stage:
    """Unit and server, while it is entered; nothing is left of them after."""

    def __init__(self) -> None:
        self._ears = selectors.DefaultSelector()
        self._halves: dict[int, bytes] = {}
        self._actors: dict[str, subprocess.Popen[bytes]] = {}
        self._opened = contextlib.ExitStack()
        self._complaints: list[str] = []
        self.folder: Path
        self.snmp_port = 0
        self.server_port = 0
        self.community = secrets.token_urlsafe(12)

    @property
    def state(self) -> Path:
        """The unit's state directory."""
        return self.folder / "unit"

    def __enter__(self) -> Stage:
        with contextlib.ExitStack() as opened:
            opened.callback(self._ears.close)
            try:
                self.folder = opened.enter_context(LabFolder.make("mibgate-demo-")).path
                self._ports = PortLender(ADDRESS)
                opened.callback(self._ports.close)
                self._syslog = opened.enter_context(
                    socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                self._syslog.bind((ADDRESS, 0))
            except (OSError, StartError) as error:
                raise StageError(f"nowhere to play: {error}") from None
            self._syslog.setblocking(False)
            self._ears.register(self._syslog, selectors.EVENT_READ, "syslog")
            self._opened = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._end_actors()
        finally:
            self._opened.close()

    # -- actors

    def certify(self) -> None:
        """Make the CA and what it issues. Raises StageError."""
        authority = Authority("mibgate demo CA")
        try:
            self._certify(authority)
        except OSError as error:
            raise StageError(f"the certificates can't be written: {error}") from None

    def _certify(self, authority: Authority) -> None:
        authority.write(self.folder / "ca.pem")
        authority.issue(self.folder / "server.pem", "demo SIP server", ADDRESS,
                        key_type="rsa")
        authority.issue(self.folder / "wrong.pem", "somebody else", ELSEWHERE, key_type="rsa")
        authority.issue(self.folder / "unit.pem", "demo unit", ADDRESS, key_type="rsa")

    def start_server(self) -> None:
        """Start the SIP server; it tells its port."""
        self._start("server", str(self.folder / "server.pem"), str(self.folder / "ca.pem"))

    def start_unit(self) -> None:
        """Write the unit's script and start it; it says `ready`."""
        try:
            self.snmp_port, sip, sips = (self._ports.lend() for _ in range(3))
        except StartError as error:
            raise StageError(str(error)) from None
        script = self.folder / "unit.cfg"
        script.touch(mode=0o600)
        script.write_text(SCRIPT.format(
            address=ADDRESS, syslog=self._syslog.getsockname()[1], community=self.community,
            snmp=self.snmp_port, sip=sip, sips=sips, folder=self.folder))
        self._start("unit", str(self.state), str(script))

    def start_unit_again(self) -> None:
        """Start the unit on the state that it has."""
        self._start("unit", str(self.state))

    def kill_unit(self) -> None:
        """End the unit's process as a power cut would."""
        actor = self._actors.pop("unit")
        for pipe in (actor.stdout, actor.stderr):
            if pipe is not None:
                self._ears.unregister(pipe)
        actor.kill()
        actor.wait()
        if actor.stdin is not None:
            actor.stdin.close()

    def swap(self, name: str) -> None:
        """Let the server show another certificate of the folder from now on. Raises StageError."""
        stdin = self._actors["server"].stdin
        assert stdin is not None
        try:
            stdin.write(f"{self.folder / name}\n".encode())
            stdin.flush()
        except OSError as error:
            raise StageError(f"the server's process has ended: {error.strerror}") from None

    def _start(self, role: str, *arguments: str) -> None:
        """Start an actor in a session of its own, so that Ctrl-C reaches it through us only."""
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        command: Sequence[str] = (
            sys.executable, "-P", "-m", "mibgateway.demo.actors", role, *arguments)
        try:
            actor = self._actors[role] = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                env=environment, cwd=self.folder, start_new_session=True)
        except OSError as error:
            raise StageError(f"no process can be started: {error}") from None
        self._listen_to(actor.stdout, role)
        self._listen_to(actor.stderr, "log")

    def _listen_to(self, pipe: IO[bytes] | None, who: str) -> None:
        assert pipe is not None
        self._opened.callback(pipe.close)
        self._ears.register(pipe, selectors.EVENT_READ, who)

    def _end_actors(self) -> None:
        for actor in self._actors.values():
            if actor.stdin is not None:
                actor.stdin.close()
            with contextlib.suppress(ProcessLookupError):
                actor.terminate()
        deadline = time.monotonic() + END_S
        for actor in self._actors.values():
            while actor.poll() is None and time.monotonic() < deadline:
                self.hear(0.02)    # so that no pipe fills up
            if actor.poll() is None:
                actor.kill()
            actor.wait()

    # -- what happens

    def hear(self, wait: float) -> list[Heard]:
        """Give what happened, in order; wait at most so long for the first of it."""
        found: list[Heard] = []
        for key, _ in self._ears.select(max(0.0, wait)):
            source: Any = key.fileobj
            if key.data == "syslog":
                found += self._datagrams()
            else:
                found += self._lines(source, key.data)
        for each in found:
            if each.who == "log" and each.text:
                self._complaints = [*self._complaints[-4:], each.text]
        return found

    def _datagrams(self) -> Iterator[Heard]:
        with contextlib.suppress(BlockingIOError):
            while True:
                octets = self._syslog.recv(65535)
                yield Heard(time.monotonic(), "syslog", octets.decode("utf-8", "replace"))

    def _lines(self, pipe: IO[bytes], who: str) -> Iterator[Heard]:
        number = pipe.fileno()
        octets = os.read(number, 65536)
        *whole, rest = (self._halves.get(number, b"") + octets).split(b"\n")
        self._halves[number] = rest
        if not octets:
            self._ears.unregister(pipe)
            whole.append(rest)
        for line in filter(None, whole):
            yield Heard(time.monotonic(), who, line.decode("utf-8", "replace"))
        if not octets and who != "log":
            yield Heard(time.monotonic(), who, "")

    def complaints(self) -> list[str]:
        """Give the last lines that the actors wrote to standard error."""
        self.hear(0.1)
        return self._complaints
