"""Jobs: rows that run, tell how it goes, and are forgotten in time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred

from mibagent.errors import InconsistentValue, ResourceUnavailable
from mibagent.service.jobs import (
    KEPT_JOBS,
    MOST_JOBS,
    NEVER,
    Job,
    JobFailed,
    JobResult,
    JobState,
    date_and_time,
)
from mibagent.store.wish import Wish
from tests.agent.service.trial import BakeArguments, House
from tests.agent.store.kit import (
    ACTIVE,
    ADMIN,
    DESTROY,
    GO,
    SUSPEND,
    USER,
    WAIT,
    files_of,
    rows_of,
)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path).started()


def bake(house: House, number: int, *columns: tuple[str, Any], status: int = GO) -> Any:
    return house.change(("trialBakeRowStatus", status, (number,)),
                        *((name, value, (number,)) for name, value in columns))


def told(house: House, number: int = 1) -> tuple[JobState, JobResult, int, int, bytes]:
    read = [house.get("trialBake" + column, (number,))
            for column in ("State", "Result", "Percent", "Bytes", "Error")]
    return JobState(read[0]), JobResult(read[1]), *read[2:]  # type: ignore[arg-type,return-value]


def test_a_job_runs_with_its_arguments_and_tells_its_end(house: House) -> None:
    bake(house, 1, ("trialBakeCake", b"nut"), ("trialBakeToken", b"sesame"))
    assert house.trial.of("bake") == [("bake", 1, "nut", "sesame")]
    assert told(house) == (JobState.DONE, JobResult.SUCCESS, 100, 0, b"")
    assert house.get("trialBakeStarted", (1,)) != NEVER != house.get("trialBakeEnded", (1,))


def test_arguments_that_are_not_given_are_defaults(house: House) -> None:
    bake(house, 7)
    assert house.trial.of("bake") == [("bake", 7, "plain", "")]


def test_it_runs_a_turn_after_the_answer(house: House) -> None:
    outcome = house.rig.asked(("trialBakeRowStatus", GO, (1,)))
    house.rig.turn()
    assert not outcome.is_open and house.trial.bakes == []
    assert told(house) == (JobState.WAITING, JobResult.NONE, 0, 0, b"")
    house.rig.settle()
    assert len(house.trial.bakes) == 1


def test_a_job_made_in_steps_runs_when_it_is_active(house: House) -> None:
    bake(house, 1, status=WAIT)
    house.change(("trialBakeCake", b"nut", (1,)))
    assert house.trial.bakes == []
    assert told(house)[0] is JobState.WAITING
    bake(house, 1, status=ACTIVE)
    assert house.trial.of("bake") == [("bake", 1, "nut", "")]


def test_a_job_tells_how_far_it_is(house: House) -> None:
    fire: Deferred[None] = Deferred()
    house.trial.oven = lambda job: fire
    bake(house, 1)
    (job,) = house.trial.bakes
    job.progress(percent=40, octets=1234)
    assert told(house) == (JobState.RUNNING, JobResult.NONE, 40, 1234, b"")
    assert house.get("trialBakeEnded", (1,)) == NEVER
    job.progress(percent=140)
    assert told(house)[2] == 100
    fire.callback(None)
    assert told(house)[:2] == (JobState.DONE, JobResult.SUCCESS)


def test_a_job_that_fails_says_why(house: House) -> None:
    house.trial.oven = lambda job: job.fail("burnt")
    bake(house, 1)
    assert told(house) == (JobState.DONE, JobResult.FAILED, 0, 0, b"burnt")


def test_a_job_that_breaks_says_where_to_look(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.trial.oven = lambda job: 1 / 0
    bake(house, 1)
    assert told(house)[:2] == (JobState.DONE, JobResult.FAILED)
    assert b"log" in told(house)[4] and b"division" not in told(house)[4]
    assert "ZeroDivisionError" in caplog.text


def test_a_long_reason_is_cut(house: House) -> None:
    house.trial.oven = lambda job: job.fail("x" * 3000)
    bake(house, 1)
    house.rig.model["trialBakeError"].check(house.get("trialBakeError", (1,)))


def test_what_has_started_cannot_be_changed_or_stopped_but_by_destroy(house: House) -> None:
    bake(house, 1)
    for wish in [("trialBakeCake", b"x", (1,)), ("trialBakeRowStatus", SUSPEND, (1,)),
                 ("trialBakeRowStatus", ACTIVE, (1,)), ("trialBakeRowStatus", GO, (1,))]:
        assert type(house.rig.refusal(wish)) is InconsistentValue
    assert len(house.trial.bakes) == 1


def test_destroy_cancels(house: House) -> None:
    cancelled: list[object] = []
    fire: Deferred[None] = Deferred(cancelled.append)
    house.trial.oven = lambda job: fire
    bake(house, 1)
    bake(house, 1, status=DESTROY)
    assert cancelled == [fire]
    (job,) = house.trial.bakes
    assert (job.state, job.result) == (JobState.DONE, JobResult.CANCELLED)
    assert rows_of(house.store, "trialBakeTable") == []
    assert house.host.jobs["trialBakeTable"].jobs == {}


def test_arguments_are_there_to_the_end_of_a_job_whose_row_is_gone(house: House) -> None:
    fire: Deferred[None] = Deferred()
    seen: list[str] = []

    async def bake_and_look(job: Job[BakeArguments]) -> None:
        try:
            await fire
        except CancelledError:
            seen.append(job.arguments.cake)
            raise

    house.trial.oven = bake_and_look
    bake(house, 1, ("trialBakeCake", b"nut"))
    bake(house, 1, status=DESTROY)
    assert seen == ["nut"]


def test_a_row_that_is_destroyed_before_it_starts_runs_nothing_for_long(house: House) -> None:
    house.trial.oven = lambda job: Deferred()
    house.rig.asked(("trialBakeRowStatus", GO, (1,)))
    house.rig.asked(("trialBakeRowStatus", DESTROY, (1,)))
    house.rig.settle()
    assert [job.result for job in house.trial.bakes] in ([], [JobResult.CANCELLED])
    assert house.host.jobs["trialBakeTable"].jobs == {}


def test_a_secret_argument_is_read_and_written_nowhere(house: House) -> None:
    bake(house, 1, ("trialBakeToken", b"sesame"))
    assert house.get("trialBakeToken", (1,)) == b""
    assert b"sesame" not in files_of(house.rig.folder)
    assert "sesame" not in repr(house.store.audit())


def test_jobs_are_forgotten_with_the_process(house: House) -> None:
    bake(house, 1, ("trialBakeCake", b"nut"))
    house.rig.reopen()
    assert rows_of(house.store, "trialBakeTable") == []
    assert list(house.rig.journal.values(house.rig.unit)) == []


def test_the_last_that_ended_are_kept(house: House) -> None:
    for number in range(1, KEPT_JOBS + 6):
        bake(house, number)
    assert rows_of(house.store, "trialBakeTable") == [
        (number,) for number in range(6, KEPT_JOBS + 6)]


def test_the_oldest_goes_when_another_ends_late(house: House) -> None:
    fires: dict[int, Deferred[None]] = {}

    def wait(job: Job[BakeArguments]) -> Deferred[None]:
        fires[job.number] = Deferred()
        return fires[job.number]

    house.trial.oven = wait
    for number in range(1, KEPT_JOBS + 3):
        bake(house, number)
    for number in fires:
        fires[number].callback(None)
        house.rig.settle()
    assert len(rows_of(house.store, "trialBakeTable")) == KEPT_JOBS
    assert all(told(house, index[0])[0] is JobState.DONE  # type: ignore[arg-type]
               for index in rows_of(house.store, "trialBakeTable"))


def test_no_more_rows_than_can_be_watched(house: House) -> None:
    for number in range(1, MOST_JOBS + 1):
        bake(house, number, status=WAIT)
    refusal = house.rig.refusal(("trialBakeRowStatus", WAIT, (MOST_JOBS + 1,)))
    assert (type(refusal), refusal.name) == (ResourceUnavailable, "trialBakeRowStatus")
    assert refusal.index == (MOST_JOBS + 1,)
    bake(house, 1, status=DESTROY)
    bake(house, MOST_JOBS + 1, status=WAIT)
    bake(house, 2, status=ACTIVE)


def test_a_job_of_the_console_is_local_and_one_of_the_network_is_not(house: House) -> None:
    bake(house, 1)
    house.rig.put(Wish("trialBakeRowStatus", (2,), GO))
    assert [job.is_local for job in house.trial.bakes] == [False, True]


def test_a_job_acts_in_the_name_of_who_started_it(house: House) -> None:
    bake(house, 1)
    house.rig.change(("trialBakeRowStatus", GO, (2,)), who=USER)
    assert [job.principal for job in house.trial.bakes] == [ADMIN, USER]


@pytest.mark.parametrize("column", [("trialBakeCake", b"nut"), ("trialBakeRowStatus", WAIT)])
def test_a_user_who_wrote_in_its_row_lends_it_no_more_than_a_users_rights(
    house: House, column: tuple[str, Any]
) -> None:
    if column[0] != "trialBakeRowStatus":
        bake(house, 1, status=WAIT)
    house.rig.change((column[0], column[1], (1,)), who=USER)
    bake(house, 1, status=ACTIVE)
    assert [job.principal for job in house.trial.bakes] == [USER]
    bake(house, 1, status=DESTROY)
    bake(house, 1)
    assert house.trial.bakes[1].principal == ADMIN


def test_many_can_wait_for_one_job() -> None:
    job: Job[None] = Job(1, None)
    ended: list[int] = []
    job.waiter().addCallback(lambda _: ended.append(1))
    job.waiter().addCallback(lambda _: ended.append(2))
    job.run(lambda _: None)
    job.waiter().addCallback(lambda _: ended.append(3))
    assert ended == [1, 2, 3]
    with pytest.raises(JobFailed, match="why"):
        job.fail("why")


def test_a_date_is_eleven_octets_in_utc() -> None:
    # RFC 2579 section 2, DateAndTime; 2026-11-24 00:49:13.5 UTC
    assert date_and_time(1795481353.5) == bytes.fromhex("07ea 0b18 00310d 05 2b0000")
