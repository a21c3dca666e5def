"""What will be configured once all that is queued is written."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from mibagent.errors import ResourceUnavailable
from mibagent.smi.syntax import Value
from mibagent.store.layers import Configured, Key, Overlay
from mibagent.store.references import References

if TYPE_CHECKING:
    from mibagent.store.transaction import Transaction

_REMEMBERED_CHANGES = 10_000


class Tip(Overlay):
    """The changes that are prepared or queued, over what is configured; and who made the last."""

    def __init__(
        self, configured: Configured, references: References, number: int,
        now: Callable[[], float],
    ) -> None:
        """number: of the last change that is written."""
        super().__init__(configured, {})
        self.number = number
        """Of the last change on it."""
        self._references, self._now = references, now
        self._uses: dict[Key, int] = {}
        self._last: OrderedDict[Key, tuple[int, str, float]] = OrderedDict()
        self._prepared: Transaction | None = None

    def changed_after(self, key: Key, number: int) -> tuple[str, str] | None:
        """Give who changed the object after that change, and when; None if nobody did."""
        last = self._last.get(key)
        if last is None or last[0] <= number:
            return None
        return last[1], time.strftime("%H:%M:%S", time.gmtime(last[2])) + " UTC"

    def advance(self, transaction: Transaction) -> None:
        """Lay a prepared transaction on top. Raises ResourceUnavailable, one at a time."""
        if self._prepared is not None:
            raise ResourceUnavailable("", "another change is being prepared")
        self._prepared = transaction
        self.number += 1
        transaction.number = self.number
        for change in transaction.changes:
            key = change.key
            transaction.under[key] = (key in self.cells, self.cells.get(key))
            transaction.last_before[key] = self._last.get(key)
            self._references.gain(*key, change.new)
            self.cells[key] = change.new
            self._uses[key] = self._uses.get(key, 0) + 1
            self._last[key] = (self.number, transaction.principal.name, self._now())
            self._last.move_to_end(key)
        while len(self._last) > _REMEMBERED_CHANGES:
            self._last.popitem(last=False)

    def take(self, transaction: Transaction) -> bool:
        """Let a prepared transaction be queued; False where the tip has fallen from under it."""
        if self._prepared is not transaction:
            return False
        self._prepared = None
        return True

    def withdraw(self, transaction: Transaction) -> None:
        """Take a prepared transaction off again."""
        if not self.take(transaction):
            return
        for key, (was_there, value) in transaction.under.items():
            if was_there:
                self.cells[key] = value
            self.release(key)
        self._forget(transaction)

    def fall(self, queued: Iterable[Transaction]) -> None:
        """Take all of it off: what is queued can't be written, nor what is prepared on it."""
        fallen = [*queued, *([self._prepared] if self._prepared is not None else [])]
        self._prepared = None
        self.cells.clear()
        self._uses.clear()
        for transaction in reversed(fallen):
            self._forget(transaction)

    def _forget(self, transaction: Transaction) -> None:
        """Let it be as if that change, which is off the tip, had never been asked for."""
        for change in transaction.changes:
            last = transaction.last_before[change.key]
            if last is None:
                self._last.pop(change.key, None)
            else:
                self._last[change.key] = last
            self.lose(change.key, change.new)

    def lose(self, key: Key, value: Value | None) -> None:
        """Note that a cell may hold a value no more, here or below."""
        if self.cell(*key) != value and self.below.cell(*key) != value:
            self._references.lose(*key, value)

    def release(self, key: Key) -> None:
        """Let go of a change that is written or taken off."""
        self._uses[key] -= 1
        if not self._uses[key]:
            del self._uses[key]
            del self.cells[key]
