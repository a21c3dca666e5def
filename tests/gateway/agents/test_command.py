"""A start of `mibgate agent` that can't be is one line, with file, line and reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from mibgateway.agents.plan import Place
from mibgateway.cli import mibgate

ROOT = Path(__file__).parents[3]
CROW = str(ROOT / "tests" / "agent" / "recording" / "CROW-MIB.mib")
BROKEN = ROOT / "tests" / "agent" / "model" / "broken"

STARTS = [
    ("", "there is nothing to serve"),
    (f"{BROKEN}/CROW-NO-MIB.mib", r"CROW-NO-MIB\.mib: no module is declared here"),
    (f"{BROKEN}/CROW-OID-TWICE-MIB.mib", r"CROW-OID-TWICE-MIB\.mib:\d+: crowMood: has the object"),
    ("--values FOLDER/rubbish", "rubbish:1: this is no recording"),
    ("--values FOLDER/nothing", "nothing: can't be read"),
    ("CROW --listen 0.0.0.0", "give a --community"),
    ("CROW --listen crow", "ADDRESS or ADDRESS:PORT"),
    ("CROW --listen 127.0.0.1:70000", "ADDRESS or ADDRESS:PORT"),
    ("CROW --module FOLDER/empty.py", "empty.py: no class of it is a Service"),
    ("CROW --module FOLDER/broken.py", "broken.py:2: "),
    ("CROW --module FOLDER/raises.py", "raises.py:2: ZeroDivisionError"),
    ("CROW --module FOLDER/odd.py", r"odd\.py: Odd: crowNone: @provides on none: no such object"),
    ("CROW --module FOLDER/gone.py", "there is no such file"),
    ("CROW --mibs FOLDER/gone", "there is no such folder"),
    ("CROW --trap-to somewhere", "a receiver is"),
    ("CROW + CROW", "means two agents"),
    ("CROW --users FOLDER/gone", "--users .*gone: No such file"),
    ("CROW --users FOLDER/empty.py", r"empty.py:1: createUser NAME"),
    ("CROW --users FOLDER/users + CROW --users FOLDER/users", "given to two agents"),
    ("CROW --users FOLDER/users + CROW --users FOLDER/others --context x", "has two passwords"),
    ("--data-dir FOLDER", "there is no file of"),
    ("FOLDER/X-MIB", "can't be read"),
    ("FOLDER", "there is no MIB file in this folder"),
    ("FOLDER/lost", r"lost/A-MIB: no module|lost: there is no MIB"),
]


ODD = """
from dataclasses import dataclass
from mibagent.service.service import Service, provides

@dataclass(frozen=True)
class Nothing:
    pass

class Odd(Service[Nothing]):
    mib = "CROW-MIB"
    settings = Nothing

    @provides("crowNone")
    def none(self) -> int:
        return 0
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rubbish").write_text("hello\n" * 2000)
    (tmp_path / "users").write_text("createUser eva SHA maplesyrup\n")
    (tmp_path / "others").write_text("createUser eva SHA pancakes!\n")
    (tmp_path / "lost").mkdir()
    (tmp_path / "lost" / "A-MIB").write_text("DEFINITIONS")
    (tmp_path / "empty.py").write_text("x = 1\n")
    (tmp_path / "broken.py").write_text("x = 1\n  y\n")
    (tmp_path / "odd.py").write_text(ODD)
    (tmp_path / "raises.py").write_text("x = 1\ny = x / 0\n")
    return tmp_path


@pytest.mark.parametrize(("words", "why"), STARTS, ids=[words for words, _ in STARTS])
def test_a_start_that_can_not_be_is_one_line(words: str, why: str, folder: Path) -> None:
    arguments = words.replace("FOLDER", str(folder)).replace("CROW +", f"{CROW} +").split()
    arguments = [CROW if word == "CROW" else word for word in arguments]
    ended = CliRunner().invoke(mibgate, ["agent", *arguments])
    assert ended.exit_code == 1
    assert isinstance(ended.exception, SystemExit)
    assert ended.output.splitlines()[-1].startswith("mibgate: ")
    assert re.search(why, ended.output.splitlines()[-1])


@pytest.mark.parametrize(("text", "place"), [
    ("127.0.0.1", Place("127.0.0.1", 1161)), ("127.0.0.1:16", Place("127.0.0.1", 16)),
    ("::1", Place("::1", 1161)), ("[::1]:0", Place("::1", 0)),
])
def test_a_place_is_read(text: str, place: Place) -> None:
    assert Place.of(text) == place
    assert Place.of(str(place)) == place
