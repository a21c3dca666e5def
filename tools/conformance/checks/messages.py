"""Octets and communities: RFC 3417 section 8, RFC 3412 section 4.2.1, RFC 3584 section 5."""

from __future__ import annotations

from tools.conformance.agent import V2C, Agent, Community
from tools.conformance.ber import SEQUENCE, integer, length, tlv
from tools.conformance.names import (
    IN_ASN_PARSE_ERRS,
    IN_BAD_COMMUNITY_NAMES,
    IN_BAD_VERSIONS,
    IN_PKTS,
    SYS_DESCR,
    SYS_OBJECT_ID,
    SYS_UP_TIME,
)
from tools.conformance.pdu import (
    GET,
    GET_NEXT,
    INFORM,
    REPORT,
    RESPONSE,
    TRAP,
    binding,
    community_message,
    pdu,
)
from tools.conformance.registry import Failed, check, require


def _v2c(agent: Agent) -> Community:
    return Community(agent, V2C, agent.credentials.community)


@check("RFC 3417 8")
def answers_in_fewest_octets(agent: Agent) -> None:
    """INTEGERs and arcs of OIDs that the agent sends have no octet too many."""
    answers = [agent.main.answer(GET_NEXT, binding(oid))
               for oid in [(1, 3), *agent.survey.system]]
    answers.append(agent.main.answer(GET, b"".join(map(binding, agent.survey.system))))
    odd = [oddity for answer in answers for oddity in answer.oddities]
    require(not odd, "; ".join(odd[:3]))


@check("RFC 3417 8", "v2")
def takes_lengths_in_the_long_form(agent: Agent) -> None:
    """A definite length may have more octets than it needs."""
    number = agent.new_id()
    body = pdu(GET, number, binding(SYS_UP_TIME))
    content = integer(V2C) + tlv(4, agent.credentials.community.encode()) + body
    answer = _v2c(agent).tell(bytes((SEQUENCE,)) + length(len(content), 3) + content)
    require(answer is not None and answer.pdu.request_id == number, "no answer")


@check("RFC 3417 8", "v2")
def takes_no_indefinite_length(agent: Agent) -> None:
    """The indefinite form is forbidden: such a message is a parse error, and unanswered."""
    body = pdu(GET, agent.new_id(), binding(SYS_UP_TIME))
    content = integer(V2C) + tlv(4, agent.credentials.community.encode()) + body
    with agent.counts(IN_ASN_PARSE_ERRS):
        agent.stays_silent(bytes((SEQUENCE, 0x80)) + content + b"\0\0", "an indefinite length")


@check("RFC 3417 3.2")
def takes_484_octets(agent: Agent) -> None:
    """A message of 484 octets is taken by every agent."""
    asked = binding(SYS_DESCR[:-1])        # no such instance: the answer stays small
    size = len(agent.main.request(GET, b""))
    many = (484 - size - 8) // len(asked)
    octets = len(agent.main.request(GET, asked * many))
    require(octets <= 484, f"the tool itself is wrong: {octets}")
    answer = agent.main.ask(GET, asked * many)
    require(len(answer.bindings) == many, f"{answer.said} with {len(answer.bindings)} bindings")


@check("RFC 3412 4.2.1", "v2")
def drops_cut_messages(agent: Agent) -> None:
    """A message cut short is counted in snmpInASNParseErrs and unanswered."""
    whole = _v2c(agent).request(GET, binding(SYS_UP_TIME))
    for end in (2, 5, len(whole) // 2, len(whole) - 1):
        with agent.counts(IN_ASN_PARSE_ERRS):
            agent.stays_silent(whole[:end], f"a message cut after {end} octets")


@check("RFC 3412 4.2.1", "v2")
def drops_unknown_versions(agent: Agent) -> None:
    """A msgVersion that the agent does not know is counted in snmpInBadVersions and unanswered."""
    body = pdu(GET, agent.new_id(), binding(SYS_UP_TIME))
    for version in (2, 4, 77):
        with agent.counts(IN_BAD_VERSIONS):
            agent.stays_silent(
                community_message(version, agent.credentials.community.encode(), body),
                f"msgVersion {version}")


@check("RFC 3412 4.2.1; RFC 3418 2")
def counts_messages(agent: Agent) -> None:
    """Each message that comes in is counted in snmpInPkts."""
    with agent.counts(IN_PKTS):
        agent.get(SYS_UP_TIME)


@check("RFC 3412 4.2.2", "v2")
def drops_responses_and_notifications(agent: Agent) -> None:
    """Response, Report and Trap are no requests: an agent answers none of them."""
    for kind, word in ((RESPONSE, "a Response"), (REPORT, "a Report"), (TRAP, "a Trap")):
        agent.stays_silent(_v2c(agent).request(kind, binding(SYS_UP_TIME)), word)


@check("RFC 3412 4.2.2", "v2")
def drops_unknown_pdus(agent: Agent) -> None:
    """A PDU of a kind that SNMP does not have is unanswered."""
    for kind in (0xA9, 0xBE):
        agent.stays_silent(_v2c(agent).request(kind, binding(SYS_UP_TIME)), f"a PDU {kind:#x}")


@check("RFC 3416 4.2.7", "v2")
def takes_no_informs(agent: Agent) -> None:
    """An Inform that no application takes is not acknowledged."""
    number = agent.new_id()
    octets = _v2c(agent).request(INFORM, binding(SYS_UP_TIME), request_id=number)
    for heard in agent.answers_to(octets):
        if _v2c(agent).is_answer(heard, number):
            raise Failed("it acknowledges an Inform")


@check("RFC 3584 5.2.1", "v2")
def refuses_unknown_communities(agent: Agent) -> None:
    """An unknown community is counted in snmpInBadCommunityNames and unanswered."""
    good = agent.credentials.community.encode()
    for wrong in (b"", good[:-1], good + b"x", good + b"\0", good.swapcase() + b"~"):
        body = pdu(GET, agent.new_id(), binding(SYS_DESCR))
        with agent.counts(IN_BAD_COMMUNITY_NAMES):
            agent.stays_silent(community_message(V2C, wrong, body), "an unknown community")


@check("RFC 1901 3; RFC 3584 5.2", "v2")
def gives_version_and_community_back(agent: Agent) -> None:
    """The answer has the version and the community of the request."""
    answer = _v2c(agent).answer(GET, binding(SYS_OBJECT_ID))
    require(answer.version == V2C, f"version {answer.version} answers version 1")
    require(answer.community == _v2c(agent).community, "it answers under another community")
