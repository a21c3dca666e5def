"""URIs: read, printed, compared, escaped."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mibgateway.sip.errors import SipPeerError
from mibgateway.sip.grammar import Params
from mibgateway.sip.uri import OtherUri, SipUri, TelUri, escape_user, parse_uri, unescape

SAME = [    # RFC 3261 section 19.1.4, in its order
    ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
    ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on"),
    (
        "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
        "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
    ),
    (
        "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
        "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
    ),
]
DIFFERENT = [
    ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
    ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
    ("sip:carol@chicago.com;security=off", "sip:carol@chicago.com;security=on"),
    ("sip:a@b", "sips:a@b"),
    ("sip:a@b", "sip:b"),
    ("sip:a:x@b", "sip:a@b"),
    ("sip:a@b;maddr=1.2.3.4", "sip:a@b"),
    ("sip:a%40c@b", "sip:a@b"),
]


@pytest.mark.parametrize(("left", "right"), SAME)
def test_uris_that_name_the_same(left: str, right: str) -> None:
    assert SipUri.parse(left).matches(SipUri.parse(right))
    assert SipUri.parse(right).matches(SipUri.parse(left))


@pytest.mark.parametrize(("left", "right"), DIFFERENT)
def test_uris_that_name_different_things(left: str, right: str) -> None:
    assert not SipUri.parse(left).matches(SipUri.parse(right))
    assert not SipUri.parse(right).matches(SipUri.parse(left))


@pytest.mark.parametrize(
    "text",
    [
        "sip:",
        "sip:@host",
        "sip:user@",
        "sip:a b@host",
        "sip:host:",
        "sip:host:65536",
        "sip:host:port",
        "sip:[::1",
        "sip:[1::2::3]",
        "sip:[:::::1]",
        "sip:2001:db8::10",
        "sip:host;",
        "sip:host;=x",
        "sip:host;a=",
        "sip:host?",
        "sip:host?a",
        "sip:user%4@host",
        "sip:user%zz@host",
        "tel:",
        "tel:nobody",
        "nothing",
        "",
        ":x",
        "http:",
        "x:a b",
        "sip:" + "a" * 5000,
    ],
)
def test_what_is_no_uri_is_refused(text: str) -> None:
    with pytest.raises(SipPeerError):
        parse_uri(text)


def test_a_uri_has_all_its_parts() -> None:
    uri = SipUri.parse("sips:al%20ice:pass@[2001:DB8::1]:5071;transport=TLS;lr?Subject=a%20b&x=")
    assert uri == SipUri(
        "2001:db8::1",
        5071,
        "al%20ice",
        "pass",
        Params((("transport", "TLS"), ("lr", None))),
        (("Subject", "a%20b"), ("x", "")),
        "sips",
    )
    assert uri.transport == "tls"
    assert str(uri) == "sips:al%20ice:pass@[2001:db8::1]:5071;transport=TLS;lr?Subject=a%20b&x="


def test_a_telephone_number_is_compared_without_its_separators() -> None:
    one, other = parse_uri("tel:+1-201-555-0123"), parse_uri("TEL:+1(201)555.0123")
    assert isinstance(one, TelUri) and isinstance(other, TelUri)
    assert one.matches(other)
    local = parse_uri("tel:7042;phone-context=example.com")
    assert isinstance(local, TelUri) and not local.matches(one)
    assert str(local) == "tel:7042;phone-context=example.com"


def test_other_schemes_pass_by_unread() -> None:
    assert parse_uri("urn:service:sos") == OtherUri("urn", "service:sos")
    with pytest.raises(SipPeerError):
        SipUri.parse("urn:service:sos")


NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
PARAMS = st.lists(st.tuples(NAMES, st.none() | NAMES), max_size=4).map(
    lambda pairs: Params(tuple(pairs))
)
HOSTS = NAMES | st.ip_addresses().map(str)
URIS = st.builds(
    SipUri,
    host=HOSTS,
    port=st.none() | st.integers(0, 65535),
    user=st.none() | st.text(min_size=1, max_size=8).map(escape_user),
    params=PARAMS,
    headers=st.lists(st.tuples(NAMES, NAMES), max_size=3).map(tuple),
    scheme=st.sampled_from(["sip", "sips"]),
)


@given(URIS)
def test_a_printed_uri_reads_the_same(uri: SipUri) -> None:
    assert parse_uri(str(uri)) == uri
    assert uri.matches(uri)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_escaping_can_be_undone(text: str) -> None:
    assert unescape(escape_user(text)) == text


@given(st.text())
def test_any_text_is_a_uri_or_refused(text: str) -> None:
    for scheme in ("", "sip:", "tel:", "sip:a@"):
        try:
            uri = parse_uri(scheme + text)
        except SipPeerError:
            continue
        assert parse_uri(str(uri)) == uri
