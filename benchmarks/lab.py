"""`mibgate agent` and snmpsim on the same recording, interleaved: speed, start, memory.

python benchmarks/lab.py [--rows 10000] [--rounds 5] [--seconds 0.4] [--snmpsim COMMAND]

Both serve one snmprec file: a table of four columns, two of numbers and counters, one of texts,
one of gauges. Every reply is verified by snmpload. Judged is CPU time a request, as the median of
the per-round ratios; GETBULK-50 by varbinds a CPU second. COMMAND is snmpsim-command-responder of
snmpsim 1.2.2 (`pip install snmpsim==1.2.2 pysmi` in an environment of its own); as root it is run
as `nobody`, who must be able to read that environment and an interpreter with dbm.ndbm or dbm.gnu.
Without it only our own figures are given. Exit status 1 when a gate is missed.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from snmp import ask, build, free_port

GATE = 60.0
"""Our speed must be at least this many times snmpsim's."""

SLOWER = 5
"""How much longer snmpsim is measured, which answers so much less."""

TABLE = "1.3.6.1.2.1.2.2.1"
COLUMNS = (("2", "4", "interface {row}"), ("4", "2", "{row}"), ("5", "66", "{row}"),
           ("10", "65", "{row}"))

SCENARIOS = (
    ("GET", ("-b", "1", "-f", "{names}", "get")),
    ("GETNEXT", ("walk", f"{TABLE}.2")),
    ("GETBULK-50", ("-r", "50", "bulk", f"{TABLE}.2")),
)

HERE = Path(__file__).resolve().parent
LAMP = str(HERE.parent / "docs" / "example" / "ACME-LAMP-MIB.mib")


def rows_of(count: int) -> Iterator[str]:
    """Give the lines of a recording with so many values."""
    yield "1.3.6.1.2.1.1.1.0|4|a device of the laboratory"
    for column, tag, form in COLUMNS:
        for row in range(1, count // len(COLUMNS) + 1):
            yield f"{TABLE}.{column}.{row}|{tag}|{form.format(row=row)}"


def pinned() -> list[str]:
    """Give what keeps a server on the last processor."""
    return ["taskset", "-c", str((os.cpu_count() or 1) - 1)] if shutil.which("taskset") else []


def memory_kib(pid: int, field: str = "Rss") -> int:
    """Give the resident memory of a process."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1])
    return 0


def start_ours(*arguments: str) -> tuple[subprocess.Popen[str], float]:
    """Start agents; give the process and the seconds to `ready`."""
    began = time.monotonic()
    process = subprocess.Popen(
        [*pinned(), sys.executable, "-m", "mibgateway", "agent", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    if not any(line.strip() == "ready" for line in process.stdout):
        raise SystemExit("the agent did not become ready")
    return process, time.monotonic() - began


def start_snmpsim(
    command: list[str], folder: Path, port: int
) -> tuple[subprocess.Popen[str], float]:
    """Start snmpsim on a folder; give the process and the seconds to its first answer."""
    cache = folder / "index"
    cache.mkdir(exist_ok=True)
    cache.chmod(0o777)
    command = [*pinned(), *command, "--data-dir", str(folder / "data"), "--cache-dir", str(cache),
               "--agent-udpv4-endpoint", f"127.0.0.1:{port}", "--logging-method", "null"]
    if os.geteuid() == 0:
        command += ["--process-user", "nobody", "--process-group", "nogroup"]
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               text=True)
    while subprocess.run(
            ["snmpget", "-v2c", "-c", "public", "-m", "", "-r0", "-t1", f"127.0.0.1:{port}",
             "1.3.6.1.2.1.1.1.0"], capture_output=True, check=False).returncode:
        if process.poll() is not None or time.monotonic() - began > 120:
            assert process.stderr is not None
            process.kill()
            raise SystemExit(f"snmpsim does not answer:\n{process.stderr.read()[-2000:]}")
        time.sleep(0.05)
    return process, time.monotonic() - began


def end(process: subprocess.Popen[str]) -> None:
    """End a process that was started here."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def measure_speed(
    folder: Path, rounds: int, seconds: float, snmpsim: list[str]
) -> tuple[dict[str, list[tuple[float, float, float]]], list[str]]:
    """Give, by scenario, CPU microseconds of both and the ratio; and lines on memory and start."""
    load = build(str(folder))
    data = folder / "data" / "public.snmprec"
    names = folder / "names"
    names.write_text("".join(line.partition("|")[0] + "\n"
                             for line in data.read_text().splitlines()[1:]))
    ports = free_port(), free_port()
    ours, started = start_ours("--values", str(data), "--listen", f"127.0.0.1:{ports[0]}")
    figures = [("mibgate agent", ours, started)]
    try:
        if snmpsim:
            theirs, started = start_snmpsim(snmpsim, folder, ports[1])
            figures.append(("snmpsim", theirs, started))
        found: dict[str, list[tuple[float, float, float]]] = {}
        for number in range(rounds):
            print(f"\rround {number + 1} of {rounds}", end="", file=sys.stderr)
            for name, words in SCENARIOS:
                words = tuple(word.format(names=names) for word in words)
                costs = [_cost(ask(load, port, process.pid, long, words), name)
                         for port, long, (_, process, _)
                         in zip(ports, (seconds, seconds * SLOWER), figures, strict=False)]
                costs += [0.0] * (2 - len(costs))
                found.setdefault(name, []).append((*costs, costs[1] / costs[0]))
        count = len(data.read_text().splitlines())
        lines = [f"{name:<14} {started:6.2f} s to ready, {memory_kib(process.pid) / 1024:6.1f} MB "
                 f"with {count:,} values" for name, process, started in figures]
    finally:
        for _, process, _ in figures:
            end(process)
    return found, lines


