"""Our unit and Debian's snmpd, interleaved: CPU microseconds a request, and the ratio.

python benchmarks/snmp.py [--rounds 7] [--seconds 0.4] [--only TEXT]

Both answer the same kinds of objects: SNMPv2-MIB's system and snmp groups, which both compute at
each read, and a table that both have ready, hrSWInstalledTable in snmpd and nlmEventsTable in the
unit, with 300 rows whose texts are as long as theirs. `100,000 rows` is `mibgate agent` with a
recording of so many values. SET is durable in both: sipEpTransportConfigTcpEnable of gateway
default here, snmpEnableAuthenTraps there, which snmpd writes to its file. Views, counters and
bounds are on. pysnmp's own responder answers GET-1 and GETBULK-50 in the same run.

Every reply is verified by snmpload. The servers run on one processor, the generator on another.
Figures are CPU time by schedstat; a ratio is judged as the median of the per-round ratios. Exit
status 1 when a floor is missed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = "1.3.6.1.4.1.32473.1"    # as mibs/MIBGATE-SMI-MIB.mib says
DEFAULT = ".".join(map(str, (7, *b"default")))    # the row's key
SYSTEM, SNMP = "1.3.6.1.2.1.1", "1.3.6.1.2.1.11"
TEN = [f"{SYSTEM}.{arc}.0" for arc in (1, 2, 3, 4, 5, 6)] + [
    f"{SNMP}.{arc}.0" for arc in (1, 3, 4, 30)]

SCRIPT = """\
Snmp.EnableSnmpV2=enable
Snmp.Community=public
Snmp.SnmpUser=admin
Snmp.CommunityMayWrite=enable
Snmp.MaxAmplification=1000
Aaa.Users[UserName=bench].AccessRights=User
Aaa.Users[UserName=bench].Password=authpass1
Snmp.Port={port}
SipEp.TransportConfig[GatewayName=default].UdpEnable=disable
""" + "".join(
    f"Nlm.Events[Index={index}].Activation=Disable\n"
    f'Nlm.Events[Index={index}].Criteria="All,-1400.303,-1400.310,-700.I"\n'
    for index in range(10, 310))

SNMPD = """\
rwcommunity public
createUser bench SHA-256 authpass1 AES authpass1
rwuser bench priv
agentaddress udp:127.0.0.1:{port}
"""


V3 = ("-u", "bench", "-a", "authpass1", "-x", "authpass1", "-A", "sha256")
"""SNMPv3, authPriv: HMAC-SHA-256 and AES-128."""


@dataclass(frozen=True)
class Scenario:
    """One way of asking, of both."""

    name: str
    goal: float
    floor: float
    """Our speed must be at least this many times snmpd's."""
    ours: tuple[str, ...]
    theirs: tuple[str, ...]
    of: str = "unit"
    """Who of ours is asked."""


def columns(entry: str, *arcs: int) -> tuple[str, ...]:
    """Give the columns of a table."""
    return tuple(f"{entry}.{arc}" for arc in arcs)


EVENTS, INSTALLED = f"{ROOT}.1100.1.200.1", "1.3.6.1.2.1.25.6.3.1"
LARGE = "1.3.6.1.4.1.32473.9999.1"
"""Where the recording's values are."""
ROWS = 20_000
COUNTERS = [f"{SNMP}.{arc}.0" for arc in (1, 3, 4, 5, 6, 8, 9, 10, 11, 12)]
TEXTS = [f"{EVENTS}.400.{index}" for index in range(10, 20)]
FIFTY = ("-r", "50", "bulk")
BY_TEN = ("-r", "10", "bulk")

TWO_BY_25 = ("-r", "25", "bulk", SNMP, SNMP)
"""The first 25 of the snmp group's 30 counters, twice: all of them computed."""

