"""DISPLAY-HINT, both ways."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mibagent.smi.hint import (
    parse_integer_by_hint,
    parse_octets_by_hint,
    print_integer_by_hint,
    print_octets_by_hint,
)

DATE = "2d-1d-1d,1d:1d:1d.1d,1a1d:1d"


@given(st.sampled_from(["", "d", "d-0", "d-1", "d-3", "x", "o", "b"]),
       st.integers(-(2**31), 2**31 - 1))
def test_a_number_that_is_printed_is_read(hint: str, value: int) -> None:
    assert parse_integer_by_hint(hint, print_integer_by_hint(hint, value)) == value


@pytest.mark.parametrize(("hint", "value", "text"), [
    ("", 12, "12"), ("d-2", 1234, "12.34"), ("d-2", -5, "-0.05"), ("x", 255, "ff"),
    ("o", 8, "10"), ("b", 5, "101"), ("d-x", 3, "3"),
])
def test_numbers_look_as_their_hint_says(hint: str, value: int, text: str) -> None:
    assert print_integer_by_hint(hint, value) == text


@pytest.mark.parametrize(("hint", "text"), [
    ("", ""), ("", "x"), ("", "1.5"), ("", "ff"), ("d-2", "1.234"), ("d-2", "1."), ("d-2", ".5"),
    ("d-2", "1.2.3"), ("x", "g"), ("o", "8"), ("b", "2"), ("", "1 2"), ("", "1_000"), ("", "٣"),
])
def test_what_is_no_number_is_refused(hint: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_integer_by_hint(hint, text)


@pytest.mark.parametrize(("hint", "value", "text"), [
    ("1x:", b"\x00\x00\x5e\x00\x53\x01", "00:00:5e:00:53:01"),
    ("", b"\x00\xff", "00:ff"),
    ("1d.1d.1d.1d", b"\xc0\x00\x02\x01", "192.0.2.1"),
    ("1d.1d.1d.1d/2d", b"\xc0\x00\x02\x01\x00\xa1", "192.0.2.1/161"),
    ("2x:2x:2x:2x:2x:2x:2x:2x", bytes([0x20, 1, 0x0d, 0xb8] + [0] * 11 + [1]),
     "2001:0db8:0000:0000:0000:0000:0000:0001"),
    (DATE, b"\x07\xc8\x05\x1a\x0d\x1e\x0f\x00-\x04\x00", "1992-5-26,13:30:15.0,-4:0"),
    (DATE, b"\x07\xc8\x05\x1a\x0d\x1e\x0f\x00", "1992-5-26,13:30:15.0"),
    ("1o ", b"\x08\x01", "10 1"),
    ("4t-2a", "äxyab".encode(), "äxy-ab"),
])
def test_octets_look_as_their_hint_says(hint: str, value: bytes, text: str) -> None:
    assert print_octets_by_hint(hint, value) == text


@pytest.mark.parametrize("hint", ["1d.1d.1d.1d", "1x:", "", "2x:2x", "1d-1x 1o", "1d:"])
@given(data=st.data())
def test_octets_that_are_printed_are_read(hint: str, data: st.DataObject) -> None:
    value = data.draw(st.binary(min_size=4, max_size=4) if hint != "1d-1x 1o"
                      else st.binary(min_size=3, max_size=3))
    assert parse_octets_by_hint(hint, print_octets_by_hint(hint, value)) == value


@given(st.integers(0, 65535), st.binary(min_size=6, max_size=6), st.sampled_from([b"+", b"-", b""]),
       st.binary(min_size=2, max_size=2))
def test_dates_that_are_printed_are_read(
    year: int, rest: bytes, direction: bytes, zone: bytes
) -> None:
    value = year.to_bytes(2, "big") + rest + direction + (zone if direction else b"")
    assert parse_octets_by_hint(DATE, print_octets_by_hint(DATE, value)) == value


def test_a_repeated_hint_takes_its_count_from_the_octets() -> None:
    assert print_octets_by_hint("*1x:/1d", b"\x03\x01\x02\x03\x09") == "01:02:03/9"


def test_hexadecimal_may_be_written_in_several_ways() -> None:
    for text in ("00:5e:ff", "005eff", "0x005EFF", "00 5e ff", "00-5e-ff"):
        assert parse_octets_by_hint("", text) == b"\x00\x5e\xff"
    assert parse_octets_by_hint("1x:", "0:5e:f") == b"\x00\x5e\x0f"


@pytest.mark.parametrize(("hint", "text"), [
    ("", "0"), ("", "xyz"), ("1x:", "g:1"), ("1d.1d", "1.x"), ("1d.1d", "256.1"), ("1d.1d", ".."),
])
def test_what_has_not_the_hints_form_is_refused(hint: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_octets_by_hint(hint, text)


@given(st.text("0123456789*xdoat.:-/ ", max_size=12), st.binary(max_size=12), st.text(max_size=12))
def test_no_hint_hangs_or_fails(hint: str, value: bytes, text: str) -> None:
    print_octets_by_hint(hint, value)
    with contextlib.suppress(ValueError):
        parse_octets_by_hint(hint, text)
