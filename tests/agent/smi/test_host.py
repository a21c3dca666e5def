"""`host:port`: names, IPv4, IPv6 in brackets or bare."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mibagent.smi.host import HostPort

LABEL = st.from_regex(r"[a-z0-9_]([a-z0-9_-]{0,20}[a-z0-9_])?", fullmatch=True)
NAMES = st.lists(LABEL, min_size=1, max_size=4).map(".".join).filter(
    lambda name: not name.replace(".", "").isdigit())
ADDRESSES = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)


@given(st.one_of(NAMES, ADDRESSES), st.integers(0, 65535))
def test_what_is_printed_is_read_again(host: str, port: int) -> None:
    place = HostPort(host, port)
    assert HostPort.from_text(str(place)) == place


@pytest.mark.parametrize(("text", "host", "port"), [
    ("", "", 0), ("  ", "", 0), ("0.0.0.0", "0.0.0.0", 0), ("0.0.0.0:0", "0.0.0.0", 0),
    ("proxy.example", "proxy.example", 0), ("proxy.example.", "proxy.example.", 0),
    ("Proxy_1.example:5061", "Proxy_1.example", 5061), (" 192.0.2.1:5060 ", "192.0.2.1", 5060),
    ("2001:db8::1", "2001:db8::1", 0), ("[2001:db8::1]", "2001:db8::1", 0),
    ("[2001:db8::1]:5061", "2001:db8::1", 5061), ("::1", "::1", 0), ("a:65535", "a", 65535),
])
def test_places_that_can_be_read(text: str, host: str, port: int) -> None:
    assert HostPort.from_text(text) == HostPort(host, port)


@pytest.mark.parametrize("text", [
    "a:65536", "a:x", "a:-1", "a:+1", "a:5 060", "a:\u0665", ":5060", "[::1", "[::1]5061",
    "[::1]x:1", "[a]:1", "[192.0.2.1]", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1::2::3", "a b",
    "a/b", "a..b", ".a", "-a", "a-", "a" * 64, ".".join(["a" * 60] * 5), "sip:a", "a@b",
    "a\nb", "a:1\n2", "\u00e4.example", "[]", "[]:5060",
])
def test_places_that_cannot(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        HostPort.from_text(text)


def test_no_place_is_false() -> None:
    assert not HostPort() and not HostPort("0.0.0.0", 5060)
    assert HostPort("a") and HostPort("::")


def test_a_port_is_given_where_there_is_none() -> None:
    assert HostPort("a").with_port(5061) == HostPort("a", 5061)
    assert HostPort("a", 1).with_port(5061) == HostPort("a", 1)


def test_an_ipv6_address_has_brackets_before_a_port_only() -> None:
    assert str(HostPort("::1", 5)) == "[::1]:5"
    assert str(HostPort("::1")) == "::1"
    assert ipaddress.ip_address(str(HostPort("::1"))).version == 6
