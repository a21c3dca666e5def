"""A process ends by a signal, and a second one is not in its way."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from twisted.internet.error import ReactorNotRunning

from mibgateway.ending import end

PROCESS = """
import os, signal
from twisted.internet import defer, reactor
from mibgateway.ending import end_by_signals

def going():
    done = defer.Deferred()
    reactor.callLater(0.2, done.callback, None)
    os.kill(os.getpid(), {second})
    return done

reactor.addSystemEventTrigger("before", "shutdown", going)
reactor.callWhenRunning(end_by_signals, reactor)
reactor.callWhenRunning(lambda: os.kill(os.getpid(), {first}))
reactor.run()
print("gone")
"""


@pytest.mark.parametrize(("first", "second"), [
    (signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGINT),
    (signal.SIGINT, signal.SIGTERM)])
def test_a_second_signal_changes_nothing(first: signal.Signals, second: signal.Signals) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROCESS.format(first=int(first), second=int(second))],
        capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "gone\n", "")


def test_who_stops_already_is_not_stopped_again() -> None:
    class Stopping:
        def stop(self) -> None:
            raise ReactorNotRunning

    end(Stopping())
