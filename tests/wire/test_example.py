"""docs/example: mibagent alone serves somebody else's MIB, as its page says."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import TestCase

from tests.wire.programs import free_udp_port, needs

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "example"
LAMP = "ACME-LAMP-MIB::lamp"


@contextmanager
def lamps(state: str, port: int) -> Iterator[subprocess.Popen[str]]:
    """Run the example until the block ends."""
    with subprocess.Popen(
            [sys.executable, str(EXAMPLE / "lamp.py"), state, str(port)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as agent:
        assert agent.stdout is not None
        try:
            assert agent.stdout.readline() == "ready\n"
            yield agent
        finally:
            agent.terminate()


@needs("snmpget", "snmpset", "snmpwalk")
class Example(TestCase):
    """The commands of the page."""

    def setUp(self) -> None:
        self.port = free_udp_port("127.0.0.1")

    def ask(self, program: str, community: str, *words: str) -> subprocess.CompletedProcess[str]:
        folders = ":".join(map(str, (ROOT / "mibs", ROOT / "mibs" / "ietf", EXAMPLE)))
        return subprocess.run(
            [program, "-v2c", "-M", folders, "-m", "ALL", "-Oqs", "-c", community,
             f"127.0.0.1:{self.port}", *words], capture_output=True, text=True, check=False)

    def get(self, name: str) -> str:
        return self.ask("snmpget", "look", LAMP + name).stdout.split()[1]

    def test_lamps_are_made_lit_and_put_out(self) -> None:
        with tempfile.TemporaryDirectory() as state:
            with lamps(state, self.port) as agent:
                made = self.ask(
                    "snmpset", "switch", LAMP + "BulbRowStatus.1", "=", "createAndGo",
                    LAMP + "BulbName.1", "=", "hall", LAMP + "BulbSwitch.1", "=", "on")
                self.assertEqual(made.returncode, 0, made.stderr)
                self.assertEqual(self.get("Burning.0"), "1")
                refused = self.ask(
                    "snmpset", "switch", LAMP + "BulbRowStatus.2", "=", "createAndGo",
                    LAMP + "BulbName.2", "=", "hall")
                self.assertIn("inconsistentValue", refused.stderr)
                self.assertIn("BulbName.2", refused.stderr)
                observer = self.ask("snmpset", "look", LAMP + "MasterSwitch.0", "=", "off")
                self.assertIn("noAccess", observer.stderr)
                walked = self.ask("snmpwalk", "look", "ACME-LAMP-MIB::acmeLamp").stdout
                self.assertEqual(len(walked.splitlines()), 6, walked)
                self.ask("snmpset", "switch", LAMP + "AllOff.0", "=", "allOff")
                assert agent.stdout is not None
                self.assertIn("notification lampDark", agent.stdout.readline())
                self.assertEqual(self.get("BulbSwitch.1"), "off")
                agent.kill()
            time.sleep(0.1)
            with lamps(state, self.port):
                self.assertEqual(self.get("BulbName.1"), "hall")
