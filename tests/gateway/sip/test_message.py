"""Header fields and messages: read, printed, refused."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mibagent.errors import LocalError
from mibgateway.sip.errors import SipPeerError
from mibgateway.sip.grammar import MAX_VALUES, Params, quote, split_values, unquote
from mibgateway.sip.header import CSeq, Headers, NameAddr, Via, canonical
from mibgateway.sip.message import MAX_FIELDS, Request, Response, parse_message
from mibgateway.sip.uri import SipUri

from .test_uri import HOSTS, PARAMS, URIS

OPTIONS = (
    b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TLS h:5061;branch=z9hG4bK1\r\n"
    b"From: <sip:c@d>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n%b\r\n"
)


def options(*lines: bytes) -> bytes:
    return OPTIONS % b"".join(line + b"\r\n" for line in lines)


def fault_of(data: bytes) -> int | None:
    fault = Request.parse(data).fault
    return None if fault is None else fault.status


VIAS = st.builds(
    Via,
    transport=st.sampled_from(["UDP", "TCP", "TLS", "WS"]),
    host=HOSTS,
    port=st.none() | st.integers(0, 65535),
    params=PARAMS.filter(lambda params: "branch" not in params),
)
TEXTS = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=20)
ADDRESSES = st.builds(NameAddr, uri=URIS, display=TEXTS, params=PARAMS)


@given(VIAS)
def test_a_printed_via_reads_the_same(via: Via) -> None:
    assert Via.parse(str(via)) == via


@given(ADDRESSES)
def test_a_printed_address_reads_the_same(address: NameAddr) -> None:
    assert NameAddr.parse(str(address)) == address


@given(st.lists(ADDRESSES, min_size=1, max_size=5))
def test_a_list_of_addresses_is_split_where_they_end(addresses: list[NameAddr]) -> None:
    parts = split_values(", ".join(map(str, addresses)))
    assert [NameAddr.parse(part) for part in parts] == addresses


@given(TEXTS)
def test_quoting_can_be_undone(text: str) -> None:
    assert unquote(quote(text)) == text


@given(VIAS, ADDRESSES, ADDRESSES, st.binary(max_size=50), TEXTS)
def test_a_printed_message_reads_the_same(
    via: Via, one: NameAddr, other: NameAddr, body: bytes, text: str
) -> None:
    fields = (
        ("Via", str(via)), ("From", str(one)), ("To", str(other)), ("Call-ID", "a@b"),
        ("CSeq", "7 MESSAGE"), ("Subject", text.strip(" \t")),
    )  # fmt: skip
    request = Request("MESSAGE", SipUri("host"), headers=Headers(fields), body=body)
    assert Request.parse(bytes(request)) == request
    response = Response(200, "Fine", headers=Headers(fields), body=body)
    assert Response.parse(bytes(response)) == response


@given(st.binary(max_size=300), st.integers(0, 150), st.integers(0, 30))
def test_any_octets_are_a_message_or_refused(noise: bytes, at: int, cut: int) -> None:
    whole = options(b"Contact: <sip:x@y>")
    for data in (noise, whole[:at] + noise + whole[at + cut :]):
        try:
            message = parse_message(data)
        except SipPeerError:
            continue
        assert bytes(message)
        if isinstance(message, Request):
            assert bytes(message.respond(400, tag="t"))


@pytest.mark.parametrize(
    "line",
    [
        b"no colon here",
        b"Bad Name: x",
        b"Contact: <sip:a@b",
        b'Contact: "open <sip:a@b>',
        b"Contact: <sip:a@b>,,<sip:c@d>",
        b"Route: sip:",
        b"Call-ID: second",
        b"Content-Length: 1",
        b"Content-Length: x",
        b"Content-Length: 0\r\nl: 0",
        b"Require: ,",
        b"Subject: bare\rreturn",
        b"Subject: bare\nfeed",
        b"Via: SIP/2.0/TCP",
        b"Via: SIP/2.0/TCP h;branch=",
        b"Via: SIP/2.0/TCP h;branch",
        b"Via: SIP/2.0/TCP h:99999",
        b"Contact: " + b",".join([b"<sip:a@b>"] * (MAX_VALUES + 1)),
    ],
)
def test_a_fault_of_a_request_is_there_to_answer(line: bytes) -> None:
    assert fault_of(options(line)) == 400
    assert fault_of(options()) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"OPTIONS sip:a@b\r\n\r\n",
        b"SIP/2.0 99 Low\r\nVia: x\r\n\r\n",
        b"SIP/2.0 200\r\n\r\n",
        options().replace(b"Via", b"Vai"),
        options().replace(b"OPTIONS sip", b"OP TIONS sip").replace(b" SIP/2.0\r", b"\r"),
        options(*[b"X: y"] * MAX_FIELDS),
        options()[:-2],
        options().replace(b"OPTIONS sip:a@b SIP/2.0", b"SIP/2.0 200 OK").replace(b"From", b"Form"),
    ],
)
def test_what_nobody_can_answer_is_an_error(data: bytes) -> None:
    with pytest.raises(SipPeerError):
        parse_message(data)


def test_header_names_match_in_any_case_and_in_their_short_form() -> None:
    headers = Headers((("X-New", "1"), ("Via", "a, b"), ("x-new", "2"), ("Via", "c")))
    assert canonical("v") == canonical("VIA") == "Via"
    assert headers.values("v") == ["a", "b", "c"]
    assert headers.lines("X-NEW") == ("1", "2")
    assert "via" in headers and "Route" not in headers
    assert headers.put("v", "d").fields == (("X-New", "1"), ("Via", "d"), ("x-new", "2"))
    assert headers.put("Route", "r").get("route") == "r"


@pytest.mark.parametrize("field", [("X", "a\r\nY: b"), ("X", "a\nb"), ("X Y", "a"), ("", "a")])
def test_no_field_can_be_smuggled_into_ours(field: tuple[str, str]) -> None:
    with pytest.raises(LocalError):
        Headers((field,))
    with pytest.raises(LocalError):
        bytes(Response(200, "fine\r\nX: y"))


def test_utf_8_and_what_is_none_pass_unharmed() -> None:
    for text in ("Grüße".encode(), b"\xff\xfe"):
        data = options(b"Subject: " + text)
        assert b"Subject: " + text in bytes(Request.parse(data))


@pytest.mark.parametrize(
    ("via", "expected"),
    [
        ("SIP/2.0/UDP 192.0.2.1", "SIP/2.0/UDP 192.0.2.1"),
        ("SIP/2.0/UDP name", "SIP/2.0/UDP name;received=192.0.2.1"),
        ("SIP/2.0/UDP 192.0.2.1;rport", "SIP/2.0/UDP 192.0.2.1;rport=7;received=192.0.2.1"),
        ("SIP/2.0/UDP n;rport=9", "SIP/2.0/UDP n;rport=9;received=192.0.2.1"),
    ],
)
def test_via_notes_where_the_request_came_from(via: str, expected: str) -> None:
    assert str(Via.parse(via).seen_from("192.0.2.1", 7)) == expected


def test_only_a_branch_behind_the_cookie_is_unique() -> None:
    branches = {"z9hG4bKx": True, "Z9HG4BKx": True, "z9hG4bK": False, "x": False}
    for branch, unique in branches.items():
        assert Via.parse(f"SIP/2.0/UDP h;branch={branch}").is_unique is unique
    assert not Via.parse("SIP/2.0/UDP h").is_unique
    assert Via.parse("SIP/2.0/TLS h").sent_by == ("h", 5061)
    assert Via.parse("SIP / 2.0 / tcp [::1] : 5 ").sent_by == ("::1", 5)


def test_a_cseq_is_below_two_to_the_31() -> None:
    assert str(CSeq.parse("2147483647 BYE")) == "2147483647 BYE"
    for text in ("2147483648 BYE", "x BYE", "1", "1 B E"):
        with pytest.raises(SipPeerError):
            CSeq.parse(text)


def test_a_response_goes_back_with_one_tag() -> None:
    request = Request.parse(options())
    assert request.respond(200, tag="new").to.tag == "new"
    tagged = Request.parse(options().replace(b"To: <sip:a@b>", b"To: <sip:a@b>;tag=old"))
    assert tagged.respond(200, tag="new").to.tag == "old"


def test_a_parameter_keeps_its_place() -> None:
    params = Params.parse(";a=1 ; B ;c=\"x;y\"")
    assert str(params.put("b", "2")) == ';a=1;b=2;c="x;y"'
    assert params.get("c") == '"x;y"'
    assert params.get("b") is None and "b" in params


@pytest.mark.parametrize(
    "evil",
    [
        b"Contact: " + b"a " * 30000,
        b"Contact: " + b'"\\' * 30000,
        b"Contact: " + b"<" * 60000,
        b"Contact: " + b"sip:a@b" + b";a" * 30000,
        b"Contact: " + b"sip:a@b;a=" + b"=" * 60000,
        b"Via: SIP/2.0/TCP " + b"a" * 60000,
        b"Via: SIP/2.0/TCP h" + b" ;" * 30000,
        b"Via: " + b"SIP /" * 12000,
        b"Route: <sip:" + b"%41" * 20000 + b">",
        b"Route: <sip:" + b"a@" * 30000 + b">",
        b"Route: <sip:h" + b";a=b" * 15000 + b">",
        b"CSeq: " + b"1" * 60000,
        b"Content-Length: " + b"1" * 60000,
        b"Max-Forwards: " + b"1" * 60000,
        b"Date: " + b"M" * 60000,
        b"X:" + b" \r\n" * 20000 + b" x",
        b"X:" + b" " * 60000,
        b" " * 60000,
    ],
)
def test_reading_takes_linear_time(evil: bytes) -> None:
    began = time.process_time()
    for data in (options(evil), options().replace(b"sip:a@b SIP", evil + b" SIP", 1)):
        try:
            request = Request.parse(data)
            bytes(request.respond(400, tag="t"))
        except SipPeerError:
            pass
    assert time.process_time() - began < 1.0
