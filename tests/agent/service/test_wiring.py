"""The start refuses, by name, what the MIB and the code disagree about."""

from __future__ import annotations

import typing
from collections.abc import Callable
from dataclasses import dataclass, make_dataclass
from dataclasses import fields as fields_of
from typing import Any

import pytest

from mibagent.errors import ModelError
from mibagent.model.nodes import MibModel
from mibagent.service.jobs import Job
from mibagent.service.service import (
    Service,
    check,
    command,
    completes,
    on_change,
    provides,
    rows,
)
from mibagent.service.settings import Row, Table
from mibagent.service.wiring import wire
from mibagent.store.live import LiveTable
from tests.agent.service.trial import (
    FruitRow,
    OtherService,
    Stall,
    TrialService,
    TrialSettings,
)
from tests.agent.store.kit import trial


def settings_with(**changes: Any) -> type[Any]:
    """Give TrialSettings with fields of other types, new ones, or without them (None)."""
    kinds = {field.name: _kind(field.name) for field in fields_of(TrialSettings)} | changes
    return make_dataclass(
        "TrialSettings", [(name, kind) for name, kind in kinds.items() if kind is not None],
        frozen=True)


def _kind(name: str) -> Any:
    return typing.get_type_hints(TrialSettings)[name]


def refused(service: Service[Any], model: MibModel | None = None) -> str:
    with pytest.raises(ModelError) as caught:
        wire(model or trial(), service)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def with_settings(**changes: Any) -> TrialService:
    service = TrialService()
    service.settings = settings_with(**changes)
    return service


def without(*methods: str) -> TrialService:
    return having(**dict.fromkeys(methods))


def having(**methods: Any) -> TrialService:
    made: TrialService = type("TrialService", (TrialService,), methods)()
    return made


def test_a_service_that_answers_wholly_is_wired() -> None:
    wired = wire(trial(), TrialService())
    assert wired.name == "Trial"
    assert set(wired.commands) == {
        "trialReset", "trialShelfEmpty", "trialStallClose", "trialBakeTable"}
    assert set(wired.provides) == {
        "trialUptime", "trialStallTable", "trialCareTable", "trialShelfTable"}
    assert set(wired.factory) == {"trialShelfTable", "trialRuleTable"}
    assert [(names[0], table) for names, _, table in wired.checks] == [
        ("trialLimit", ""), ("trialFruitPrice", "trialFruitTable"),
        ("trialCareWater", "trialCareTable")]
    assert wire(trial(), OtherService()).name == "Other"


# -- somebody must answer for every object

@pytest.mark.parametrize(("service", "said"), [
    (lambda: without("uptime"), "trialUptime: nobody provides it"),
    (lambda: without("stall_table"), "trialStallVisitors: nobody provides it"),
    (lambda: without("care_row"), "trialCareDrops: nobody provides it"),
    (lambda: without("reset"), "trialReset: nobody carries out this command"),
    (lambda: without("close"), "trialStallClose: nobody carries out this command"),
    (lambda: without("bake"), "trialBakeTable: nobody carries out these jobs"),
    (lambda: with_settings(limit=None), "trialLimit: no code reads it and nobody acts on it"),
    (lambda: with_settings(guarded=None), "trialGuarded: no code reads it"),
    (lambda: with_settings(care=None), "trialCareTable: nobody_drowns checks rows that no setting"),
    (lambda: with_settings(rule=None), "trialRuleAction: no code reads it"),
    (lambda: with_settings(seal=None), "trialSealTable: no setting reads its rows"),
    (lambda: with_settings(shelf=None), "trialShelfLabel: no code reads it"),
])
def test_an_object_without_an_answer_is_refused(
    service: Callable[[], TrialService], said: str
) -> None:
    assert f"TrialService: {said}" in refused(service())


def test_an_object_that_a_mib_gains_is_refused_until_code_answers_it() -> None:
    model = trial(("otherNeedRestartInfo OBJECT-TYPE", '''otherExtra OBJECT-TYPE
    SYNTAX      Unsigned32
    MAX-ACCESS  read-write
    STATUS      current
    DESCRIPTION "New.

                 Applies: next-use"
    DEFVAL      { 0 }
    ::= { otherObjects 150 }

otherNeedRestartInfo OBJECT-TYPE'''))
    assert "OtherService: otherExtra: no code reads it" in refused(OtherService(), model)


def test_a_table_that_the_unit_makes_needs_no_setting() -> None:
    service = with_settings(seal=None)
    service.makes = ("trialSealTable",)
    assert wire(trial(), service)


