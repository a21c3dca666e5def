"""`mibgate agent` in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from tests.wire.programs import require
from tests.wire.unit_process import until

MIBGATE = (sys.executable, "-m", "mibgateway", "agent")


class AgentProcess:
    """Agents that run until the block ends."""

    def __init__(self, *arguments: str, runtime: Path) -> None:
        self.environment = {**os.environ, "XDG_RUNTIME_DIR": str(runtime)}
        self.said: list[str] = []
        self.process = subprocess.Popen(
            [*MIBGATE, *arguments], env=self.environment, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.said.extend(line.rstrip("\n") for line in iter(self.process.stdout.readline, ""))

    def wait_for(self, words: str) -> str:
        """Give the first line with those words, once it is said."""
        def found() -> str:
            assert self.process.poll() is None or words in "\n".join(self.said), self.said
            return next((line for line in self.said if words in line), "")
        return until(found, f"{words!r} among {self.said}")

    def __enter__(self) -> AgentProcess:
        self.wait_for("ready")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.terminate()
        self.process.wait(20)
        self._reader.join(10)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def places(self) -> list[str]:
        """Give where its agents listen, in order."""
        return [line.split()[1] for line in self.said if line.startswith("agent ")]

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `mibgate agent WORDS`."""
        return subprocess.run([*MIBGATE, *words], env=self.environment, text=True,
                              capture_output=True, check=False, timeout=60)


def net_snmp(program: str, place: str, community: str, *words: str, options: Sequence[str] = ()
             ) -> subprocess.CompletedProcess[str]:
    """Run one of net-snmp's tools without MIBs."""
    return subprocess.run(
        [require(program), "-v2c", "-c", community, "-m", "", "-On", *options, place, *words],
        capture_output=True, text=True, check=False, timeout=60, errors="replace")
