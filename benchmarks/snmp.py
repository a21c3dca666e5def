"""Our unit and Debian's snmpd, interleaved: CPU microseconds a request, and the ratio.

python benchmarks/snmp.py [--rounds 7] [--seconds 0.4]

Both serve SNMPv2-MIB's system and snmp groups, which GET-1, GET-10 and the walk ask for: computed
counters in both. GETBULK-50 walks one column of texts: hrSWRunName in snmpd, nlmEventsCriteria of
300 rows in ours, which is stored. SET is durable in both: sipEpTransportConfigTcpEnable of gateway
default here, snmpEnableAuthenTraps there, which snmpd writes to its file. Every reply is verified
by snmpload. The server runs on one processor, the generator on another. Figures are CPU time by
schedstat; ratios are judged as the median of the per-round ratios. Exit status 1 when a gate is
missed.
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
from dataclasses import dataclass
from pathlib import Path

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
Aaa.Users[UserName=bench].AccessRights=User
Aaa.Users[UserName=bench].Password=authpass1
Snmp.Port={port}
SipEp.TransportConfig[GatewayName=default].UdpEnable=disable
""" + "".join(
    f"Nlm.Events[Index={index}].Activation=Disable\n" for index in range(10, 310))

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
    gate: float
    """Our speed must be at least this many times snmpd's."""
    ours: tuple[str, ...]
    theirs: tuple[str, ...]


SCENARIOS = (
    Scenario("GET-1", 1.5, ("get", f"{SYSTEM}.3.0"), ("get", f"{SYSTEM}.3.0")),
    Scenario("GET-10", 0.0, ("get", *TEN), ("get", *TEN)),
    Scenario("walk", 1.5, ("walk", SNMP), ("walk", SNMP)),
    Scenario("GETBULK-50", 3.0, ("-r", "50", "bulk", f"{ROOT}.1100.1.200.1.400"),
             ("-r", "50", "bulk", "1.3.6.1.2.1.25.4.2.1.2")),
    Scenario("v3 GET-1", 1.6, (*V3, "get", f"{SYSTEM}.3.0"), (*V3, "get", f"{SYSTEM}.3.0")),
    Scenario("v3 GETBULK-50", 2.5, (*V3, "-r", "50", "bulk", f"{ROOT}.1100.1.200.1.400"),
             (*V3, "-r", "50", "bulk", "1.3.6.1.2.1.25.4.2.1.2")),
    Scenario("SET", 10.0, ("-s", "0:1", "set", f"{ROOT}.1400.1.900.100.1.600.{DEFAULT}"),
             ("set", f"{SNMP}.30.0")),
)


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


def start(folder: str, ours: int, theirs: int) -> list[subprocess.Popen[bytes]]:
    """Start both agents."""
    script, conf = Path(folder, "script"), Path(folder, "snmpd.conf")
    script.write_text(SCRIPT.format(port=ours))
    conf.write_text(SNMPD.format(port=theirs))
    pin = ["taskset", "-c", str((os.cpu_count() or 1) - 1)] if shutil.which("taskset") else []
    unit = subprocess.Popen(
        [*pin, sys.executable, "-m", "mibgateway", "run", "--state", f"{folder}/state",
         "--script", str(script)], stdout=subprocess.PIPE)
    assert unit.stdout is not None
    if not any(line.strip() == b"ready" for line in unit.stdout):
        raise SystemExit("the unit did not become ready")
    snmpd = shutil.which("snmpd") or "/usr/sbin/snmpd"
    peer = subprocess.Popen(
        [*pin, snmpd, "-C", "-c", str(conf), "-Lf", "/dev/null", "-f"],
        env={**os.environ, "SNMP_PERSISTENT_DIR": f"{folder}/snmpd"})
    time.sleep(1.5)
    print(f"our unit is process {unit.pid}, snmpd {peer.pid}", file=sys.stderr)
    return [unit, peer]


def main() -> int:
    """Measure and print; give the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.4)
    wanted = parser.parse_args()
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        load = build(folder)
        ports = free_port(), free_port()
        agents = start(folder, *ports)
        try:
            rounds: dict[str, list[tuple[float, float, float]]] = {}
            for number in range(wanted.rounds):
                print(f"\rround {number + 1} of {wanted.rounds}", end="", file=sys.stderr)
                for each in SCENARIOS:
                    mine = ask(load, ports[0], agents[0].pid, wanted.seconds, each.ours)
                    other = ask(load, ports[1], agents[1].pid, wanted.seconds, each.theirs)
                    judged = "req_s" if each.name == "SET" else "vb_s" \
                        if each.name.endswith("GETBULK-50") else "cpu_us"
                    ratio = float(mine[judged]) / float(other[judged])
                    if judged == "cpu_us":
                        ratio = 1 / ratio
                    rounds.setdefault(each.name, []).append(
                        (float(mine["cpu_us"]), float(other["cpu_us"]), ratio))
        finally:
            for agent in agents:
                agent.send_signal(signal.SIGTERM)
                agent.wait(10)
    print(f"\r{'':24}\r{'':12} {'ours us':>8} {'snmpd us':>9} {'ratio':>7} {'min':>7} "
          f"{'max':>7} {'gate':>5}")
    for each in SCENARIOS:
        ratios = [row[2] for row in rounds[each.name]]
        ratio = statistics.median(ratios)
        fails = ratio < each.gate
        missed += fails
        print(f"{each.name:<12} {statistics.median(row[0] for row in rounds[each.name]):>8.1f} "
              f"{statistics.median(row[1] for row in rounds[each.name]):>9.1f} {ratio:>7.2f} "
              f"{min(ratios):>7.2f} {max(ratios):>7.2f} {each.gate:>5.1f}"
              f"{'  MISSED' if fails else ''}")
    print("us: CPU time a request, median. ratio: of CPU time; GETBULK-50 of varbinds a second, "
          "SET of answers a second.")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
