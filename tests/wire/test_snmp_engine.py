"""net-snmp's own tools against the engine with a source in memory."""

from __future__ import annotations

import shutil
from collections.abc import Generator
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import SkipTest, TestCase

from mibagent.snmp.engine import Engine
from mibagent.snmp.shell import start
from tests.agent.snmp.fakes import ROOT, FakeAccess, sample

TEXT = "." + ".".join(map(str, ROOT))
Steps = Generator[Deferred[Any], Any, None]


class NetSnmp(TestCase):
    """One engine on loopback."""

    def setUp(self) -> None:
        if shutil.which("snmpget") is None:
            raise SkipTest("snmpget is not installed (Debian: snmp)")
        self.source = sample()
        self.port = start(reactor, Engine(self.source, FakeAccess()), "127.0.0.1", 0)
        self.addCleanup(self.port.stop)

    @inlineCallbacks
    def run_tool(self, tool: str, version: str, community: str, *arguments: str
                 ) -> Generator[Deferred[Any], Any, tuple[list[str], str, int]]:
        path = shutil.which(tool)
        assert path is not None
        out, err, code = yield getProcessOutputAndValue(  # type: ignore[no-untyped-call]
            path, ["-v", version, "-c", community, "-On", "-m", "", "-r", "0", "-t", "2",
                   f"127.0.0.1:{self.port.number}", *arguments], env={"PATH": "/usr/bin"})
        lines = [line for line in out.decode().splitlines()
                 if "No more variables" not in line and "End of MIB" not in line]
        return lines, err.decode(), code

    @inlineCallbacks
    def test_walks_agree_and_are_whole(self) -> Steps:
        walked, _, code = yield self.run_tool("snmpwalk", "2c", "public", TEXT)
        bulk, _, bulk_code = yield self.run_tool("snmpbulkwalk", "2c", "public", "-Cr7", TEXT)
        assert (code, bulk_code) == (0, 0)
        assert walked == bulk
        assert len(walked) == 9 + 3 * 4 + 2 + 3 * 9
        old, _, _ = yield self.run_tool("snmpwalk", "1", "public", TEXT)
        assert [each for each in walked if "Counter64" not in each] == old

    @inlineCallbacks
    def test_a_set_and_a_refused_one(self) -> Steps:
        out, _, code = yield self.run_tool(
            "snmpset", "2c", "private", f"{TEXT}.1.1.0", "i", "42")
        assert (out, code) == ([f"{TEXT}.1.1.0 = INTEGER: 42"], 0)
        out, _, _ = yield self.run_tool("snmpget", "2c", "public", f"{TEXT}.1.1.0")
        assert out == [f"{TEXT}.1.1.0 = INTEGER: 42"]
        _, why, code = yield self.run_tool(
            "snmpset", "2c", "private", f"{TEXT}.1.2.0", "s", "fine", f"{TEXT}.1.1.0", "i", "101")
        assert code != 0
        assert "wrongValue" in why
        assert f"{TEXT}.1.1.0" in why

    @inlineCallbacks
    def test_a_wrong_community_gets_no_answer(self) -> Steps:
        _, why, code = yield self.run_tool("snmpget", "2c", "guess", f"{TEXT}.1.1.0")
        assert code != 0
        assert "Timeout" in why
