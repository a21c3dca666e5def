"""Who may see what: RFC 3415 section 3.2, RFC 3413 section 3.2."""

from __future__ import annotations

from tools.conformance.agent import V2C, Agent, Community, Secure
from tools.conformance.ber import END_OF_VIEW, NO_SUCH_INSTANCE, NO_SUCH_OBJECT, dotted
from tools.conformance.names import SYS_DESCR, VACM_CONTEXT_NAME
from tools.conformance.pdu import (
    AUTHORIZATION_ERROR,
    GET,
    GET_BULK,
    GET_NEXT,
    NO_ACCESS,
    SET,
    binding,
    number,
)
from tools.conformance.registry import Failed, Skipped, check, require

_DENIED = "the answer says {}, due is authorizationError"


def _limited(agent: Agent) -> Secure:
    limited = agent.secure("limited")
    if not agent.credentials.outside:
        raise Skipped("user.limited says no outside")
    return limited


@check("RFC 3415 3.2 (1); RFC 3413 3.2 (6)", "v3")
def vacm_user_in_no_group(agent: Agent) -> None:
    """A user in no group reads nothing: authorizationError, for every kind of read."""
    user = agent.secure("ungrouped")
    for kind in (GET, GET_NEXT, GET_BULK):
        answer = user.ask(kind, binding(SYS_DESCR), 0, 1 if kind == GET_BULK else 0)
        require(answer.status == AUTHORIZATION_ERROR, _DENIED.format(answer.said))


@check("RFC 3415 3.2 (5); RFC 3413 3.2 (6)", "v3")
def vacm_view_that_is_nowhere(agent: Agent) -> None:
    """A user whose view is not defined reads nothing, and no view is no view of all."""
    user = agent.secure("viewless")
    for kind in (GET, GET_NEXT, GET_BULK):
        answer = user.ask(kind, binding(SYS_DESCR), 0, 1 if kind == GET_BULK else 0)
        given = [one for one in answer.bindings if one.tag < NO_SUCH_OBJECT]
        require(answer.status == AUTHORIZATION_ERROR or (not answer.status and not given),
                _DENIED.format(answer.said))


@check("RFC 3415 3.2 (3); RFC 3413 3.2 (6)", "v3", "auth")
def vacm_level_below_the_least(agent: Agent) -> None:
    """Below the level that its access wants a user reads nothing: authorizationError."""
    if not agent.credentials.least:
        raise Skipped("user.main may read at any level")
    for level in [each for each in (0, 1) if each < agent.credentials.least]:
        try:
            answer = agent.secure("main", level).ask(GET, binding(SYS_DESCR))
        except Failed as failed:
            # a stricter agent may not know that level of the user at all
            require("usmStatsUnsupportedSecLevels" in str(failed), str(failed))
            continue
        require(answer.status == AUTHORIZATION_ERROR, _DENIED.format(answer.said))


@check("RFC 3415 3.2 (3); RFC 3413 3.2 (6)", "v2")
def vacm_community_below_the_least(agent: Agent) -> None:
    """A community, which has no level, reads nothing where access wants one: authorizationError."""
    guarded = agent.credentials.guarded_community
    if not guarded:
        raise Skipped("no guarded_community")
    channel = Community(agent, V2C, guarded)
    for kind in (GET, GET_NEXT, GET_BULK):
        answer = channel.ask(kind, binding(SYS_DESCR), 0, 1 if kind == GET_BULK else 0)
        require(answer.status == AUTHORIZATION_ERROR, _DENIED.format(answer.said))


@check("RFC 3415 3.2 (5); RFC 3416 4.2.1", "v3")
def vacm_get_outside_of_the_view(agent: Agent) -> None:
    """To GET, what is outside of the view is not there: noSuchObject, the others stay."""
    limited = _limited(agent)
    outside = _outside(agent)
    answer = agent.get(SYS_DESCR, outside, via=limited)
    require(not answer.status, f"the answer says {answer.said}")
    tags = [each.tag for each in answer.bindings]
    require(tags[1] in (NO_SUCH_OBJECT, NO_SUCH_INSTANCE), f"it gives {answer.bindings[1]}")
    require(tags[0] < 0x80, "what is inside of the view is not given")


def _outside(agent: Agent) -> tuple[int, ...]:
    head = agent.credentials.outside
    found = agent.get_next(head).bindings
    if not found or found[0].tag == END_OF_VIEW or found[0].oid[:len(head)] != head:
        raise Skipped(f"nothing is there below {dotted(head)}")
    return found[0].oid


@check("RFC 3415 3.2 (5); RFC 3416 4.2.2", "v3")
def vacm_next_steps_over_what_is_hidden(agent: Agent) -> None:
    """GETNEXT gives nothing of what is outside of the view, but what follows it."""
    limited = _limited(agent)
    head = agent.credentials.outside
    for start in (head, (*head[:-1], head[-1] - 1, 4294967295), _outside(agent)):
        one = agent.get_next(start, via=limited).bindings[0]
        require(one.oid[:len(head)] != head or one.tag == END_OF_VIEW, f"it gives {one}")


@check("RFC 3415 3.2 (5); RFC 3416 4.2.3", "v3")
def vacm_bulk_steps_over_what_is_hidden(agent: Agent) -> None:
    """GETBULK gives nothing of what is outside of the view."""
    limited = _limited(agent)
    head = agent.credentials.outside
    answer = limited.ask(GET_BULK, binding(head), 0, 10)
    require(not answer.status and answer.bindings, f"the answer says {answer.said}")
    for one in answer.bindings:
        require(one.oid[:len(head)] != head or one.tag == END_OF_VIEW, f"it gives {one}")


@check("RFC 3415 3.2 (5); RFC 3416 4.2.5 (1)", "v3", "set")
def vacm_set_outside_of_the_view(agent: Agent) -> None:
    """To SET, what is outside of the view is noAccess; with no view at all, authorizationError."""
    limited = _limited(agent)
    answer = limited.ask(SET, binding(_outside(agent), number(1)))
    require(answer.status in (NO_ACCESS, AUTHORIZATION_ERROR), f"the answer says {answer.said}")


@check("RFC 3415 4 (vacmContextTable)")
def vacm_default_context(agent: Agent) -> None:
    """vacmContextTable shows the default context, whose name is empty."""
    answer = agent.get_next(VACM_CONTEXT_NAME)
    one = answer.bindings[0] if answer.bindings and not answer.status else None
    size = len(VACM_CONTEXT_NAME)
    if one is None or one.tag >= 0x80 or one.oid[:size - 2] != VACM_CONTEXT_NAME[:-2]:
        raise Skipped("vacmContextTable can't be read")
    require((one.oid, one.value) == ((*VACM_CONTEXT_NAME, 0), b""), f"its first row is {one}")
