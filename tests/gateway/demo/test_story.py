"""What the story makes of what it hears. The whole of it is played in tests/wire/test_demo.py."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest

from mibgateway.demo.screen import Screen
from mibgateway.demo.stage import Heard, Stage
from mibgateway.demo.story import Story, StoryBroke, own_name


class Said:
    """A stage on which things happen as listed, and nothing else."""

    def __init__(self, folder: Path, *heard: tuple[str, str]) -> None:
        self.state = folder / "unit"
        self.server_port = 5061
        self._heard = [Heard(0.0, who, text) for who, text in heard]

    def hear(self, wait: float) -> Sequence[Heard]:
        found, self._heard = self._heard, []
        return found


def story(folder: Path, *heard: tuple[str, str]) -> tuple[Story, io.StringIO]:
    file = io.StringIO()
    return Story(cast("Stage", Said(folder, *heard)), Screen(file)), file


def test_while_it_stays_up_all_that_happens_is_shown_by_the_clock(tmp_path: Path) -> None:
    playing, shown = story(
        tmp_path,
        ("syslog", "<14>SipEp: 1400-SIP Endpoint: 310-Server a is now reachable"),
        ("server", json.dumps({"event": "connected", "version": "TLSv1.3", "cipher": "A",
                               "peer": "CN=b", "port": 16000})),
        ("server", json.dumps({"event": "refused", "why": "no shared cipher", "peer": "c"})),
        ("log", "not for the screen"),
        ("unit", ""))
    with pytest.raises(StoryBroke, match="the unit's process has ended"):
        playing.stay()
    lines = shown.getvalue().splitlines()
    assert [line[11:] for line in lines] == [
        "syslog   <14>SipEp: 1400-SIP Endpoint: 310-Server a is now reachable",
        "server   TLSv1.3 A from port 16000, client CN=b",
        "server   handshake failed: no shared cipher"]
    assert lines[0][3] == lines[0][6] == ":"


def test_what_to_paste_names_the_state_and_works_in_a_shell(tmp_path: Path) -> None:
    playing, shown = story(tmp_path / "with blank")
    playing.invite()
    assert f"$ export SNMPCONFPATH='{tmp_path}/with blank/unit/snmp'" in shown.getvalue()
    assert "$ snmpwalk 127.0.0.1 mibgate" in shown.getvalue()


def test_it_is_named_as_it_was_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / ".venv" / "bin" / "mibgate"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(program)])
    monkeypatch.setenv("PATH", "/usr/bin")
    assert own_name() == ".venv/bin/mibgate"
    monkeypatch.chdir("/")
    assert own_name() == str(program)[1:]
    monkeypatch.setenv("PATH", str(program.parent))
    assert own_name() == "mibgate"
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "mibgateway" / "__main__.py")])
    assert own_name() == "python -m mibgateway"
