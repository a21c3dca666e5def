"""snmprec files, as snmpsim's recorder writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mibagent.recording.sample import RecordingError
from mibagent.smi.syntax import Base, Value
from tests.agent.recording.kit import read_text

LINES: list[tuple[str, Base, Value]] = [
    ("2|-5", Base.INTEGER, -5),
    ("4|a|b", Base.OCTETS, b"a|b"),
    ("4|", Base.OCTETS, b""),
    ("4x|00ff", Base.OCTETS, b"\x00\xff"),
    ("6|1.3.6.1.4.1", Base.OID, (1, 3, 6, 1, 4, 1)),
    ("64|192.0.2.1", Base.IP_ADDRESS, bytes((192, 0, 2, 1))),
    ("64x|c0000201", Base.IP_ADDRESS, bytes((192, 0, 2, 1))),
    ("65|7", Base.COUNTER32, 7),
    ("66|7", Base.UNSIGNED32, 7),
    ("67|7", Base.TIME_TICKS, 7),
    ("68x|9f78043e800000", Base.OPAQUE, bytes.fromhex("9f78043e800000")),
    ("4x|00:FF-0a 0B", Base.OCTETS, b"\x00\xff\x0a\x0b"),
    ("4x|0x00ff", Base.OCTETS, b"\x00\xff"),
    ("4x|", Base.OCTETS, b""),
    (r"4e|a\nb\\c\'\x00\101\z|", Base.OCTETS, b"a\nb\\c'\x00A\\z|"),
    ("70|18446744073709551615", Base.COUNTER64, 2**64 - 1),
]


@pytest.mark.parametrize(("line", "base", "value"), LINES, ids=[each[0] for each in LINES])
def test_a_line_is_read(line: str, base: Base, value: Value, tmp_path: Path) -> None:
    samples, remarks = read_text(tmp_path / "r", f"# a comment\n1.3.6.1.1.0|{line}\n")
    assert remarks == []
    assert [sample[:4] for sample in samples] == [(2, (1, 3, 6, 1, 1, 0), base, value)]


@pytest.mark.parametrize(("line", "why"), [
    ("1.3.6.1.1.0|2:numeric|min=0", "the variation module numeric is not run here"),
    ("1.3.6.1.1.0|5|", "it has no value"),
    ("1.3.6.1.1.0|99|x", "no type has the tag 99"),
    ("1.3.6.1.1.0|2|five", "a number is wanted"),
    ("1.3.6.1.1.0|4x|0g", "pairs of hexadecimal digits"),
    ("1.3.6.1.1.0|64|1.2.3", "Expected 4 octets"),
    ("1.3.6.1.1.0|6|one", "not an object identifier"),
    ("1.3.6.1.1.0|4y|'x'", "the form y"),
    ("1.3.6.1.1.0|4x|000", "pairs of hexadecimal digits"),
    ("1.3.6.1.1.0|2:sql|dbtype=sqlite3", "the variation module sql is not run here"),
    ("1.3.6.1.1.0|2:writecache|value=five", "a number is wanted"),
    ("1.3.6.1.1.0", "not of the form oid|tag|value"),
])
def test_an_odd_line_is_named_and_the_next_is_read(line: str, why: str, tmp_path: Path) -> None:
    samples, remarks = read_text(tmp_path / "r", f"1.3.6.1.2.0|2|8\n{line}\n1.3.6.1.3.0|2|9\n")
    assert [sample.value for sample in samples] == [8, 9]
    assert len(remarks) == 1
    assert remarks[0].startswith("2: ")
    assert why in remarks[0]


@pytest.mark.parametrize(("line", "base", "value"), [
    ("4:writecache|value=lab", Base.OCTETS, b"lab"),
    ("4x:writecache|value=00ff", Base.OCTETS, b"\x00\xff"),
    ("64:delay|wait=100,hexvalue=c0000201", Base.IP_ADDRESS, bytes((192, 0, 2, 1))),
    ("65:numeric|rate=100,initial=5,wrap=1", Base.COUNTER32, 5),
])
def test_what_a_variation_module_is_told_to_begin_with_is_served_and_said(
    line: str, base: Base, value: Value, tmp_path: Path
) -> None:
    samples, remarks = read_text(tmp_path / "r", f"1.3.6.1.1.0|{line}\n")
    assert [sample[2:4] for sample in samples] == [(base, value)]
    assert len(remarks) == 1
    assert "is not run here: what is served is the " in remarks[0]


def test_a_file_of_modules_alone_says_so_at_its_first_line(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"r:1: holds no value \(the variation module numeric"):
        read_text(tmp_path / "r", "1.3.6.1.1.0|2:numeric|min=0\n")
