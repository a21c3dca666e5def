"""The persistent connection: what each input gives, in each state."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from mibagent.errors import LocalError
from mibgateway.sip.flow import Flow
from mibgateway.sip.header import Headers
from mibgateway.sip.link import DRAIN_S, HANDSHAKE_S, PONG_S, READY_PING_S
from mibgateway.sip.message import Request, parse_message
from mibgateway.sip.options import Identity, UserAgentServer, build_options
from mibgateway.sip.terms import (
    Answered,
    Close,
    Dial,
    Drain,
    Dropped,
    Effect,
    Facts,
    Failed,
    Failure,
    FlowSettings,
    Incoming,
    KeepAlive,
    LostConnection,
    Reachable,
    Ready,
    Send,
    State,
    Stopped,
    Trouble,
    Unanswered,
    Unreachable,
)
from mibgateway.sip.uri import SipUri

FACTS = Facts("192.0.2.7", 16000, "192.0.2.1", 5063, "TLSv1.3", "TLS_AES_256_GCM_SHA384", "CN=p")
TARGET = SipUri.parse("sip:proxy.example.com:5063;transport=tls")
REFUSED = Failure(Trouble.CONNECT, "connection refused")
CLOSED = Failure(Trouble.CLOSED, "closed by the peer")
BAD_HANDSHAKE = Failure(Trouble.HANDSHAKE, "tlsv1 alert protocol version")


def counting() -> Callable[[], str]:
    count = 0

    def token() -> str:
        nonlocal count
        count += 1
        return f"t{count}"

    return token


def make(keep_alive: KeepAlive = KeepAlive.SIP_OPTIONS, **changes: float) -> Flow:
    settings = FlowSettings(TARGET, keep_alive=keep_alive, gateways=("default",))
    token = counting()
    core = UserAgentServer(Identity(), token).answer
    return Flow(dataclasses.replace(settings, **changes), core, token)    # type: ignore[arg-type]


def state(flow: Flow) -> State:
    return flow.state


def sent(effects: list[Effect]) -> list[bytes]:
    return [effect.data for effect in effects if isinstance(effect, Send)]


def answer(data: bytes, status: int = 200) -> bytes:
    """Give what a server answers to a request of ours."""
    request = parse_message(data)
    assert isinstance(request, Request)
    return bytes(request.respond(status, tag="server"))


def connect(flow: Flow, now: float, link: int) -> bytes:
    """Bring a dialled connection to where it waits for the server; give what it sent."""
    assert flow.opened(now, link) == []
    (data,) = sent(flow.connected(now, link, FACTS))
    return data


def up(keep_alive: KeepAlive = KeepAlive.SIP_OPTIONS, **changes: float) -> Flow:
    """Give a flow whose connection 1 is up since 0."""
    flow = make(keep_alive, **changes)
    assert flow.start(0) == [Dial(1)]
    data = connect(flow, 0, 1)
    octets = answer(data) if keep_alive is KeepAlive.SIP_OPTIONS else b"\r\n"
    assert flow.received(0, 1, octets) == [Ready(1, FACTS), Reachable()]
    assert flow.state is State.UP
    return flow


def test_a_handshake_alone_makes_nothing_ready() -> None:
    flow = make()
    assert state(flow) is State.DOWN and flow.deadline is None
    assert flow.start(0) == [Dial(1)]
    assert state(flow) is State.DOWN
    data = connect(flow, 1, 1)
    assert data.startswith(b"OPTIONS sip:proxy.example.com:5063;transport=tls SIP/2.0\r\n")
    assert state(flow) is State.WAITING_UP
    assert flow.received(1.25, 1, answer(data)) == [Ready(1, FACTS), Reachable()]
    assert state(flow) is State.UP
    assert flow.counters.round_trip_ms == 250
    assert (flow.counters.options_sent, flow.counters.reconnects) == (1, 0)


@pytest.mark.parametrize("status", [200, 401, 404, 483, 503, 603])
def test_any_final_response_makes_the_server_reachable(status: int) -> None:
    flow = make()
    flow.start(0)
    data = connect(flow, 0, 1)
    assert flow.received(0, 1, answer(data, 100)) == [Ready(1, FACTS)]
    assert flow.received(0, 1, answer(data, status)) == [Reachable()]


def test_octets_that_answer_nothing_make_ready_but_not_reachable() -> None:
    flow = make()
    flow.start(0)
    data = connect(flow, 0, 1)
    assert flow.received(1, 1, b"SIP/2.0 ") == [Ready(1, FACTS)]
    assert flow.reachable is None
    assert flow.received(2, 1, answer(data)[8:]) == [Reachable()]


def test_a_server_that_refuses_our_certificate_was_never_ready() -> None:
    flow = make()
    flow.start(0)
    connect(flow, 0, 1)
    refusal = Failure(Trouble.CLIENT_CERTIFICATE, "tlsv13 alert certificate required")
    assert flow.lost(0.1, 1, refusal) == [Failed(1, refusal), Unreachable(refusal)]
    assert flow.state is State.DOWN
    assert flow.last_error == refusal.text
    assert flow.counters.handshake_failures == 1
    assert flow.deadline == 15.1


def test_who_could_not_connect_dials_again_after_exactly_the_interval() -> None:
    flow = make(failback_interval_s=20)
    flow.start(0)
    assert flow.failed(1, 1, REFUSED, luck=0.5) == [Failed(1, REFUSED), Unreachable(REFUSED)]
    for attempt, now in enumerate((21, 42, 63), start=2):
        assert flow.deadline == now
        assert flow.tick(now - 0.001) == []
        assert flow.tick(now) == [Dial(attempt)]
        assert flow.failed(now + 1, attempt, BAD_HANDSHAKE) == [Failed(attempt, BAD_HANDSHAKE)]
    assert flow.counters.connect_failures == 1
    assert flow.counters.handshake_failures == 3


def test_who_loses_an_old_connection_dials_soon_and_then_later_and_later() -> None:
    flow = up()
    now = 20.0
    assert flow.lost(now, 1, CLOSED, luck=0.5) == [LostConnection(1, CLOSED), Unreachable(CLOSED)]
    for attempt, (luck, wait) in enumerate(
        [(0.75, 0.5), (1.0, 1.5), (0.5, 4), (1, 4), (1, 15), (1, 15)], start=2
    ):
        assert flow.deadline == now + wait
        now += wait
        assert flow.tick(now) == [Dial(attempt)]
        assert flow.failed(now, attempt, REFUSED, luck) == [Failed(attempt, REFUSED)]


def test_a_flapping_server_is_not_hammered() -> None:
    flow = up()
    flow.lost(14.9, 1, CLOSED, luck=0.5)
    assert flow.deadline == 29.9


def test_after_a_loss_all_is_said_again() -> None:
    flow = up()
    flow.lost(20, 1, CLOSED)
    assert flow.tick(21) == [Dial(2)]
    data = connect(flow, 21, 2)
    assert flow.received(21, 2, answer(data)) == [Ready(2, FACTS), Reachable()]
    assert flow.counters.reconnects == 1


def test_each_step_of_dialling_has_its_time() -> None:
    flow = make(connect_timeout_s=7)
    flow.start(0)
    assert flow.deadline == 7
    effects = flow.tick(7)
    assert effects[0] == Close(1)
    assert isinstance(effects[1], Failed) and effects[1].failure.trouble is Trouble.CONNECT
    assert flow.tick(22) == [Dial(2)]
    flow.opened(25, 2)
    assert flow.deadline == 25 + HANDSHAKE_S
    effects = flow.tick(25 + HANDSHAKE_S)
    assert effects[0] == Close(2)
    assert isinstance(effects[1], Failed) and effects[1].failure.trouble is Trouble.HANDSHAKE
    assert flow.failed(40, 2, REFUSED) == []


def test_a_server_that_says_nothing_fails_by_timer_f() -> None:
    flow = make(transmission_timeout_s=6)
    flow.start(0)
    connect(flow, 1, 1)
    assert flow.deadline == 7
    effects = flow.tick(7)
    assert [type(e) for e in effects] == [Close, Failed, Unreachable]
    assert flow.last_error == "no answer to OPTIONS within 6 s"
    assert flow.counters.options_timed_out == 1


def test_options_go_out_at_each_interval() -> None:
    flow = up(keep_alive_interval_s=30)
    for now in (30, 60, 90):
        assert flow.deadline == now
        (data,) = sent(flow.tick(now))
        assert flow.received(now + 1, 1, answer(data)) == []
    assert flow.counters.options_sent == 4


def test_there_is_one_question_at_a_time() -> None:
    flow = up(keep_alive_interval_s=10)
    (data,) = sent(flow.tick(10))
    assert flow.deadline == 42
    assert flow.tick(25) == []
    assert flow.received(30, 1, answer(data)) == []
    assert flow.deadline == 20
    assert len(sent(flow.tick(30))) == 1


def test_unanswered_options_close_the_connection_and_dial_again() -> None:
    flow = up()
    flow.tick(30)
    assert flow.tick(61.9) == []
    effects = flow.tick(62, luck=0.5)
    failure = Failure(Trouble.NO_ANSWER, "no answer to OPTIONS within 32 s")
    assert effects == [Close(1), LostConnection(1, failure), Unreachable(failure)]
    assert flow.deadline == 62.5
    assert flow.tick(62.5) == [Dial(2)]


def test_pings_go_out_at_each_interval_and_a_missing_pong_ends_all() -> None:
    flow = up(KeepAlive.PING)
    assert sent(flow.tick(30)) == [b"\r\n\r\n"]
    assert flow.deadline == 30 + PONG_S
    assert flow.received(31, 1, b"\r\n") == []
    assert flow.deadline == 60
    assert sent(flow.tick(60)) == [b"\r\n\r\n"]
    effects = flow.tick(70)
    assert [type(e) for e in effects] == [Close, LostConnection, Unreachable]
    assert flow.counters.options_sent == 0


def test_a_short_interval_waits_for_the_pong() -> None:
    flow = up(KeepAlive.PING, keep_alive_interval_s=1)
    flow.tick(1)
    assert flow.deadline == 1 + PONG_S
    assert flow.tick(5) == []


@pytest.mark.parametrize("keep_alive", [KeepAlive.NONE, KeepAlive.TCP_KEEP_ALIVE])
def test_without_keep_alive_one_ping_and_then_options_find_readiness(
    keep_alive: KeepAlive,
) -> None:
    flow = make(keep_alive)
    flow.start(0)
    assert connect(flow, 0, 1) == b"\r\n\r\n"
    assert flow.deadline == READY_PING_S
    (data,) = sent(flow.tick(READY_PING_S))
    assert data.startswith(b"OPTIONS ")
    assert flow.deadline == READY_PING_S + 32
    assert flow.received(3, 1, answer(data)) == [Ready(1, FACTS), Reachable()]
    assert flow.deadline is None
    pinged = up(keep_alive)
    assert pinged.deadline is None
    assert pinged.counters.options_sent == 0


def test_a_new_certificate_moves_the_flow_without_a_gap() -> None:
    flow = up()
    assert flow.replace(5) == [Dial(2)]
    assert flow.state is State.UP
    data = connect(flow, 6, 2)
    assert flow.received(7, 2, answer(data)) == [Ready(2, FACTS), Drain(1)]
    assert [link.state for link in flow.links] == [State.WAITING_SHUTDOWN, State.UP]
    assert flow.received(7, 1, b"late") == []
    assert flow.lost(8, 1, CLOSED) == []
    assert [link.number for link in flow.links] == [2]
    assert flow.state is State.UP and flow.last_error == ""


def test_a_replacement_that_fails_leaves_the_old_connection_in_use() -> None:
    flow = up()
    flow.replace(5)
    assert flow.failed(6, 2, BAD_HANDSHAKE) == [Failed(2, BAD_HANDSHAKE)]
    assert flow.state is State.UP and flow.reachable is True
    assert flow.tick(21) == [Dial(3)]
    assert flow.replace(22) == [Close(3), Dial(4)]
    assert flow.lost(23, 1, CLOSED) == [LostConnection(1, CLOSED), Unreachable(CLOSED)]
    assert flow.failed(24, 4, REFUSED, luck=0.5) == [Failed(4, REFUSED)]
    assert flow.deadline == 24.5


def test_a_new_certificate_ends_the_wait_for_the_next_dial() -> None:
    flow = make()
    flow.start(0)
    flow.failed(1, 1, REFUSED)
    assert flow.replace(2) == [Dial(2)]
    assert flow.deadline == 12


def test_reconnect_drops_and_dials() -> None:
    flow = up()
    assert flow.reconnect(5) == [Drain(1), Dial(2)]
    assert flow.state is State.DOWN
    assert flow.reconnect(6) == [Close(2), Dial(3)]
    data = connect(flow, 6, 3)
    assert flow.received(6, 3, answer(data)) == [Ready(3, FACTS)]


def test_stop_drains_what_is_up_and_gives_up_the_rest() -> None:
    flow = up()
    flow.replace(5)
    assert flow.stop(6) == [Close(2), Drain(1)]
    assert flow.state is State.WAITING_SHUTDOWN and not flow.is_stopped
    assert flow.deadline == 6 + DRAIN_S
    assert flow.lost(7, 1, CLOSED) == [Stopped()]
    assert flow.is_stopped and flow.deadline is None and flow.state is State.DOWN
    assert flow.start(8) == [Dial(3)]


def test_a_peer_that_does_not_close_is_not_waited_for() -> None:
    flow = up()
    flow.stop(6)
    assert flow.tick(6 + DRAIN_S) == [Close(1), Stopped()]


def test_stop_while_dialling_or_waiting_is_over_at_once() -> None:
    flow = make()
    flow.start(0)
    assert flow.stop(1) == [Close(1), Stopped()]
    flow.start(2)
    flow.failed(3, 2, REFUSED)
    assert flow.stop(4) == [Stopped()]
    assert flow.stop(5) == [] and flow.replace(5) == [] and flow.reconnect(5) == []
    with pytest.raises(LocalError):
        up().start(1)


def incoming(method: str = "OPTIONS", via: str = "SIP/2.0/TLS p.example;branch=z9hG4bKq") -> bytes:
    return (
        f"{method} sip:unit SIP/2.0\r\nVia: {via}\r\nFrom: <sip:p>;tag=1\r\nTo: <sip:unit>\r\n"
        f"Call-ID: c\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def test_a_request_of_the_server_is_answered_on_the_same_connection() -> None:
    flow = up()
    (data,) = sent(flow.received(1, 1, incoming()))
    response = parse_message(data)
    assert data.startswith(b"SIP/2.0 200 OK\r\n")
    assert response.via.params.get("received") == "192.0.2.1"
    (refusal,) = sent(flow.received(2, 1, incoming("INVITE")))
    assert refusal.startswith(b"SIP/2.0 405 ")
    assert sent(flow.received(3, 1, b"\r\n\r\n")) == [b"\r\n"]


def test_a_request_that_the_core_leaves_is_given_out() -> None:
    flow = Flow(FlowSettings(TARGET), lambda request: None, counting())
    flow.start(0)
    connect(flow, 0, 1)
    ready, given = flow.received(0, 1, incoming("MESSAGE"))
    assert ready == Ready(1, FACTS)
    assert isinstance(given, Incoming) and given.key is not None
    ok = given.request.respond(200, tag="t")
    assert flow.respond(1, 1, given.key, ok) == [Send(1, bytes(ok))]
    assert flow.respond(1, 1, given.key, ok) == []
    assert flow.respond(1, 9, given.key, ok) == []


def test_what_is_no_sip_ends_the_connection_after_an_answer() -> None:
    flow = up()
    effects = flow.received(20, 1, incoming().replace(b"Length: 0", b"Length: -1"))
    assert [type(e) for e in effects] == [Send, Drain, LostConnection, Unreachable]
    assert sent(effects)[0].startswith(b"SIP/2.0 400 ")
    assert flow.state is State.DOWN
    assert flow.lost(21, 1, CLOSED) == []
    fresh = make()
    fresh.start(0)
    connect(fresh, 0, 1)
    http = fresh.received(0, 1, b"HTTP/1.1 400 Bad Request\r\n\r\n")
    assert [type(e) for e in http] == [Drain, Failed, Unreachable]


def test_a_garbled_message_is_counted_and_the_connection_stays() -> None:
    flow = up()
    effects = flow.received(1, 1, b"what\r\nContent-Length: 0\r\n\r\n")
    assert [type(e) for e in effects] == [Dropped]
    assert flow.counters.garbled == 1 and flow.state is State.UP


def test_others_may_ask_over_the_flow() -> None:
    with pytest.raises(LocalError):
        make().request(0, build_options(Identity(), TARGET, ("h", 1), "TLS", 1, "c", "t", "b"))
    flow = up()
    asked = build_options(Identity(), TARGET, ("h", 1), "TLS", 1, "c", "t", "b1")
    key, effects = flow.request(1, asked)
    assert effects == [Send(1, bytes(asked))]
    (reply,) = flow.received(2, 1, answer(bytes(asked)))
    assert isinstance(reply, Answered) and reply.key == key and reply.response.status == 200
    via = asked.headers.put("Via", "SIP/2.0/TLS h:1;branch=z9hG4bKb2")
    assert isinstance(via, Headers)
    key, _ = flow.request(3, dataclasses.replace(asked, headers=via))
    assert flow.lost(4, 1, CLOSED)[0] == Unanswered(1, key, "the connection is gone")