def _cost(figures: dict[str, str], name: str) -> float:
    """Give CPU microseconds a request, or a varbind in a GETBULK."""
    cost = float(figures["cpu_us"])
    if name == "GETBULK-50":
        cost *= float(figures["req_s"]) / float(figures["vb_s"])
    return cost


def measure_ours(folder: Path) -> list[str]:
    """Give lines on memory a row and an agent, and on the start by MIBs."""
    base, started = start_ours(LAMP, "--listen",
                               "127.0.0.1:0")
    bare = memory_kib(base.pid)
    end(base)
    lines = [f"one MIB, no recording: {started:.2f} s to ready, {bare / 1024:.1f} MB"]
    big = folder / "big.snmprec"
    count = 50_000
    big.write_text("\n".join(rows_of(count)) + "\n")
    process, started = start_ours("--values", str(big), "--listen", "127.0.0.1:0")
    loaded = memory_kib(process.pid)
    end(process)
    lines.append(f"{count:,} values: {started:.2f} s to ready, {loaded / 1024:.1f} MB, "
                 f"{(loaded - bare) * 1024 / count:.0f} octets a value")
    unknown = folder / "unknown.snmprec"
    unknown.write_text(big.read_text().replace(TABLE, "1.3.6.1.4.1.32473.2.2.1"))
    process, started = start_ours("--values", str(unknown), "--listen", "127.0.0.1:0")
    loaded = memory_kib(process.pid)
    end(process)
    lines.append(f"{count:,} values of no MIB: {started:.2f} s to ready, {loaded / 1024:.1f} MB, "
                 f"{(loaded - bare) * 1024 / count:.0f} octets a value")
    many = 20
    words: list[str] = []
    for number in range(many):
        words += ["+"] * (number > 0) + [
            LAMP, "--listen", f"127.0.0.{number + 2}:0"]
    process, started = start_ours(*words)
    loaded = memory_kib(process.pid)
    end(process)
    lines.append(f"{many} agents in one process: {started:.2f} s to ready, "
                 f"{(loaded - bare) / (many - 1):.0f} KiB an agent")
    return lines


def measure_cold(folder: Path) -> list[str]:
    """Give lines on the start by how many MIBs there are; all later starts find models kept."""
    lines = []
    mibs = [str(path) for path in sorted(Path("/usr/share/snmp/mibs").glob("*.txt"))]
    for chosen in ([LAMP], [LAMP, *mibs[:4]], [LAMP, *mibs]):
        took = []
        for _ in range(2):
            process, started = start_ours(*chosen, "--listen", "127.0.0.1:0")
            end(process)
            took.append(started)
        lines.append(f"{len(chosen)} MIBs beside the standard ones: {took[0]:.2f} s the first "
                     f"time, {took[1]:.2f} s then")
    end(start_ours("--values", str(folder / "data" / "public.snmprec"), "--listen",
                   "127.0.0.1:0")[0])
    return lines


def main() -> int:
    """Measure and print; give the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.4)
    parser.add_argument("--snmpsim", default=shutil.which("snmpsim-command-responder") or "",
                        metavar="COMMAND")
    wanted = parser.parse_args()
    missed = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "data").mkdir()
        (folder / "data" / "public.snmprec").write_text("\n".join(rows_of(wanted.rows)) + "\n")
        os.environ["XDG_CACHE_HOME"] = f"{name}/cache"
        cold = measure_cold(folder)
        found, lines = measure_speed(
            folder, wanted.rounds, wanted.seconds, shlex.split(wanted.snmpsim))
        lines += [*cold, *measure_ours(folder)]
    print(f"\r{'':24}\r{'':12} {'ours us':>8} {'snmpsim us':>10} {'ratio':>7} {'min':>7} "
          f"{'max':>7} {'gate':>5}")
    for name, rows in found.items():
        ratios = [row[2] for row in rows]
        ratio = statistics.median(ratios)
        fails = bool(wanted.snmpsim) and ratio < GATE
        missed += fails
        print(f"{name:<12} {statistics.median(row[0] for row in rows):>8.2f} "
              f"{statistics.median(row[1] for row in rows):>10.2f} {ratio:>7.1f} "
              f"{min(ratios):>7.1f} {max(ratios):>7.1f} {GATE:>5.0f}"
              f"{'  MISSED' if fails else ''}")
    print("us: CPU time, a request or, in GETBULK-50, a varbind; medians.", *lines, sep="\n")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
