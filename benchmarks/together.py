"""A TLS link, syslog and SNMP load at once: does SIP stay timely while managers keep the unit busy?

python benchmarks/together.py [--rounds 5]

The demo's unit and server run; each round has the link made anew by `sipEpReconnect`, once while
nobody asks and once while snmpload keeps 32 GETs of ten objects outstanding, and takes the time
until syslog has 303 and 323, and the round trip of OPTIONS. Exit status 1 when under load 323 took
more than a second longer.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from snmp import TEN, build

MOST_LATER_S = 1.0
WAIT_S = 60.0


class Demo:
    """`mibgate demo`, and what it has said."""

    def __init__(self, folder: str) -> None:
        self.said = Path(folder, "said")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "mibgateway", "demo", "--no-color"],
            stdout=self.said.open("wb"), stderr=subprocess.STDOUT)
        self.wait_for("Ctrl-C ends the demo", 0)
        conf = Path(re.findall(r"SNMPCONFPATH=(\S+)", self.text())[-1])
        self.environment = {**os.environ, "SNMPCONFPATH": str(conf)}
        held = dict(line.split(None, 1) for line in
                    (conf / "snmp.conf").read_text().splitlines() if " " in line)
        self.port, self.community = held["defaultPort"], held["defCommunity"]
        self.pid = (conf.parent / "lock").read_text().split()[0]

    def text(self) -> str:
        """What it has said up to now."""
        return self.said.read_text(encoding="utf-8", errors="replace")

    def wait_for(self, word: str, count: int) -> float:
        """Wait until it has said a word more often than that; give the moment."""
        until = time.monotonic() + WAIT_S
        while self.text().count(word) <= count:
            if time.monotonic() > until or self._process.poll() is not None:
                raise SystemExit(f"the demo never said {word!r}:\n{self.text()[-2000:]}")
            time.sleep(0.005)
        return time.monotonic()

    def tool(self, *words: str) -> str:
        """Run one of net-snmp's tools."""
        return subprocess.run([words[0], "-Oqv", "-t5", "127.0.0.1", *words[1:]], check=True,
                              capture_output=True, text=True, env=self.environment).stdout.strip()

    def reconnect(self) -> tuple[float, float]:
        """Make the link anew; give seconds until 303 and until 323."""
        ready, usable = self.text().count(": 303-"), self.text().count(": 323-")
        began = time.monotonic()
        self.tool("snmpset", "sipEpReconnect.0", "=", "reconnect")
        return (self.wait_for(": 303-", ready) - began, self.wait_for(": 323-", usable) - began)

    def end(self) -> None:
        """End it."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(20)


def main() -> int:
    """Measure and print; give the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    found: dict[str, list[tuple[float, float, float]]] = {"alone": [], "under load": []}
    with tempfile.TemporaryDirectory() as folder:
        load, demo = build(folder), Demo(folder)
        asked = ""
        try:
            for _ in range(rounds):
                for name, rows in found.items():
                    busy = None
                    if name != "alone":
                        busy = subprocess.Popen(
                            [load, "-c", demo.community, "-w", "32", "-t", "4", "-p", demo.pid,
                             "get", "127.0.0.1", demo.port, *TEN], stdout=subprocess.PIPE,
                            text=True)
                        time.sleep(0.5)
                    times = demo.reconnect()
                    trip = demo.tool(
                        "snmpget", "sipEpTlsPersistentConnectionStatusRoundTrip.1")
                    rows.append((*times, float(trip.split()[0])))
                    if busy is not None:
                        asked = busy.communicate()[0]
        finally:
            demo.end()
    print(f"{'':12} {'303 after':>10} {'323 after':>10} {'OPTIONS round trip':>19}")
    for name, rows in found.items():
        ready, usable, trip = (statistics.median(column) for column in zip(*rows, strict=True))
        print(f"{name:<12} {ready:>8.3f} s {usable:>8.3f} s {trip:>16.0f} ms")
    print(f"the load: {asked.strip()}")
    later = statistics.median(row[1] for row in found["under load"]) \
        - statistics.median(row[1] for row in found["alone"])
    return int(later > MOST_LATER_S)


if __name__ == "__main__":
    sys.exit(main())
