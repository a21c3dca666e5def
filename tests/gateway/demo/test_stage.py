"""The demo's folder, ports and signals: taken and given back."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from mibgateway.demo import stage
from mibgateway.demo.stage import (
    Heard,
    Interrupted,
    Stage,
    StageError,
    interruptible,
)
from mibgateway.lab import folder


@pytest.fixture(autouse=True)
def _there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "bases", lambda: [tmp_path])


def test_the_folder_goes_also_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), Stage() as playing:
        assert playing.folder.parent == tmp_path
        playing.certify()
        assert {path.name for path in playing.folder.iterdir()} == {
            folder.MARKER, "ca.pem", "server.pem", "unit.pem", "wrong.pem"}
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_no_folder_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "bases", lambda: [Path("/dev/null")])
    with pytest.raises(StageError, match="nowhere to play: "), Stage():
        pass


def test_a_process_that_cannot_be_started_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    with pytest.raises(StageError, match="no process can be started: "), Stage() as playing:
        playing.start_server()


def test_datagrams_and_lines_are_heard_in_order_and_the_end_too() -> None:
    with Stage() as playing:
        playing.certify()
        (playing.folder / "server.pem").unlink()
        playing.start_server()
        heard: list[Heard] = []
        while not heard or heard[-1].who != "server":
            heard += playing.hear(10.0)
        assert heard[-1].text == ""             # it has ended, without its certificate
        assert "Error" in playing.complaints()[-1]


@pytest.mark.parametrize("number", stage.SIGNALS)
def test_a_signal_interrupts_once_and_is_given_back(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(Interrupted) as caught, interruptible():
        try:
            os.kill(os.getpid(), number)
        finally:
            os.kill(os.getpid(), number)        # while it is tidied up
    assert caught.value.number == number
    assert signal.getsignal(number) is before


def test_what_was_ignored_before_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruptible():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
