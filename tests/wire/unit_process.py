"""A unit as a user starts it: `mibgate` in a process of its own, on a state that is thrown away.

Asked through net-snmp's tools, or through a plain UDP socket where there is much to ask.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, TypeVar

from mibagent.errors import Index
from mibagent.model.cache import load_model
from mibagent.model.nodes import MibModel
from mibagent.model.places import mib_folders
from mibagent.smi.oid import Oid
from mibagent.smi.syntax import Value
from mibagent.snmp.ber import (
    ENCODERS,
    NULL,
    SEQUENCE,
    UNSPECIFIED,
    decode_oid,
    decode_value,
    encode_integer,
    encode_oid,
    tlv,
)
from mibagent.snmp.message import V2C, encode_message, read_message, read_version
from mibagent.snmp.pdu import Kind, Status, encode_varbind, read_pdu
from tests.wire.programs import free_udp_port, require

T = TypeVar("T")

WAIT_S = 40.0
"""How long anything may take that takes well under a second on a machine with nothing to do."""

MIBGATE = (sys.executable, "-m", "mibgateway")
COMMUNITY = "community-of-tests"


def until(told: Callable[[], T], what: str, wait_s: float = WAIT_S, every_s: float = 0.05) -> T:
    """Ask until the answer is true, and give it. Raises AssertionError when it never is."""
    deadline = time.monotonic() + wait_s
    while True:
        answer = told()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: still {answer!r} after {wait_s:.0f} s")
        time.sleep(every_s)


def free_tcp_port(address: str = "127.0.0.1") -> int:
    """Give a port that nobody had a moment ago."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.bind((address, 0))
        port: int = probe.getsockname()[1]
        return port


@cache
def model() -> MibModel:
    """Give the model of our MIBs."""
    return load_model(mib_folders())


