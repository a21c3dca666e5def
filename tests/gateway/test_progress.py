"""The bar of a job on a terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from mibgateway.progress import Bar


def test_percent_and_octets_of_the_job_are_shown() -> None:
    terminal = io.StringIO()
    with Bar(Console(file=terminal, force_terminal=True, width=80)) as bar:
        bar.moved({"job": "File.DownloadFile", "percent": 0, "octets": 1000})
        bar.moved({"job": "File.DownloadFile", "percent": 50, "octets": 5_000_000})
    shown = terminal.getvalue()
    assert "File.DownloadFile" in shown and "50 %" in shown and "5.0 MB" in shown


def test_the_next_job_takes_the_place_of_the_last() -> None:
    terminal = io.StringIO()
    with Bar(Console(file=terminal, force_terminal=True, width=80)) as bar:
        bar.moved({"job": "File.DownloadFile", "percent": 50, "octets": 10})
        bar.moved({"job": "File.UploadFile", "percent": 10, "octets": 1})
    assert "File.UploadFile" in terminal.getvalue()


def test_without_a_terminal_nothing_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with Bar() as bar:
        bar.moved({"job": "File.DownloadFile", "percent": 50, "octets": 10})
    assert capsys.readouterr() == ("", "")
