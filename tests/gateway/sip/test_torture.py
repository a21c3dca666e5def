"""Every message of RFC 4475 and RFC 5118, judged as those RFCs judge it.

The table is taken from the RFCs' text. `FINE` is accepted. A number is the status of the fault
that the parser finds. `DISCARDED` is a response that nobody may use. The second column is what our
user agent core, which knows OPTIONS alone, answers to it; None for responses.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mibgateway.sip.errors import SipPeerError
from mibgateway.sip.framing import Garbled, Stream, StreamBroken
from mibgateway.sip.message import Request, Response, parse_message
from mibgateway.sip.options import Identity, UserAgentServer

CORPORA = Path(__file__).parent / "corpora"
FINE = 0
DISCARDED = -1

EXPECTED: dict[str, tuple[int, int | None]] = {
    # RFC 4475 section 3.1.1: valid messages
    "rfc4475/wsinv.dat": (FINE, 481),            # 3.1.1.1; its To has a tag of no dialog of ours
    "rfc4475/intmeth.dat": (FINE, 501),          # 3.1.1.2; unknown method
    "rfc4475/esc01.dat": (FINE, 405),            # 3.1.1.3
    "rfc4475/escnull.dat": (FINE, 405),          # 3.1.1.4
    "rfc4475/esc02.dat": (FINE, 501),            # 3.1.1.5; RE%47IST%45R is not REGISTER
    "rfc4475/lwsdisp.dat": (FINE, 200),          # 3.1.1.6
    "rfc4475/longreq.dat": (FINE, 405),          # 3.1.1.7
    "rfc4475/dblreq.dat": (FINE, 405),           # 3.1.1.8; octets after the body are left
    "rfc4475/semiuri.dat": (FINE, 200),          # 3.1.1.9
    "rfc4475/transports.dat": (FINE, 200),       # 3.1.1.10
    "rfc4475/mpart01.dat": (FINE, 405),          # 3.1.1.11
    "rfc4475/unreason.dat": (FINE, None),        # 3.1.1.12
    "rfc4475/noreason.dat": (FINE, None),        # 3.1.1.13
    # section 3.1.2: invalid messages
    "rfc4475/badinv01.dat": (400, 400),          # 3.1.2.1
    "rfc4475/clerr.dat": (400, 400),             # 3.1.2.2
    "rfc4475/ncl.dat": (400, 400),               # 3.1.2.3
    "rfc4475/scalar02.dat": (400, 400),          # 3.1.2.4
    "rfc4475/scalarlg.dat": (DISCARDED, None),   # 3.1.2.5
    "rfc4475/quotbal.dat": (400, 400),           # 3.1.2.6
    "rfc4475/ltgtruri.dat": (400, 400),          # 3.1.2.7
    "rfc4475/lwsruri.dat": (400, 400),           # 3.1.2.8
    "rfc4475/lwsstart.dat": (400, 400),          # 3.1.2.9
    "rfc4475/trws.dat": (400, 400),              # 3.1.2.10
    "rfc4475/escruri.dat": (400, 400),           # 3.1.2.11
    "rfc4475/baddate.dat": (400, 400),           # 3.1.2.12; being liberal is allowed
    "rfc4475/regbadct.dat": (400, 400),          # 3.1.2.13
    "rfc4475/badaspec.dat": (400, 400),          # 3.1.2.14
    "rfc4475/baddn.dat": (400, 400),             # 3.1.2.15
    "rfc4475/badvers.dat": (505, 505),           # 3.1.2.16
    "rfc4475/mismatch01.dat": (400, 400),        # 3.1.2.17
    "rfc4475/mismatch02.dat": (501, 501),        # 3.1.2.18
    "rfc4475/bigcode.dat": (DISCARDED, None),    # 3.1.2.19
    # section 3.2: transaction layer
    "rfc4475/badbranch.dat": (FINE, 200),        # 3.2.1; matched in the old way
    # section 3.3: application layer
    "rfc4475/insuf.dat": (400, 400),             # 3.3.1
    "rfc4475/unkscm.dat": (FINE, 416),           # 3.3.2
    "rfc4475/novelsc.dat": (FINE, 416),          # 3.3.3
    "rfc4475/unksm2.dat": (FINE, 405),           # 3.3.4
    "rfc4475/bext01.dat": (FINE, 420),           # 3.3.5
    "rfc4475/invut.dat": (FINE, 405),            # 3.3.6
    "rfc4475/regaut01.dat": (FINE, 405),         # 3.3.7
    "rfc4475/multi01.dat": (400, 400),           # 3.3.8
    "rfc4475/mcl01.dat": (400, 400),             # 3.3.9
    "rfc4475/bcast.dat": (FINE, None),           # 3.3.10; its transaction is what it lacks
    "rfc4475/zeromf.dat": (FINE, 200),           # 3.3.11; we are where it goes
    "rfc4475/cparam01.dat": (FINE, 405),         # 3.3.12
    "rfc4475/cparam02.dat": (FINE, 405),         # 3.3.13
    "rfc4475/regescrt.dat": (FINE, 405),         # 3.3.14
    "rfc4475/sdp01.dat": (FINE, 405),            # 3.3.15
    # section 3.4: backward compatibility
    "rfc4475/inv2543.dat": (FINE, 405),          # 3.4.1
    # RFC 5118
    "rfc5118/ipv6-good": (FINE, 405),                      # 4.1
    "rfc5118/ipv6-bad": (400, 400),                        # 4.2
    "rfc5118/port-ambiguous": (FINE, 405),                 # 4.3
    "rfc5118/port-unambiguous": (FINE, 405),               # 4.4
    "rfc5118/via-received-param-with-delim": (FINE, 481),  # 4.5
    "rfc5118/via-received-param-no-delim": (FINE, 200),    # 4.5
    "rfc5118/ipv6-in-sdp": (FINE, 405),                    # 4.6
    "rfc5118/mult-ip-in-header": (FINE, 481),              # 4.7
    "rfc5118/mult-ip-in-sdp": (FINE, 405),                 # 4.8
    "rfc5118/ipv4-mapped-ipv6": (FINE, 405),               # 4.9
    "rfc5118/ipv6-bug-abnf-3-colons": (FINE, 200),         # 4.10
    "rfc5118/ipv6-correct-abnf-2-colons": (FINE, 200),     # 4.10
}  # fmt: skip

CORE = UserAgentServer(Identity(), token=lambda: "totag")


def octets(name: str) -> bytes:
    return (CORPORA / name).read_bytes()


def test_every_message_of_the_corpora_is_expected() -> None:
    files = {str(p.relative_to(CORPORA)) for p in CORPORA.rglob("*") if p.is_file()}
    assert files == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_torture_message_is_judged_as_its_rfc_says(name: str) -> None:
    verdict, answer = EXPECTED[name]
    if verdict == DISCARDED:
        with pytest.raises(SipPeerError):
            parse_message(octets(name))
        return
    message = parse_message(octets(name))
    if isinstance(message, Response):
        assert (verdict, answer) == (FINE, None)
        return
    assert verdict == (FINE if message.fault is None else message.fault.status)
    response = CORE.answer(message)
    assert response is not None and response.status == answer


@pytest.mark.parametrize("name", [n for n, (v, _) in EXPECTED.items() if v == FINE])
def test_a_sound_torture_message_is_the_same_after_printing(name: str) -> None:
    message = parse_message(octets(name))
    assert parse_message(bytes(message)) == message


@pytest.mark.parametrize("name", [n for n, (_, a) in EXPECTED.items() if a is not None])
def test_the_answer_copies_what_it_must(name: str) -> None:
    request = Request.parse(octets(name))
    response = CORE.answer(request)
    assert response is not None
    assert response.headers.lines("Via") == request.headers.lines("Via")
    for header in ("From", "Call-ID", "CSeq"):
        assert response.headers.get(header) == request.headers.get(header)
    if request.fault is None:
        assert Response.parse(bytes(response)) == response
        assert response.to.tag == (request.to.tag or "totag")


def test_in_a_stream_the_octets_after_a_message_are_the_next_one() -> None:
    first, second = Stream().feed(octets("rfc4475/dblreq.dat").rstrip())
    assert isinstance(first, Request) and first.method == "REGISTER"
    assert isinstance(second, Request) and second.method == "INVITE"


@pytest.mark.parametrize("name", ["mcl01", "ncl", "inv2543"])
def test_an_unclear_length_breaks_a_stream_after_a_400(name: str) -> None:
    with pytest.raises(StreamBroken) as broken:
        Stream().feed(octets(f"rfc4475/{name}.dat"))
    (request,) = broken.value.complete
    assert isinstance(request, Request) and request.fault is not None
    assert request.fault.status == 400


def test_a_response_that_nobody_may_use_leaves_the_stream_in_step() -> None:
    items = Stream().feed(octets("rfc4475/scalarlg.dat") + octets("rfc4475/zeromf.dat"))
    assert isinstance(items[0], Garbled)
    assert isinstance(items[1], Request)


def test_the_short_tortuous_invite_means_what_it_says() -> None:
    invite = Request.parse(octets("rfc4475/wsinv.dat"))
    assert invite.max_forwards == 68
    assert (invite.cseq.number, invite.cseq.method) == (9, "INVITE")
    assert invite.from_.display == 'J Rosenberg \\"'
    assert invite.from_.tag == "98asjd8"
    assert invite.to.tag == "1918181833n"
    assert [(v.transport, v.host, v.branch) for v in invite.vias] == [
        ("UDP", "192.0.2.2", "390skdjuw"),
        ("TCP", "spindle.example.com", "z9hG4bK9ikj8"),
        ("UDP", "192.168.255.111", "z9hG4bK30239"),
    ]
    assert invite.contacts[0].params.get("q") == "0.33"
    assert invite.contacts[0].display == 'Quoted string ""'
    assert str(invite.routes[0].uri) == (
        "sip:services.example.com;lr;unknownwith=value;unknown-no-value"
    )
    assert invite.headers.get("NewFangledHeader") == (
        "newfangled value continued newfangled value"
    )


def test_three_colons_are_taken_as_two() -> None:
    three = Request.parse(octets("rfc5118/ipv6-bug-abnf-3-colons"))
    two = Request.parse(octets("rfc5118/ipv6-correct-abnf-2-colons"))
    assert three.uri == two.uri


def test_a_bracketed_port_is_part_of_the_address() -> None:
    ambiguous = Request.parse(octets("rfc5118/port-ambiguous"))
    clear = Request.parse(octets("rfc5118/port-unambiguous"))
    assert str(ambiguous.uri) == "sip:[2001:db8::10:5070]"
    assert str(clear.uri) == "sip:[2001:db8::10]:5070"
