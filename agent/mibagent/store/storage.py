"""StorageType: which rows outlive the process, and which nobody may change or remove.

RFC 2579 section 2, StorageType.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable

from mibagent.errors import InconsistentValue, Index, NotWritable, WrongValue
from mibagent.model.nodes import TableNode
from mibagent.store.layers import View, value_in
from mibagent.store.rows import Status
from mibagent.store.wish import Wish


class Storage(enum.IntEnum):
    """How a row is kept."""

    OTHER = 1
    VOLATILE = 2
    """Until the unit's next start or restart."""
    NON_VOLATILE = 3
    PERMANENT = 4
    """May be changed, never removed."""
    READ_ONLY = 5
    """Follows from something else: the unit alone writes it."""


_STORAGES = frozenset(Storage)


def storage_of(view: View, table: TableNode, index: Index) -> Storage | None:
    """Give how a row is kept; None where there is no row, or the table says nothing of it."""
    if not table.storage_type or not view.has_row(table, index):
        return None
    node = view.shape.model[table.storage_type]
    held = value_in(view, node, index)
    return Storage(held) if held in _STORAGES else Storage.OTHER


def refuse_by_storage(
    view: View, table: TableNode, index: Index, wishes: Iterable[Wish]
) -> None:
    """Refuse what a row's StorageType forbids to everybody but the unit.

    view: the row as it stands. Raises NotWritable, InconsistentValue, WrongValue.
    """
    if not table.storage_type:
        return
    held = storage_of(view, table, index)
    for wish in wishes:
        if wish.name == table.storage_type:
            _refuse_storage(held, wish)
        elif held is Storage.READ_ONLY:
            raise NotWritable(wish.name, "the row follows from other settings", wish.index)
        elif held is Storage.PERMANENT and wish.name == table.row_status \
                and wish.value == Status.DESTROY:
            raise InconsistentValue(wish.name, "a permanent row stays", wish.index)


def _refuse_storage(held: Storage | None, wish: Wish) -> None:
    if wish.value == Storage.OTHER:
        raise WrongValue(wish.name, "rows are volatile or nonVolatile", wish.index)
    if held in (Storage.PERMANENT, Storage.READ_ONLY):
        raise InconsistentValue(wish.name, "this row's storage is settled", wish.index)
    if wish.value in (Storage.PERMANENT, Storage.READ_ONLY):
        raise InconsistentValue(wish.name, "only the unit makes such rows", wish.index)
