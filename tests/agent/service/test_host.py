"""The service host: the hooks in the order of a commit, and what waits for a restart."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from mibagent.errors import InconsistentValue, ModelError, NoSuchName, Refused, WrongValue
from mibagent.service.host import ExecState, ServiceHost
from mibagent.smi.host import HostPort
from mibagent.store.wish import Wish
from tests.agent.service.trial import House, Level, OtherService, Stall, TrialService
from tests.agent.store.kit import (
    ACTIVE,
    DESTROY,
    FIG,
    GO,
    PEAR,
    SUSPEND,
    WAIT,
    Outcome,
    Rig,
    rows_of,
)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path).started()


def fruit(*columns: tuple[str, Any], index: Any = FIG, status: int = GO) -> list[Any]:
    return [("trialFruitRowStatus", status, index), ("trialFruitColour", b"red", index),
            *((name, value, index) for name, value in columns)]


# -- answering

def test_what_is_provided_is_read_when_it_is_asked(house: House) -> None:
    house.rig.make(FIG)
    house.trial.stalls.add("nuts", stall := Stall(3))
    assert [house.get("trialUptime"), house.get("trialCareDrops", FIG),
            house.get("trialShelfLoad", (2,)), house.get("trialStallVisitors", (b"nuts",)),
            house.get("trialStallName", (b"nuts",))] == [42, 3, 20, 3, b"nuts"]
    stall.visitors = 4
    assert house.get("trialStallVisitors", (b"nuts",)) == 4


def test_rows_that_are_not_there_are_not_provided(house: House) -> None:
    for name, index in [("trialCareDrops", FIG), ("trialShelfLoad", (3,)),
                        ("trialStallVisitors", (b"nuts",))]:
        with pytest.raises(NoSuchName):
            house.get(name, index)


def test_fixed_rows_are_the_service_s(house: House) -> None:
    assert rows_of(house.store, "trialShelfTable") == [(1,), (2,)]
    assert list(house.trial.configured.shelf) == [1, 2]


def test_factory_rows_are_made_at_the_first_start(house: House) -> None:
    assert rows_of(house.store, "trialRuleTable") == []
    house.rig.put(*house.host.factory_wishes())
    assert rows_of(house.store, "trialRuleTable") == [(1,), (2,)]
    assert [house.get("trialRuleAction", (number,)) for number in (1, 2)] == [200, 100]
    house.change(("trialRuleRowStatus", DESTROY, (1,)))
    house.rig.reopen()
    assert rows_of(house.store, "trialRuleTable") == [(2,)]


def test_what_no_service_claims_is_not_served(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    ServiceHost(rig.store, [OtherService()])
    rig.change(("otherEcho", 3))
    assert type(rig.refusal(("trialGreeting", b"x"))).__name__ == "NotWritable"


# -- @completes

def test_what_completes_a_change_is_part_of_it(house: House) -> None:
    revision = house.change(*fruit(("trialFruitPrice", 100)))
    assert {change.name for change in revision.changes} \
        == {"trialFruitRowStatus", "trialFruitColour", "trialFruitPrice", "trialLimit"}
    assert house.get("trialLimit") == 100


def test_the_asker_s_own_wish_wins(house: House) -> None:
    house.change(*fruit(("trialFruitPrice", 100)), ("trialLimit", 20))
    assert house.get("trialLimit") == 20


def test_a_completion_hears_what_was_asked_and_what_of_it_changes(house: House) -> None:
    house.rig.make(FIG)
    house.change(("trialFruitPrice", 7, FIG), ("trialGreeting", b"hello"))
    ((_, asked, changed),) = house.trial.of("completes")
    assert asked == {("trialFruitPrice", FIG): 7, ("trialGreeting", ()): b"hello"}
    assert changed == [("trialFruitPrice", FIG)]
    house.change(("trialFruitPrice", 7, FIG))
    house.change(("trialFruitSize", 7, FIG))
    assert len(house.trial.of("completes")) == 1


# -- @check

def test_a_check_runs_only_when_what_it_names_changes(house: House) -> None:
    house.change(("trialGreeting", b"x"))
    house.change(("trialLimit", 10))
    assert house.trial.of("check") == []
    house.change(("trialLimit", 60))
    assert house.trial.of("check") == [("check", 60, Level.MID)]


def test_a_check_sees_the_whole_and_blames_a_wish(house: House) -> None:
    house.change(("trialLimit", 60))
    refusal = house.rig.refusal(("trialGreeting", b"x"), ("trialLevel", 100))
    assert (type(refusal), refusal.name, refusal.why) \
        == (InconsistentValue, "trialLevel", "too much for a low level")
    house.change(("trialLevel", 100), ("trialLimit", 50))


def test_a_check_judges_completions_too(house: House) -> None:
    house.change(("trialLevel", 100))
    refusal = house.rig.refusal(*fruit(("trialFruitPrice", 100)))
    assert refusal.why == "too much for a low level"
    assert (refusal.name, refusal.index) == ("trialFruitRowStatus", FIG)


def test_a_check_of_rows_runs_for_changed_rows_only(house: House) -> None:
    house.rig.make(FIG, PEAR, (b"plum",))
    house.trial.calls.clear()
    house.change(("trialFruitPrice", 7, FIG), ("trialFruitPrice", 8, PEAR),
                 ("trialFruitColour", b"blue", FIG))
    assert sorted(house.trial.of("check-row")) \
        == [("check-row", "fig", 7, "blue"), ("check-row", "pear", 8, "green")]


def test_a_check_of_rows_names_the_row(house: House) -> None:
    house.rig.make(FIG, PEAR)
    refusal = house.rig.refusal(
        ("trialFruitPrice", 2, FIG), ("trialFruitColour", b"grey", PEAR))
    assert (refusal.name, refusal.index) == ("trialFruitPrice", FIG)
    assert refusal.why == "grey fruit is cheap"


def test_a_new_row_is_checked_with_its_defaults(house: House) -> None:
    house.change(*fruit())
    assert house.trial.of("check-row") == [("check-row", "fig", 5, "red")]
    assert house.trial.of("check-care") == [("check-care", "fig", 3)]


def test_a_row_is_checked_when_it_comes_into_service(house: House) -> None:
    house.change(("trialFruitRowStatus", WAIT, FIG))
    house.change(("trialFruitColour", b"grey", FIG))
    assert house.trial.of("check-row") == []
    refusal = house.rig.refusal(("trialFruitRowStatus", ACTIVE, FIG))
    assert (refusal.name, refusal.index) == ("trialFruitRowStatus", FIG)
    house.change(("trialFruitRowStatus", ACTIVE, FIG), ("trialFruitPrice", 1, FIG))
    house.change(("trialFruitRowStatus", SUSPEND, FIG))
    house.change(("trialFruitPrice", 100, FIG), ("trialCareWater", 500, FIG))
    for wishes in ([], [("trialFruitPrice", 2, FIG)]):
        assert house.rig.refusal(("trialFruitRowStatus", ACTIVE, FIG), *wishes)
    house.change(("trialFruitRowStatus", ACTIVE, FIG), ("trialFruitPrice", 2, FIG),
                 ("trialCareWater", 5, FIG))


def test_a_row_that_goes_is_not_checked_by_itself(house: House) -> None:
    house.rig.make(FIG)
    house.trial.calls.clear()
    house.change(("trialFruitRowStatus", DESTROY, FIG))
    assert house.trial.of("check-row") == []


def test_a_value_that_its_field_cannot_read_is_wrong(house: House) -> None:
    refusal = house.rig.refusal(("trialServer", b"a b"))
    assert (type(refusal), refusal.name) == (WrongValue, "trialServer")
    house.change(("trialServer", b"a:5061"))
    assert house.trial.configured.server == HostPort("a", 5061)


# -- @on_change

def test_a_reaction_runs_once_a_commit_and_a_turn_after(house: House) -> None:
    outcome = house.rig.asked(
        ("trialGreeting", b"x"), ("trialServer", b"a"), ("trialHashed", b"pw"))
    house.rig.turn()
    assert not outcome.is_open and house.trial.of("greet") == []
    house.rig.settle()
    assert house.trial.of("greet") == [("greet", "x", HostPort("a"))]


def test_two_commits_are_two_reactions_even_in_one_batch(house: House) -> None:
    house.rig.asked(("trialGreeting", b"x"))
    house.rig.asked(("trialGreeting", b"y"))
    house.rig.settle()
    assert house.trial.of("greet") == [("greet", "y", HostPort())] * 2


def test_nothing_reacts_to_no_change(house: House) -> None:
    house.change(("trialGreeting", b"hello"))
    house.change(("trialLimit", 3))
    assert house.trial.of("greet") == house.trial.of("count") == []


def test_a_reaction_to_a_table_hears_of_its_rows(house: House) -> None:
    house.rig.make(FIG)
    house.rig.make(PEAR)
    house.change(("trialFruitRowStatus", DESTROY, FIG))
    assert [call[1] for call in house.trial.of("count")] == [["fig"], ["fig", "pear"], ["pear"]]


def test_one_that_breaks_does_not_stop_the_next(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        house.change(("trialGreeting", b"break"), ("otherEcho", 3))
    assert house.trial.of("count") == [("count", [])]
    assert "echo 3" in house.other.calls
    assert house.host.services["Trial"].comment == "greet: it broke"
    assert "it broke" in caplog.text


# -- @command

def test_commands_run_once_after_the_answer(house: House) -> None:
    house.trial.stalls.add("nuts", Stall(1))
    outcome = house.rig.asked(("trialReset", 10), ("trialShelfEmpty", 10, (2,)),
                              ("trialStallClose", 10, (b"nuts",)))
    house.rig.turn()
    assert not outcome.is_open and house.trial.of("reset") == []
    house.rig.settle()
    assert house.trial.calls[1:] == [("reset",), ("empty", 2), ("close", "nuts")]
    assert len(house.trial.stalls) == 0


def test_no_op_runs_nothing(house: House) -> None:
    house.change(("trialReset", 0))
    assert house.trial.of("reset") == []


def test_a_refused_or_lost_command_is_not_run(house: House) -> None:
    house.rig.refusal(("trialReset", 10), ("trialServer", b"a b"))
    house.rig.broken = OSError("no")
    house.rig.asked(("trialReset", 10))
    house.rig.settle()
    assert house.trial.of("reset") == []


# -- restart

def test_what_waits_for_a_restart_needs_it_until_it_is_set_back(house: House) -> None:
    needs: list[list[str]] = []
    house.host.on_need = lambda: needs.append(house.host.needing_restart())
    assert house.get("trialNeedRestartInfo") == 0
    house.change(("trialLevel", 300))
    assert (house.get("trialNeedRestartInfo"), house.host.needing_restart()) == (100, ["Trial"])
    assert (house.trial.running.level, house.trial.configured.level) == (Level.MID, Level.HIGH)
    house.change(("trialLevel", 100))
    house.change(("trialLevel", 200))
    assert house.get("trialNeedRestartInfo") == 0
    assert needs == [["Trial"], []]


def test_changes_that_are_written_together_are_told_of_once(house: House) -> None:
    needs: list[list[str]] = []
    house.host.on_need = lambda: needs.append(house.host.needing_restart())
    for level in (300, 200, 100, 200, 300):
        house.rig.asked(("trialLevel", level))
    house.rig.settle()
    assert needs == [["Trial"]]
    for level in (200, 100, 300):
        house.rig.asked(("trialLevel", level))
    house.rig.settle()
    assert needs == [["Trial"]]


def test_a_need_that_cannot_be_told_keeps_neither_commands_nor_restarts_from_going_on(
    house: House,
) -> None:
    def fail() -> None:
        raise OSError("nobody hears it")

    house.host.on_need = fail
    house.change(("trialLevel", 300), ("trialReset", 10))
    assert house.trial.of("reset") == [("reset",)]
    house.rig.awaited(house.host.restart("Trial"))
    assert house.host.services["Trial"].state is ExecState.STARTED
    assert house.trial.running.level is Level.HIGH


def test_what_applies_at_once_or_at_the_next_use_needs_no_restart(house: House) -> None:
    house.change(("trialGreeting", b"x"), ("trialLimit", 3))
    assert house.host.needing_restart() == []
    house.rig.make(FIG)    # with it comes trialFruitSize, which waits for a restart
    assert house.host.needing_restart() == ["Trial"]
    house.rig.awaited(house.host.restart("Trial"))
    house.change(("trialFruitPrice", 8, FIG), ("trialCareWater", 4, FIG))
    assert house.host.needing_restart() == []


def test_a_restart_takes_what_is_configured(house: House) -> None:
    house.change(("trialLevel", 300))
    house.rig.awaited(house.host.restart("Trial"))
    assert house.trial.running.level is Level.HIGH
    assert house.get("trialNeedRestartInfo") == 0
    assert [call[0] for call in house.trial.calls if call[0] in ("start", "stop")] \
        == ["start", "stop", "start"]


def test_another_service_s_restart_is_that_one_s_need(house: House) -> None:
    house.change(("trialBanner", b"x"))
    assert house.host.needing_restart() == ["Other"]
    assert (house.get("trialNeedRestartInfo"), house.get("otherNeedRestartInfo")) == (0, 100)
    house.change(("trialBanner", b""))
    assert house.host.needing_restart() == []


def test_the_running_view_is_frozen_with_its_rows(house: House) -> None:
    house.change(("trialRuleRowStatus", GO, (1,)))
    house.rig.awaited(house.host.restart("Trial"))
    running = house.trial.running
    assert list(running.rule) == [1]
    house.change(("trialRuleAction", 200, (1,)), ("trialRuleRowStatus", GO, (2,)))
    assert list(running.rule) == [1] and int(running.rule[1].action) == 100
    assert house.host.needing_restart() == ["Trial"]
    house.change(("trialRuleRowStatus", DESTROY, (1,)))
    assert list(running.rule) == [1] and list(house.trial.configured.rule) == [2]
    house.change(("trialRuleRowStatus", GO, (1,)), ("trialRuleRowStatus", DESTROY, (2,)))
    assert house.host.needing_restart() == []


def test_a_stopped_service_needs_no_restart(house: House) -> None:
    house.rig.awaited(house.host.stop("Trial"))
    house.change(("trialLevel", 300))
    assert house.host.needing_restart() == []
    house.rig.awaited(house.host.start("Trial"))
    assert house.trial.running.level is Level.HIGH


def test_what_is_committed_while_it_stops_is_what_it_starts_with(house: House) -> None:
    house.trial.stopping = Deferred()
    restart = Outcome(house.host.restart("Trial"))
    assert house.host.services["Trial"].state is ExecState.STOPPING
    house.change(("trialLevel", 300))
    house.trial.stopping.callback(None)
    assert not restart.is_open
    assert house.trial.running.level is Level.HIGH
    assert house.host.needing_restart() == []


def test_a_service_is_never_started_twice(house: House) -> None:
    stopping: Deferred[None] = Deferred()
    house.trial.stopping = stopping
    outcomes = [Outcome(house.host.restart("Trial")) for _ in range(2)]
    outcomes.append(Outcome(house.host.start("Trial")))
    house.trial.stopping = None
    stopping.callback(None)
    assert not any(outcome.is_open for outcome in outcomes)
    assert [call[0] for call in house.trial.calls] == ["start", "stop", "start", "stop", "start"]


def test_states_are_told_in_order(house: House) -> None:
    states: list[tuple[str, ExecState]] = []
    house.host.on_state = lambda name, state: states.append((name, state))
    house.rig.awaited(house.host.restart("Other"))
    assert states == [("Other", ExecState.STOPPING), ("Other", ExecState.STOPPED),
                      ("Other", ExecState.STARTING), ("Other", ExecState.STARTED)]


def test_all_start_in_order_and_stop_in_reverse(tmp_path: Path) -> None:
    house = House(tmp_path)
    states: list[tuple[str, ExecState]] = []
    house.host.on_state = lambda name, state: states.append((name, state))
    house.rig.awaited(house.host.start_all(but=["Other"]))
    house.rig.awaited(house.host.start_all())
    house.rig.awaited(house.host.stop_all())
    assert [(name, state.name) for name, state in states if state.name in ("STARTED", "STOPPED")] \
        == [("Trial", "STARTED"), ("Other", "STARTED"), ("Other", "STOPPED"),
            ("Trial", "STOPPED")]


def test_a_service_that_does_not_start_says_why_and_can_be_started_later(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.trial.start_error = ZeroDivisionError("no way")
    with pytest.raises(ZeroDivisionError):
        house.rig.awaited(house.host.restart("Trial"))
    hosted = house.host.services["Trial"]
    assert (hosted.state, hosted.comment) == (ExecState.STOPPED, "no way")
    house.trial.start_error = None
    house.rig.awaited(house.host.start("Trial"))
    assert (hosted.state, hosted.comment) == (ExecState.STARTED, "")


def test_no_such_service_is_refused(house: House) -> None:
    with pytest.raises(Refused):
        house.rig.awaited(house.host.restart("Nobody"))


# -- confirm or roll back

def test_a_change_to_confirm_restarts_what_it_needs_and_so_does_going_back(house: House) -> None:
    armed: list[tuple[int, float]] = []
    house.host.on_confirm = lambda number, deadline: armed.append((number, deadline))
    revision = house.change(("trialLevel", 300), ("trialBanner", b"x"), confirm_within=30)
    assert armed == [(revision.number, 1030.0)]
    assert house.trial.running.level is Level.HIGH
    assert house.other.calls == ["start", "stop", "start"]
    house.rig.awaited(house.store.take_back(revision.number))
    level: Level = house.trial.running.level
    assert level is Level.MID
    assert house.other.calls == ["start", "stop", "start", "stop", "start"]
    assert len(armed) == 1


def test_a_derived_password_goes_back(house: House) -> None:
    house.change(("trialHashed", b"old"))
    revision = house.change(("trialHashed", b"new"), confirm_within=30)
    house.rig.awaited(house.store.take_back(revision.number))
    assert house.store.configured.cell("trialHashed", ()) == b"hash of old"


# -- wiring

def test_two_services_cannot_claim_one_mib(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    with pytest.raises(ModelError, match="MIBGATE-TRIAL-MIB: two services claim it"):
        ServiceHost(rig.store, [TrialService(), TrialService()])


def test_wishes_of_the_unit_take_part_in_all_hooks(house: House) -> None:
    house.rig.put(Wish("trialGreeting", (), b"x"), Wish("trialReset", (), 10))
    assert house.trial.of("greet") and house.trial.of("reset")
