"""Transactions: the figures, the timers, who belongs to whom."""

from __future__ import annotations

import enum
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mibagent.errors import LocalError
from mibgateway.sip import transaction
from mibgateway.sip.figure import Row, Table
from mibgateway.sip.message import Request, Response
from mibgateway.sip.transaction import (
    FIGURE_6,
    FIGURE_8,
    E,
    GiveError,
    GiveLost,
    GiveRequest,
    GiveResponse,
    GiveTimeout,
    S,
    SendMessage,
    Stray,
    Timers,
    TransactionLayer,
    X,
)


def request(branch: str = "z9hG4bK1", method: str = "OPTIONS") -> Request:
    return Request.parse(
        f"{method} sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h:5060;branch={branch}\r\n"
        f"From: <sip:c@d>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: x\r\nCSeq: 1 {method}\r\n"
        "\r\n".encode()
    )


ASKED = request()
TRYING, OK = ASKED.respond(100), ASKED.respond(200, tag="t")


def client(reliable: bool = False, timeout: float = 32) -> TransactionLayer:
    layer = TransactionLayer(Timers(timeout=timeout), reliable=reliable)
    _, effects = layer.request(0, ASKED)
    assert effects == [SendMessage(ASKED)]
    return layer


def sent_until(layer: TransactionLayer, end: float) -> tuple[list[float], list[object]]:
    """Give when the layer sent, and what else it said."""
    times: list[float] = []
    others: list[object] = []
    while (deadline := layer.deadline) is not None and deadline <= end:
        for effect in layer.tick(deadline):
            if isinstance(effect, SendMessage):
                times.append(deadline)
            else:
                others.append(effect)
    return times, others


@pytest.mark.parametrize("figure", [FIGURE_6, FIGURE_8])
def test_a_figure_begins_at_trying_and_has_one_end(figure: Table) -> None:
    reached: set[enum.Enum] = {S.TRYING}
    for row in itertools.chain(figure, figure):
        if row.state in reached:
            reached.add(row.then)
    assert reached == set(S)
    assert all(row.state is not S.TERMINATED for row in figure)
    left: dict[enum.Enum, set[enum.Enum]] = {state: set() for state in S}
    for row in figure:
        left[row.state].add(row.then)
    assert all(left[state] for state in S if state is not S.TERMINATED)


def test_figure_6_is_the_rfcs() -> None:
    arrows = {(r.state, r.event): (r.then, r.actions) for r in FIGURE_6}
    for state in (S.TRYING, S.PROCEEDING):
        assert arrows.pop((state, E.TIMER_E)) == (state, (X.SEND_REQUEST,))
        assert arrows.pop((state, E.TIMER_F)) == (S.TERMINATED, (X.GIVE_TIMEOUT,))
        assert arrows.pop((state, E.TRANSPORT_ERROR)) == (S.TERMINATED, (X.GIVE_ERROR,))
        assert arrows.pop((state, E.PROVISIONAL)) == (S.PROCEEDING, (X.GIVE_RESPONSE,))
        assert arrows.pop((state, E.FINAL)) == (S.COMPLETED, (X.GIVE_RESPONSE,))
    assert arrows == {(S.COMPLETED, E.TIMER_K): (S.TERMINATED, ())}


def test_a_figure_with_two_arrows_for_one_event_is_refused() -> None:
    with pytest.raises(LocalError):
        Table(Row(S.TRYING, E.FINAL, S.COMPLETED), Row(S.TRYING, E.FINAL, S.TERMINATED))


def test_a_request_over_udp_is_repeated_until_timer_f() -> None:
    times, others = sent_until(client(), 100)
    assert times == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert others == [GiveTimeout(("z9hG4bK1", "OPTIONS"))]


def test_a_provisional_response_slows_repetition_to_t2() -> None:
    layer = client()
    assert layer.received(0.1, TRYING) == [GiveResponse(("z9hG4bK1", "OPTIONS"), TRYING)]
    assert sent_until(layer, 13)[0] == [0.5, 4.5, 8.5, 12.5]


def test_over_tls_nothing_is_repeated_and_timer_f_is_the_parameter() -> None:
    layer = client(reliable=True, timeout=5)
    assert layer.deadline == 5
    assert sent_until(layer, 100) == ([], [GiveTimeout(("z9hG4bK1", "OPTIONS"))])
    assert layer.deadline is None


def test_repeated_final_responses_are_absorbed_for_t4() -> None:
    layer = client()
    assert layer.received(1, OK) == [GiveResponse(("z9hG4bK1", "OPTIONS"), OK)]
    assert layer.received(2, OK) == []
    assert layer.deadline == 6
    assert layer.tick(6) == []
    assert layer.received(7, OK) == [Stray(OK)]
    over_tls = client(reliable=True)
    assert over_tls.received(1, OK) == [GiveResponse(("z9hG4bK1", "OPTIONS"), OK)]
    assert over_tls.deadline is None
    assert over_tls.received(1, OK) == [Stray(OK)]


def test_a_response_needs_branch_and_method() -> None:
    layer = client()
    for other in (request("z9hG4bK2"), request(method="MESSAGE")):
        response = other.respond(200, tag="t")
        assert layer.received(1, response) == [Stray(response)]


@pytest.mark.parametrize("method", ["INVITE", "ACK"])
def test_what_figure_6_cannot_carry_is_our_bug(method: str) -> None:
    with pytest.raises(LocalError):
        client().request(0, request(method=method))
    with pytest.raises(LocalError):
        client().request(0, ASKED)