@contextmanager
def folder(name: str) -> Iterator[Path]:
    """Give a folder whose name is short, since a socket's name in it has to be, and remove it."""
    made = Path(tempfile.mkdtemp(prefix=f"mibgate-{name}-"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def mibgate(*arguments: str | Path, given: str | None = None, wait_s: float = WAIT_S,
            environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*MIBGATE, *map(str, arguments)], input=given, capture_output=True, text=True,
        timeout=wait_s, check=False, env={**os.environ, **(environment or {})})


def writes_for(port: int, sip_port: int, secure_port: int) -> str:
    """Give the script of a unit that tests may set, at ports of its own."""
    return (
        "Snmp.EnableSnmpV2=enable\n"
        f'Snmp.Community="{COMMUNITY}"\n'
        "Snmp.SnmpUser=admin\n"
        "Snmp.CommunityMayWrite=enable\n"
        f"Snmp.Port={port}\n"
        f"SipEp.Gateway[Name=default].Port={sip_port}\n"
        f"SipEp.Gateway[Name=default].SecurePort={secure_port}\n"
    )


class UnitProcess:
    """`mibgate run` on a state directory; what it says is kept in files beside the state."""

    def __init__(
        self, home: Path, script: str | None = "", *, listen: str = "127.0.0.1",
        arguments: Sequence[str | Path] = (), prefix: Sequence[str] = (),
    ) -> None:
        """Prepare a unit in a folder of its own.

        script: lines beside those that let tests write; None for a first start without a script,
        which finds its ports through a profile. prefix: a command that runs the unit.
        """
        self.home, self.listen = home, listen
        self.state = home / "state"
        self.port = free_udp_port(listen)
        self.sip_port = free_udp_port(listen)
        self.secure_port = free_tcp_port(listen)
        self.listening = ["--listen", listen]
        self.arguments = list(arguments)
        self.prefix = list(prefix)
        self.beside: list[str] = []
        """A command that runs tools where the unit runs."""
        self.process: subprocess.Popen[bytes] | None = None
        self.starts = 0
        if script is None:
            profile = home / "profile"
            profile.write_text(f"Snmp.Port={self.port}\n", encoding="utf-8")
            self.arguments += ["--profile", profile]
        else:
            text = writes_for(self.port, self.sip_port, self.secure_port) + script
            self.script = home / "script"
            self.script.write_text(text, encoding="utf-8")
            self.arguments += ["--script", self.script]

    # -- the process

    def launch(self) -> None:
        """Start the process, and wait for nothing."""
        self.starts += 1
        with self.said.open("wb") as out, self.complained.open("wb") as err:
            self.process = subprocess.Popen(
                [*self.prefix, *MIBGATE, "run", "--state", str(self.state), "--unprivileged",
                 *self.listening, *map(str, self.arguments)],
                stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=self.home)

    def start(self) -> UnitProcess:
        """Start the process and wait until it is ready."""
        self.launch()
        until(self._is_ready, "ready")
        return self

    def _is_ready(self) -> bool:
        assert self.process is not None
        status = self.process.poll()
        assert status is None, f"ended with {status}: {self.log()}{self.console()}"
        return "ready" in self.console().splitlines()

    def stop(self) -> int:
        """End it with SIGTERM; give its exit status."""
        assert self.process is not None
        self.process.terminate()
        return self.wait()

    def wait(self) -> int:
        """Wait for its end; give its exit status."""
        assert self.process is not None
        try:
            return self.process.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """End it with SIGKILL, as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def restart(self) -> None:
        """Stop it and start it again without its script."""
        assert self.stop() == 0
        self.forget_script()
        self.start()

    def forget_script(self) -> None:
        """Start without the script from now on: the state has it."""
        if "--script" in self.arguments:
            at = self.arguments.index("--script")
            del self.arguments[at:at + 2]

    def __enter__(self) -> UnitProcess:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        process = self.process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        if kind is None:
            assert "Traceback" not in self.log(), self.log()

    @property
    def pid(self) -> int:
        """The process's number."""
        assert self.process is not None
        return self.process.pid

    @property
    def said(self) -> Path:
        """Where this start's standard output goes."""
        return self.home / f"out-{self.starts}"

    @property
    def complained(self) -> Path:
        """Where this start's standard error goes."""
        return self.home / f"err-{self.starts}"

    def console(self) -> str:
        """Give what this start has printed."""
        return self.said.read_text(encoding="utf-8")

    def log(self) -> str:
        """Give what this start has logged."""
        return self.complained.read_text(encoding="utf-8")

    def resident_octets(self) -> int:
        """Give the memory that the process has in use."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    # -- asked

    def tool(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of net-snmp's tools with nothing but the unit's own snmp.conf."""
        environment = {**os.environ, "SNMPCONFPATH": str(self.state / "snmp")}
        return subprocess.run(
            [*self.beside, require(name), *arguments], capture_output=True, text=True,
            env=environment, timeout=WAIT_S, check=False)

    @property
    def agent(self) -> str:
        """The unit as net-snmp's tools name it."""
        return f"udp6:[{self.listen}]" if ":" in self.listen else self.listen

    def snmpget(self, *names: str) -> list[str]:
        """Give what snmpget prints of values."""
        done = self.tool("snmpget", "-Oqv", self.agent, *names)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def snmpset(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run snmpset."""
        return self.tool("snmpset", "-Oqs", self.agent, *words)

    def ask(self, community: str = COMMUNITY) -> Snmp:
        """Give a socket that speaks SNMP to the unit; close it."""
        return Snmp((self.listen, self.port), community)


class Answer(NamedTuple):
    """A Response-PDU, names as tuples; None is the value of an exception or NULL."""

    status: Status
    blamed: int
    """The error-index."""
    varbinds: list[tuple[Oid, int, Value | None]]
    """Name, tag and value."""

    @property
    def values(self) -> list[Value | None]:
        """The values alone."""
        return [value for _, _, value in self.varbinds]


Setting = tuple[str, Index, Value]
"""A descriptor, a row, a value."""


def oid_of(name: str, index: Index = ()) -> Oid:
    """Give the OID of an instance by its descriptor."""
    return model()[name].instance_oid(index)


class Snmp:
    """A v2c manager on one UDP socket."""

    def __init__(self, agent: tuple[str, int], community: str = COMMUNITY) -> None:
        family = socket.AF_INET6 if ":" in agent[0] else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.connect(agent)
        self.community = community
        self._numbers = count(1)

    def __enter__(self) -> Snmp:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()

    # -- the parts

    def request(self, kind: Kind, varbinds: bytes, first: int = 0, second: int = 0
                ) -> tuple[int, bytes]:
        """Give a request's number and octets."""
        number = next(self._numbers)
        pdu = tlv(kind, encode_integer(number) + encode_integer(first)
                  + encode_integer(second) + tlv(SEQUENCE, varbinds))
        return number, encode_message(V2C, self.community.encode(), pdu)

    def set_request(self, *settings: Setting) -> tuple[int, bytes]:
        """Give the number and octets of a SET."""
        return self.request(Kind.SET, b"".join(
            encode_varbind(encode_oid(oid_of(name, index)),
                           ENCODERS[model()[name].syntax.base](value))
            for name, index, value in settings))

    def receive(self, wait_s: float) -> tuple[int, Answer] | None:
        """Give the next answer with its request's number; None where none comes in time."""
        self.socket.settimeout(wait_s)
        try:
            octets = self.socket.recv(65536)
        except (TimeoutError, ConnectionRefusedError):
            return None
        return read_answer(octets)

    def exchange(self, number: int, octets: bytes, again_s: float = 2.0, tries: int = 15) -> Answer:
        """Send a request until it is answered."""
        for _ in range(tries):
            self.socket.send(octets)
            deadline = time.monotonic() + again_s
            while (left := deadline - time.monotonic()) > 0:
                got = self.receive(left)
                if got is not None and got[0] == number:
                    return got[1]
                if got is None:
                    time.sleep(0.05)      # an ICMP error: nobody listens for a moment
        raise AssertionError("no answer")

    # -- whole exchanges

    def set(self, *settings: Setting) -> Answer:
        """Set, and wait for the answer."""
        return self.exchange(*self.set_request(*settings))

    def get(self, name: str, index: Index = ()) -> Value | None:
        """Get one value; None where there is none."""
        return self.get_all((name, index)).values[0]

    def get_all(self, *instances: tuple[str, Index]) -> Answer:
        """Get several in one request."""
        return self.ask_oids(Kind.GET, *(oid_of(name, index) for name, index in instances))

    def ask_oids(self, kind: Kind, *oids: Oid, first: int = 0, second: int = 0) -> Answer:
        """Send a read of any kind."""
        return self.exchange(*self.request(
            kind, b"".join(encode_varbind(encode_oid(oid), bytes((NULL, 0))) for oid in oids),
            first, second))

    def walk(self, root: Oid = (), bulk: int = 0) -> list[tuple[Oid, int, Value | None]]:
        """Give all below a root, by GETNEXT or by GETBULK; each name is beyond the one before.

        Without a root: all that the agent has.
        """
        rows: list[tuple[Oid, int, Value | None]] = []
        at = root or (0, 0)
        while True:
            ask = partial(self.ask_oids, Kind.GET_BULK, second=bulk) if bulk else \
                partial(self.ask_oids, Kind.GET_NEXT)
            answer = ask(at)
            assert answer.status is Status.NO_ERROR, answer
            for row in answer.varbinds:
                if row[1] in UNSPECIFIED or row[0][:len(root)] != root:
                    return rows
                assert row[0] > at, f"{row[0]} after {at}"
                rows.append(row)
                at = row[0]


def read_answer(octets: bytes) -> tuple[int, Answer]:
    """Give a response's number and what it says."""
    version, at = read_version(octets)
    message = read_message(octets, version, at)
    pdu = read_pdu(Kind(message.tag), octets, message.start, len(octets))
    assert pdu.kind is Kind.RESPONSE
    return int.from_bytes(pdu.request_id, "big", signed=True), Answer(
        Status(pdu.first), pdu.second,
        [(decode_oid(each.name), each.tag,
          None if each.tag in UNSPECIFIED else decode_value(each.tag, each.content))
         for each in pdu.varbinds])
