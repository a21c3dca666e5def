"""SNMPv2-MIB's system and snmp groups. RFC 3418 section 2."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from twisted.internet.defer import ensureDeferred, maybeDeferred
from twisted.internet.task import Clock

from mibagent.model.cache import load_model
from mibagent.model.nodes import MibModel
from mibagent.model.places import mib_folders
from mibagent.service.host import ServiceHost
from mibagent.snmp.counters import NAMES, Counters
from mibagent.snmp.system import SystemGroup
from mibagent.store.journal import Journal
from mibagent.store.seal import Sealer
from mibagent.store.store import ParameterStore


class Unit:
    """The least that the group asks of whoever runs it."""

    def __init__(self, model: MibModel) -> None:
        self.model = model
        self.sys_descr = "a lamp"
        self.sys_object_id = (1, 3, 6, 1, 4, 1, 32473, 99)
        self.held = Counters()
        self.counters = lambda: self.held
        self.seconds = 12.345
        self.host: ServiceHost

    def uptime(self) -> float:
        return self.seconds


class Alone:
    """The group on a store, with nothing else of a unit."""

    def __init__(self, path: Path) -> None:
        model = load_model(mib_folders())
        self.journal = Journal(path / "unit.db", Sealer.of_file(path / "key"))
        self.clock = Clock()
        self.unit = Unit(model)
        self.store = ParameterStore(
            model, self.journal, self.journal.unit("unit"), run=maybeDeferred,
            soon=self._soon)  # type: ignore[arg-type]
        self.host = self.unit.host = ServiceHost(self.store, [SystemGroup(self.unit)])
        ensureDeferred(self.host.start_all())

    def _soon(self, call: Callable[[], None]) -> None:
        self.clock.callLater(0, call)


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Alone]:
    found = Alone(tmp_path)
    yield found
    found.journal.close()


def test_the_system_group(alone: Alone) -> None:
    get = alone.store.get
    assert get("sysDescr") == b"a lamp"
    assert get("sysObjectID") == (1, 3, 6, 1, 4, 1, 32473, 99)
    assert get("sysUpTime") == 1234
    assert get("sysServices") == 72
    assert get("sysORLastChange") == 0


def test_up_time_wraps_at_32_bits(alone: Alone) -> None:
    alone.unit.seconds = 2**32 / 100 + 1
    assert alone.store.get("sysUpTime") == 100


def test_every_counter_of_the_snmp_group_is_the_engines(alone: Alone) -> None:
    alone.unit.held.in_pkts = 7
    alone.unit.held.in_asn_parse_errs = 2**32 + 5
    assert alone.store.get("snmpInPkts") == 7
    assert alone.store.get("snmpInASNParseErrs") == 5
    for name in NAMES:
        if name in alone.unit.model.objects:
            assert isinstance(alone.store.get(name), int), name


def test_counters_are_asked_for_at_each_read(alone: Alone) -> None:
    alone.unit.held = Counters()
    alone.unit.held.in_pkts = 3
    assert alone.store.get("snmpInPkts") == 3


def test_a_row_a_module_that_is_answered(alone: Alone) -> None:
    model = alone.unit.model
    assert list(alone.store.rows(model.tables["sysORTable"])) == [(1,)]
    assert alone.store.get("sysORID", (1,)) == model.modules["SNMPv2-MIB"].oid
    assert alone.store.get("sysORDescr", (1,)) == b"The objects of SNMPv2-MIB."
    assert alone.store.get("sysORUpTime", (1,)) == 0


def test_the_writable_ones_are_kept_by_the_store(alone: Alone) -> None:
    assert alone.store.get("sysContact") == b""
    assert alone.store.get("snmpEnableAuthenTraps") in (1, 2)
    assert alone.store.get("snmpSetSerialNo") == 0
