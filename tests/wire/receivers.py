"""Notification receivers that others made: net-snmp's snmptrapd, and pysnmp's."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from tests.wire.programs import free_udp_port, require
from tests.wire.unit_process import WAIT_S, until

HERE = Path(__file__).parent
FORMAT = "%P|%a|%N|%w|%q|%v\\n"


class Trap(NamedTuple):
    """What snmptrapd made of one notification."""

    security: str
    """Kind, version, community or user and level."""
    agent: str
    """agent-addr, in version 1."""
    enterprise: str
    generic: int
    specific: int
    values: list[tuple[str, str]]
    """Names with types and values as net-snmp prints them."""

    @property
    def identity(self) -> str:
        """The value of snmpTrapOID.0, of version 2c and 3."""
        return dict(self.values).get(".1.3.6.1.6.3.1.1.4.1.0", "").removeprefix("OID: ")


class Receiver:
    """A receiver's process; what it says is in a file."""

    def __init__(self, home: Path, name: str, *command: str) -> None:
        self.output = home / f"{name}.out"
        with self.output.open("wb") as out:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, cwd=home)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.terminate()
        self.process.wait(WAIT_S)

    def lines(self) -> list[str]:
        """Give what it has said."""
        assert self.process.poll() is None, self.output.read_text()
        return self.output.read_text().splitlines()


class Snmptrapd(Receiver):
    """net-snmp's receiver on loopback, over IPv4 and IPv6."""

    def __init__(
        self, home: Path, configuration: str, port: int = 0, prefix: Sequence[str] = ()
    ) -> None:
        """prefix: a command that runs it, in a network of its own for example."""
        self.port = port or free_udp_port()
        text = home / "snmptrapd.conf"
        text.write_text(f"{configuration}\nformat1 {FORMAT}\nformat2 {FORMAT}\n"
                        f"[snmp] persistentDir {home / 'snmptrapd-state'}\n")
        super().__init__(
            home, f"snmptrapd-{self.port}", *prefix, require("snmptrapd"), "-f", "-Lo", "-n",
            "-On", "-OT", "-C", "-c", str(text), "-m", "", f"udp:127.0.0.1:{self.port}",
            f"udp6:[::1]:{self.port}")
        until(lambda: any("NET-SNMP version" in line for line in self.lines()), "listens")

    def traps(self) -> list[Trap]:
        """Give what it has received."""
        return [_trap(line) for line in self.lines() if line.count("|") >= 5]

    def trap(self, identity: str) -> Trap:
        """Wait for the notification of that identity."""
        return until(lambda: [trap for trap in self.traps() if trap.identity == identity],
                     f"a trap {identity}")[0]


def _trap(line: str) -> Trap:
    security, agent, enterprise, generic, specific, values = line.split("|", 5)
    pairs = [part.split(" = ", 1) for part in values.split("\t")]
    return Trap(security, agent, enterprise, int(generic), int(specific.lstrip(".")),
                [(pair[0], pair[1]) for pair in pairs if len(pair) == 2])


class PysnmpReceiver(Receiver):
    """pysnmp's receiver on loopback."""

    def __init__(self, home: Path, *arguments: str, port: int = 0) -> None:
        self.port = port or free_udp_port()
        super().__init__(home, f"pysnmp-{self.port}", sys.executable,
                         str(HERE / "pysnmp_receiver.py"), str(self.port), *arguments)
        until(lambda: "ready" in self.lines(), "listens")

    def received(self) -> list[dict[str, Any]]:
        """Give what it has received."""
        return [json.loads(line) for line in self.lines() if line.startswith("{")]

    def notification(self, identity: str) -> dict[str, Any]:
        """Wait for the notification of that identity."""
        return until(lambda: [each for each in self.received()
                              if each["values"][1][2] == identity],
                     f"a notification {identity}")[0]
