"""How the fault agent sets: in the order of RFC 3416 section 4.2.5, whole or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tests.conformance.fault_tree import Held
from tools.conformance.ber import OCTETS, Oid, Value
from tools.conformance.names import SET_SERIAL_NO, VACM_VIEW_ENTRY
from tools.conformance.pdu import (
    INCONSISTENT_NAME,
    INCONSISTENT_VALUE,
    NO_ACCESS,
    NO_CREATION,
    NOT_WRITABLE,
    WRONG_LENGTH,
    WRONG_TYPE,
    WRONG_VALUE,
    Binding,
)

if TYPE_CHECKING:
    from tests.conformance.fault_agent import FaultAgent, Who

_STATUS: Oid = (*VACM_VIEW_ENTRY, 6)
ACTIVE, NOT_IN_SERVICE, CREATE_AND_GO, CREATE_AND_WAIT, DESTROY = 1, 2, 4, 5, 6

Refusal = tuple[int, int]


def set_values(agent: FaultAgent, bindings: Sequence[Binding], who: Who) -> Refusal | None:
    """Set them all, or give error-status and error-index of what is wrong."""
    wanted = dict(agent.tree.values)
    order = list(enumerate(bindings, 1))
    if not agent.has("row-before-columns"):
        order.sort(key=lambda pair: pair[1].oid[:len(_STATUS)] != _STATUS)
    for at, each in enumerate(bindings, 1):
        status = _refused(agent, each, who)
        if status:
            if agent.has("set-piecemeal"):
                for done in bindings[:at - 1]:
                    agent.tree.values[done.oid] = done.value
            return status, at
    for at, each in order:
        status = _wish(agent, wanted, each.oid, each.value)
        if status:
            if agent.has("late-refusals-piecemeal"):
                agent.tree.values = wanted
            if agent.has("undo-loses-values"):
                for lost in bindings:
                    agent.tree.values.pop(lost.oid, None)
            return status, at
    if not agent.has("set-changes-nothing"):
        agent.tree.values = wanted
    return None


def _refused(agent: FaultAgent, each: Binding, who: Who) -> int:
    """Give what is wrong with one binding by itself, 0 for nothing."""
    found = agent.tree.object_of(each.oid)
    if not agent.has("writes-all") and (not who.writes or not who.sees(each.oid)):
        return NO_ACCESS
    if agent.has("writes-all"):
        return 0
    if found is None or not found.is_writable:
        return NOT_WRITABLE
    if each.tag != found.tag:
        return 0 if agent.has("takes-any-type") else WRONG_TYPE
    if found.tag == OCTETS and isinstance(each.value, bytes) and len(each.value) > found.most:
        return 0 if agent.has("takes-any-length") else WRONG_LENGTH
    if isinstance(each.value, int) and each.value not in found.allowed:
        taken = each.value == 3 and agent.has("takes-not-ready")
        return 0 if agent.has("takes-any-number") or taken else WRONG_VALUE
    if found.is_scalar and each.oid not in agent.tree.values:
        return NO_CREATION
    return 0


def _wish(agent: FaultAgent, wanted: dict[Oid, Held], oid: Oid, value: Value) -> int:
    """Put one value into the candidate; give what it contradicts, 0 for nothing."""
    if oid == SET_SERIAL_NO and isinstance(value, int):
        if value != wanted[oid] and not agent.has("serial-number-takes-any"):
            return INCONSISTENT_VALUE
        wanted[oid] = value if agent.has("serial-number-stays") else (value + 1) % (1 << 31)
        return 0
    size = len(_STATUS)
    if oid[:size - 1] != _STATUS[:-1]:
        wanted[oid] = value
        return 0
    status = (*_STATUS, *oid[size:])
    is_there = status in wanted
    if oid != status:
        if not is_there and not agent.has("columns-without-row"):
            return INCONSISTENT_NAME
        wanted[oid] = value
        return 0
    if value in (CREATE_AND_GO, CREATE_AND_WAIT):
        if is_there and not agent.has("creates-twice"):
            return INCONSISTENT_VALUE
        wanted[oid] = ACTIVE if value == CREATE_AND_GO else NOT_IN_SERVICE
        wanted.setdefault((*_STATUS[:-1], 3, *oid[size:]), b"")
        return 0
    if value == DESTROY:
        if not is_there and agent.has("destroy-once") and agent.counters.get(()):
            return INCONSISTENT_VALUE
        agent.counters[()] = int(is_there)
        wanted.pop(status, None)
        wanted.pop((*_STATUS[:-1], 3, *oid[size:]), None)
        return 0
    if not is_there and not agent.has("active-creates"):
        return INCONSISTENT_VALUE
    wanted[oid] = value
    return 0
