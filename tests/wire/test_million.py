"""The bounded form of benchmarks/hostile.py, which pours a million datagrams on a unit."""

from __future__ import annotations

import pytest

from benchmarks.hostile import main


def test_datagrams_of_ill_will_leave_no_trace(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["--datagrams", "15000", "--seed", "7"])
    told = capsys.readouterr()
    assert status == 0, told.err
    assert "all answered" in told.out
