"""A mibgate unit on loopback, started for a run and thrown away after it."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.conformance.credentials import Credentials

_WAIT_S = 40.0


class UnitFailed(Exception):
    """It did not start; the text is what it said."""


def free_port() -> int:
    """Give a UDP port that nobody had a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class StartedUnit:
    """A unit that runs."""

    host: str
    port: int
    credentials: Credentials
    pid: int
    log_file: Path

    def log(self) -> str:
        """Give what it has logged."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def resident_octets(self) -> int:
        """Give the memory that it has in use."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def started_unit() -> Iterator[StartedUnit]:
    """Start a unit whose credentials may do everything, and end it. Raises UnitFailed."""
    port, sip_port = free_port(), free_port()
    community = secrets.token_hex(6)
    script = (
        "Snmp.EnableSnmpV1=enable\nSnmp.EnableSnmpV2=enable\nSnmp.SnmpUser=admin\n"
        f'Snmp.Community="{community}"\nSnmp.CommunityMayWrite=enable\nSnmp.Port={port}\n'
        f"SipEp.Gateway[Name=default].Port={sip_port}\n")
    with tempfile.TemporaryDirectory(prefix="mibgate-conformance-") as folder:
        home = Path(folder)
        (home / "script").write_text(script, encoding="utf-8")
        log = home / "log"
        with log.open("wb") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "mibgateway", "run", "--state", home / "state",
                 "--script", home / "script", "--unprivileged"],
                stdout=subprocess.PIPE, stderr=errors)
        try:
            _wait_until_ready(process, log)
            yield StartedUnit("127.0.0.1", port, Credentials(community, community),
                              process.pid, log)
        finally:
            process.terminate()
            try:
                process.wait(_WAIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], log: Path) -> None:
    assert process.stdout is not None
    deadline = time.monotonic() + _WAIT_S
    for line in process.stdout:
        if line.strip() == b"ready":
            return
        if time.monotonic() > deadline:
            break
    raise UnitFailed(log.read_text(encoding="utf-8", errors="replace")[-2000:] or "no word of it")
