"""The persistent connection: every input in every state."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mibagent.errors import LocalError
from mibgateway.sip.flow import Flow
from mibgateway.sip.terms import (
    Close,
    Dial,
    Drain,
    Effect,
    Failed,
    LostConnection,
    Ready,
    Send,
    State,
    Stopped,
    Unreachable,
)

from .test_flow import CLOSED, FACTS, REFUSED, connect, incoming, make, up


def stopped() -> Flow:
    return make()


def dialling() -> Flow:
    flow = make()
    flow.start(0)
    return flow


def handshaking() -> Flow:
    flow = dialling()
    flow.opened(0, 1)
    return flow


def waiting_up() -> Flow:
    flow = dialling()
    connect(flow, 0, 1)
    return flow


def waiting_to_dial() -> Flow:
    flow = dialling()
    flow.failed(0, 1, REFUSED)
    return flow


def replacing() -> Flow:
    flow = up()
    flow.replace(0)
    return flow


def draining() -> Flow:
    flow = up()
    flow.stop(0)
    return flow


STATES = {
    stopped: State.DOWN,
    dialling: State.DOWN,
    handshaking: State.DOWN,
    waiting_up: State.WAITING_UP,
    waiting_to_dial: State.DOWN,
    up: State.UP,
    replacing: State.UP,
    draining: State.WAITING_SHUTDOWN,
}
BUG = "LocalError"
TABLE: dict[str, tuple[Callable[[Flow], list[Effect]], dict[Callable[[], Flow], object]]] = {
    "start": (
        lambda flow: flow.start(1),
        dict.fromkeys(STATES, BUG) | {stopped: [Dial], draining: [Dial]},
    ),
    "stop": (
        lambda flow: flow.stop(1),
        {
            stopped: [], draining: [], up: [Drain], replacing: [Close, Drain],
            dialling: [Close, Stopped], handshaking: [Close, Stopped],
            waiting_up: [Close, Stopped], waiting_to_dial: [Stopped],
        },
    ),
    "replace": (
        lambda flow: flow.replace(1),
        {
            stopped: [], draining: [], up: [Dial], waiting_to_dial: [Dial],
            dialling: [Close, Dial], handshaking: [Close, Dial], waiting_up: [Close, Dial],
            replacing: [Close, Dial],
        },
    ),
    "reconnect": (
        lambda flow: flow.reconnect(1),
        {
            stopped: [], draining: [], up: [Drain, Dial], waiting_to_dial: [Dial],
            dialling: [Close, Dial], handshaking: [Close, Dial], waiting_up: [Close, Dial],
            replacing: [Close, Drain, Dial],
        },
    ),
    "opened": (lambda flow: flow.opened(1, 1), {state: [] for state in STATES}),
    "connected": (
        lambda flow: flow.connected(1, 1, FACTS),
        {
            stopped: [], waiting_to_dial: [], dialling: [Send], handshaking: [Send],
            waiting_up: BUG, up: BUG, replacing: BUG, draining: BUG,
        },
    ),
    "received": (
        lambda flow: flow.received(1, 1, incoming()),
        {
            stopped: [], waiting_to_dial: [], dialling: BUG, handshaking: BUG,
            waiting_up: [Ready, Send], up: [Send], replacing: [Send], draining: [],
        },
    ),
    "failed": (
        lambda flow: flow.failed(1, 1, REFUSED),
        {
            stopped: [], waiting_to_dial: [], dialling: [Failed, Unreachable],
            handshaking: [Failed, Unreachable], waiting_up: [Failed, Unreachable],
            up: [LostConnection, Unreachable], replacing: [LostConnection, Unreachable],
            draining: [Stopped],
        },
    ),
    "lost": (
        lambda flow: flow.lost(1, 1, CLOSED),
        {
            stopped: [], waiting_to_dial: [], dialling: [Failed, Unreachable],
            handshaking: [Failed, Unreachable], waiting_up: [Failed, Unreachable],
            up: [LostConnection, Unreachable], replacing: [LostConnection, Unreachable],
            draining: [Stopped],
        },
    ),
    "tick early": (lambda flow: flow.tick(1), {state: [] for state in STATES}),
    "tick late": (
        lambda flow: flow.tick(100),
        {
            stopped: [], dialling: [Close, Failed, Unreachable],
            handshaking: [Close, Failed, Unreachable], waiting_up: [Close, Failed, Unreachable],
            waiting_to_dial: [Dial], up: [Send], replacing: [Send, Close, Failed],
            draining: [Close, Stopped],
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("start", STATES)
def test_every_input_in_every_state(start: Callable[[], Flow], name: str) -> None:
    act, expected = TABLE[name]
    flow = start()
    assert flow.state is STATES[start]
    if expected[start] == BUG:
        with pytest.raises(LocalError):
            act(flow)
        return
    assert [type(effect) for effect in act(flow)] == expected[start]
