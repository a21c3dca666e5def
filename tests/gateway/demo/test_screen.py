"""How the demo prints where nobody looks, and in narrow terminals."""

from __future__ import annotations

import io

import pytest

from mibgateway.demo.screen import Screen, span

LONG = ("<14>SipEp: 1400-SIP Endpoint: 303-TLS connection with remote host 10.5.128.14:5063 is now "
        "ready to be used for SIP gateway default.")


class Terminal(io.StringIO):
    """A file that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def everything(screen: Screen) -> None:
    screen.head("a title", "why")
    screen.step(1, "a step", "because " * 30)
    screen.command(["snmpset a \\", "    b = c"])
    screen.line("+3 ms", "syslog", LONG)
    with screen.waiting("for something"):
        pass
    screen.table("a table", ("", "unit", "server"), [("State", "up", "connected")])
    screen.end("done", good=True)


@pytest.mark.parametrize("columns", [None, "40", "80", "wide"])
def test_a_pipe_gets_plain_whole_lines(
    columns: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)
    file = io.StringIO()
    everything(Screen(file))
    text = file.getvalue()
    assert "\x1b" not in text and "for something" not in text
    assert f"    +3 ms  syslog   {LONG}\n" in text
    assert "because " * 30 in text
    assert "   $ snmpset a \\\n         b = c\n" in text


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_wider_than_the_terminal(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    file = Terminal()
    screen = Screen(file, color=False)
    assert not screen.is_live
    everything(screen)
    assert max(map(len, file.getvalue().splitlines())) <= width
    assert "\x1b" not in file.getvalue()


def test_a_terminal_gets_colours_and_a_spinner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    file = Terminal()
    everything(Screen(file))
    assert "\x1b[" in file.getvalue() and "for something" in file.getvalue()


def test_what_latin_1_lacks_breaks_nothing() -> None:
    octets = io.BytesIO()
    file = io.TextIOWrapper(octets, encoding="latin-1", write_through=True)
    everything(Screen(file))
    assert b"ok done" in octets.getvalue() and b"?" not in octets.getvalue()


@pytest.mark.parametrize(("seconds", "text"), [
    (0.0, "+0 ms"), (0.0314, "+31 ms"), (1.0, "+1.00 s"), (12.345, "+12.35 s")])
def test_times(seconds: float, text: str) -> None:
    assert span(seconds) == text
