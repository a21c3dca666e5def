"""OPTIONS, asked and answered."""

from __future__ import annotations

import pytest

from mibgateway.sip.message import Request
from mibgateway.sip.options import Identity, UserAgentServer, build_options
from mibgateway.sip.uri import SipUri

TARGET = SipUri.parse("sip:proxy.example.com:5063;transport=tls")
UNIT = UserAgentServer(
    Identity("mibgate/1"), lambda: "mytag", allow=("OPTIONS", "NOTIFY"), supported=("path",)
)


def asked(identity: Identity, local: tuple[str, int] = ("192.0.2.7", 16000)) -> Request:
    request = build_options(identity, TARGET, local, "TLS", 3, "call", "tag", "br")
    assert Request.parse(bytes(request)) == request
    return request


def test_the_keep_alive_names_the_connection() -> None:
    assert bytes(asked(Identity("mibgate/1"))) == (
        b"OPTIONS sip:proxy.example.com:5063;transport=tls SIP/2.0\r\n"
        b"Via: SIP/2.0/TLS 192.0.2.7:16000;branch=z9hG4bKbr;rport\r\n"
        b"Max-Forwards: 70\r\n"
        b"From: <sip:192.0.2.7>;tag=tag\r\n"
        b"To: <sip:proxy.example.com>\r\n"
        b"Call-ID: call\r\n"
        b"CSeq: 3 OPTIONS\r\n"
        b"Contact: <sip:192.0.2.7:16000;transport=tls>\r\n"
        b"Accept: application/sdp\r\n"
        b"User-Agent: mibgate/1\r\n"
        b"Content-Length: 0\r\n\r\n"
    )


def test_the_keep_alive_names_the_domain_when_there_is_one() -> None:
    request = asked(Identity("", user="gw", domain="unit.example.com", alias=True))
    assert str(request.from_.uri) == "sip:gw@unit.example.com"
    assert str(request.contacts[0].uri) == "sip:gw@unit.example.com;transport=tls"
    assert "alias" in request.via.params
    assert "User-Agent" not in request.headers
    port = asked(Identity(domain="unit.example.com", port=5061)).contacts[0].uri
    assert str(port) == "sip:unit.example.com:5061;transport=tls"


def test_the_keep_alive_of_an_ipv6_host_has_brackets_and_no_zone() -> None:
    request = asked(Identity(), ("fe80::1%eth0", 16000))
    assert (request.via.host, request.via.port) == ("fe80::1", 16000)
    assert str(request.contacts[0].uri) == "sip:[fe80::1]:16000;transport=tls"


def incoming(method: str, uri: str = "sip:u@h", to: str = "<sip:u@h>", more: str = "") -> Request:
    return Request.parse(
        f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/TLS p;branch=z9hG4bKx\r\nFrom: <sip:p@q>;tag=1\r\n"
        f"To: {to}\r\nCall-ID: c\r\nCSeq: 1 {method}\r\n{more}\r\n".encode()
    )


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (incoming("OPTIONS"), 200),
        (incoming("OPTIONS", "tel:+123"), 200),
        (incoming("OPTIONS", "http://h/"), 416),
        (incoming("OPTIONS", to="<sip:u@h>;tag=gone"), 481),
        (incoming("OPTIONS", more="Require: path\r\n"), 200),
        (incoming("OPTIONS", more="Require: path, 100rel, foo\r\n"), 420),
        (incoming("OPTIONS", more="Contact: <\r\n"), 400),
        (incoming("INVITE"), 405),
        (incoming("REGISTER"), 405),
        (incoming("NOTIFY"), 500),
        (incoming("BYE", to="<sip:u@h>;tag=gone"), 481),
        (incoming("BYE"), 481),
        (incoming("CANCEL"), 481),
        (incoming("BREW"), 501),
        (incoming("BREW", more="From: x\r\n"), 400),
    ],
)
def test_each_request_has_its_answer(request_: Request, status: int) -> None:
    response = UNIT.answer(request_)
    assert response is not None and response.status == status
    assert response.headers.get("Server") == "mibgate/1"
    if status in (405, 501):
        assert response.headers.get("Allow") == "OPTIONS, NOTIFY"
    if status == 420:
        assert response.headers.get("Unsupported") == "100rel, foo"
    if status == 200:
        for name in ("Allow", "Accept", "Accept-Encoding", "Accept-Language", "Supported"):
            assert name in response.headers
        assert response.to.tag == "mytag"


def test_an_ack_is_not_answered() -> None:
    assert UNIT.answer(incoming("ACK")) is None
    assert UNIT.answer(incoming("ACK", more="From: x\r\n")) is None
