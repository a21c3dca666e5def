"""What the answers of SNMPv3 carry: RFC 3412 sections 6 and 7.1."""

from __future__ import annotations

from tools.conformance.agent import Agent, Secure, joined
from tools.conformance.names import SYS_DESCR, SYS_OBJECT_ID, SYS_UP_TIME, UNKNOWN_USERS
from tools.conformance.pdu import (
    GET,
    GET_BULK,
    REPORT,
    RESPONSE,
    TOO_BIG,
    binding,
    pdu,
)
from tools.conformance.registry import Failed, Skipped, check, require
from tools.conformance.v3 import REPORTABLE, Envelope, V3Answer

SMALLEST = 484


def stranger(agent: Agent) -> V3Answer:
    """Give the Report that an unknown user gets. Raises Failed."""
    main = agent.secure("main")
    envelope = main.envelope(user=b"nobody-of-that-name", flags=REPORTABLE)
    report = main.exchange(envelope, pdu(GET, agent.new_id(), binding(SYS_UP_TIME)))
    if report is None:
        raise Failed("an unknown user gets no Report")
    return report


@check("RFC 3412 6.2, 7.1", "v3")
def v3_gives_the_message_id_back(agent: Agent) -> None:
    """The answer has the msgID of the request, whatever of 31 bits that is."""
    main = agent.secure("main")
    for number in (0, 1, 127, 128, 2**31 - 1):
        main.answer(GET, binding(SYS_UP_TIME), msg_id=number)


@check("RFC 3412 7.1", "v3")
def v3_answers_at_the_level_asked(agent: Agent) -> None:
    """The answer is secured as the request was."""
    main = agent.secure("main")
    for level in sorted({agent.credentials.least, main.level}):
        answer = agent.secure("main", level).answer(GET, binding(SYS_DESCR))
        require(answer.level == level, f"level {level} is answered at level {answer.level}")


@check("RFC 3412 6.4", "v3")
def v3_answers_are_not_reportable(agent: Agent) -> None:
    """reportableFlag is 0 in what needs no answer: Response and Report; so are reserved bits."""
    answer = agent.secure("main").answer(GET, binding(SYS_DESCR))
    require(not answer.flags & ~3, f"msgFlags of a Response are {answer.flags:#x}")
    report = stranger(agent)
    require(not report.flags & ~3, f"msgFlags of a Report are {report.flags:#x}")


@check("RFC 3412 6.5", "v3")
def v3_answers_name_the_security_model(agent: Agent) -> None:
    """msgSecurityModel of the answer is that of the request: 3, USM."""
    answer = agent.secure("main").answer(GET, binding(SYS_DESCR))
    require(answer.model == 3, f"msgSecurityModel is {answer.model}")


@check("RFC 3412 6.3", "v3")
def v3_answers_tell_a_size_they_may_tell(agent: Agent) -> None:
    """msgMaxSize of an answer is 484 or more."""
    answer = agent.secure("main").answer(GET, binding(SYS_DESCR))
    require(SMALLEST <= answer.max_size < 1 << 31, f"msgMaxSize is {answer.max_size}")


@check("RFC 3412 7.1", "v3")
def v3_gives_the_context_back(agent: Agent) -> None:
    """contextEngineID and contextName of the answer are those of the request."""
    main = agent.secure("main")
    answer = main.answer(GET, binding(SYS_DESCR))
    require(answer.context_engine == main.discover().engine_id,
            f"contextEngineID is {answer.context_engine.hex()}")
    require(answer.context_name == b"", f"contextName is {answer.context_name!r}")


@check("RFC 3412 7.1", "v3")
def v3_reports_say_what_and_who(agent: Agent) -> None:
    """A Report has the msgID asked, its engine as context, and one counter that has counted."""
    report = stranger(agent)
    engine = agent.secure("main").discover()
    require(report.pdu.kind == REPORT, f"the answer is a PDU {report.pdu.kind:#x}")
    require(report.context_engine == engine.engine_id,
            f"contextEngineID of a Report is {report.context_engine.hex()}")
    require((report.pdu.status, report.pdu.index) == (0, 0), f"a Report says {report.pdu.said}")
    require(len(report.pdu.bindings) == 1, f"a Report has {len(report.pdu.bindings)} bindings")
    one = report.pdu.bindings[0]
    require((one.oid, one.tag) == (UNKNOWN_USERS, 0x41), f"a Report of an unknown user has {one}")
    require(one.value, "the counter in the Report is 0")


@check("RFC 3412 6.3; RFC 3416 4.2.1", "v3")
def v3_too_big_for_the_asker(agent: Agent) -> None:
    """An answer larger than the request's msgMaxSize is tooBig, index 0, without bindings."""
    main = agent.secure("main")
    longest = agent.survey.longest_text
    if longest is None:
        raise Skipped("no text to ask for")
    many = SMALLEST // len(longest.octets) + 2
    answer = main.answer(GET, binding(longest.oid) * many, max_size=SMALLEST)
    require(len(answer.octets) <= SMALLEST, f"{len(answer.octets)} octets for {SMALLEST}")
    said = answer.pdu
    require((said.status, said.index, said.bindings) == (TOO_BIG, 0, []),
            f"the answer says {said.said} with {len(said.bindings)} bindings")


@check("RFC 3412 6.3; RFC 3416 4.2.3", "v3")
def v3_bulk_fits_the_asker(agent: Agent) -> None:
    """A GETBULK is cut to the request's msgMaxSize, and is no error."""
    answer = agent.secure("main").answer(GET_BULK, binding((1, 3)), 0, 60, max_size=SMALLEST)
    require(len(answer.octets) <= SMALLEST, f"{len(answer.octets)} octets for {SMALLEST}")
    require(not answer.pdu.status and answer.pdu.bindings,
            f"the answer says {answer.pdu.said} with {len(answer.pdu.bindings)} bindings")


@check("RFC 3412 7.1", "v3")
def v3_answers_in_order(agent: Agent) -> None:
    """A GET of SNMPv3 is answered name by name, in its order."""
    asked = [SYS_UP_TIME, SYS_DESCR, SYS_OBJECT_ID]
    answer = agent.secure("main").answer(GET, joined(asked))
    require(answer.pdu.kind == RESPONSE and not answer.pdu.status, f"it says {answer.pdu.said}")
    require([each.oid for each in answer.pdu.bindings] == asked, "other names than asked")


def plain(agent: Agent, **fields: object) -> tuple[Secure, Envelope]:
    """Give a channel and a good envelope of the least level that reads, but for these fields."""
    main = agent.secure("main", agent.credentials.least)
    return main, main.envelope(**fields)
