"""How long a start takes with a warm MIB cache, beside the reactor's bare import, and its memory.

python benchmarks/start.py [--rounds 7]

Gates: at most 2.5 times `python -c 'import twisted.internet.reactor'` (median of the per-round
ratios), under 60 MB at `ready`, pysmi not imported. Exit status 1 when one is missed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MOST_TIMES = 2.5
MOST_MB = 60.0

SCRIPT = """\
Snmp.EnableSnmpV2=enable
Snmp.Community=benchmark
Snmp.SnmpUser=admin
Snmp.Port=0
SipEp.TransportConfig[GatewayName=default].UdpEnable=disable
"""


ENVIRONMENT = {name: value for name, value in os.environ.items()
               if name != "PYTHONDONTWRITEBYTECODE"}
"""As usual Python keeps what it compiles, so that only the first start ever pays for that."""


def bare() -> float:
    """Give the seconds of importing the reactor and nothing else."""
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", "import twisted.internet.reactor"], check=True, env=ENVIRONMENT)
    return time.perf_counter() - start


def unit(command: list[str]) -> tuple[float, float]:
    """Give the seconds from exec to `ready`, and the megabytes resident then."""
    start = time.perf_counter()
    with subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip() == "ready":
                break
        else:
            raise SystemExit("the unit did not become ready")
        took = time.perf_counter() - start
        status = Path(f"/proc/{process.pid}/status").read_text()
        resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        process.terminate()
    return took, int(resident.split()[1]) / 1000


def imported(command: list[str], package: str) -> bool:
    """Whether a start imports the package."""
    with subprocess.Popen(
            [sys.executable, "-X", "importtime", *command[1:]],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        found = False
        for line in process.stdout:
            found = found or line.rpartition("|")[2].strip().split(".")[0] == package
            if line.strip() == "ready":
                process.terminate()
                break
        process.stdout.read()
    return found


def main() -> int:
    """Measure and print; give the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "script")
        script.write_text(SCRIPT)
        command = [sys.executable, "-m", "mibgateway", "run", "--state", f"{folder}/state",
                   "--unprivileged"]
        unit([*command, "--script", str(script)])        # the first start, and the MIB cache
        ratios, sizes = [], []
        print(f"{'round':>5} {'bare s':>8} {'unit s':>8} {'ratio':>6} {'MB':>6}")
        for number in range(1, rounds + 1):
            reference = bare()
            took, megabytes = unit(command)
            ratios.append(took / reference)
            sizes.append(megabytes)
            print(f"{number:>5} {reference:>8.3f} {took:>8.3f} {ratios[-1]:>6.2f} "
                  f"{megabytes:>6.1f}")
        pysmi = imported(command, "pysmi")
    ratio, megabytes = statistics.median(ratios), max(sizes)
    print(f"median ratio {ratio:.2f} (at most {MOST_TIMES}), largest {megabytes:.1f} MB "
          f"(under {MOST_MB:.0f}), pysmi {'IMPORTED' if pysmi else 'not imported'}")
    return int(ratio > MOST_TIMES or megabytes >= MOST_MB or pysmi)


if __name__ == "__main__":
    sys.exit(main())
