"""Rows by RowStatus, seen on vacmViewTreeFamilyTable: RFC 2579 section 2, RFC 3416 4.2.5."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tools.conformance.agent import Agent
from tools.conformance.ber import Oid
from tools.conformance.checks.sets import put as put_by
from tools.conformance.checks.sets import refused, text_of
from tools.conformance.names import SYS_LOCATION, VACM_VIEW_ENTRY
from tools.conformance.pdu import (
    AUTHORIZATION_ERROR,
    INCONSISTENT_NAME,
    INCONSISTENT_VALUE,
    NO_ACCESS,
    NO_CREATION,
    NOT_WRITABLE,
    WRONG_VALUE,
    Pdu,
    number,
    text,
)
from tools.conformance.registry import Skipped, check, require

NEEDS = ("modern", "set", "writer")
ACTIVE, NOT_IN_SERVICE, NOT_READY, CREATE_AND_GO, CREATE_AND_WAIT, DESTROY = range(1, 7)
_VIEW = b"conformance"
_ROW: Oid = (len(_VIEW), *_VIEW, 4, 1, 3, 6, 1)
_MASK, _STATUS = (*VACM_VIEW_ENTRY, 3, *_ROW), (*VACM_VIEW_ENTRY, 6, *_ROW)


def put(agent: Agent, *pairs: tuple[Oid, bytes]) -> Pdu:
    """Set these in one PDU, as whoever may write most."""
    return put_by(agent, *pairs, via=agent.owner)


@contextmanager
def no_row(agent: Agent) -> Iterator[None]:
    """See that the row is not there before and after. Raises Skipped where it can't be made."""
    found = put(agent, (_STATUS, number(DESTROY)))
    if found.status in (NO_ACCESS, AUTHORIZATION_ERROR, NOT_WRITABLE, NO_CREATION):
        raise Skipped(f"vacmViewTreeFamilyTable can't be written: {found.said}")
    require(not found.status, f"destroy of a row that is not there: {found.said}")
    try:
        yield
    finally:
        put(agent, (_STATUS, number(DESTROY)))


def _status(agent: Agent) -> object:
    found = agent.value(_STATUS, via=agent.owner)
    return found.value if found is not None else None


@check("RFC 2579 2 (RowStatus)", *NEEDS)
def row_comes_and_goes(agent: Agent) -> None:
    """createAndGo makes an active row, destroy removes it, and again is no error."""
    with no_row(agent):
        answer = put(agent, (_STATUS, number(CREATE_AND_GO)))
        require(not answer.status, f"createAndGo: {answer.said}")
        require(_status(agent) == ACTIVE, f"after createAndGo the status reads {_status(agent)}")
        for _ in range(2):
            answer = put(agent, (_STATUS, number(DESTROY)))
            require(not answer.status, f"destroy: {answer.said}")
            require(_status(agent) is None, "it is there after destroy")


@check("RFC 2579 2 (RowStatus)", *NEEDS)
def row_is_not_made_twice(agent: Agent) -> None:
    """createAndGo and createAndWait of a row that is there are inconsistentValue."""
    with no_row(agent):
        require(not put(agent, (_STATUS, number(CREATE_AND_GO))).status, "createAndGo is refused")
        for again in (CREATE_AND_GO, CREATE_AND_WAIT):
            refused(put(agent, (_STATUS, number(again))), (INCONSISTENT_VALUE,), 1)


@check("RFC 2579 2 (RowStatus)", *NEEDS)
def row_that_is_not_there_has_no_state(agent: Agent) -> None:
    """active and notInService of a row that is not there are inconsistentValue."""
    with no_row(agent):
        for state in (ACTIVE, NOT_IN_SERVICE):
            refused(put(agent, (_STATUS, number(state))), (INCONSISTENT_VALUE,), 1)


@check("RFC 2579 2 (RowStatus)", *NEEDS)
def row_is_never_set_not_ready(agent: Agent) -> None:
    """notReady is told and not set: wrongValue; so is what the type does not have."""
    with no_row(agent):
        for state in (NOT_READY, 0, 7):
            refused(put(agent, (_STATUS, number(state))), (WRONG_VALUE,), 1)


@check("RFC 3416 4.2.5; RFC 2579 2", *NEEDS)
def column_of_no_row_is_refused(agent: Agent) -> None:
    """A column set without its row and without RowStatus: inconsistentName, or as noCreation."""
    with no_row(agent):
        refused(put(agent, (_MASK, text(b"\xf0"))),
                (INCONSISTENT_NAME, NO_CREATION, INCONSISTENT_VALUE), 1)


@check("RFC 3416 4.2.5 (commitFailed, undoFailed)", *NEEDS)
def set_refused_late_is_undone(agent: Agent) -> None:
    """A SET that destroys a row and writes it is done or undone whole, and all stays readable."""
    before = text_of(agent, SYS_LOCATION)
    with no_row(agent):
        answer = put(agent, (_STATUS, number(CREATE_AND_GO)), (_MASK, text(b"\x80")))
        require(not answer.status, f"createAndGo is refused: {answer.said}")
        answer = put(agent, (_STATUS, number(DESTROY)), (_MASK, text(b"\xf0")),
                     (SYS_LOCATION, text(b"set in vain")))
        found = [each and each.value for each in (
            agent.value(oid, via=agent.owner) for oid in (_STATUS, _MASK, SYS_LOCATION))]
        if found[2] != before:
            put(agent, (SYS_LOCATION, text(before)))
        due = [ACTIVE, b"\x80", before] if answer.status else [None, None, b"set in vain"]
        require(found == due, f"after {answer.said} status, column and sysLocation read {found}")


@check("RFC 3416 4.2.5 (as if simultaneous)", *NEEDS)
def row_and_columns_in_any_order(agent: Agent) -> None:
    """A column may stand before the RowStatus that makes its row, in one PDU."""
    with no_row(agent):
        answer = put(agent, (_MASK, text(b"\xf0")), (_STATUS, number(CREATE_AND_GO)))
        require(not answer.status, f"the answer says {answer.said}")
        found = agent.value(_MASK, via=agent.owner)
        require(found is not None and found.value == b"\xf0", f"the column reads {found}")
