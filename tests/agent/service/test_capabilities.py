"""A service answers the part of its MIB that its capabilities name. RFC 2580 section 6."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mibagent.errors import ModelError, NoSuchName, NotWritable
from mibagent.model.cache import load_model
from mibagent.model.nodes import MibModel
from mibagent.model.places import mib_folders
from mibagent.service.host import ServiceHost
from mibagent.service.service import Service, provides
from mibagent.service.settings import Row, Table
from mibagent.service.wiring import wire
from mibagent.store.live import LiveTable
from tests.agent.store.kit import Recorder, Rig

MODEL = load_model(mib_folders())
ONE, TWO = (1,), (2,)


@dataclass(frozen=True)
class Named(Row):
    alias: str
    asset_id: str


@dataclass(frozen=True)
class Settings:
    ent_physical: Table[Named]


class Thing:
    """Has every column that is asked for, and its name."""

    def __getattr__(self, column: str) -> Any:
        if column.startswith("_"):
            raise AttributeError(column)
        return {"vendor_type": (0, 0), "is_fru": True, "mfg_date": bytes(8), "class": 3,
                "contained_in": 0, "parent_rel_pos": -1}.get(column, column)


class Entity(Service[Settings]):
    mib = "ENTITY-MIB"
    capabilities = "mibgateEntityCapabilities"
    settings = Settings
    table: LiveTable[Thing]

    @provides("entPhysicalTable")
    def physical(self) -> LiveTable[Thing]:
        return self.table

    @provides("entLastChangeTime")
    def changed(self) -> int:
        return 7


class Entities(Rig):
    """A store with that service."""

    def open(self) -> None:
        super().open()
        service = Entity(None)
        self.table: LiveTable[Thing] = LiveTable()
        service.table = self.table
        self.table.add(1, Thing())
        self.host = ServiceHost(self.store, [service])
        self.service = service


@pytest.fixture
def rig(tmp_path: Path) -> Entities:
    return Entities(tmp_path, MODEL)


def test_what_is_included_is_answered_and_nothing_else(rig: Entities) -> None:
    assert rig.store.get("entPhysicalModelName", ONE) == b"model_name"
    assert rig.store.is_served("entLastChangeTime")
    assert not rig.store.is_served("entLogicalDescr")
    assert isinstance(rig.refusal(("entPhysicalModelName", b"x", ONE)), NotWritable)


def test_what_is_less_than_its_max_access_is_read_only(rig: Entities) -> None:
    refusal = rig.refusal(("entPhysicalSerialNum", b"x", ONE))
    assert (type(refusal), refusal.name) == (NotWritable, "entPhysicalSerialNum")
    assert rig.store.get("entPhysicalSerialNum", ONE) == b"serial_num"


def test_a_live_row_keeps_what_was_set_of_it(rig: Entities) -> None:
    assert rig.store.get("entPhysicalAlias", ONE) == b""
    rig.change(("entPhysicalAlias", b"cellar", ONE))
    assert rig.store.get("entPhysicalAlias", ONE) == b"cellar"
    assert rig.service.configured.ent_physical[1].alias == "cellar"
    with pytest.raises(NoSuchName):
        rig.store.get("entPhysicalAlias", TWO)
    rig.refusal(("entPhysicalAlias", b"attic", TWO))
    rig.table.remove(1)
    with pytest.raises(NoSuchName):
        rig.store.get("entPhysicalAlias", ONE)
    rig.reopen()
    assert rig.store.get("entPhysicalAlias", ONE) == b"cellar"


def test_rows_are_told_with_their_companions(rig: Entities) -> None:
    recorder = Recorder(rig.store)
    rig.table.add(2, Thing())
    rig.table.remove(2)
    assert recorder.told == [
        ("added", "entPhysicalTable", TWO), ("removed", "entPhysicalTable", TWO)]


def wired(**changed: Any) -> None:
    wire(changed.pop("model", MODEL), type("Entity", (Entity,), changed)(None))


def test_the_start_refuses_a_statement_that_is_not_there_or_is_of_another_module() -> None:
    for name in ("mibgateNoCapabilities", "mibgateHostCapabilities"):
        with pytest.raises(ModelError, match="no such statement supports ENTITY-MIB"):
            wired(capabilities=name)


def test_the_start_refuses_a_statement_that_names_what_the_module_has_not() -> None:
    statement = MODEL.capabilities["mibgateEntityCapabilities"]
    support = statement.supports["ENTITY-MIB"]
    broken = type(statement)(statement.name, statement.oid, {
        "ENTITY-MIB": type(support)((*support.groups, "entityNoGroup"), support.access)})
    model = MibModel(MODEL.modules, MODEL.objects, MODEL.tables, MODEL.notifications, MODEL.names,
                     "", MODEL.groups, {**MODEL.capabilities, statement.name: broken})
    with pytest.raises(ModelError, match="entityNoGroup"):
        wired(model=model)


def test_without_a_statement_all_of_the_module_is_asked_for() -> None:
    with pytest.raises(ModelError, match="ent"):
        wired(capabilities="")
