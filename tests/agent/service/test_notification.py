"""What a notification carries: instances, and values of their types."""

from __future__ import annotations

import enum
from dataclasses import replace

import pytest

from mibagent.errors import Index, LocalError, NoSuchName
from mibagent.service.notification import Carried, carried, shown, unknown
from mibagent.smi.syntax import Value
from tests.agent.store.kit import trial

MODEL = trial()
SEED = next(iter(MODEL.notifications.values()))


class Verdict(enum.IntEnum):
    ALLOW = 100
    DENY = 200


def of(objects: tuple[str, ...], values: dict[str, object], rows: dict[str, object] | None = None,
       read: object = unknown) -> list[tuple[str, Index, Value]]:
    found: tuple[Carried, ...] = carried(
        MODEL, replace(SEED, objects=objects), values, rows or {}, read)  # type: ignore[arg-type]
    return [(each.node.name, each.index, each.value) for each in found]


def test_a_name_that_repeats_the_key_tells_the_row() -> None:
    assert of(("trialFruitName", "trialFruitPrice"),
              {"trialFruitName": "fig", "trialFruitPrice": 7}) == [
        ("trialFruitName", (b"fig",), b"fig"), ("trialFruitPrice", (b"fig",), 7)]


def test_a_row_may_be_named() -> None:
    assert of(("trialRuleAction",), {"trialRuleAction": Verdict.DENY}, {"trialRuleTable": 4}) == [
        ("trialRuleAction", (4,), 200)]


def test_a_column_of_no_row_is_our_bug() -> None:
    with pytest.raises(LocalError, match="trialRuleTable"):
        of(("trialRuleAction",), {"trialRuleAction": Verdict.DENY})


def test_a_label_is_its_number() -> None:
    assert of(("trialRuleAction",), {"trialRuleAction": "deny"}, {"trialRuleTable": 4}) == [
        ("trialRuleAction", (4,), 200)]
    assert shown(MODEL, "trialRuleAction", Verdict.DENY) == "deny"
    assert shown(MODEL, "trialFruitPrice", 7) == "7"


def test_what_is_left_out_is_read_or_nothing() -> None:
    def read(name: str, index: Index) -> Value:
        if name == "trialFruitPrice":
            return 9
        raise NoSuchName(name, "", index)

    assert of(("trialFruitPrice", "trialFruitColour"), {}, {"trialFruitTable": "fig"}, read) == [
        ("trialFruitPrice", (b"fig",), 9), ("trialFruitColour", (b"fig",), b"")]


def test_a_secret_is_never_carried() -> None:
    assert of(("trialFruitRecipe",), {"trialFruitRecipe": "jam"}, {"trialFruitTable": "fig"}) == [
        ("trialFruitRecipe", (b"fig",), b"")]
    assert shown(MODEL, "trialFruitRecipe", "jam") == ""


def test_a_text_that_is_too_long_is_cut_between_characters() -> None:
    ((_, _, value),) = of(("trialFruitColour",), {"trialFruitColour": "ü" * 400},
                          {"trialFruitTable": "fig"})
    assert value == ("ü" * 127).encode()


@pytest.mark.parametrize(("name", "value"), [
    ("trialFruitPrice", 1001), ("trialFruitPrice", "dear"), ("trialFruitColour", 7.5j)])
def test_what_is_no_value_of_the_object_is_our_bug(name: str, value: object) -> None:
    if name == "trialFruitColour":
        assert of((name,), {name: value}, {"trialFruitTable": "fig"})[0][2] == b"7.5j"
        return
    with pytest.raises(LocalError, match=name):
        of((name,), {name: value}, {"trialFruitTable": "fig"})
