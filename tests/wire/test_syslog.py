"""What a real collector makes of our datagrams."""

from __future__ import annotations

import json
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any, cast

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import SkipTest, TestCase

from mibgateway.syslog.message import DEFAULT_FORMAT, Facts, datagram, expand
from mibgateway.syslog.shell import SyslogSender
from tests.wire.programs import found, free_udp_port, needs

reactor = cast("Any", _reactor)
CONFIGURATION = Path(__file__).with_name("rsyslog.conf.in")
READY = Facts(
    303, 1400, "SipEp", "SIP Endpoint",
    "TLS connection with remote host 10.5.128.14:5063 is now ready to be used for SIP gateway "
    "default.",
)
WAIT_S = 20.0


@needs("rsyslogd")
class RsyslogTests(TestCase):
    timeout = 60

    async def setUp(self) -> None:  # type: ignore[override]  # trial waits for it
        self.folder = Path(tempfile.mkdtemp(prefix="mibgate-rsyslog-"))
        self.addCleanup(subprocess.run, ["rm", "-rf", str(self.folder)], check=True)
        self.out = self.folder / "out.json"
        self.port = free_udp_port()
        text = CONFIGURATION.read_text().replace("@W@", str(self.folder))
        configuration = self.folder / "rsyslog.conf"
        configuration.write_text(text.replace("@PORT@", str(self.port)))
        self.peer = subprocess.Popen(
            [str(found("rsyslogd")), "-n", "-i", str(self.folder / "pid"), "-f", configuration],
            stderr=subprocess.DEVNULL,
        )
        self.addCleanup(self.peer.wait)
        self.addCleanup(self.peer.terminate)
        self.sender = SyslogSender(reactor)
        self.addCleanup(deferLater, reactor, 0)          # sockets close in the next turn
        self.addCleanup(self.sender.stop)
        await self.listens()

    async def listens(self) -> None:
        """Wait until rsyslogd answers to what a connected socket asks."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("127.0.0.1", self.port))
            for _ in range(int(WAIT_S / 0.05)):
                try:
                    probe.send(b"<15>probe")
                    await later(0.05)
                    probe.send(b"<15>probe")
                except ConnectionRefusedError:
                    continue
                if self.out.exists():
                    return
        raise AssertionError("rsyslogd did not start")

    async def received(self, count: int) -> list[dict[str, str]]:
        """Give what came from the sender, once there is that much."""
        for _ in range(int(WAIT_S / 0.05)):
            lines = [json.loads(line) for line in self.out.read_text().splitlines()]
            lines = [line for line in lines if "probe" not in line["raw"]]
            if len(lines) >= count:
                return lines
            await later(0.05)
        raise AssertionError(f"{count} messages did not come")

    async def test_a_notification_arrives_as_the_family_writes_it(self) -> None:
        self.sender.send_to("127.0.0.1", self.port)
        self.sender.send(datagram("info", expand(DEFAULT_FORMAT, READY)))
        (line,) = await self.received(1)
        assert line == {
            "pri": "14",
            "facility": "user",
            "severity": "info",
            "tag": "SipEp:",
            "msg": f" 1400-SIP Endpoint: 303-{READY.message}",
            "raw": f"<14>SipEp: 1400-SIP Endpoint: 303-{READY.message}",
            "from": "127.0.0.1",
        }
        assert (self.sender.sent, self.sender.failed) == (1, 0)

    async def test_every_severity_keeps_its_name(self) -> None:
        self.sender.send_to("127.0.0.1", self.port)
        for severity in ("debug", "info", "warning", "error", "critical"):
            self.sender.send(datagram(severity, "Nlm: x"))
        lines = await self.received(5)
        assert [(line["facility"], line["severity"]) for line in lines] == [
            ("user", name) for name in ("debug", "info", "warning", "err", "crit")
        ]

    async def test_a_name_is_resolved_and_the_queue_follows(self) -> None:
        self.sender.send_to("localhost", self.port)
        for number in range(20):
            self.sender.send(datagram("info", f"Nlm: {number} é\n"))
        lines = await self.received(20)
        assert [line["msg"] for line in lines] == [f" {number} é\\n" for number in range(20)]

    async def test_ipv6_serves(self) -> None:
        try:
            free_udp_port("::1")
        except OSError:
            raise SkipTest("this host has no IPv6") from None
        self.sender.send_to("::1", self.port)
        self.sender.send(datagram("info", "Nlm: x"))
        assert [line["from"] for line in await self.received(1)] == ["::1"]


class ClosedPortTests(TestCase):
    async def test_a_closed_port_is_noticed(self) -> None:
        sender = SyslogSender(reactor)
        self.addCleanup(deferLater, reactor, 0)
        self.addCleanup(sender.stop)
        sender.send_to("127.0.0.1", free_udp_port())
        sender.send(b"<14>a")
        await later(0.05)
        sender.send(b"<14>b")
        assert (sender.sent, sender.failed) == (2, 1)
        assert "closed" in sender.trouble


def later(wait: float) -> Deferred[None]:
    return deferLater(reactor, wait)
