"""Each form in which net-snmp writes a value, and files that are none of its."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mibagent.recording.sample import RecordingError
from mibagent.smi.syntax import Base, Value
from tests.agent.recording.kit import read_text

FORMS: list[tuple[str, Base | None, Value, bool]] = [
    ('STRING: "plain"', Base.OCTETS, b"plain", False),
    (r'STRING: "a \"quoted\" \\ word"', Base.OCTETS, rb'a "quoted" \ word', False),
    ('STRING: "two\nlines, .1.3.6 = like that"', Base.OCTETS,
     b"two\nlines, .1.3.6 = like that", False),
    ('STRING: "\n"', Base.OCTETS, b"\n", False),
    ('""', Base.OCTETS, b"", False),
    ("STRING: printed by a hint", Base.OCTETS, b"printed by a hint", True),
    ("STRING: ", Base.OCTETS, b"", True),
    ("Hex-STRING: 00 0A FF ", Base.OCTETS, b"\x00\x0a\xff", False),
    ("Hex-STRING: " + "41 " * 16 + "\n42 43 ", Base.OCTETS, b"A" * 16 + b"BC", False),
    ("INTEGER: -5", Base.INTEGER, -5, False),
    ("INTEGER: up(1)", Base.INTEGER, 1, False),
    ("INTEGER: 72 apples", Base.INTEGER, 72, False),
    ("INTEGER: 1.50", Base.INTEGER, b"1.50", True),
    ("Gauge32: 4294967295", Base.UNSIGNED32, 4294967295, False),
    ("Counter32: 7", Base.COUNTER32, 7, False),
    ("Counter64: 18446744073709551615", Base.COUNTER64, 2**64 - 1, False),
    ("Timeticks: (123) 0:00:01.23", Base.TIME_TICKS, 123, False),
    ("Timeticks: 123", Base.TIME_TICKS, 123, False),
    ("OID: .1.3.6.1.4.1.8072", Base.OID, (1, 3, 6, 1, 4, 1, 8072), False),
    ("OID: iso.3.6.1", Base.OID, (1, 3, 6, 1), False),
    ("OID: ccitt.0", Base.OID, (0, 0), False),
    ("OID: .joint-iso-ccitt.5.6", Base.OID, (2, 5, 6), False),
    ("IpAddress: 192.0.2.1", Base.IP_ADDRESS, bytes((192, 0, 2, 1)), False),
    ("Network Address: C0:00:02:01", Base.IP_ADDRESS, bytes((192, 0, 2, 1)), False),
    ("BITS: 80 40 black(0) shy(9) ", Base.OCTETS, b"\x80\x40", False),
    ("Opaque: Float: 0.250000", Base.OPAQUE, bytes.fromhex("9f78043e800000"), False),
    ("Opaque: Double: 0.500000", Base.OPAQUE, bytes.fromhex("9f79083fe0000000000000"), False),
    ("Opaque: Int64: -2", Base.OPAQUE, bytes.fromhex("9f7a01fe"), False),
    ("OPAQUE: 04 01 ", Base.OPAQUE, b"\x04\x01", False),
    ("Wrong Type (should be Gauge32 or Unsigned32): INTEGER: 5", Base.INTEGER, 5, False),
    ('"no type"', None, b"no type", False),
    ("12", None, b"12", True),
]


@pytest.mark.parametrize(("text", "base", "value", "hinted"), FORMS, ids=[f[0] for f in FORMS])
def test_a_form_is_read(
    text: str, base: Base | None, value: Value, hinted: bool, tmp_path: Path
) -> None:
    samples, remarks = read_text(
        tmp_path / "w", f".1.3.6.1.1.0 = {text}\n.1.3.6.1.2.0 = INTEGER: 9\n")
    assert remarks == []
    assert [sample.line for sample in samples] == [1, 2 + text.count("\n")]
    assert samples[0][1:] == ((1, 3, 6, 1, 1, 0), base, value, hinted)


ODD = [
    (".1.3.6.1 = Counter32: many", None),
    (".1.3.6.1 = IpAddress: 1.2.3", "four numbers with dots"),
    (".1.3.6.1 = Hex-STRING: GG", "pairs of hexadecimal digits"),
    (".1.3.6.1 = NULL", "it has no value"),
    (".1.3.6.1 = No Such Object available on this agent at this OID", "no such instance"),
    (".1.3.6.1 = Opaque: Float: warm", "no Float"),
    (".1.3.6.9999999999 = INTEGER: 1", "32 bits"),
    ("IF-MIB::ifDescr.1 = STRING: lo", "record with -On"),
    (".1.3.6.1 = OID: SNMPv2-SMI::zeroDotZero", "record with -On"),
    ("Timeout: No Response from 192.0.2.1", "not of the form"),
    ('.1.3.6.1 = STRING: "no end', "the text has no end"),
]


@pytest.mark.parametrize(("line", "why"), [(line, why) for line, why in ODD if why],
                         ids=[line for line, why in ODD if why])
def test_an_odd_line_is_named_and_the_next_is_read(line: str, why: str, tmp_path: Path) -> None:
    samples, remarks = read_text(
        tmp_path / "w", f".1.3.6.1.2.0 = INTEGER: 8\n{line}\n.1.3.6.1.3.0 = INTEGER: 9\n")
    assert [sample.value for sample in samples] == [8, 9]
    assert len(remarks) == 1
    assert remarks[0].startswith("2: ")
    assert why in remarks[0]


@pytest.mark.parametrize("end", [
    ".1.3.6.1.2.0 = No more variables left in this MIB View (It is past the end of the MIB tree)",
    "End of MIB", "End of MIB\r"])
def test_the_end_of_a_walk_is_no_fault(end: str, tmp_path: Path) -> None:
    samples, remarks = read_text(tmp_path / "w", f".1.3.6.1.2.0 = INTEGER: 8\n{end}\n")
    assert (len(samples), remarks) == (1, [])


@pytest.mark.parametrize("head", ["iso.3.6.1.2.0", ".iso.3.6.1.2.0", ".1.3.6.1.2.0", "1.3.6.1.2.0"])
def test_the_first_number_may_be_a_word(head: str, tmp_path: Path) -> None:
    samples, remarks = read_text(tmp_path / "w", f"{head} = INTEGER: 8\n")
    assert ([sample.oid for sample in samples], remarks) == ([(1, 3, 6, 1, 2, 0)], [])


def test_octets_that_are_no_utf8_are_kept(tmp_path: Path) -> None:
    samples, _ = read_text(tmp_path / "w", b'.1.3.6.1.2.0 = STRING: "\xe9\xff\x80"\n')
    assert samples[0].value == b"\xe9\xff\x80"


def test_a_file_of_another_system_has_its_ends_of_line_taken(tmp_path: Path) -> None:
    samples, _ = read_text(
        tmp_path / "w", b".1.3.6.1.1.0 = STRING: hinted\r\n.1.3.6.1.2.0 = INTEGER: 5\r\n")
    assert [sample.value for sample in samples] == [b"hinted", 5]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from(
    [".1.3.6.1.1.0 = ", 'STRING: "', '"', "\\", "\n", "Hex-STRING: ", "0A ", "INTEGER: ", "7",
     "STRING: ", "OID: ", ".1.3", "BITS: ", "(", ")", "=", "\0", "é"]), max_size=40))
def test_no_text_gives_a_traceback(tmp_path: Path, parts: list[str]) -> None:
    try:
        read_text(tmp_path / "w", "".join(parts))
    except RecordingError as error:
        assert str(tmp_path / "w") in str(error)
