"""GETBULK: RFC 3416 section 4.2.3."""

from __future__ import annotations

from itertools import pairwise

from tools.conformance.agent import Agent, joined
from tools.conformance.ber import END_OF_VIEW, Oid, dotted
from tools.conformance.names import BEYOND, SYS_DESCR, SYS_OBJECT_ID, SYS_UP_TIME
from tools.conformance.pdu import GET_BULK, Pdu, binding
from tools.conformance.registry import check, require

LARGEST = 65507


def bulk(agent: Agent, several: int, repeat: int, *oids: Oid) -> Pdu:
    """Give the answer of a GETBULK, which has no error. Raises Failed."""
    answer = agent.main.ask(GET_BULK, joined(oids), several, repeat)
    require(not answer.status and not answer.index,
            f"non-repeaters {several}, max-repetitions {repeat}: the answer says {answer.said}")
    return answer


def followers(agent: Agent, start: Oid, many: int) -> list[Oid]:
    """Give what follows a name, as GETNEXT has it."""
    found = [each.oid for each in agent.survey.found if each.oid > start]
    return found[:many]


def lacking(agent: Agent, due: list[Oid], got: list[Oid]) -> None:
    """Raise Failed if of the names due one is lacking that is there: rows come and go meanwhile."""
    met, last = set(got), got[-1]
    pairs = [pair for pair in pairwise(due) if pair[1] < last and pair[1] not in met]
    for before, oid in pairs[:20]:
        steps = [agent.get_next(before).bindings[0].oid, bulk(agent, 0, 2, before).bindings[0].oid]
        require(steps[0] != oid or steps[1] == oid,
                f"{dotted(oid)} is there by GETNEXT, and lacking by GETBULK")


def require_names(answer: Pdu, due: list[Oid]) -> None:
    """Raise Failed unless these are the names."""
    got = [each.oid for each in answer.bindings]
    require(got == due, f"got {list(map(dotted, got))}, due {list(map(dotted, due))}")


@check("RFC 3416 4.2.3", "modern")
def bulk_gives_so_many(agent: Agent) -> None:
    """GETBULK gives N + M times R bindings where they fit and exist."""
    for repeat in (1, 2, 5):
        require_names(bulk(agent, 0, repeat, (1, 3)), followers(agent, (1, 3), repeat))
    answer = bulk(agent, 1, 3, SYS_DESCR, SYS_DESCR, SYS_DESCR)
    require(len(answer.bindings) == 7, f"{len(answer.bindings)} bindings where 1 + 3 * 2 are due")


@check("RFC 3416 4.2.3", "modern")
def bulk_goes_row_by_row(agent: Agent) -> None:
    """Repetitions come row by row: the first of each name, then the second of each."""
    first, second = followers(agent, (1, 3), 4), followers(agent, SYS_UP_TIME, 4)
    due = [oid for pair in zip(first, second, strict=True) for oid in pair]
    require_names(bulk(agent, 0, 4, (1, 3), SYS_UP_TIME), due)


@check("RFC 3416 4.2.3", "modern")
def bulk_steps_non_repeaters_once(agent: Agent) -> None:
    """The first N names are each stepped once, before the repetitions."""
    due = [*followers(agent, SYS_DESCR, 1), *followers(agent, (1, 3), 1),
           *followers(agent, SYS_OBJECT_ID, 3)]
    require_names(bulk(agent, 2, 3, SYS_DESCR, (1, 3), SYS_OBJECT_ID), due)


@check("RFC 3416 4.2.3", "modern")
def bulk_with_more_non_repeaters_than_names(agent: Agent) -> None:
    """Of non-repeaters beyond the number of names only that number counts."""
    due = [*followers(agent, SYS_DESCR, 1), *followers(agent, SYS_OBJECT_ID, 1)]
    for several in (2, 3, 2**31 - 1):
        require_names(bulk(agent, several, 5, SYS_DESCR, SYS_OBJECT_ID), due)


@check("RFC 3416 4.2.3", "modern")
def bulk_with_no_repetitions(agent: Agent) -> None:
    """With max-repetitions 0 only the non-repeaters are answered, and there is an answer."""
    require_names(bulk(agent, 0, 0, SYS_DESCR), [])
    require_names(bulk(agent, 1, 0, SYS_DESCR, SYS_OBJECT_ID), followers(agent, SYS_DESCR, 1))


@check("RFC 3416 4.2.3", "modern")
def bulk_takes_negative_as_zero(agent: Agent) -> None:
    """A negative non-repeaters or max-repetitions counts as 0."""
    require_names(bulk(agent, -3, 2, (1, 3)), followers(agent, (1, 3), 2))
    require_names(bulk(agent, 1, -7, SYS_DESCR, (1, 3)), followers(agent, SYS_DESCR, 1))


@check("RFC 3416 4.2.3", "modern")
def bulk_of_nothing(agent: Agent) -> None:
    """A GETBULK without names has an answer without bindings."""
    require_names(bulk(agent, 0, 10), [])


@check("RFC 3416 4.2.3", "modern")
def bulk_beyond_the_end(agent: Agent) -> None:
    """Where nothing follows, endOfMibView stands under the name before; there is no error."""
    answer = bulk(agent, 0, 4, BEYOND)
    require(answer.bindings, "an answer without bindings")
    for each in answer.bindings:
        require((each.oid, each.tag) == (BEYOND, END_OF_VIEW), f"got {each}")
    if agent.survey.is_whole and agent.survey.found:
        last = agent.survey.found[-1].oid
        answer = bulk(agent, 1, 3, last, last)
        require(answer.bindings, "an answer without bindings")
        for each in answer.bindings:
            require((each.oid, each.tag) == (last, END_OF_VIEW), f"got {each}")


@check("RFC 3416 4.2.3", "modern")
def bulk_for_too_much_is_cut(agent: Agent) -> None:
    """With more repetitions than fit the answer holds those that do, and is no error."""
    for names in (1, 90):
        answer = bulk(agent, 0, 2**31 - 1, *[(1, 3)] * names)
        got = [each.oid for each in answer.bindings if each.tag != END_OF_VIEW]
        require(got, "an answer without bindings")
        column = got[::names]
        require(column == sorted(set(column)), "the names do not grow")
        require(got[:names] == column[:1] * names, "equal names are followed by different ones")
        lacking(agent, followers(agent, (1, 3), len(column)), column)


@check("RFC 3416 4.2.3", "modern")
def bulk_agrees_with_next(agent: Agent) -> None:
    """A walk by GETBULK meets what a walk by GETNEXT meets."""
    due = [each.oid for each in agent.survey.found]
    got: list[Oid] = []
    at: Oid = (1, 3)
    while len(got) < len(due):
        answer = bulk(agent, 0, 17, at)
        names = [each.oid for each in answer.bindings if each.tag != END_OF_VIEW]
        require(names or agent.survey.is_whole, "an answer without bindings")
        if not names:
            break
        require(names[0] > at, f"after {dotted(at)} comes {dotted(names[0])}")
        got += names
        at = names[-1]
    lacking(agent, due, got)


@check("RFC 3416 4.2.3", "modern")
def bulk_looks_at_no_values(agent: Agent) -> None:
    """What stands as a value in a GETBULK is not looked at."""
    answer = agent.main.ask(GET_BULK, binding(SYS_DESCR, b"\x02\x01\x07"), 0, 1)
    require_names(answer, followers(agent, SYS_DESCR, 1))
