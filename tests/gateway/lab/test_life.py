"""How a process of the laboratory ends: nothing is left undone, whoever wants its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.testing import MemoryReactorClock

from mibgateway.lab import life
from mibgateway.lab.life import Ended, ParentWatch, tidy_end
from tests.structure.tree import SOURCES

PARENT = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", sys.argv[1], *sys.argv[2:]])
sys.stdin.read()
"""
CHILD = """
import sys
from mibgateway.lab.life import ParentWatch
watch = ParentWatch()
from pathlib import Path
from twisted.internet import reactor
def ended():
    Path(sys.argv[1]).write_text("orphan")
    reactor.stop()
watch.begin(reactor, ended)
reactor.callWhenRunning(Path(sys.argv[1]).write_text, "watching")
reactor.run()
"""


def handles() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_unwinds_what_was_begun(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    undone = []
    with pytest.raises(Ended) as caught, tidy_end():
        try:
            os.kill(os.getpid(), number)
        finally:
            undone.append(number)
    assert (caught.value.number, undone) == (number, [number])
    assert signal.getsignal(number) is before


def test_sighup_is_sigterm_once_the_reactor_takes_that() -> None:
    seen: list[int] = []
    with tidy_end():
        signal.signal(signal.SIGTERM, lambda number, frame: seen.append(number))
        os.kill(os.getpid(), signal.SIGHUP)
        deadline = time.monotonic() + 10
        while not seen and time.monotonic() < deadline:
            time.sleep(0.01)
    assert seen == [signal.SIGTERM]


def test_nohup_is_respected() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with tidy_end():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_parent_that_is_killed_is_noticed(tmp_path: Path) -> None:
    told = tmp_path / "told"

    def says(text: str) -> None:
        deadline = time.monotonic() + 40
        while not told.exists() or told.read_text() != text:
            assert time.monotonic() < deadline, text
            time.sleep(0.02)

    with subprocess.Popen(
            [sys.executable, "-c", PARENT, CHILD, str(told)], stdin=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": ":".join(map(str, SOURCES.values()))}) as parent:
        says("watching")
        parent.kill()
        says("orphan")


def test_without_help_of_the_kernel_it_looks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    reactor: Any = MemoryReactorClock()
    watch, ended = ParentWatch(), []
    watch.begin(reactor, lambda: ended.append(True))
    reactor.advance(life._LOOK_AGAIN_S)
    assert ended == []
    monkeypatch.setattr(os, "getppid", lambda: 1_000_000)
    reactor.advance(life._LOOK_AGAIN_S)
    assert ended == [True]
    reactor.advance(10)
    assert ended == [True]


def test_a_parent_that_ended_before_the_reactor_ran_is_noticed_at_once(
    monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, ended = ParentWatch(), []
    monkeypatch.setattr(os, "getppid", lambda: 1_000_000)
    watch.begin(MemoryReactorClock(), lambda: ended.append(True))
    assert ended == [True]


def test_a_watch_that_is_stopped_holds_nothing() -> None:
    before = handles()
    reactor: Any = MemoryReactorClock()
    watch = ParentWatch()
    watch.begin(reactor, lambda: None)
    watch.stop()
    watch.stop()
    assert handles() == before
    assert reactor.getReaders() == []
