"""Mutual TLS handshakes per CPU second of a server of ours, beside openssl's s_server.

Both demand a client certificate and judge it, in one run, with the same certificates and the same
client, `openssl s_time`; what is counted is the servers' own CPU time. Goal: 0.7 of s_server; exit
status 1 when it is missed.

    python benchmarks/tls.py [--seconds 3] [--rounds 3]
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import trustme

GOAL = 0.7
TICKS = os.sysconf("SC_CLK_TCK")


def make(folder: Path, kind: trustme.KeyType) -> None:
    """Write a CA, a server's and a client's certificate."""
    ca = trustme.CA(key_type=kind)
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    until = datetime.now(UTC) + timedelta(days=30)
    for name in ("server", "client"):
        made = ca.issue_cert(f"{name}.example.com", key_type=kind, not_after=until)
        made.private_key_and_cert_chain_pem.write_to_path(str(folder / f"{name}.pem"))


def serve(folder: Path) -> None:
    """Be a server of ours; print the port."""
    from twisted.internet import protocol, reactor

    from mibgateway.tls.creator import ServerCreator
    from mibgateway.tls.credentials import read_authorities, read_host
    from mibgateway.tls.policy import TlsPolicy
    from mibgateway.tls.shell import tls_factory
    own = read_host("server", (folder / "server.pem").read_bytes())
    trusted = read_authorities("ca", (folder / "ca.pem").read_bytes())
    creator = ServerCreator(
        TlsPolicy(client_authentication=True), lambda: own, lambda: trusted,
        clock=lambda: datetime.now(UTC))
    factory: Any = tls_factory(
        creator, protocol.Factory.forProtocol(protocol.Protocol), reactor)
    port = reactor.listenTCP(0, factory, interface="127.0.0.1", backlog=500)
    print(f"ACCEPT 127.0.0.1:{port.getHost().port}", flush=True)
    reactor.run()


def start(folder: Path, ours: bool) -> tuple[subprocess.Popen[bytes], int]:
    if ours:
        command = [sys.executable, __file__, "--serve", str(folder)]
    else:
        command = ["openssl", "s_server", "-accept", "127.0.0.1:0", "-cert",
                   str(folder / "server.pem"), "-key", str(folder / "server.pem"), "-CAfile",
                   str(folder / "ca.pem"), "-Verify", "3", "-verify_return_error", "-rev",
                   "-num_tickets", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    for line in process.stdout:
        found = re.match(rb"ACCEPT .*:(\d+)", line)
        if found:
            return process, int(found[1])
    raise SystemExit("the server did not start")


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def measure(folder: Path, ours: bool, seconds: int) -> float:
    """Give handshakes per CPU second of the server."""
    process, port = start(folder, ours)
    drain = subprocess.Popen(["cat"], stdin=process.stdout, stdout=subprocess.DEVNULL)
    try:
        client(folder, port, 1)
        before = cpu_seconds(process.pid)
        count = client(folder, port, seconds)
        time.sleep(0.2)
        return count / (cpu_seconds(process.pid) - before)
    finally:
        process.kill()
        process.wait()
        drain.wait()


def client(folder: Path, port: int, seconds: int) -> int:
    done = subprocess.run(
        ["openssl", "s_time", "-connect", f"127.0.0.1:{port}", "-new", "-time", str(seconds),
         "-cert", str(folder / "client.pem"), "-key", str(folder / "client.pem"), "-CAfile",
         str(folder / "ca.pem")], capture_output=True, text=True, check=False)
    found = re.search(r"(\d+) connections in \d+ real seconds", done.stdout)
    if not found or "ERROR" in done.stderr:
        raise SystemExit(f"s_time failed: {done.stdout[-300:]}{done.stderr[-300:]}")
    return int(found[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve)
        return
    print("mutual TLS 1.3 handshakes per CPU second of the server")
    missed = False
    for kind, name in ((trustme.KeyType.RSA, "RSA-2048"), (trustme.KeyType.ECDSA, "EC-P256")):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            make(folder, kind)
            found: dict[bool, list[float]] = {True: [], False: []}
            for _ in range(given.rounds):
                for ours in (False, True):
                    found[ours].append(measure(folder, ours, given.seconds))
        theirs, our = statistics.median(found[False]), statistics.median(found[True])
        print(f"{name:<9} s_server {theirs:7.0f}   mibgate {our:7.0f}   ratio {our / theirs:.2f}"
              f"   (goal {GOAL})")
        missed |= our / theirs < GOAL
    sys.exit(missed)


if __name__ == "__main__":
    main()
