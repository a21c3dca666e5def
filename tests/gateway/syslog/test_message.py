"""Formats, priorities and what is done to a text before it may leave."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mibgateway.syslog.message import (
    DEFAULT_FORMAT,
    LIMIT_BYTES,
    SEVERITIES,
    Facts,
    check_format,
    cut,
    datagram,
    expand,
)

READY = Facts(
    msgid=303,
    serviceid=1400,
    servicetextkey="SipEp",
    servicename="SIP Endpoint",
    message=(
        "TLS connection with remote host 10.5.128.14:5063 is now ready to be used for SIP "
        "gateway default."
    ),
    mac="00005E005301",
    serial="0123456789ab",
    version="0.1.0",
)


def test_the_default_format_is_the_familys() -> None:
    assert datagram("info", expand(DEFAULT_FORMAT, READY)) == (
        b"<14>SipEp: 1400-SIP Endpoint: 303-TLS connection with remote host 10.5.128.14:5063 "
        b"is now ready to be used for SIP gateway default."
    )


@pytest.mark.parametrize(
    ("format", "text"),
    [
        ("%msgid", "303"),
        ("%5msgid|", "  303|"),
        ("%.2msgid", "30"),
        ("%6.3servicetextkey|", "   Sip|"),
        ("%.0mac|", "|"),
        ("100%% %serial%version", "100% 0123456789ab0.1.0"),
        ("%%msgid", "%msgid"),
        ("%messages", READY.message + "s"),
        ("[%profile]", "[]"),
        ("%serviceid%servicename", "1400SIP Endpoint"),
        ("", ""),
    ],
)
def test_macros_stand_for_facts(format: str, text: str) -> None:
    assert check_format(format) is None
    assert expand(format, READY) == text


@pytest.mark.parametrize(
    ("format", "why"),
    [
        ("%", "'%' is no macro"),
        ("50% off", "'% off' is no macro"),
        ("%user", "'%user' is no macro; there are %% and %[width][.precision] before one of msgid"),
        ("%5", "'%5' is no macro"),
        ("%5.mac", "'%5.mac' is no macro"),
        ("%-5mac", "'%-5mac' is no macro"),
        ("%msgid %Mac", "'%Mac' is no macro"),
        ("%2049mac", "a width is at most 2048"),
        ("%.99999999999mac", "a precision is at most 2048"),
    ],
)
def test_what_is_no_macro_is_found_when_the_format_is_set(format: str, why: str) -> None:
    assert (check_format(format) or "").startswith(why)


def test_a_fact_with_a_macro_in_it_is_not_expanded_again() -> None:
    assert expand("%message", dataclasses.replace(READY, message="%mac %%")) == "%mac %%"


@pytest.mark.parametrize(
    ("severity", "priority"),
    [("debug", 15), ("info", 14), ("warning", 12), ("error", 11), ("critical", 10)],
)
def test_the_facility_is_user(severity: str, priority: int) -> None:
    assert datagram(severity, "x") == b"<%d>x" % priority


def test_no_control_character_leaves() -> None:
    assert datagram("info", "a\nb\r\t\0\x1b[2J\x7f\x85\u2028é") == (
        rb"<14>a\nb\r\t\x00\x1b[2J\x7f\x85\u2028" + "é".encode()
    )


def test_a_long_text_is_cut_between_characters() -> None:
    octets = datagram("info", "€" * 2000)
    assert octets == b"<14>" + "€".encode() * 681
    assert len(octets) == LIMIT_BYTES - 1


@given(st.text(st.characters(), max_size=300), st.sampled_from(sorted(SEVERITIES)))
def test_whatever_is_said_gives_one_clean_line(text: str, severity: str) -> None:
    octets = datagram(severity, text * 20)
    assert len(octets) <= LIMIT_BYTES
    assert not {char for char in octets.decode() if ord(char) < 32}


@given(st.text(max_size=50), st.integers(0, 60))
def test_a_cut_text_is_a_beginning_of_it(text: str, limit: int) -> None:
    assert text.startswith(cut(text.encode(), limit).decode())


@given(st.text(alphabet="%0123.msgidaceolrvntxkyp ", max_size=40))
def test_a_format_that_passes_expands(format: str) -> None:
    if check_format(format) is None:
        expand(format, READY)
