"""The trial service: every hook once, writing down what it was asked."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from mibagent.errors import InconsistentValue
from mibagent.model.nodes import MibModel
from mibagent.service.host import ServiceHost
from mibagent.service.jobs import Job
from mibagent.service.service import (
    Service,
    Wishes,
    check,
    command,
    completes,
    on_change,
    provides,
    rows,
)
from mibagent.service.settings import Row, Table
from mibagent.smi.host import HostPort
from mibagent.smi.syntax import Value
from mibagent.store.live import LiveTable
from mibagent.store.storage import Storage
from mibagent.store.wish import Wish
from tests.agent.store.kit import Rig


class Level(enum.IntEnum):
    LOW = 100
    MID = 200
    HIGH = 300


class Action(enum.IntEnum):
    ALLOW = 100
    DENY = 200


@dataclass(frozen=True)
class FruitRow(Row):
    colour: str
    price: int
    size: int
    friend: str
    recipe: str


@dataclass(frozen=True)
class CareRow(Row):
    water: int
    note: str


@dataclass(frozen=True)
class ShelfRow(Row):
    label: str


@dataclass(frozen=True)
class RuleRow(Row):
    action: Action


@dataclass(frozen=True)
class SealRow(Row):
    """Nothing but its name."""


@dataclass(frozen=True)
class ParcelRow(Row):
    content: str
    storage_type: Storage


@dataclass(frozen=True)
class TrialSettings:
    greeting: str
    limit: int
    level: Level
    password: str
    server: HostPort
    lock: int
    favourite: str
    guarded: int
    banner: str
    place: tuple[int, ...]
    address: bytes
    fruit: Table[FruitRow]
    care: Table[CareRow]
    shelf: Table[ShelfRow]
    rule: Table[RuleRow]
    seal: Table[SealRow]
    parcel: Table[ParcelRow]


@dataclass(frozen=True)
class BakeArguments(Row):
    cake: str
    token: str


@dataclass
class Stall:
    visitors: int = 0


@dataclass
class CareAnswer:
    drops: int


@dataclass
class ShelfAnswer:
    load: int


class TrialService(Service[TrialSettings]):
    """Does as the test says."""

    mib = "MIBGATE-TRIAL-MIB"
    settings = TrialSettings

    def __init__(self, unit: Any = None) -> None:
        super().__init__(unit)
        self.calls: list[tuple[Any, ...]] = []
        self.running: TrialSettings
        self.stalls: LiveTable[Stall] = LiveTable()
        self.stopping: Deferred[None] | None = None
        self.start_error: Exception | None = None
        self.bakes: list[Job[BakeArguments]] = []
        self.oven: Callable[[Job[BakeArguments]], Any] = lambda job: None

    def of(self, kind: str) -> list[tuple[Any, ...]]:
        """Give the calls of one kind."""
        return [call for call in self.calls if call[0] == kind]

    def derive(self) -> Mapping[str, Callable[[bytes], bytes]]:
        return {"trialHashed": lambda plain: b"hash of " + plain}

    def start(self, running: TrialSettings) -> None:
        self.calls.append(("start",))
        self.running = running
        if self.start_error is not None:
            raise self.start_error

    def stop(self) -> Any:
        self.calls.append(("stop",))
        return self.stopping

    @completes("trialFruitPrice")
    def dear_fruit_sets_the_limit(
        self, wanted: TrialSettings, wishes: Wishes
    ) -> Iterable[Wish]:
        self.calls.append(("completes", dict(wishes), list(wishes.changed)))
        for _, price in wishes.rows_of("trialFruitPrice"):
            if price == 100:
                yield Wish("trialLimit", (), 100)

    @check("trialLimit", "trialLevel")
    def limits_fit_the_level(self, wanted: TrialSettings) -> None:
        self.calls.append(("check", wanted.limit, wanted.level))
        if wanted.level is Level.LOW and wanted.limit > 50:
            raise InconsistentValue("trialLimit", "too much for a low level")

    @check("trialFruitPrice", "trialFruitColour")
    def grey_fruit_is_cheap(self, wanted: TrialSettings, row: FruitRow) -> None:
        self.calls.append(("check-row", row.key, row.price, row.colour))
        if row.colour == "grey" and row.price > 3:
            raise row.no(InconsistentValue, "price", "grey fruit is cheap")

    @check("trialCareWater")
    def nobody_drowns(self, wanted: TrialSettings, row: CareRow) -> None:
        self.calls.append(("check-care", row.key, row.water))
        if row.water > 99:
            raise row.no(InconsistentValue, "water", "it drowns")

    @on_change("trialGreeting", "trialServer", "trialHashed")
    def greet(self, wanted: TrialSettings) -> None:
        self.calls.append(("greet", wanted.greeting, wanted.server))
        if wanted.greeting == "break":
            raise ZeroDivisionError("it broke")

    @on_change("trialFruitRowStatus", "trialFruitColour", "trialGreeting")
    async def count_fruit(self, wanted: TrialSettings) -> None:
        self.calls.append(("count", sorted(wanted.fruit)))

    @command("trialReset")
    def reset(self) -> None:
        self.calls.append(("reset",))

    @command("trialShelfEmpty")
    async def empty(self, number: int) -> None:
        self.calls.append(("empty", number))

    @command("trialStallClose")
    def close(self, name: str) -> None:
        self.calls.append(("close", name))
        self.stalls.remove(name)

    @command("trialBakeTable")
    async def bake(self, job: Job[BakeArguments]) -> None:
        self.calls.append(("bake", job.number, job.arguments.cake, job.arguments.token))
        self.bakes.append(job)
        waits = self.oven(job)
        if waits is not None:
            await waits

    @provides("trialUptime")
    def uptime(self) -> int:
        return 42

    @provides("trialStallTable")
    def stall_table(self) -> LiveTable[Stall]:
        return self.stalls

    @provides("trialCareTable")
    def care_row(self, name: str) -> CareAnswer:
        return CareAnswer(len(name))

    @provides("trialShelfTable")
    def shelf_row(self, number: int) -> ShelfAnswer:
        return ShelfAnswer(number * 10)

    @rows("trialShelfTable")
    def shelves(self) -> Mapping[int, Mapping[str, object]]:
        return {1: {}, 2: {}}

    @rows("trialRuleTable")
    def first_rules(self) -> Mapping[int, Mapping[str, object]]:
        return {1: {"action": Action.DENY}, 2: {}}


@dataclass(frozen=True)
class OtherSettings:
    echo: int


class OtherService(Service[OtherSettings]):
    """The one whose restart applies trialBanner."""

    mib = "MIBGATE-OTHER-MIB"
    settings = OtherSettings

    def __init__(self, unit: Any = None) -> None:
        super().__init__(unit)
        self.calls: list[str] = []
        self.start_error: Exception | None = None

    def start(self, running: OtherSettings) -> None:
        self.calls.append("start")
        if self.start_error is not None:
            raise self.start_error

    def stop(self) -> None:
        self.calls.append("stop")

    @on_change("otherEcho")
    def echo(self, wanted: OtherSettings) -> None:
        self.calls.append(f"echo {wanted.echo}")


class House:
    """A rig with both services, wired."""

    def __init__(self, folder: Path, model: MibModel | None = None) -> None:
        self.rig = Rig(folder, model)
        self.trial, self.other = TrialService(), OtherService()
        self.host = ServiceHost(self.rig.store, [self.trial, self.other])

    @property
    def store(self) -> Any:
        """The rig's."""
        return self.rig.store

    def started(self) -> House:
        """Start both services."""
        self.rig.awaited(self.host.start_all())
        return self

    def change(self, *wishes: tuple[Any, ...], **how: Any) -> Any:
        """Change and give turns."""
        return self.rig.change(*wishes, **how)

    def get(self, name: str, index: tuple[Any, ...] = ()) -> Value:
        """Read."""
        return self.rig.store.get(name, index)
