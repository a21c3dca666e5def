"""Back to the start's configuration in one commit, without a new start."""

from __future__ import annotations

from collections.abc import Iterator

from mibagent.errors import Index
from mibagent.model.nodes import MibModel
from mibagent.service.host import ExecState
from mibagent.store.layers import Configured, Row
from mibagent.store.store import SYSTEM
from mibagent.store.wish import Change, Wish
from mibgateway.unit import Unit

_NO_ROW: Row = {}


class Baseline:
    """What a unit was configured to be when this was made."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._kept = unit.store.snapshot()
        self._stopped = {name for name, hosted in unit.host.services.items()
                         if hosted.state is ExecState.STOPPED}

    async def restore(self) -> list[str]:
        """Set back all that differs, and restart the services that this concerns; give their names.

        What waits to be confirmed is over, the local log is empty. Raises Refused.
        """
        store, host = self._unit.store, self._unit.host
        await store.idle()
        for number in list(store.pending):
            await store.confirm(number)
        with store.begin(SYSTEM, override=True) as transaction:
            for change in differing(self._kept, store.snapshot()):
                transaction.revert(change)
            for wish in _emptying(store.model):
                transaction.put(wish)
            transaction.prepare()
            await transaction.commit()
        await host.next_turn()
        await host.next_turn()
        due = [name for name, hosted in host.services.items()
               if hosted.needs_restart or (hosted.comment and name not in self._stopped)
               or (hosted.state is ExecState.STOPPED) != (name in self._stopped)]
        for name in due:
            if name in self._stopped:
                await host.stop(name)
            else:
                await host.restart(name)
        return due


def differing(kept: Configured, found: Configured) -> Iterator[Change]:
    """Give each cell that differs: what was kept is old, what was found new."""
    yield from _of_row((), kept.scalars, found.scalars)
    for table in kept.tables.keys() | found.tables.keys():
        before, after = kept.tables.get(table, {}), found.tables.get(table, {})
        for index in before.keys() | after.keys():
            yield from _of_row(index, before.get(index, _NO_ROW), after.get(index, _NO_ROW))


def _of_row(index: Index, before: Row, after: Row) -> Iterator[Change]:
    if before is after:
        return
    for name in before.keys() | after.keys():
        old, new = before.get(name), after.get(name)
        if old != new:
            yield Change(name, index, old, new)


def _emptying(model: MibModel) -> Iterator[Wish]:
    """Give the commands that make the unit forget what it has seen."""
    node = model.objects.get("nlmClearLocalLog")
    if node is not None:
        yield Wish(node.name, (), max(number for _, number in node.syntax.labels))
