"""Kamailio as an independent judge of our TLS and SIP.

Its port stays over restarts, so that it can come back as another: with another certificate,
another TLS version, or wanting certificates of its clients.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path
from typing import NamedTuple

from trustme import CA

from tests.wire.programs import require
from tests.wire.unit_process import WAIT_S, free_tcp_port, until

HERE = Path(__file__).parent
ADDRESS = "127.0.0.1"


class Judged(NamedTuple):
    """What it logged of one request."""

    method: str
    tls: str
    cipher: str
    peer: str
    verified: str


_LINE = re.compile(
    r"judge: (\S+) \S+ tls=(\S*) cipher=(.*?) peer=(.*?) verified=(\S*) sni=\S* agent=(\S*)")


class Kamailio:
    """One server in a folder of its own; its log is one file over all its starts."""

    def __init__(self, home: Path, authority: CA, names: tuple[str, ...] = (ADDRESS,)) -> None:
        """Prepare it. names: what its certificate, of that authority, is for."""
        self._program = require("kamailio")
        self.home = home
        self.port = free_tcp_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._log = home / "kamailio.log"
        self._log.touch()
        self.seen = 0
        self.show(authority, names)
        self.trust(authority)

    @property
    def address(self) -> str:
        """Where it listens, as a unit is told."""
        return f"{ADDRESS}:{self.port}"

    def show(self, authority: CA, names: tuple[str, ...] = (ADDRESS,)) -> None:
        """Show a certificate of that authority from the next start on."""
        from trustme import KeyType
        leaf = authority.issue_cert(*names, common_name="judge", key_type=KeyType.RSA)
        (self.home / "server.key").write_bytes(leaf.private_key_pem.bytes())
        (self.home / "server.pem").write_bytes(
            b"".join(each.bytes() for each in leaf.cert_chain_pems))

    def trust(self, authority: CA) -> None:
        """Trust clients of that authority."""
        (self.home / "clients-ca.pem").write_bytes(authority.cert_pem.bytes())

    def start(self, method: str = "TLSv1.2+", clients: bool = False) -> Kamailio:
        """Start it and wait until it listens. method: as its tls.cfg names versions."""
        words = {"ADDRESS": ADDRESS, "PORT": str(self.port), "FOLDER": str(self.home),
                 "METHOD": method, "CLIENTS": "yes" if clients else "no"}
        for name in ("kamailio.cfg", "tls.cfg"):
            text = (HERE / f"{name}.in").read_text(encoding="ascii")
            for word, value in words.items():
                text = text.replace(f"@{word}@", value)
            (self.home / name).write_text(text, encoding="utf-8")
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [self._program, "-f", str(self.home / "kamailio.cfg"), "-DD", "-E", "-m", "64",
                 "-M", "8", "-P", str(self.home / "pid"), "-Y", str(self.home),
                 "-w", str(self.home)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        until(self._listens, "kamailio listens")
        return self

    def _listens(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log()
        wanted = f":{self.port:04X} 00000000:0000 0A "
        return wanted in Path("/proc/net/tcp").read_text(encoding="ascii")

    def stop(self) -> None:
        """End it politely."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(WAIT_S)

    def kill(self) -> None:
        """End it and its children at once: the kernel closes what they had open."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(WAIT_S)

    def restart(self, method: str = "TLSv1.2+", clients: bool = False) -> None:
        """Come back as another."""
        self.stop()
        self.start(method, clients)

    def __enter__(self) -> Kamailio:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()

    def log(self) -> str:
        """Give all that it has logged."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def requests(self) -> list[Judged]:
        """Give the requests of all its starts."""
        return [Judged(*found[:5]) for found in _LINE.findall(self.log())]

    def next_request(self) -> Judged:
        """Wait for a request that was not given yet, and give the newest."""
        until(lambda: len(self.requests()) > self.seen, "the judge sees a request")
        found = self.requests()
        self.seen = len(found)
        return found[-1]

    def forget(self) -> None:
        """Let only requests from now on count."""
        self.seen = len(self.requests())
