"""A TLS link, syslog, a transfer of 1 GiB and SNMP load at once: does SIP stay timely?

python benchmarks/together.py [--rounds 5] [--mib 1024]

The demo's unit and server run; each round has the link made anew by `sipEpReconnect`, once while
nobody asks, once while snmpload keeps 32 GETs of ten objects outstanding, and once while the unit
also brings a file from nginx by HTTPS; and takes the time until syslog has 303 and 323, and the
round trip of OPTIONS. Exit status 1 when under load 323 took more than a second longer, or a
transfer failed.
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
from tls import file_server

MOST_LATER_S = 1.0
WAIT_S = 60.0
CA = "file-servers-ca.pem"


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
        self.state = conf.parent
        self.pid = (self.state / "lock").read_text().split()[0]

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

    def order(self, *words: str, given: str = "") -> subprocess.Popen[str]:
        """Run one of our own commands on the unit's state."""
        made = subprocess.Popen(
            [sys.executable, "-m", "mibgateway", *words, "--state", str(self.state)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert made.stdin is not None
        made.stdin.write(given)
        made.stdin.close()
        return made

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


class Load:
    """What keeps the unit busy meanwhile."""

    def __init__(self, demo: Demo, load: str, url: str) -> None:
        self._demo = demo
        self._began = time.monotonic()
        self._transfer = demo.order(
            "script", "-", given=f'File.DownloadFile Url="{url}"\n') if url else None
        self._managers = subprocess.Popen(
            [load, "-c", demo.community, "-w", "32", "-t", "4", "-p", demo.pid, "get",
             "127.0.0.1", demo.port, *TEN], stdout=subprocess.PIPE, text=True)
        time.sleep(1.0)

    def is_on(self) -> bool:
        """Whether all of it goes on still."""
        return self._managers.poll() is None and (
            self._transfer is None or self._transfer.poll() is None)

    def end(self) -> tuple[str, float]:
        """Wait for its end; give what the managers saw, and the seconds that the transfer took."""
        asked = self._managers.communicate()[0]
        if self._transfer is None:
            return asked, 0.0
        assert self._transfer.stdout is not None
        said = self._transfer.stdout.read()
        if self._transfer.wait():
            raise SystemExit(f"the transfer failed:\n{said}")
        (self._demo.state / "files" / "large").unlink()
        return asked, time.monotonic() - self._began


def main() -> int:
    """Measure and print; give the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--mib", type=int, default=1024)
    given = parser.parse_args()
    found: dict[str, list[tuple[float, float, float]]] = {
        "alone": [], "SNMP": [], "SNMP and transfer": []}
    took: list[float] = []
    with tempfile.TemporaryDirectory() as place, tempfile.TemporaryDirectory() as served, \
            file_server(Path(served), given.mib) as url:
        program, demo = build(place), Demo(place)
        asked = ""
        try:
            authority = Path(served, "ca.pem").rename(f"{served}/{CA}")   # the demo has a ca.pem
            imported = demo.order("cert", "import", str(authority))
            if imported.wait():
                assert imported.stdout is not None
                raise SystemExit(imported.stdout.read())
            for number in range(given.rounds):
                for name, rows in found.items():
                    print(f"\rround {number + 1} of {given.rounds}: {name:20}", end="",
                          file=sys.stderr)
                    busy = None if name == "alone" else Load(
                        demo, program, url if "transfer" in name else "")
                    times = demo.reconnect()
                    trip = demo.tool("snmpget", "sipEpTlsPersistentConnectionStatusRoundTrip.1")
                    rows.append((*times, float(trip.split()[0])))
                    if busy is not None:
                        if not busy.is_on():
                            raise SystemExit(f"{name}: the load was over too soon")
                        asked, seconds = busy.end()
                        took += [seconds] if seconds else []
        finally:
            demo.end()
    print(f"\r{'':17} {'303 after':>10} {'323 after':>10} {'OPTIONS round trip':>19}")
    for name, rows in found.items():
        ready, usable, trip = (statistics.median(column) for column in zip(*rows, strict=True))
        print(f"{name:<17} {ready:>8.3f} s {usable:>8.3f} s {trip:>16.0f} ms")
    print(f"the transfer of {given.mib} MiB: {statistics.median(took):.1f} s")
    print(f"the SNMP load beside it: {asked.strip()}")
    later = max(statistics.median(row[1] for row in found[name]) for name in list(found)[1:]) \
        - statistics.median(row[1] for row in found["alone"])
    return int(later > MOST_LATER_S)


if __name__ == "__main__":
    sys.exit(main())
