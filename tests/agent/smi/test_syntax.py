"""What a SYNTAX allows, reads and prints."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mibagent.errors import Refused, WrongLength, WrongType, WrongValue
from mibagent.smi.syntax import Base, Syntax, Value, fold

VOLUME = Syntax(Base.INTEGER, ranges=((-10, -1), (1, 31)))
CENTS = Syntax(Base.INTEGER, hint="d-2")
MOOD = Syntax(Base.INTEGER, labels=(("sad", 1), ("veryMerry", 2)))
VERSION = Syntax(Base.INTEGER, labels=(("tlsv11", 300), ("tlsv12", 400)))
COLOURS = Syntax(Base.BITS, labels=(("red", 0), ("green", 1), ("blue", 9)))
NAME = Syntax(Base.OCTETS, ranges=((1, 8),), hint="8t")
ASCII = Syntax(Base.OCTETS, hint="255a")
SECRET = Syntax(Base.OCTETS, ranges=((0, 8),), secret=True)
RAW = Syntax(Base.OCTETS, ranges=((0, 2), (4, 4)))
MAC = Syntax(Base.OCTETS, ranges=((6, 6),), hint="1x:")
ADDRESS = Syntax(Base.IP_ADDRESS)
OID = Syntax(Base.OID)

VALUES: dict[Syntax, st.SearchStrategy[Value]] = {
    VOLUME: st.integers(-10, -1) | st.integers(1, 31),
    CENTS: st.integers(-(2**31), 2**31 - 1),
    MOOD: st.sampled_from([1, 2]),
    Syntax(Base.UNSIGNED32, hint="x"): st.integers(0, 2**32 - 1),
    Syntax(Base.COUNTER32): st.integers(0, 2**32 - 1),
    Syntax(Base.COUNTER64): st.integers(0, 2**64 - 1),
    Syntax(Base.TIME_TICKS): st.integers(0, 2**32 - 1),
    COLOURS: st.sets(st.sampled_from([0, 1, 9])).map(COLOURS.bits_at),
    NAME: st.text(st.characters(codec="utf-8"), min_size=1, max_size=2).map(
        lambda text: text.encode()),
    ASCII: st.text(st.characters(codec="ascii"), max_size=300).map(lambda text: text.encode()),
    Syntax(Base.OCTETS, hint="255t"): st.text(st.characters(codec="utf-8"), max_size=400).map(
        lambda text: text.encode()),
    RAW: st.binary(max_size=2),
    MAC: st.binary(min_size=6, max_size=6),
    Syntax(Base.OPAQUE): st.binary(max_size=20),
    ADDRESS: st.binary(min_size=4, max_size=4),
    OID: st.lists(st.integers(0, 39), min_size=2, max_size=10).map(
        lambda arcs: (arcs[0] % 3, *arcs[1:])),
}


@given(st.data(), st.sampled_from(list(VALUES)))
def test_what_is_printed_is_read(data: st.DataObject, syntax: Syntax) -> None:
    value = data.draw(VALUES[syntax])
    syntax.check(value)
    assert syntax.parse(syntax.print(value)) == value


@given(st.sampled_from([*VALUES, SECRET, VERSION]), st.text(max_size=20))
def test_any_text_is_read_or_refused(syntax: Syntax, text: str) -> None:
    try:
        syntax.check(syntax.parse(text))
    except Refused as refusal:
        assert refusal.why


@pytest.mark.parametrize("text", ["TLSv1_2", "tlsv12", "TLS-V1.2", "400"])
def test_labels_match_without_regard_to_case_and_marks(text: str) -> None:
    assert VERSION.parse(text) == 400
    assert fold("TLSv1_2") == fold("tlsv12")


@pytest.mark.parametrize(("syntax", "value"), [
    (VOLUME, b"1"), (VOLUME, (1, 3)), (VOLUME, True), (NAME, 1), (NAME, (1, 3)), (OID, 1),
    (OID, b"1"), (ADDRESS, 1), (COLOURS, 1), (Syntax(Base.OPAQUE), (1, 3)),
])
def test_a_value_of_another_type_is_wrong_type(syntax: Syntax, value: Value) -> None:
    with pytest.raises(WrongType) as caught:
        syntax.check(value, "crowOne")
    assert caught.value.name == "crowOne"
    assert caught.value.why


@pytest.mark.parametrize(("syntax", "value"), [
    (NAME, b""), (NAME, b"123456789"), (RAW, b"123"), (ADDRESS, b"123"), (ADDRESS, b""),
    (OID, (1,)), (OID, ()), (OID, (1,) * 129), (OID, (1, 2**32)), (ASCII, bytes(65536)),
])
def test_a_value_of_another_size_is_wrong_length(syntax: Syntax, value: Value) -> None:
    with pytest.raises(WrongLength):
        syntax.check(value)


@pytest.mark.parametrize(("syntax", "value"), [
    (VOLUME, 0), (VOLUME, 32), (VOLUME, -11), (MOOD, 3), (Syntax(Base.INTEGER), 2**31),
    (Syntax(Base.UNSIGNED32), -1), (Syntax(Base.COUNTER64), 2**64), (COLOURS, b"\x20"),
    (COLOURS, b"\x80\x00\x01"), (NAME, b"\xff"), (ASCII, "ü".encode()), (OID, (3, 1)),
    (OID, (1, 40)),
])
def test_a_value_out_of_range_is_wrong_value(syntax: Syntax, value: Value) -> None:
    with pytest.raises(WrongValue):
        syntax.check(value)


@pytest.mark.parametrize(("syntax", "text", "error"), [
    (VOLUME, "", WrongValue), (VOLUME, "loud", WrongValue), (VOLUME, "0", WrongValue),
    (VOLUME, "1.5", WrongValue), (VOLUME, "1" * 30, WrongValue), (MOOD, "glad", WrongValue),
    (MOOD, "9", WrongValue), (CENTS, "1.234", WrongValue), (NAME, "", WrongLength),
    (NAME, "123456789", WrongLength), (RAW, "0", WrongValue), (RAW, "xx", WrongValue),
    (RAW, "00:11:22", WrongLength), (ADDRESS, "1.2.3", WrongValue),
    (ADDRESS, "1.2.3.256", WrongValue), (ADDRESS, "1.2.3.4.5", WrongValue),
    (ADDRESS, "", WrongValue),
    (OID, "x", WrongValue), (OID, "1", WrongLength), (OID, "3.1", WrongValue),
    (COLOURS, "pink", WrongValue), (ASCII, "ü", WrongValue), (NAME, "\udcff", WrongValue),
])
def test_a_text_that_is_none_is_refused(
    syntax: Syntax, text: str, error: type[Refused]
) -> None:
    with pytest.raises(error):
        syntax.parse(text)


def test_a_secret_is_never_printed() -> None:
    assert SECRET.print(b"hush") == "********"
    assert SECRET.print(b"") == ""
    assert replace(SECRET, hint="255t").parse("hush") == b"hush"


@pytest.mark.parametrize(("syntax", "value", "text"), [
    (MOOD, 2, "veryMerry"), (MOOD, 7, "7"), (CENTS, 250, "2.50"), (COLOURS, b"\xc0", "red, green"),
    (COLOURS, b"", ""), (MAC, b"\0\0\x5e\0\x53\x01", "00:00:5e:00:53:01"), (OID, (1, 3), "1.3"),
    (ADDRESS, b"\x7f\0\0\1", "127.0.0.1"), (NAME, "ä".encode(), "ä"), (NAME, b"\xff", "\\xff"),
])
def test_values_look_as_people_read_them(syntax: Syntax, value: Value, text: str) -> None:
    assert syntax.print(value) == text


@pytest.mark.parametrize(("syntax", "text"), [
    (VOLUME, "-10..-1 or 1..31 allowed"), (MOOD, "one of sad(1), veryMerry(2)"),
    (NAME, "1..8 octets allowed"), (MAC, "6 octets allowed"), (OID, "any oid"),
])
def test_the_limits_are_said_in_words(syntax: Syntax, text: str) -> None:
    assert syntax.allowed() == text


def test_sizes_that_are_fixed_are_known() -> None:
    assert [syntax.fixed_size for syntax in (ADDRESS, MAC, NAME, RAW, OID, VOLUME)] == [
        4, 6, None, None, None, None]


def test_bits_are_written_whole() -> None:
    assert COLOURS.parse("red") == b"\x80\x00"
    assert COLOURS.parse("Blue red") == b"\x80\x40"
    assert COLOURS.parse("") == b"\x00\x00"


def test_tags_are_those_of_the_wire() -> None:
    assert {base: base.tag for base in Base}[Base.BITS] == Base.OCTETS.tag == 4
    assert Base.COUNTER64.tag == 0x46


def test_a_part_of_a_rows_key_may_be_a_root_of_the_tree_and_a_value_may_not() -> None:
    syntax = Syntax(Base.OID)
    assert syntax.parse_key("1") == (1,)
    syntax.check_key((2,))
    for bad in ((), (3,), (1, 40)):
        with pytest.raises(Refused):
            syntax.check_key(bad)
    with pytest.raises(Refused):
        syntax.check((1,))
