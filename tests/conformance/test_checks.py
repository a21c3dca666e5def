"""Each check notices the fault it is for, and an agent without faults passes them all."""

from __future__ import annotations

from collections import deque

import pytest

import tools.conformance.checks  # noqa: F401  (fills the registry)
from tests.conformance.fault_agent import FaultAgent
from tests.conformance.fault_v3 import CREDENTIALS
from tests.conformance.faults import FAULTS
from tools.conformance.agent import Agent
from tools.conformance.registry import CHECKS, FAIL, PASS, run, run_one

OF_DATAGRAMS = {name: check for name, check in CHECKS.items()
                if check.run.__module__ != "tools.conformance.managers"}


class Wire:
    """The agent without a socket, and time that passes when it is told to."""

    lag_s = 0.0

    def __init__(self, fault: str = "") -> None:
        self.now = 1000.0
        self.agent = FaultAgent(fault, self.clock)
        self._came: deque[bytes] = deque()

    def clock(self) -> float:
        return self.now

    def send(self, octets: bytes) -> None:
        answer = self.agent.answer(octets)
        if answer is not None:
            self._came.append(answer)

    def receive(self, wait_s: float) -> bytes | None:
        return self._came.popleft() if self._came else None

    def fresh(self) -> None:
        self._came.clear()

    def pause(self, seconds: float) -> None:
        self.now += seconds


def judged(fault: str = "") -> Agent:
    wire = Wire(fault)
    return Agent(wire, CREDENTIALS, allow_set=True, wait_s=0.0, clock=wire.clock)


def test_without_a_fault_every_check_passes() -> None:
    results = run(judged(), OF_DATAGRAMS.values())
    assert [(each.name, each.verdict, each.why) for each in results if each.verdict != PASS] == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_noticed(fault: str) -> None:
    result = run_one(CHECKS[FAULTS[fault]], judged(fault))
    assert result.verdict == FAIL
    assert result.why


def test_every_check_has_a_fault_that_it_notices() -> None:
    assert set(FAULTS.values()) == set(OF_DATAGRAMS)
