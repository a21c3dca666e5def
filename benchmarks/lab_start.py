"""How soon a test has a unit: from `pytest` to a ready one, beside a plain first start.

python benchmarks/lab_start.py [--rounds 5] [--units 50]

Gates: at most 1.5 times `mibgate run` on a new state (median of the per-round ratios), and so many
units one after the other leave no process, port, file or thread. Exit status 1 when one is missed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from mibgateway.testing import LabUnit

MOST_TIMES = 1.5

TEST = """\
def test_it(mibgate_unit):
    print("ready", flush=True)
"""

SCRIPT = """\
Snmp.EnableSnmpV2=enable
Snmp.Community=benchmark
Snmp.SnmpUser=admin
Snmp.Port=0
SipEp.TransportConfig[GatewayName=default].UdpEnable=disable
"""


def until_ready(command: list[str], folder: str) -> float:
    """Give the seconds from exec to the line `ready`."""
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip().endswith("ready"):
                break
        else:
            raise SystemExit(f"{command[2]} did not become ready")
        took = time.perf_counter() - start
        if "pytest" not in command:
            process.terminate()
        process.stdout.read()
    return took


def plain(folder: str, number: int) -> float:
    """Give the seconds of a first start."""
    return until_ready(
        [sys.executable, "-m", "mibgateway", "run", "--state", f"{folder}/state-{number}",
         "--unprivileged", "--script", f"{folder}/script"], folder)


def held() -> tuple[int, int]:
    """Give how many handles and threads this process has."""
    return len(list(Path("/proc/self/fd").iterdir())), threading.active_count()


def left(base: Path) -> list[str]:
    """Give what units have left under a folder: files, and processes that were told of it."""
    found = [str(path) for path in base.iterdir()]
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if str(base) in line:
            found.append(line)
    return found


def in_a_row(count: int) -> tuple[float, list[str]]:
    """Give the seconds that a unit takes from its start to its end, and what all of them left."""
    with tempfile.TemporaryDirectory(prefix="mgb-") as folder:
        os.environ["TMPDIR"] = folder
        before, start = held(), time.perf_counter()
        for _ in range(count):
            with LabUnit() as unit:
                unit.get("sysName")
        took = (time.perf_counter() - start) / count
        remains = left(Path(folder))
        if held() != before:
            remains.append(f"handles and threads: {before} before, {held()} after")
        del os.environ["TMPDIR"]
    return took, remains


def main() -> int:
    """Measure and print; give the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--units", type=int, default=50)
    options = parser.parse_args()
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "script").write_text(SCRIPT)
        Path(folder, "test_it.py").write_text(TEST)
        pytest = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider"]
        plain(folder, 0)                                    # the MIB cache
        until_ready(pytest, folder)
        print(f"{'round':>5} {'run s':>8} {'pytest s':>8} {'ratio':>6}")
        for number in range(1, options.rounds + 1):
            reference = plain(folder, number)
            took = until_ready(pytest, folder)
            ratios.append(took / reference)
            print(f"{number:>5} {reference:>8.3f} {took:>8.3f} {ratios[-1]:>6.2f}")
    each, remains = in_a_row(options.units)
    ratio = statistics.median(ratios)
    print(f"median ratio {ratio:.2f} (at most {MOST_TIMES}); {options.units} units in a row, "
          f"{each:.2f} s each, left: {', '.join(remains) or 'nothing'}")
    return int(ratio > MOST_TIMES or bool(remains))


if __name__ == "__main__":
    sys.exit(main())
