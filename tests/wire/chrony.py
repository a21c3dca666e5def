"""chronyd as a time server that leaves this machine's clock alone."""

from __future__ import annotations

import getpass
import socket
import subprocess
from pathlib import Path
from types import TracebackType

from mibgateway.sntp.packet import request
from tests.wire.programs import free_udp_port, require
from tests.wire.unit_process import until


class Chronyd:
    """A server at a port of its own on 127.0.0.1."""

    def __init__(self, home: Path, *, knows_the_time: bool = True, port: int = 0) -> None:
        """knows_the_time: as a server of stratum 5; else its clock is not synchronised."""
        self.port = port or free_udp_port()
        self._configuration = home / f"chrony-{self.port}.conf"
        self._configuration.write_text(
            f"port {self.port}\nbindaddress 127.0.0.1\nallow 127.0.0.1\ncmdport 0\n"
            f"bindcmdaddress /\npidfile {home}/chrony-{self.port}.pid\n"
            + "local stratum 5\n" * knows_the_time, encoding="ascii")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Chronyd:
        self._process = subprocess.Popen(
            [require("chronyd"), "-x", "-d", "-U", "-u", getpass.getuser(),
             "-f", str(self._configuration)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(self._answers, "chronyd")
        return self

    def _answers(self) -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.settimeout(0.5)
            probe.connect(("127.0.0.1", self.port))
            try:
                probe.send(request(bytes(8)))
                return bool(probe.recv(512))
            except OSError:
                return False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait()
