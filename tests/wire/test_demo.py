"""`mibgate demo` as people run it: it comes to what it says, and leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mibgateway.demo import story
from mibgateway.demo.stage import Stage
from mibgateway.lab.pki import Authority
from tests.wire.programs import found
from tests.wire.unit_process import folder

WAIT_S = 60.0

READY = r"<14>SipEp: 1400-SIP Endpoint: 303-TLS connection with remote host 127\.0\.0\.1:\d+ is " \
    r"now ready to be used for SIP gateway default\.\n"
REACHABLE = r"<14>SipEp: 1400-SIP Endpoint: 310-Server 127\.0\.0\.1:\d+ is now reachable for SIP " \
    r"gateway default\.\n"
STORY = (
    r" 1 A unit and a SIP server start",
    r"unit +ready\n",
    r"snmpset 127\.0\.0\.1 'sipEpTransportConfigTlsEnable\.\"default\"' = enable\n",
    r"answer +noError\n",
    r"sipEpTransportConfigUdpEnable\.\"default\" = disable\n",
    r"sipEpNeedRestartInfo\.0 = yes\n",
    r"snmpset 127\.0\.0\.1 sipEpDefaultStaticProxyOutboundHost\.0 = 127\.0\.0\.1:\d+\n",
    r"answer +noError\n",
    r"snmpset 127\.0\.0\.1 scmRestartRequiredServices\.0 = restart\n",
    r"answer +noError\n",
    READY,
    REACHABLE,
    r"sipEpNeedRestartInfo\.0 = no\n",
    r"State +│ up +│ connected",
    r"TLS version │ TLSv1\.3 +│ TLSv1\.3 ",
    r"snmpset 127\.0\.0\.1 sipEpTransportTlsCipherSuite\.0 = cs1\n",
    r"sipEpNeedRestartInfo\.0 = yes\n",
    r"sipEpTlsPersistentConnectionStatusTlsVersion\.1 = TLSv1\.3\n",
    r"scmRestartRequiredServices\.0 = restart\n",
    READY,
    REACHABLE,
    r"TLS version │ TLSv1\.2 +│ TLSv1\.2 ",
    r"Suite +│ (TLS_RSA_WITH_AES_256_CBC_SHA) │ \1 ",
    r"sipEpTransportTlsVersion\.0 = tlsv13 \\\n"
    r" +sipEpTransportTlsCipherSuite\.0 = cs4 \\\n"
    r" +scmRestartRequiredServices\.0 = restart\n",
    READY,
    REACHABLE,
    r"TLS version │ TLSv1\.3 +│ TLSv1\.3 ",
    r"answer +inconsistentValue, error-index 2: sipEpTransportConfigUdpEnable",
    r"sipEpTransportTlsVersion\.0 = tlsv13\n",
    r"shows CN=somebody else now, for IP:192\.0\.2\.1\n",
    r"snmpset 127\.0\.0\.1 sipEpReconnect\.0 = reconnect\n",
    r"305-Certificate of remote host 127\.0\.0\.1:\d+, issued to CN=somebody else, refused for SIP",
    r"sipEpTlsPersistentConnectionStatusState\.1 = down\n",
    r"tls probe --state \S+ \\\n +127\.0\.0\.1:\d+\n",
    r"certificate 0: CN=somebody else, issued by CN=mibgate demo CA",
    r"names IP:192\.0\.2\.1\n",
    r"TrustedCertificate pass\n",
    r"HostName fail: certificate CN=somebody else: .*not 127\.0\.0\.1, at level HostName",
    r"SipEp\.InteropTlsCertificateValidation = TrustedCertificate\n",
    READY,
    r"shows CN=demo SIP server now, for IP:127\.0\.0\.1\n",
    r"SipEp\.InteropTlsCertificateValidation = HostName\n",
    READY,
    r"kill -9 ",
    r"noError, 100 times; then the process is gone\n",
    r"unit +ready\n",
    READY,
    r"hocSystemName\.0 = set-100\n",
    r"scmReadyLed\.0 = steady\n",
    r"Every step came to what it should\.\n",
)


class Demo:
    """One run in a folder of its own, so that all that it leaves is found."""

    def __init__(self, home: Path, *options: str) -> None:
        self.folder = home
        self.output = home / "output"
        self.temporary = home / "tmp"
        self.temporary.mkdir()
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mibgateway", "demo", *options],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                env={**os.environ, "TMPDIR": str(self.temporary), "PYTHONUTF8": "1",
                     "PYTHONPATH": os.pathsep.join(filter(None, sys.path))})

    @property
    def text(self) -> str:
        return self.output.read_text(encoding="utf-8")

    def until(self, holds: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + WAIT_S
        while not holds():
            assert time.monotonic() < deadline, f"{what}\n{self.text}"
            time.sleep(0.02)

    def shows(self, text: str) -> None:
        def is_so() -> bool:
            assert self.process.poll() is None or text in self.text, self.text
            return text in self.text

        self.until(is_so, text)

    def actors(self) -> list[str]:
        """Give the processes that were told of its folder."""
        lines = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = path.read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if str(self.temporary) in line:
                lines.append(line)
        return lines

    def ends(self, status: int) -> None:
        assert self.process.wait(WAIT_S) == status, self.text
        assert self.actors() == []
        assert list(self.temporary.iterdir()) == []
        assert "Traceback" not in self.text


@pytest.fixture
def demo() -> Iterator[Callable[..., Demo]]:
    runs: list[Demo] = []
    with folder("show") as home:
        def start(*options: str) -> Demo:
            runs.append(Demo(home, *options))
            return runs[-1]

        yield start
        for run in runs:
            run.process.kill()
            run.process.wait()


def test_every_step_comes_to_what_it_should(demo: Callable[..., Demo]) -> None:
    run = demo("--once", "--no-color")
    run.ends(0)
    text, at = run.text, 0
    for line in STORY:
        match = re.compile(line).search(text, at)
        assert match, f"{line}\n{text[at:]}"
        at = match.end()
    assert "\x1b" not in text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_stays_until_it_is_told_to_end(
    demo: Callable[..., Demo], number: signal.Signals
) -> None:
    run = demo("--no-color")
    run.shows("Ctrl-C ends the demo")
    assert len(run.actors()) == 2
    run.process.send_signal(number)
    run.ends(0)


@pytest.mark.parametrize("moment", [
    " 1 A unit and a SIP server start", "server   SIP over TLS at", " 4 The restart",
    " 6 The restart"])
def test_ctrl_c_in_the_middle_leaves_nothing(demo: Callable[..., Demo], moment: str) -> None:
    run = demo("--no-color")
    run.shows(moment)
    run.process.send_signal(signal.SIGINT)
    run.process.send_signal(signal.SIGINT)
    run.process.wait(WAIT_S)
    run.ends(128 + signal.SIGINT if "Every step" not in run.text else 0)


def test_neither_actor_nor_folder_outlives_a_demo_that_is_killed(demo: Callable[..., Demo]) -> None:
    run = demo("--no-color")
    run.shows("Ctrl-C ends the demo")
    run.process.kill()
    run.until(lambda: not run.actors(), "the actors end")
    run.until(lambda: not list(run.temporary.iterdir()), "the folder is gone")


def test_an_actor_that_ends_ends_the_demo(demo: Callable[..., Demo]) -> None:
    run = demo("--no-color")
    run.shows("Ctrl-C ends the demo")
    state = next(run.temporary.iterdir()) / "unit"
    os.kill(int((state / "lock").read_text()), signal.SIGKILL)
    run.ends(1)
    assert "the unit's process has ended" in run.text


def test_what_is_to_be_pasted_works(demo: Callable[..., Demo]) -> None:
    if found("snmpset") is None:
        pytest.skip("not installed: snmpset")
    run = demo("--no-color")
    run.shows("Ctrl-C ends the demo")
    invitation = run.text.partition("Yours now")[2]
    commands = re.sub(r"\\\n +", "", invitation).splitlines()
    commands = [line.partition("$ ")[2] for line in commands if line.startswith("   $ snmp")]
    commands.insert(0, re.findall(r"\$ (export .*)", invitation)[0])
    done = subprocess.run(["sh", "-ec", "\n".join(commands)], capture_output=True, text=True,
                          check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert 'sipEpTransportConfigTlsEnable."default" = INTEGER: disable(0)' in done.stdout
    assert "TlsVersion.1 = STRING: TLSv1.3" in done.stdout
    run.process.send_signal(signal.SIGTERM)
    run.ends(0)


def test_a_step_that_fails_says_why_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def certify(stage: Stage) -> None:
        authority = Authority("a CA")
        authority.write(stage.folder / "ca.pem")
        authority.issue(stage.folder / "server.pem", "elsewhere", "192.0.2.1")
        authority.issue(stage.folder / "unit.pem", "a unit", "127.0.0.1")

    monkeypatch.setattr(Stage, "certify", certify)
    monkeypatch.setattr(story, "BOUND_S", 6.0)
    monkeypatch.setattr("mibgateway.lab.folder.bases", lambda: [tmp_path])
    assert story.show(stay=False, color=False) == 1
    last = capfd.readouterr().out.splitlines()[-1]
    assert last.startswith("✘ connecting to 127.0.0.1:") and "the connection is down" in last
    assert "elsewhere" in last
    assert list(tmp_path.iterdir()) == []
