"""RowStatus: what may be done to a row in which state, as RFC 2579's figure says.

RFC 2579 section 2, RowStatus.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

from mibagent.errors import InconsistentName, InconsistentValue, Index, Refused, WrongValue


class Status(enum.IntEnum):
    """The values of RowStatus; only the first three are ever read."""

    ACTIVE = 1
    NOT_IN_SERVICE = 2
    NOT_READY = 3
    CREATE_AND_GO = 4
    CREATE_AND_WAIT = 5
    DESTROY = 6


class Act(enum.Enum):
    """What a set of varbinds asks of one row."""

    CREATE_AND_GO = 4
    CREATE_AND_WAIT = 5
    ACTIVATE = 1
    SUSPEND = 2
    DESTROY = 6
    COLUMNS = 0
    """Columns are set and RowStatus is not."""
    NOT_READY = 3
    """Nobody may write this."""


@dataclass(frozen=True)
class Outcome:
    """What becomes of the row."""

    complete: Status | None = None
    """Its state when every column that has no default has a value; None: the row is gone."""
    incomplete: Status | None = None
    """Its state when one has not."""
    refused: type[Refused] | None = None
    """The refusal whatever the columns are."""
    refused_incomplete: type[Refused] | None = None
    """The refusal when a column has no value."""
    why: str = ""


def _no(refused: type[Refused], why: str) -> Outcome:
    return Outcome(refused=refused, why=why)


_ANY = (None, Status.NOT_READY, Status.NOT_IN_SERVICE, Status.ACTIVE)
_LACKS = "a column without a default has no value"
_EXISTS = "the row exists already"
_NO_ROW = "there is no such row"
_GO = Outcome(Status.ACTIVE, refused_incomplete=InconsistentValue, why=_LACKS)
_WAIT = Outcome(Status.NOT_IN_SERVICE, Status.NOT_READY)
_SUSPEND = Outcome(Status.NOT_IN_SERVICE, refused_incomplete=InconsistentValue, why=_LACKS)

FIGURE: dict[tuple[Act, Status | None], Outcome] = {
    (Act.CREATE_AND_GO, None): _GO,
    (Act.CREATE_AND_GO, Status.NOT_READY): _no(InconsistentValue, _EXISTS),
    (Act.CREATE_AND_GO, Status.NOT_IN_SERVICE): _no(InconsistentValue, _EXISTS),
    (Act.CREATE_AND_GO, Status.ACTIVE): _no(InconsistentValue, _EXISTS),
    (Act.CREATE_AND_WAIT, None): _WAIT,
    (Act.CREATE_AND_WAIT, Status.NOT_READY): _no(InconsistentValue, _EXISTS),
    (Act.CREATE_AND_WAIT, Status.NOT_IN_SERVICE): _no(InconsistentValue, _EXISTS),
    (Act.CREATE_AND_WAIT, Status.ACTIVE): _no(InconsistentValue, _EXISTS),
    (Act.ACTIVATE, None): _no(InconsistentValue, _NO_ROW),
    (Act.ACTIVATE, Status.NOT_READY): _GO,
    (Act.ACTIVATE, Status.NOT_IN_SERVICE): _GO,
    (Act.ACTIVATE, Status.ACTIVE): _GO,
    (Act.SUSPEND, None): _no(InconsistentValue, _NO_ROW),
    (Act.SUSPEND, Status.NOT_READY): _SUSPEND,
    (Act.SUSPEND, Status.NOT_IN_SERVICE): _SUSPEND,
    (Act.SUSPEND, Status.ACTIVE): _SUSPEND,
    (Act.COLUMNS, None): _no(InconsistentName, _NO_ROW + "; create it with RowStatus"),
    (Act.COLUMNS, Status.NOT_READY): _WAIT,
    (Act.COLUMNS, Status.NOT_IN_SERVICE): Outcome(Status.NOT_IN_SERVICE, Status.NOT_IN_SERVICE),
    (Act.COLUMNS, Status.ACTIVE): Outcome(Status.ACTIVE, Status.ACTIVE),
    **{(Act.DESTROY, state): Outcome() for state in _ANY},
    **{(Act.NOT_READY, state): _no(WrongValue, "notReady is read, never written")
       for state in _ANY},
}


def next_status(
    act: Act, state: Status | None, is_complete: Callable[[], bool], name: str, index: Index
) -> Status | None:
    """Give the row's state after act, None where it is gone. Raises Refused by the figure.

    is_complete: whether each column without a default has a value; asked where it matters.
    """
    outcome = FIGURE[act, state]
    refused = outcome.refused
    if refused is None:
        if outcome.refused_incomplete is None and outcome.complete is outcome.incomplete:
            return outcome.complete
        if is_complete():
            return outcome.complete
        refused = outcome.refused_incomplete
        if refused is None:
            return outcome.incomplete
    raise refused(name, outcome.why, index)
