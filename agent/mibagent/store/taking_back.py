"""Which changes of a commit can be taken back without harm to later ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from mibagent.errors import Index
from mibagent.model.nodes import TableNode
from mibagent.store.wish import Change

if TYPE_CHECKING:
    from mibagent.store.store import ParameterStore


def still_standing(store: ParameterStore, changes: Iterable[Change]) -> Iterator[Change]:
    """Give those that nobody has changed since.

    A row that was made stays whole when somebody has changed it since.
    """
    shape, tables, tip = store.shape, store.model.tables, store.tip
    rows: dict[tuple[str, Index], list[Change]] = {}
    for change in changes:
        home = shape.table_of(change.name)
        base = shape.base_of(tables[home]).name if home else ""
        rows.setdefault((base, change.index), []).append(change)
    for (base, index), row in rows.items():
        left = [change for change in row if tip.cell(*change.key) == change.new]
        table = tables.get(base)
        if table is None or not table.row_status:
            yield from left
            continue
        status = next((change for change in row if change.name == table.row_status), None)
        stands = tip.cell(table.row_status, index) is not None
        if status is None or (status.old is not None and status.new is not None):
            yield from left if stands else ()
        elif stands == (status.new is not None) and _is_as_left(store, table, index, row):
            yield from left


def _is_as_left(
    store: ParameterStore, table: TableNode, index: Index, changes: list[Change]
) -> bool:
    left = {change.name: change.new for change in changes}
    return all(store.tip.cell(name, index) == left.get(name) for name in store.row_cells(table))
