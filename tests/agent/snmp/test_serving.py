"""The store as the engine sees it: every value is the store's, and every change is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mibagent.errors import Index, NoSuchName
from mibagent.snmp.ber import encode_oid
from mibagent.snmp.serving import StoreSource
from mibagent.snmp.tree import Tree
from tests.gateway.conftest import no_agent_has_a_socket
from tests.gateway.kit import ADMIN, Bench, model
from tests.gateway.kit import bench as running

__all__ = ["no_agent_has_a_socket"]


class Heard:
    """What a listener was told."""

    def __init__(self) -> None:
        self.of: list[tuple[str, str, Index]] = []

    def changed(self, name: str, index: Index) -> None:
        self.of.append(("changed", name, index))

    def row_added(self, table: str, index: Index) -> None:
        self.of.append(("added", table, index))

    def row_removed(self, table: str, index: Index) -> None:
        self.of.append(("removed", table, index))

    def rows_replaced(self, table: str) -> None:
        self.of.append(("replaced", table, ()))


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Bench]:
    with running(tmp_path / "state") as found:
        yield found


def source_of(unit: Bench) -> StoreSource:
    return StoreSource(unit.store)


def test_what_is_served_is_readable_answered_for_and_in_order(unit: Bench) -> None:
    served = list(source_of(unit).served())
    oids = [node.oid for node in served]
    assert oids == sorted(oids)
    names = {node.name for node in served}
    assert {"sysDescr", "hocSystemName", "sipEpGatewayPort", "nlmLocalLogMessagesMessage"} <= names
    assert "sipEpGatewayKey" not in names             # not accessible
    assert all(node.is_readable for node in served)


def test_everything_that_is_served_can_be_read(unit: Bench) -> None:
    source = source_of(unit)
    for node in source.served():
        places = list(source.rows(node.table)) if node.table is not None else [()]
        for index in places:
            node.syntax.print(source.reader(node)(index))


def test_kept_values_are_told_of_and_computed_ones_are_not_kept(unit: Bench) -> None:
    source, heard = source_of(unit), Heard()
    source.watch(heard)
    objects = model().objects
    assert source.is_kept(objects["hocSystemName"])
    assert source.is_kept(objects["sysName"])
    assert not source.is_kept(objects["hocSystemTime"])
    unit.set("hocSystemName", b"one")
    assert ("changed", "hocSystemName", ()) in heard.of
    assert ("changed", "sysName", ()) in heard.of


def test_what_was_read_of_a_frozen_row_is_kept_until_the_row_is_replaced(unit: Bench) -> None:
    source, objects = source_of(unit), model().objects
    assert source.is_kept(objects["nlmLocalLogMessagesMessage"])
    assert not source.is_kept(objects["sipEpTlsPersistentConnectionStatusState"])


def test_a_frozen_row_that_is_replaced_is_read_anew(unit: Bench) -> None:
    tree = Tree(source_of(unit))
    tree.build()
    name = encode_oid((*model().objects["sysORDescr"].oid, 1))
    table = unit.unit.store.live_table("sysORTable")
    assert table is not None
    before = tree.instance(name)
    assert before is not None and before.varbind() == before.kept
    row: Any = table.get(1)
    table.add(1, replace(row, descr="another"))
    after = tree.instance(name)
    assert after is not None and after.varbind().endswith(b"another")


def test_what_lasts_is_kept_though_it_is_provided(unit: Bench) -> None:
    source, objects = source_of(unit), model().objects
    assert source.is_kept(objects["sysDescr"])
    assert source.reader(objects["sysDescr"])(()) == unit.unit.sys_descr.encode()
    assert not source.is_kept(objects["sysUpTime"])


def test_a_reader_of_rows_refuses_the_ones_that_are_not_there(unit: Bench) -> None:
    read = source_of(unit).reader(model().objects["nlmLocalLogMessagesMessage"])
    with pytest.raises(NoSuchName):
        read((4_000_000,))


def test_rows_are_told_with_their_companions(unit: Bench) -> None:
    source, heard = source_of(unit), Heard()
    source.watch(heard)
    unit.set("sipEpGatewayRowStatus", 4, (b"two",))
    added = {table for what, table, _ in heard.of if what == "added"}
    assert {"sipEpGatewayTable", "sipEpTransportConfigTable", "sipEpGwSpecificProxyTable"} <= added
    assert (b"two",) in list(source.rows(model().tables["sipEpTransportConfigTable"]))
    heard.of.clear()
    unit.set("sipEpGatewayRowStatus", 6, (b"two",))
    assert ("removed", "sipEpGatewayTable", (b"two",)) in heard.of


def test_live_rows_are_told_too(unit: Bench) -> None:
    source, heard = source_of(unit), Heard()
    source.watch(heard)
    unit.set("nlmSendTestNotificationRowStatus", 4, (1,))
    assert any(what == "added" and table == "nlmLocalLogMessagesTable"
               for what, table, _ in heard.of)


def test_a_transaction_is_the_stores(unit: Bench) -> None:
    transaction = source_of(unit).begin(ADMIN)
    assert transaction.principal is ADMIN
    assert source_of(unit).model is unit.unit.model
    transaction.rollback()


