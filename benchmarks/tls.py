"""What TLS costs: handshakes beside openssl's s_server, and downloads beside curl.

Handshakes: both servers demand a client certificate and judge it, in one run, with the same
certificates and the same client, `openssl s_time`; what is counted is the servers' own CPU time.
Goal: 0.7 of s_server.

Downloads: nginx serves a file by HTTPS, and a transfer of ours and curl take turns to bring it to
the same disk; ours is on the disk for good (fsync) and hashed when it is done, curl's is neither.
Goal: 0.5 of curl's throughput. Exit status 1 when a goal is missed.

    python benchmarks/tls.py [--seconds 3] [--rounds 3] [--mib 512] [--only downloads]
"""

from __future__ import annotations

import argparse
import getpass
import os
import re
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import trustme

GOAL = 0.7
DOWNLOAD_GOAL = 0.5
TICKS = os.sysconf("SC_CLK_TCK")


def make(folder: Path, kind: trustme.KeyType) -> None:
    """Write a CA, a server's and a client's certificate."""
    ca = trustme.CA(key_type=kind)
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    until = datetime.now(UTC) + timedelta(days=30)
    for name in ("server", "client"):
        made = ca.issue_cert(
            f"{name}.example.com", "127.0.0.1", key_type=kind, not_after=until)
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


NGINX = """
daemon off; master_process off; pid {home}/pid; error_log {home}/error.log; user {user};
events {{ }}
http {{
  access_log off; sendfile on;
  client_body_temp_path {home}/tmp; proxy_temp_path {home}/tmp; fastcgi_temp_path {home}/tmp;
  uwsgi_temp_path {home}/tmp; scgi_temp_path {home}/tmp;
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {home}/server.pem; ssl_certificate_key {home}/server.pem; root {home};
  }}
}}
"""


def fetch(folder: Path, url: str) -> None:
    """Bring a file as a service of a unit does; print seconds, CPU seconds and growth in KiB."""
    from twisted.internet import defer, reactor, threads

    from mibgateway.tls.creator import ClientCreator
    from mibgateway.tls.credentials import read_authorities
    from mibgateway.tls.policy import TlsPolicy
    from mibgateway.transfer.shell import Transfers
    from mibgateway.transfer.url import Url
    running: Any = reactor
    trusted = read_authorities("ca", (folder / "ca.pem").read_bytes())
    transfers = Transfers(
        reactor, lambda policy, server: ClientCreator(
            policy, None, trusted, server, clock=lambda: datetime.now(UTC)),
        threads.deferToThread)

    async def bring() -> None:
        began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
        await transfers.download(
            Url.parse(url), folder / "ours", policy=TlsPolicy(use="File transfer"),
            most_octets=1 << 40)
        spent, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(spent, cpu, after.ru_maxrss - before.ru_maxrss)

    running.callWhenRunning(lambda: defer.ensureDeferred(bring()).addErrback(
        lambda failure: print(failure, file=sys.stderr)).addBoth(lambda _: running.stop()))
    running.run()


def brought(folder: Path, url: str, ours: bool) -> tuple[float, float, float]:
    """Give seconds, CPU seconds and growth in KiB of one download."""
    if ours:
        said = subprocess.run(
            [sys.executable, __file__, "--fetch", url, "--folder", str(folder)],
            capture_output=True, text=True, check=True).stdout.split()
        return float(said[0]), float(said[1]), float(said[2])
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = subprocess.run(
        ["curl", "-sS", "-w", "%{time_total}", "--cacert", str(folder / "ca.pem"),
         "-o", str(folder / "theirs"), url], capture_output=True, text=True, check=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return float(spent), cpu, 0.0


@contextmanager
def file_server(folder: Path, mib: int) -> Iterator[str]:
    """Serve a file of that size by HTTPS, its CA in `ca.pem` of the folder; give its URL."""
    make(folder, trustme.KeyType.RSA)
    with (folder / "large").open("wb") as large:
        large.truncate(mib << 20)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "nginx.conf").write_text(
        NGINX.format(home=folder, port=port, user=getpass.getuser()))
    server = subprocess.Popen(
        ["/usr/sbin/nginx", "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")])
    try:
        time.sleep(1)
        yield f"https://127.0.0.1:{port}/large"
    finally:
        server.kill()
        server.wait()


def downloads(rounds: int, mib: int) -> bool:
    """Compare downloads; tell whether the goal is missed."""
    with tempfile.TemporaryDirectory() as place, file_server(Path(place), mib) as url:
        return compare(Path(place), url, rounds, mib)


def compare(folder: Path, url: str, rounds: int, mib: int) -> bool:
    found: dict[bool, list[tuple[float, float, float]]] = {True: [], False: []}
    for _ in range(rounds):
        for ours in (False, True):
            found[ours].append(brought(folder, url, ours))
            (folder / ("ours" if ours else "theirs")).unlink()
    print(f"downloads of {mib} MiB by HTTPS")
    rates = {}
    for ours, name in ((False, "curl"), (True, "mibgate")):
        spent, cpu, growth = (statistics.median(each) for each in zip(*found[ours], strict=True))
        rates[ours] = mib / spent
        print(f"{name:<9} {rates[ours]:7.0f} MiB/s   {cpu / mib * 1000:6.2f} ms of CPU a MiB"
              + (f"   {growth / 1024:.0f} MiB of growth" if ours else ""))
    ratio = rates[True] / rates[False]
    print(f"ratio {ratio:.2f}   (goal {DOWNLOAD_GOAL})")
    return ratio < DOWNLOAD_GOAL


def handshakes(rounds: int, seconds: int) -> bool:
    """Compare handshakes; tell whether the goal is missed."""
    print("mutual TLS 1.3 handshakes per CPU second of the server")
    missed = False
    for kind, name in ((trustme.KeyType.RSA, "RSA-2048"), (trustme.KeyType.ECDSA, "EC-P256")):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            make(folder, kind)
            found: dict[bool, list[float]] = {True: [], False: []}
            for _ in range(rounds):
                for ours in (False, True):
                    found[ours].append(measure(folder, ours, seconds))
        theirs, our = statistics.median(found[False]), statistics.median(found[True])
        print(f"{name:<9} s_server {theirs:7.0f}   mibgate {our:7.0f}   ratio {our / theirs:.2f}"
              f"   (goal {GOAL})")
        missed |= our / theirs < GOAL
    return missed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mib", type=int, default=512)
    parser.add_argument("--only", choices=("handshakes", "downloads"))
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--fetch", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve)
    elif given.fetch:
        fetch(given.folder, given.fetch)
    else:
        missed = given.only != "downloads" and handshakes(given.rounds, given.seconds)
        missed |= given.only != "handshakes" and downloads(given.rounds, given.mib)
        sys.exit(missed)


if __name__ == "__main__":
    main()