# -- nobody may name what the MIB lacks

def method(mark: Any, *names: str, arguments: int = 1) -> Any:
    if arguments == 2:
        def both(self: Any, wanted: Any, row: Any) -> Any: ...
        return mark(*names)(both)

    def one(self: Any, wanted: Any) -> Any: ...
    return mark(*names)(one)


@pytest.mark.parametrize(("mark", "kind"), [
    (completes, "completes"), (check, "check"), (on_change, "on_change"), (command, "command"),
    (provides, "provides"), (rows, "rows")])
def test_a_misspelt_handler_is_refused(mark: Any, kind: str) -> None:
    said = refused(having(extra=method(mark, "trialGreting")))
    assert said == f"TrialService: trialGreting: @{kind} on one: no such object"


def test_a_field_that_the_mib_lacks_is_refused() -> None:
    assert refused(with_settings(greting=str)) \
        == "TrialSettings: greting: the MIB has no such object"
    assert refused(with_settings(fruits=Table[FruitRow])) \
        == "TrialSettings: fruits: the MIB has no such table"


def test_a_field_of_a_row_that_the_mib_lacks_is_refused() -> None:
    @dataclass(frozen=True)
    class FruitRowWithWeight(FruitRow):
        weight: int

    assert "FruitRowWithWeight: weight: the MIB has no such object" \
        in refused(with_settings(fruit=Table[FruitRowWithWeight]))


def test_a_field_of_another_type_is_refused() -> None:
    assert "TrialSettings: limit: trialLimit: str wants a text" in refused(with_settings(limit=str))
    assert "trialLevel: int wants a plain number" in refused(with_settings(level=int))


def test_a_mib_that_is_not_loaded_is_refused() -> None:
    service = OtherService()
    service.mib = "MIBGATE-NOWHERE-MIB"
    assert refused(service) == "OtherService: MIBGATE-NOWHERE-MIB: no such MIB is loaded"


def test_a_row_class_that_lacks_a_column_is_refused() -> None:
    @dataclass
    class Bare:
        names: int

    def stall_table(self: Any) -> Any: ...
    stall_table.__annotations__["return"] = LiveTable[Bare]
    assert "trialStallVisitors: Bare has no visitors" \
        in refused(having(stall_table=provides("trialStallTable")(stall_table)))
    assert Stall().visitors == 0


# -- nobody answers twice, or out of place

@pytest.mark.parametrize(("extra", "said"), [
    (method(provides, "trialUptime"), "trialUptime: two methods provide it"),
    (method(command, "trialReset"), "trialReset: two methods command it"),
    (method(on_change, "trialLevel"), "trialLevel: @on_change on an object that waits"),
    (method(on_change, "trialRuleTable"), "trialRuleAction: @on_change on an object that waits"),
    (method(check, "trialFruitPrice", "trialRuleAction", arguments=2),
     "both: a check of rows names columns of one table"),
    (method(check, "trialFruitPrice", "trialLimit", arguments=2),
     "both: a check of rows names columns of one table"),
])
def test_a_hook_out_of_place_is_refused(extra: Any, said: str) -> None:
    assert f"TrialService: {said}" in refused(having(extra=extra))


def test_a_job_method_says_what_it_takes() -> None:
    def bake(self: Any, job: Any) -> None: ...
    assert "bake: a job's method takes Job[Arguments]" \
        in refused(having(bake=command("trialBakeTable")(bake)))


def test_an_argument_that_no_code_reads_is_refused() -> None:
    @dataclass(frozen=True)
    class OnlyCake(Row):
        cake: str

    def bake(self: Any, job: Any) -> None: ...
    bake.__annotations__ = {"job": Job[OnlyCake], "return": None}
    assert "trialBakeToken: no code reads this argument" \
        in refused(having(bake=command("trialBakeTable")(bake)))


def test_a_table_that_is_checked_whole_names_its_writable_columns() -> None:
    wired = wire(trial(), having(extra=method(check, "trialFruitTable")))
    assert ("trialFruitColour", "trialFruitPrice", "trialFruitSize", "trialFruitFriend",
            "trialFruitRecipe", "trialFruitRowStatus") in [names for names, _, _ in wired.checks]


def test_hooks_are_in_the_order_of_the_text() -> None:
    wired = wire(trial(), TrialService())
    assert [method.__name__ for _, method in wired.reactions] == ["greet", "count_fruit"]