SCENARIOS = (
    Scenario("GET-1", 2.2, 1.8, ("get", f"{SYSTEM}.3.0"), ("get", f"{SYSTEM}.3.0")),
    Scenario("GET rotating", 2.2, 1.8, ("-b", "1", "get", *TEN), ("-b", "1", "get", *TEN)),
    Scenario("walk", 2.2, 1.8, ("walk", SNMP), ("walk", SNMP)),
    Scenario("GET-10 computed", 2.2, 2.0, ("get", *COUNTERS), ("get", *COUNTERS)),
    Scenario("GET-10 stored", 3.0, 2.0, ("get", *TEXTS),
             ("get", *(f"{INSTALLED}.2.{index}" for index in range(1, 11)))),
    Scenario("GETBULK-50 computed", 4.2, 3.5, TWO_BY_25, TWO_BY_25),
    Scenario("GETBULK-50 of the host", 4.2, 3.5, (*FIFTY, "1.3.6.1.2.1.25.4.2.1.2"),
             (*FIFTY, "1.3.6.1.2.1.25.4.2.1.2")),
    Scenario("GETBULK-50 stored", 11.0, 8.0, (*FIFTY, f"{EVENTS}.400"),
             (*FIFTY, f"{INSTALLED}.2")),
    Scenario("GETBULK 5 x 10", 5.0, 2.0, (*BY_TEN, *columns(EVENTS, 200, 300, 400, 500, 10000)),
             (*BY_TEN, *columns(INSTALLED, 1, 2, 3, 4, 5))),
    Scenario("100,000 GET", 2.2, 1.8,
             ("-b", "1", "get", *(f"{LARGE}.2.{row}" for row in range(1, ROWS, 997))),
             ("-b", "1", "get", *(f"{INSTALLED}.2.{row}" for row in range(1, 21))), "large"),
    Scenario("100,000 GETBULK-50", 11.0, 8.0, (*FIFTY, f"{LARGE}.2"),
             (*FIFTY, f"{INSTALLED}.2"), "large"),
    Scenario("v3 GET-1", 2.0, 1.6, (*V3, "get", f"{SYSTEM}.3.0"), (*V3, "get", f"{SYSTEM}.3.0")),
    Scenario("v3 GETBULK-50 computed", 3.0, 2.5, (*V3, *TWO_BY_25), (*V3, *TWO_BY_25)),
    Scenario("v3 GETBULK-50 stored", 5.0, 2.5, (*V3, *FIFTY, f"{EVENTS}.400"),
             (*V3, *FIFTY, f"{INSTALLED}.2")),
    Scenario("SET", 10.0, 10.0, ("-s", "0:1", "set", f"{ROOT}.1400.1.900.100.1.600.{DEFAULT}"),
             ("set", f"{SNMP}.30.0")),
)
OF_PYSNMP = {"GET-1": ("get", f"{SYSTEM}.3.0"), "GETBULK-50 stored": (*FIFTY, "1.3.6.1.6")}
"""What pysnmp's responder is asked; ours must be 60 times as fast."""
TIMES_PYSNMP = 60.0


def free_port() -> int:
    """Give a UDP port that nobody uses."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def build(folder: str) -> str:
    """Compile the generator. Raises SystemExit with what is missing."""
    load = f"{folder}/snmpload"
    done = subprocess.run(["cc", "-O2", "-std=gnu11", "-o", load, str(HERE / "snmpload.c"),
                           "-lcrypto"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"snmpload can't be built (gcc, libc6-dev, libssl-dev?):\n{done.stderr}")
    return load


def ask(load: str, port: int, pid: int, seconds: float, words: tuple[str, ...]) -> dict[str, str]:
    """Run the generator once; give its figures. Raises SystemExit on a bad reply."""
    mode = next(at for at, word in enumerate(words) if word in ("get", "walk", "bulk", "set"))
    command = [load, "-c", "public", "-w", "32", "-T", "3000", "-t", str(seconds), "-W", "0.1",
               "-p", str(pid), *words[:mode + 1], "127.0.0.1", str(port), *words[mode + 1:]]
    if shutil.which("taskset"):
        command = ["taskset", "-c", "0", *command]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    time.sleep(1.0 if "set" in words else 0.1)      # what a SET's window left behind
    figures = dict(pair.split("=", 1) for pair in done.stdout.split() if "=" in pair)
    if figures.get("bad") != "0" or not int(figures.get("ok", "0")):
        raise SystemExit(f"no reply, or a wrong one, of {pid}: {' '.join(command)}\n"
                         f"{done.stdout}{done.stderr}")
    return figures


PYSNMP = """\
import asyncio
from pysnmp.carrier.asyncio.dgram import udp
from pysnmp.entity import config, engine
from pysnmp.entity.rfc3413 import cmdrsp, context
loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
agent = engine.SnmpEngine()
config.add_transport(agent, udp.DOMAIN_NAME,
                     udp.UdpTransport().open_server_mode(("127.0.0.1", {port})))