def test_a_request_is_given_once_and_answered_the_same_each_time() -> None:
    layer = TransactionLayer(reliable=False)
    (given_,) = layer.received(0, ASKED)
    assert isinstance(given_, GiveRequest) and given_.key is not None
    assert layer.received(0.1, ASKED) == []
    assert layer.respond(0.2, given_.key, TRYING) == [SendMessage(TRYING)]
    assert layer.received(0.3, ASKED) == [SendMessage(TRYING)]
    assert layer.respond(1, given_.key, OK) == [SendMessage(OK)]
    assert layer.received(1.1, ASKED) == [SendMessage(OK)]
    assert layer.respond(1.2, given_.key, ASKED.respond(500)) == []
    assert layer.received(1.3, ASKED) == [SendMessage(OK)]
    assert layer.deadline == 33
    assert layer.tick(33) == []
    assert [type(e) for e in layer.received(34, ASKED)] == [GiveRequest]


def test_over_tls_an_answered_request_is_forgotten_at_once() -> None:
    layer = TransactionLayer(reliable=True)
    (given_,) = layer.received(0, ASKED)
    assert isinstance(given_, GiveRequest) and given_.key is not None
    assert layer.respond(0, given_.key, OK) == [SendMessage(OK)]
    assert layer.deadline is None
    assert layer.respond(0, given_.key, OK) == []


def test_a_request_that_the_core_leaves_unanswered_is_forgotten() -> None:
    layer = TransactionLayer(reliable=True, most_servers=1)
    layer.received(0, ASKED)
    assert layer.deadline == 32
    assert layer.tick(32) == []
    assert layer.deadline is None
    assert [type(e) for e in layer.received(33, request("z9hG4bK9"))] == [GiveRequest]


def test_requests_are_told_apart() -> None:
    others = [
        request("z9hG4bK2"),
        request(method="MESSAGE"),
        request("old"),
        request("z9hG4bK"),
        Request.parse(bytes(request("old")).replace(b"Call-ID: x", b"Call-ID: y")),
        Request.parse(bytes(ASKED).replace(b"h:5060", b"g:5060")),
        Request.parse(bytes(ASKED).replace(b"h:5060", b"h:5061")),
    ]
    layer = TransactionLayer(reliable=False)
    for message in (ASKED, *others):
        assert [type(e) for e in layer.received(0, message)] == [GiveRequest]
    for message in (ASKED, request("z9hG4bK"), request("old")):
        assert layer.received(0, message) == []


def test_an_ack_belongs_to_its_invite_and_is_never_answered() -> None:
    layer = TransactionLayer(reliable=False)
    invite, ack = request(method="INVITE"), request(method="ACK")
    assert [type(e) for e in layer.received(0, invite)] == [GiveRequest]
    assert layer.received(1, ack) == []
    stray = request("z9hG4bK7", method="ACK")
    assert layer.received(1, stray) == [GiveRequest(None, stray)]


def test_server_transactions_are_bounded() -> None:
    layer = TransactionLayer(reliable=False, most_servers=3)
    for number in range(3):
        layer.received(0, request(f"z9hG4bK{number}"))
    refused = request("z9hG4bK4")
    (first,), (again,) = layer.received(0, refused), layer.received(0, refused)
    assert isinstance(first, SendMessage) and first == again
    assert isinstance(first.message, Response) and first.message.status == 503
    assert first.message.to.tag


def test_a_lost_connection_ends_all() -> None:
    layer = client()
    (given_,) = layer.received(0, request("z9hG4bK5"))
    assert isinstance(given_, GiveRequest) and given_.key is not None
    layer.respond(0, given_.key, request("z9hG4bK5").respond(180))
    assert layer.transport_failed(1) == [
        GiveError(("z9hG4bK1", "OPTIONS")),
        GiveLost(given_.key),
    ]
    assert layer.deadline is None


@pytest.mark.parametrize("event", E)
@pytest.mark.parametrize("start", S)
def test_every_event_in_every_state_is_carried_or_ignored(
    start: transaction.S, event: transaction.E
) -> None:
    timers = Timers()
    client_ = transaction.NonInviteClient(("k",), ASKED, timers, reliable=False)
    server = transaction.NonInviteServer(("k",), timers, reliable=False)
    server.start(0)
    server.happen(0, E.PROVISIONAL, TRYING)
    for machine in (client_, server):
        machine.state = start
        row = machine.figure.find(start, event)
        effects = machine.happen(1, event, OK)
        assert machine.state is (start if row is None else row.then)
        assert len(effects) == (0 if row is None else len(row.actions))


@given(st.lists(st.tuples(st.floats(0, 40), st.sampled_from(["ok", "trying", "tick"]))))
def test_a_client_ends_by_one_final_response_or_one_timeout(
    script: list[tuple[float, str]],
) -> None:
    layer, ends, now = client(), 0, 0.0
    for wait, what in [*script, (100.0, "tick"), (100.0, "tick")]:
        now += wait
        effects = layer.tick(now)
        if what != "tick":
            effects += layer.received(now, OK if what == "ok" else TRYING)
        for effect in effects:
            ends += isinstance(effect, GiveTimeout)
            ends += isinstance(effect, GiveResponse) and effect.response.is_final
    assert ends == 1
    assert layer.deadline is None
