"""What an agent of SNMPv2's world says to managers of SNMPv1: RFC 3584 section 4, RFC 1157."""

from __future__ import annotations

from tools.conformance.agent import V1, Agent, Community
from tools.conformance.ber import COUNTER64
from tools.conformance.names import (
    BEYOND,
    ENABLE_AUTHEN_TRAPS,
    IN_BAD_COMMUNITY_NAMES,
    NOWHERE,
    SYS_CONTACT,
    SYS_DESCR,
    SYS_OBJECT_ID,
    SYS_UP_TIME,
)
from tools.conformance.pdu import (
    BAD_VALUE,
    GET,
    GET_BULK,
    GET_NEXT,
    NO_SUCH_NAME,
    SET,
    TOO_BIG,
    Pdu,
    binding,
    community_message,
    number,
    pdu,
    text,
)
from tools.conformance.registry import Skipped, check, require

LARGEST = 65507


def blamed(answer: Pdu, status: int, index: int, asked: bytes) -> None:
    """Raise Failed unless status, index and the request's own bindings are there."""
    require((answer.status, answer.index) == (status, index), f"the answer says {answer.said}")
    got = b"".join(each.octets for each in answer.bindings)
    require(got == asked, "the bindings are not those of the request")


def _writer(agent: Agent) -> Community:
    if not agent.credentials.write_community:
        raise Skipped("no community for writing")
    return Community(agent, V1, agent.credentials.write_community)


@check("RFC 1157 4.1.1", "v1")
def v1_get(agent: Agent) -> None:
    """A GET of SNMPv1 is answered in SNMPv1, under its community."""
    answer = agent.v1.answer(GET, binding(SYS_DESCR) + binding(SYS_UP_TIME))
    require(answer.version == V1, f"version {answer.version} answers version 0")
    require(answer.community == agent.v1.community, "it answers under another community")
    require(not answer.pdu.status, f"the answer says {answer.pdu.said}")
    require([each.oid for each in answer.pdu.bindings] == [SYS_DESCR, SYS_UP_TIME],
            "other names than asked")


@check("RFC 3584 4.2.2.1, 4.4", "v1")
def v1_get_of_nothing_there(agent: Agent) -> None:
    """To SNMPv1 the exceptions are noSuchName, at the first such binding, bindings as asked."""
    for oid in (NOWHERE, (*SYS_DESCR[:-1], 1)):
        asked = binding(SYS_DESCR) + binding(oid) + binding(SYS_UP_TIME)
        blamed(agent.v1.ask(GET, asked), NO_SUCH_NAME, 2, asked)


@check("RFC 3584 4.2.2.2, 4.4", "v1")
def v1_next_beyond_the_end(agent: Agent) -> None:
    """To SNMPv1 the end of the view is noSuchName, bindings as asked."""
    asked = binding(SYS_DESCR) + binding(BEYOND)
    blamed(agent.v1.ask(GET_NEXT, asked), NO_SUCH_NAME, 2, asked)


@check("RFC 3584 4.2.2.1", "v1")
def v1_get_of_counter64(agent: Agent) -> None:
    """SNMPv1 has no Counter64: a GET of one is noSuchName."""
    at = agent.survey.first_counter64
    if at is None:
        raise Skipped("the agent has no Counter64 in what was walked")
    asked = binding(SYS_DESCR) + binding(agent.survey.found[at].oid)
    blamed(agent.v1.ask(GET, asked), NO_SUCH_NAME, 2, asked)


@check("RFC 3584 4.2.2.2", "v1")
def v1_next_steps_over_counter64(agent: Agent) -> None:
    """To SNMPv1, GETNEXT gives what follows the Counter64 that would be next."""
    at = agent.survey.first_counter64
    if at is None:
        raise Skipped("the agent has no Counter64 in what was walked")
    found = agent.survey.found
    due = next((each for each in found[at:] if each.tag != COUNTER64), None)
    answer = agent.v1.ask(GET_NEXT, binding(found[at - 1].oid))
    if due is None:
        require(answer.status == NO_SUCH_NAME or answer.bindings[0].tag != COUNTER64,
                "it gives a Counter64")
        return
    require(not answer.status and answer.bindings[0].oid == due.oid,
            f"the answer says {answer.said}: {answer.bindings[0]}, due {due}")


@check("RFC 3584 4; RFC 1157 4.1", "v1")
def v1_has_no_getbulk(agent: Agent) -> None:
    """SNMPv1 has no GETBULK: such a message is unanswered."""
    agent.stays_silent(agent.v1.request(GET_BULK, binding(SYS_DESCR), 0, 3), "a GETBULK of v1")


@check("RFC 3584 5.2.1; RFC 1157 4.1", "v1")
def v1_refuses_unknown_communities(agent: Agent) -> None:
    """An unknown community is counted in snmpInBadCommunityNames and unanswered."""
    for wrong in (b"", agent.v1.community + b"x"):
        body = pdu(GET, agent.new_id(), binding(SYS_DESCR))
        with agent.counts(IN_BAD_COMMUNITY_NAMES):
            agent.stays_silent(community_message(V1, wrong, body), "an unknown community")


@check("RFC 3584 4.2.2; RFC 1157 4.1.2", "v1")
def v1_too_big(agent: Agent) -> None:
    """To SNMPv1 tooBig has error-index 0 and the bindings of the request."""
    longest = agent.survey.longest_text
    if longest is None:
        raise Skipped("no text to ask for")
    asked = binding(longest.oid)
    many = LARGEST // len(longest.octets) + 2
    if len(asked) * many > 60000:
        raise Skipped(f"its longest text makes {len(longest.octets)} octets: not enough to grow by")
    blamed(agent.v1.ask(GET, asked * many), TOO_BIG, 0, asked * many)


@check("RFC 3584 4.4", "v1", "set", "writer")
def v1_set_of_a_wrong_value(agent: Agent) -> None:
    """To SNMPv1 wrongType, wrongLength and wrongValue are all badValue."""
    writer = _writer(agent)
    tried = [(SYS_CONTACT, number(7)), (SYS_CONTACT, text(b"x" * 256))]
    if agent.value(ENABLE_AUTHEN_TRAPS) is not None:
        tried.append((ENABLE_AUTHEN_TRAPS, number(3)))
    for oid, value in tried:
        asked = binding(oid, value)
        blamed(writer.ask(SET, asked), BAD_VALUE, 1, asked)


@check("RFC 3584 4.4", "v1", "set", "writer")
def v1_set_of_what_nobody_writes(agent: Agent) -> None:
    """To SNMPv1 notWritable, noAccess and noCreation are all noSuchName."""
    writer = _writer(agent)
    for oid in (SYS_OBJECT_ID, SYS_DESCR, (*SYS_CONTACT[:-1], 1), NOWHERE):
        asked = binding(oid, text(b"x"))
        blamed(writer.ask(SET, asked), NO_SUCH_NAME, 1, asked)
