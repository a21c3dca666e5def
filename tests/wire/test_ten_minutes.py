"""docs/ten-minutes.md, done as it says."""

from __future__ import annotations

import re
import shlex
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest import TestCase

from tests.wire.agent_process import AgentProcess
from tests.wire.programs import needs
from tests.wire.unit_process import until

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "ten-minutes.md").read_text()
BLOCKS = re.findall(r"^```(sh|python)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
SHELL: list[str] = [line for kind, block in BLOCKS if kind == "sh" for line in block.splitlines()]
(MODULE,) = [block for kind, block in BLOCKS if kind == "python"]


def line_of(words: str) -> str:
    """Give the one command of the page that begins so."""
    found = [line for line in SHELL if line.startswith(words)]
    assert found, words
    return found[0]


@needs("snmpget", "snmpset", "snmpwalk")
class TenMinutes(TestCase):
    """Every step of the page."""

    def run_line(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run one of the page's commands for net-snmp at the port that we have."""
        line = line.replace("127.0.0.1:1161", self.place)
        return subprocess.run(["sh", "-c", f"L=1.3.6.1.3.7077.1; {line}"], capture_output=True,
                              text=True, check=False, timeout=60)

    def test_the_page(self) -> None:
        checked = subprocess.run(
            [sys.executable, "-m", "mibgateway", *shlex.split(line_of("mibgate mib check"))[1:]],
            capture_output=True, text=True, check=False, cwd=ROOT)
        self.assertEqual(checked.returncode, 0, checked.stdout)
        with tempfile.TemporaryDirectory() as folder, \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as manager:
            manager.bind(("127.0.0.1", 0))
            manager.settimeout(30)
            module = Path(folder, "my_lamps.py")
            module.write_text(MODULE.replace('@provides("lampBurning")', "").replace(
                '@check("lampBulbName")', ""))
            serve = shlex.split(line_of("mibgate agent docs"))
            self.assertEqual(serve[3:], ["--module", "my_lamps.py", "--watch"])
            with AgentProcess(
                    str(ROOT / serve[2]), "--module", str(module), "--watch", "--listen",
                    "127.0.0.1:0", "--trap-to", f"127.0.0.1:{manager.getsockname()[1]}",
                    runtime=Path(folder)) as agents:
                (self.place,) = agents.places()
                walked = self.run_line(line_of("snmpwalk"))
                self.assertEqual(len(walked.stdout.splitlines()), 3, walked)
                off, row, refused = [line for line in SHELL if line.startswith("snmpset")]
                self.assertEqual(self.run_line(off).returncode, 0)
                self.assertTrue(manager.recv(65536))
                self.assertEqual(self.run_line(row).returncode, 0)
                self.assertIn("wrongValue", self.run_line(refused).stderr)
                self.assertEqual(self.run_line(off.replace("i 0", "i 1")).returncode, 0)
                self.assertIn("Gauge32: 0", self.run_line(line_of("snmpget")).stdout)
                module.write_text(MODULE)
                until(lambda: "Gauge32: 1" in self.run_line(line_of("snmpget")).stdout, "a lamp")
                twin = row.replace(".4.1 ", ".4.2 ").replace(".2.1 ", ".2.2 ").replace(
                    ".3.1 ", ".3.2 ")
                self.assertIn("inconsistentValue", self.run_line(twin).stderr)
