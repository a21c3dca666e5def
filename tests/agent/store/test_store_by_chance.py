"""Random changes, full disks and kills against the simplest model that could explain them."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mibagent.errors import Refused, ResourceUnavailable
from mibagent.store.layers import View
from tests.agent.store.kit import DESTROY, GO, Outcome, Rig

KEYS = [(b"fig",), (b"pear",), (b"plum",)]
DEFAULTS = {"trialFruitPrice": 5, "trialFruitFriend": b"", "trialCareWater": 3,
            "trialFruitRecipe": b""}
SCALARS = {"trialGreeting": b"hello", "trialLimit": 10, "trialPassword": b"",
           "trialFavourite": b""}

NAMES = st.sampled_from([b"", b"fig", b"pear", b"plum"])
WISHES = st.lists(st.one_of(
    st.tuples(st.just("trialGreeting"), st.sampled_from([b"hello", b"a", b"b"])),
    st.tuples(st.just("trialLimit"), st.sampled_from([10, 1, 2])),
    st.tuples(st.just("trialPassword"), st.sampled_from([b"", b"pw", b"wp"])),
    st.tuples(st.just("trialFavourite"), NAMES),
    st.tuples(st.just("trialFruitRowStatus"), st.sampled_from([GO, DESTROY]),
              st.sampled_from(KEYS)),
    st.tuples(st.just("trialFruitColour"), st.sampled_from([b"red", b"blue"]),
              st.sampled_from(KEYS)),
    st.tuples(st.just("trialFruitPrice"), st.sampled_from([5, 6]), st.sampled_from(KEYS)),
    st.tuples(st.just("trialCareWater"), st.sampled_from([3, 4]), st.sampled_from(KEYS)),
    st.tuples(st.just("trialFruitRecipe"), st.sampled_from([b"", b"stew"]),
              st.sampled_from(KEYS)),
    st.tuples(st.just("trialFruitFriend"), NAMES, st.sampled_from(KEYS)),
), min_size=1, max_size=6)


@dataclass
class Simple:
    """All of it in two dicts, copied whole for each change."""

    scalars: dict[str, Any] = field(default_factory=lambda: dict(SCALARS))
    fruit: dict[Any, dict[str, Any]] = field(default_factory=dict)

    def changed(self, wishes: list[tuple[Any, ...]]) -> Simple | None:
        """Give what wishes make of it, or None where they are refused."""
        after = copy.deepcopy(self)
        asked = {(name, *index): value for name, value, *index in wishes}
        touched = dict.fromkeys(key[1] for key in asked if len(key) == 2)
        for (name, *index), value in asked.items():
            if not index:
                after.scalars[name] = value
        for index in touched:
            columns = {key[0]: value for key, value in asked.items() if key[1:] == (index,)}
            if not after.lay(index, columns.pop("trialFruitRowStatus", None), columns):
                return None
        for name in [after.scalars["trialFavourite"],
                     *(row["trialFruitFriend"] for row in after.fruit.values())]:
            if name and (name,) not in after.fruit:
                return None
        return after

    def lay(self, index: Any, status: int | None, columns: dict[str, Any]) -> bool:
        """Do to one row what is asked; tell whether that may be."""
        if status == DESTROY:
            self.fruit.pop(index, None)
            return True
        if (status == GO) == (index in self.fruit):
            return False
        if status == GO:
            if "trialFruitColour" not in columns:
                return False
            self.fruit[index] = dict(DEFAULTS)
        self.fruit[index].update(columns)
        return True


def seen(view: View, rig: Rig) -> Simple:
    """Give what a view holds, as the simple model has it."""
    def read(name: str, index: Any, default: Any) -> Any:
        found = view.cell(name, index)
        return default if found is None else found

    fruit = rig.model.tables["trialFruitTable"]
    return Simple(
        {name: read(name, (), default) for name, default in SCALARS.items()},
        {index: {"trialFruitColour": view.cell("trialFruitColour", index),
                 **{name: read(name, index, default) for name, default in DEFAULTS.items()}}
         for index in view.rows(fruit)})


class StoreByChance(RuleBasedStateMachine):
    """What is acknowledged is there, whatever happens; what is not is whole or absent."""

    @initialize()
    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.rig = Rig(Path(self.folder.name))
        self.down = Simple()
        self.queue: list[tuple[Simple, Outcome]] = []
        self.written: list[tuple[Simple, Outcome]] = []
        """The batch that waits in the journal's thread."""
        self.before: tuple[Any, ...] = ()
        """The last revision and what was before it."""

    @property
    def tip(self) -> Simple:
        everything = [*self.written, *self.queue]
        return everything[-1][0] if everything else self.down

    @rule(wishes=WISHES)
    def ask(self, wishes: list[tuple[Any, ...]]) -> None:
        expected = self.tip.changed(wishes)
        try:
            outcome = self.rig.asked(*wishes)
        except Refused as refusal:
            assert expected is None, refusal
            assert (refusal.name, *([refusal.index] if refusal.index else [])) \
                in [(name, *index) for name, _, *index in wishes]
        else:
            assert expected is not None
            if outcome.is_open:
                self.queue.append((expected, outcome))
            else:
                assert (expected, outcome.value()) == (self.down, None)

    @rule(wishes=WISHES)
    def change_one_s_mind(self, wishes: list[tuple[Any, ...]]) -> None:
        try:
            self.rig.prepared(*wishes).rollback()
        except Refused:
            assert self.tip.changed(wishes) is None

    @precondition(lambda self: self.queue and not self.written)
    @rule()
    def write(self) -> None:
        self.rig.is_held = True
        self.rig.settle()
        if self.rig._waiting:
            self.written, self.queue = self.queue, []
        else:    # nothing of it changes anything
            self.end(self.queue)

    @precondition(lambda self: self.written)
    @rule()
    def reach_the_disk(self) -> None:
        self.rig.is_held = False
        self.rig.release()
        self.rig.settle()
        self.end([*self.written, *self.queue])

    @precondition(lambda self: self.written)
    @rule()
    def find_the_disk_full(self) -> None:
        self.rig.broken, self.rig.is_held = OSError("full"), False
        self.rig.release()
        self.rig.settle()
        self.rig.broken = None
        for _, outcome in [*self.written, *self.queue]:
            assert raised(outcome.value) is ResourceUnavailable
        self.written, self.queue = [], []

    def end(self, done: list[tuple[Simple, Outcome]]) -> None:
        for expected, outcome in done:
            revision = outcome.revision()
            assert (revision is None) == (expected == self.down)
            if revision is not None:
                self.before = (revision.number, self.down)
            self.down = expected
        self.written, self.queue = [], []

    @rule()
    def be_killed(self) -> None:
        self.rig.reopen()
        self.written, self.queue = [], []

    @precondition(lambda self: self.before and not self.queue and not self.written)
    @rule()
    def take_the_last_change_back(self) -> None:
        number, self.down = self.before
        undo = self.rig.awaited(self.rig.store.take_back(number))
        assert undo.undoes == number
        self.before = ()

    @invariant()
    def reads_give_what_is_down(self) -> None:
        if hasattr(self, "rig"):
            assert seen(self.rig.store.configured, self.rig) == self.down
            assert seen(self.rig.store.tip, self.rig) == self.tip
            if not self.queue and not self.written:
                assert self.rig.store.tip.cells == {}

    def teardown(self) -> None:
        if hasattr(self, "rig"):
            self.rig.reopen()
            assert seen(self.rig.store.configured, self.rig) == self.down
            self.rig.journal.close()
            self.folder.cleanup()


def raised(call: Callable[[], Any]) -> type[BaseException] | None:
    try:
        call()
    except Exception as error:
        return type(error)
    return None


TestStoreByChance = StoreByChance.TestCase
TestStoreByChance.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
