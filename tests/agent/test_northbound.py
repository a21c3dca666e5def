"""The one way in: read as somebody, change as somebody, run a job and wait for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from mibagent.errors import InconsistentName, NoAccess, NoSuchName, ResourceUnavailable
from mibagent.northbound import Session
from mibagent.service.jobs import JobResult
from mibagent.store.wish import Wish
from tests.agent.service.trial import House
from tests.agent.store.kit import (
    ADMIN,
    DESTROY,
    FIG,
    GO,
    OBSERVER,
    USER,
    Outcome,
    rows_of,
    state_of,
)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path).started()


@pytest.fixture
def session(house: House) -> Session:
    return Session(house.host, ADMIN)


def test_many_wishes_are_one_revision(house: House, session: Session) -> None:
    revision = house.rig.awaited(session.change([
        Wish("trialGreeting", (), b"x"), Wish("trialFruitRowStatus", FIG, GO),
        Wish("trialFruitColour", FIG, b"red")]))
    assert len(revision.changes) == 3 and revision.principal == ADMIN
    assert session.get("trialGreeting") == b"x" and session.get("trialFruitColour", FIG) == b"red"


def test_a_refused_change_leaves_no_trace(house: House, session: Session) -> None:
    before = state_of(house.store)
    with pytest.raises(InconsistentName):
        house.rig.awaited(session.change([
            Wish("trialGreeting", (), b"x"), Wish("trialFruitPrice", FIG, 3)]))
    assert state_of(house.store) == before
    house.rig.awaited(session.set("trialGreeting", b"y"))


def test_one_object_is_set(house: House, session: Session) -> None:
    assert house.rig.awaited(session.set("trialGreeting", b"x")).number == 1
    assert house.rig.awaited(session.set("trialGreeting", b"x")) is None
    with pytest.raises(NoSuchName):
        session.get("trialNothing")


def test_everybody_has_their_own_rights(house: House) -> None:
    with pytest.raises(NoAccess):
        house.rig.awaited(Session(house.host, OBSERVER).set("trialGreeting", b"x"))
    with pytest.raises(NoAccess):
        house.rig.awaited(Session(house.host, USER).set("trialPassword", b"x"))
    house.rig.awaited(Session(house.host, ADMIN).set("trialPassword", b"x"))
    assert Session(house.host, ADMIN).get("trialPassword") == b""


def test_a_change_may_want_to_be_confirmed(house: House, session: Session) -> None:
    revision = house.rig.awaited(session.change([Wish("trialGreeting", (), b"x")], 30.0))
    assert house.store.pending == {revision.number: 1030.0}


def test_a_job_is_run_and_waited_for(house: House, session: Session) -> None:
    fire: Deferred[None] = Deferred()
    house.trial.oven = lambda job: fire
    run = Outcome(session.run("trialBakeTable", {"trialBakeCake": b"nut"}))
    house.rig.settle()
    assert run.is_open and house.trial.bakes[0].arguments.cake == "nut"
    fire.callback(None)
    assert run.value().result is JobResult.SUCCESS


def test_jobs_have_numbers_of_their_own(house: House, session: Session) -> None:
    house.change(("trialBakeRowStatus", GO, (5,)))
    runs = [Outcome(session.run("trialBakeTable", {})) for _ in range(3)]
    house.rig.settle()
    assert [run.value().number for run in runs] == [6, 7, 8]
    house.change(("trialBakeRowStatus", GO, (2**31 - 1,)))
    assert house.rig.awaited(session.run("trialBakeTable", {})).number == 1


def test_a_job_that_fails_is_no_refusal(house: House, session: Session) -> None:
    house.trial.oven = lambda job: job.fail("burnt")
    job = house.rig.awaited(session.run("trialBakeTable", {}))
    assert (job.result, job.error) == (JobResult.FAILED, "burnt")


def test_a_job_that_is_cancelled_is_over(house: House, session: Session) -> None:
    house.trial.oven = lambda job: Deferred()
    run = Outcome(session.run("trialBakeTable", {}))
    house.rig.settle()
    house.change(("trialBakeRowStatus", DESTROY, (1,)))
    assert run.value().result is JobResult.CANCELLED


def test_a_job_that_never_starts_is_not_waited_for_for_ever(
    house: House, session: Session
) -> None:
    house.trial.oven = lambda job: Deferred()
    run = Outcome(session.run("trialBakeTable", {}))
    house.rig.asked(("trialBakeRowStatus", DESTROY, (1,)))
    house.rig.settle()
    with pytest.raises(ResourceUnavailable, match="cancelled before it began"):
        run.value()
    assert rows_of(house.store, "trialBakeTable") == []


def test_a_refused_job_is_refused(house: House) -> None:
    with pytest.raises(NoAccess):
        house.rig.awaited(Session(house.host, OBSERVER).run("trialBakeTable", {}))
    with pytest.raises(ResourceUnavailable):
        house.rig.broken = OSError("no")
        house.rig.awaited(Session(house.host, ADMIN).run("trialBakeTable", {}))


def test_it_needs_no_more_than_a_runner(house: House) -> None:
    class Runner:
        store = house.rig.store

        def job(self, table: str, number: int) -> Any:
            return None

        def next_turn(self) -> Deferred[None]:
            turn: Deferred[None] = Deferred()
            house.rig.store.soon(lambda: turn.callback(None))
            return turn

    session = Session(Runner(), ADMIN)
    house.rig.awaited(session.set("trialGreeting", b"x"))
    with pytest.raises(ResourceUnavailable):
        house.rig.awaited(session.run("trialBakeTable", {}))
