"""Whatever comes: no exception, a bounded answer in bounded steps, the same by both paths."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.agent.snmp.fakes import ROOT, request
from tests.agent.snmp.fuzzing import (
    CRASHERS,
    PEERS,
    Judge,
    Maker,
    RandomLuck,
    TapeLuck,
    keeps,
    replay,
)


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(tape=st.binary(max_size=600))
def test_almost_good_messages_are_lived_through(tape: bytes) -> None:
    luck = TapeLuck(tape)
    judge, maker = Judge(), Maker(luck)
    for _ in range(luck.pick(range(1, 6))):
        judge.hear(maker.datagram(), luck.pick(PEERS))
    judge.settle()


def test_one_engine_lives_through_thousands_of_them() -> None:
    """What an engine has kept of the ones before is there, too."""
    luck = RandomLuck(random.Random(3416))
    judge, maker = Judge(), Maker(luck)
    answered = sum(judge.hear(maker.datagram(), luck.pick(PEERS)) is not None
                   for _ in range(3000))
    judge.settle()
    understood = answered + judge.quick.engine.counted().withheld_reports
    assert 600 < understood < 2400, "the maker makes what is all good, or all bad"
    assert judge.hear(request(0xA0, (*ROOT, 1, 3, 0))) is not None


def test_the_judge_notices() -> None:
    """A path that differs, a mistake that is logged, too large an answer, too many steps."""
    good = request(0xA0, (*ROOT, 1, 3, 0))
    judge = Judge()
    judge.hear(good)
    judge.quick.engine.fast.answer = lambda *_: b"\x30\3\2\1\1"     # type: ignore[method-assign]
    with pytest.raises(AssertionError):
        judge.hear(good)
    judge = Judge()
    judge.strict.access.judge = lambda *_: 1 / 0                    # type: ignore[assignment]
    judge.quick.access.judge = lambda *_: 1 / 0                     # type: ignore[assignment]
    with pytest.raises(AssertionError, match="mistake of ours"):
        judge.hear(good)
    judge = Judge()
    for wire in (judge.quick, judge.strict):
        wire.engine.answer_strictly = lambda *_: b"x" * 1501        # type: ignore[method-assign]
    with pytest.raises(AssertionError, match="1501 octets"):
        judge.hear(good)
    judge = Judge()
    judge.quick.engine.counted().in_pkts += 1
    with pytest.raises(AssertionError, match="in_pkts"):
        judge.settle()
    judge = Judge()

    def slow(*_: object) -> None:
        for _again in range(20_000):
            keeps(judge.quick.source.model["oneNumber"])

    judge.quick.engine.fast.answer = slow                           # type: ignore[assignment]
    with pytest.raises(AssertionError, match="calls"):
        judge.hear(good)


@pytest.mark.parametrize("path", sorted(CRASHERS.glob("*.hex")), ids=lambda path: path.stem)
def test_what_once_hurt_is_lived_through(path: Path) -> None:
    judge = Judge()
    datagrams = replay(path)
    assert datagrams
    for _ in range(2):
        for datagram in datagrams:
            judge.hear(datagram)
    judge.settle()


def test_the_long_run_can_be_started() -> None:
    done = subprocess.run(
        [sys.executable, "tools/fuzz.py", "--minutes", "0.02", "--by", "random", "--seed", "3"],
        cwd=CRASHERS.parents[3], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 found" in done.stdout