config.add_v1_system(agent, "reader", "public")
config.add_vacm_user(agent, 2, "reader", "noAuthNoPriv", (1, 3, 6), (1, 3, 6))
served = context.SnmpContext(agent)
for kind in (cmdrsp.GetCommandResponder, cmdrsp.NextCommandResponder,
             cmdrsp.BulkCommandResponder):
    kind(agent, served)
agent.transport_dispatcher.job_started(1)
agent.open_dispatcher()
"""


@dataclass
class Agents:
    """The processes that are asked, by name."""

    folder: str
    ports: dict[str, int] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    resident: dict[str, int] = field(default_factory=dict)
    """Octets in memory once ready."""

    def start(self, name: str, command: list[str], ready: bytes = b"", **more: Any) -> None:
        """Start one on the last processor; wait for its line, or a while."""
        pin = ["taskset", "-c", str((os.cpu_count() or 1) - 1)] if shutil.which("taskset") else []
        made = self.processes[name] = subprocess.Popen(
            [*pin, *command], stdout=subprocess.PIPE if ready else subprocess.DEVNULL, **more)
        if ready:
            assert made.stdout is not None
            if not any(line.strip().startswith(ready) for line in made.stdout):
                raise SystemExit(f"{name} did not become ready")
        else:
            time.sleep(1.5)
        if made.poll() is not None:
            raise SystemExit(f"{name} ended with status {made.returncode}")
        status = Path(f"/proc/{made.pid}/status").read_text(encoding="ascii")
        self.resident[name] = int(status.partition("VmRSS:")[2].split()[0]) * 1024

    def stop(self) -> None:
        """End all of them."""
        for made in self.processes.values():
            made.send_signal(signal.SIGTERM)
        for made in self.processes.values():
            try:
                made.wait(10)
            except subprocess.TimeoutExpired:
                made.kill()
                made.wait()

    def start_all(self) -> None:
        """Start ours and the peers."""
        ports = self.ports
        ports.update({name: free_port() for name in ("unit", "large", "snmpd", "pysnmp")})
        script, conf = Path(self.folder, "script"), Path(self.folder, "snmpd.conf")
        script.write_text(SCRIPT.format(port=ports["unit"]))
        conf.write_text(SNMPD.format(port=ports["snmpd"]))
        recording = Path(self.folder, "large.snmprec")
        recording.write_text("".join(recorded()))
        ours = [sys.executable, "-m", "mibgateway"]
        self.start("unit", [*ours, "run", "--state", f"{self.folder}/state", "--script",
                            str(script)], b"ready")
        empty = Path(self.folder, "empty.snmprec")
        empty.write_text(next(recorded()))
        self.start("empty", [*ours, "agent", "--values", str(empty), "--listen", "127.0.0.1:0"],
                   b"ready")
        self.start("large", [*ours, "agent", "--values", str(recording), "--listen",
                             f"127.0.0.1:{ports['large']}"], b"ready")
        self.start("snmpd", [shutil.which("snmpd") or "/usr/sbin/snmpd", "-C", "-c", str(conf),
                             "-Lf", "/dev/null", "-f"],
                   env={**os.environ, "SNMP_PERSISTENT_DIR": f"{self.folder}/snmpd"})
        self.start("pysnmp", [sys.executable, "-c", PYSNMP.format(port=ports["pysnmp"])])


def recorded() -> Iterator[str]:
    """Give 100,000 values of five columns as snmprec has them, in order."""
    held = ("2|{row}", "4|an installed package, version 1", "6|1.3.6.1.2.1.25.6.3",
            "67|{row}00", "65|{row}")
    for column, value in enumerate(held, 1):
        for row in range(1, ROWS + 1):
            yield f"{LARGE}.{column}.{row}|{value.format(row=row)}\n"


def judged(name: str, mine: dict[str, str], other: dict[str, str]) -> float:
    """Give how many times as fast ours is: by CPU time a request; a SET by answers a second."""
    if name == "SET":
        return float(mine["req_s"]) / float(other["req_s"])
    per = "ok" if "GETBULK" not in name else "vb_s"
    if per == "vb_s":       # requests may hold different numbers of bindings
        return (float(other["cpu_us"]) / float(other["vb_s"]) * float(other["req_s"])
                / (float(mine["cpu_us"]) / float(mine["vb_s"]) * float(mine["req_s"])))
    return float(other["cpu_us"]) / float(mine["cpu_us"])


def main() -> int:
    """Measure and print; give the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.4)
    parser.add_argument("--only", default="", help="scenarios whose name holds this")
    wanted = parser.parse_args()
    scenarios = [each for each in SCENARIOS if wanted.only in each.name]
    found: dict[str, list[tuple[float, float, float]]] = {}
    of_pysnmp: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        load, agents = build(folder), Agents(folder)
        try:
            agents.start_all()
            # the first request lays out what is served, which is no request's cost
            ask(load, agents.ports["large"], agents.processes["large"].pid, 5.0,
                ("get", f"{LARGE}.2.1"))
            for number in range(wanted.rounds):
                for each in scenarios:
                    print(f"\rround {number + 1} of {wanted.rounds}: {each.name:30}", end="",
                          file=sys.stderr)

                    def measure(who: str, words: tuple[str, ...]) -> dict[str, str]:
                        return ask(load, agents.ports[who], agents.processes[who].pid,
                                   wanted.seconds, words)

                    mine, other = measure(each.of, each.ours), measure("snmpd", each.theirs)
                    found.setdefault(each.name, []).append(
                        (float(mine["cpu_us"]), float(other["cpu_us"]),
                         judged(each.name, mine, other)))
                    if each.name in OF_PYSNMP:
                        slow = measure("pysnmp", OF_PYSNMP[each.name])
                        of_pysnmp.setdefault(each.name, []).append(judged(each.name, mine, slow))
        finally:
            agents.stop()
    missed = report(scenarios, found)
    for name, ratios in of_pysnmp.items():
        ratio = statistics.median(ratios)
        missed += ratio < TIMES_PYSNMP
        print(f"{name}: {ratio:.0f} times pysnmp's responder (floor {TIMES_PYSNMP:.0f})"
              f"{'  MISSED' if ratio < TIMES_PYSNMP else ''}")
    resident = agents.resident
    a_row = (resident["large"] - resident["empty"]) / (5 * ROWS)
    print(f"memory: {resident['unit'] / 2**20:.1f} MiB a unit at ready, snmpd "
          f"{resident['snmpd'] / 2**20:.1f}; {a_row:.0f} octets a value of {5 * ROWS:,}")
    return int(missed > 0)


def report(scenarios: list[Scenario], found: dict[str, list[tuple[float, float, float]]]) -> int:
    """Print the table; give how many floors were missed."""
    print(f"\r{'':50}\r{'':23} {'ours us':>8} {'snmpd us':>9} {'ratio':>7} {'least':>7} "
          f"{'most':>7} {'goal':>5} {'floor':>5}")
    missed = 0
    for each in scenarios:
        rows = found[each.name]
        ratios = [row[2] for row in rows]
        ratio = statistics.median(ratios)
        missed += ratio < each.floor
        print(f"{each.name:<23} {statistics.median(row[0] for row in rows):>8.1f} "
              f"{statistics.median(row[1] for row in rows):>9.1f} {ratio:>7.2f} "
              f"{min(ratios):>7.2f} {max(ratios):>7.2f} {each.goal:>5.1f} {each.floor:>5.1f}"
              f"{'  MISSED' if ratio < each.floor else ''}")
    print("us: CPU time a request, median. ratio: of CPU time, a varbind for GETBULK; SET of "
          "answers a second.")
    return missed


if __name__ == "__main__":
    sys.exit(main())
