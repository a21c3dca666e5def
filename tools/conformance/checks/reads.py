"""GET and GETNEXT: RFC 3416 sections 4.2.1 and 4.2.2."""

from __future__ import annotations

from tools.conformance.agent import Agent, joined
from tools.conformance.ber import (
    END_OF_VIEW,
    NO_SUCH_INSTANCE,
    NO_SUCH_OBJECT,
    OCTETS,
    TIME_TICKS,
    dotted,
    integer,
    tlv,
)
from tools.conformance.names import (
    BEYOND,
    NOWHERE,
    SYS_DESCR,
    SYS_NAME,
    SYS_OBJECT_ID,
    SYS_UP_TIME,
)
from tools.conformance.pdu import GET, GET_NEXT, TOO_BIG, Binding, Pdu, binding
from tools.conformance.registry import Skipped, check, require

LARGEST = 65507


def only(answer: Pdu) -> Binding:
    """Give the one binding of an answer without error. Raises Failed."""
    require(not answer.status and not answer.index, f"the answer says {answer.said}")
    require(len(answer.bindings) == 1, f"{len(answer.bindings)} bindings answer one")
    return answer.bindings[0]


@check("RFC 3416 4.2")
def gives_the_request_id_back(agent: Agent) -> None:
    """The answer has the request-id, whatever of 32 bits that is."""
    numbers = [0, 1, 127, 128, 32768, 2**31 - 1]
    if agent.main.name == "v2c":
        numbers += [-1, -128, -(2**31)]
    for number in numbers:
        agent.main.ask(GET, binding(SYS_UP_TIME), request_id=number)


@check("RFC 3416 4.2.1")
def get_gives_what_is_asked_in_order(agent: Agent) -> None:
    """A GET is answered name by name in its order, names that come twice included."""
    asked = [SYS_NAME, SYS_UP_TIME, SYS_DESCR, SYS_UP_TIME, SYS_OBJECT_ID]
    answer = agent.get(*asked)
    require(not answer.status and not answer.index, f"the answer says {answer.said}")
    got = [each.oid for each in answer.bindings]
    require(got == asked, f"asked {list(map(dotted, asked))}, got {list(map(dotted, got))}")


@check("RFC 3416 4.2.1", "modern")
def get_of_no_object(agent: Agent) -> None:
    """A name under which no object is known gives noSuchObject, and no error."""
    one = only(agent.get(NOWHERE))
    require((one.oid, one.tag) == (NOWHERE, NO_SUCH_OBJECT), f"got {one}")


@check("RFC 3416 4.2.1", "modern")
def get_of_no_instance(agent: Agent) -> None:
    """A known object without that instance gives noSuchInstance, and no error."""
    for oid in ((*SYS_DESCR[:-1], 1), SYS_DESCR[:-1], (*SYS_DESCR, 0)):
        one = only(agent.get(oid))
        require((one.oid, one.tag) == (oid, NO_SUCH_INSTANCE), f"got {one}")


@check("RFC 3416 4.2.1", "modern")
def get_keeps_the_others(agent: Agent) -> None:
    """One name that is not there spoils no other."""
    answer = agent.get(SYS_DESCR, NOWHERE, SYS_UP_TIME)
    require(not answer.status and not answer.index, f"the answer says {answer.said}")
    tags = [each.tag for each in answer.bindings]
    require(tags == [OCTETS, NO_SUCH_OBJECT, TIME_TICKS], f"got tags {tags}")


@check("RFC 3416 4.2.1")
def get_looks_at_no_values(agent: Agent) -> None:
    """What stands as a value in a GET or GETNEXT is not looked at."""
    for value in (integer(7), tlv(OCTETS, b"x"), tlv(0x82)):
        if agent.main.name == "v1" and value[0] == 0x82:
            continue
        one = only(agent.main.ask(GET, binding(SYS_DESCR, value)))
        require((one.oid, one.tag) == (SYS_DESCR, OCTETS), f"got {one}")
        one = only(agent.main.ask(GET_NEXT, binding(SYS_DESCR, value)))
        require(one.oid > SYS_DESCR, f"after sysDescr.0 comes {one}")


@check("RFC 3416 3")
def get_looks_at_no_error_fields(agent: Agent) -> None:
    """error-status and error-index of a request are not looked at."""
    one = only(agent.main.ask(GET, binding(SYS_DESCR), 5, 3))
    require(one.tag == OCTETS, f"got {one}")


@check("RFC 3416 4.2.1")
def get_of_nothing(agent: Agent) -> None:
    """A GET without bindings has an answer without bindings."""
    answer = agent.main.ask(GET, b"")
    require((answer.status, answer.index, answer.bindings) == (0, 0, []),
            f"the answer says {answer.said} with {len(answer.bindings)} bindings")


@check("RFC 3416 4.2.1")
def get_of_many(agent: Agent) -> None:
    """A GET of 60 bindings, whose answer fits, is answered whole."""
    answer = agent.main.ask(GET, joined([SYS_UP_TIME] * 60))
    require(not answer.status and len(answer.bindings) == 60,
            f"the answer says {answer.said} with {len(answer.bindings)} bindings")


@check("RFC 3416 4.2.1", "modern")
def too_big_for_a_datagram(agent: Agent) -> None:
    """An answer larger than can be sent is tooBig, error-index 0, without bindings."""
    longest = agent.survey.longest_text
    if longest is None:
        raise Skipped("no text to ask for")
    asked = binding(longest.oid)
    many = LARGEST // len(longest.octets) + 2
    if len(asked) * many > 60000:
        raise Skipped(f"its longest text makes {len(longest.octets)} octets: not enough to grow by")
    answer = agent.main.ask(GET, asked * many)
    require((answer.status, answer.index, len(answer.bindings)) == (TOO_BIG, 0, 0),
            f"the answer says {answer.said} with {len(answer.bindings)} bindings")


@check("RFC 3416 4.2.2")
def next_goes_on_and_on(agent: Agent) -> None:
    """GETNEXT gives names in order, each greater than the one asked, up to the end."""
    require(not agent.survey.trouble, agent.survey.trouble)
    require(agent.survey.found, "GETNEXT finds nothing at all")


@check("RFC 3416 4.2.2")
def next_begins_anywhere(agent: Agent) -> None:
    """The name in a GETNEXT need not exist: what follows it in order is given."""
    found = agent.survey.found
    require(len(found) > 3, "GETNEXT finds next to nothing")
    for start, due in (((0, 0), 0), (found[0].oid[:-1], 0), ((*found[0].oid, 4294967295), 1),
                       ((*found[1].oid, 0), 2), ((*found[2].oid[:-1], 0, 0), -1)):
        one = only(agent.get_next(start))
        require(one.oid > start, f"after {dotted(start)} comes {one}")
        if due >= 0:
            require(one.oid == found[due].oid,
                    f"after {dotted(start)} comes {one}, not {dotted(found[due].oid)}")


@check("RFC 3416 4.2.2", "modern")
def next_beyond_the_end(agent: Agent) -> None:
    """Where nothing follows, GETNEXT gives endOfMibView under the name asked, and no error."""
    for start in (BEYOND, (2, 999)):
        one = only(agent.get_next(start))
        require((one.oid, one.tag) == (start, END_OF_VIEW), f"got {one}")


@check("RFC 3416 4.2.2")
def next_of_several(agent: Agent) -> None:
    """GETNEXT answers each of its names by itself, in their order."""
    found = agent.survey.found[:6]
    asked = [each.oid for each in found[:-1]]
    got = [each.oid for each in agent.get_next(*reversed(asked)).bindings]
    due = [each.oid for each in found[1:]][::-1]
    require(got == due, f"got {list(map(dotted, got))}, due {list(map(dotted, due))}")


@check("RFC 3416 4.2.1, 4.2.2")
def get_agrees_with_next(agent: Agent) -> None:
    """What GETNEXT names, GET gives, in the same type."""
    found = agent.survey.found
    step = max(1, len(found) // 200)
    gone = 0
    for each in found[::step]:
        answer = agent.get(each.oid)
        one = answer.bindings[0] if answer.bindings else None
        if one is None or answer.status or one.tag in (NO_SUCH_OBJECT, NO_SUCH_INSTANCE):
            gone += 1
        else:
            require((one.oid, one.tag) == (each.oid, each.tag),
                    f"{each} by GETNEXT is {one} by GET")
    require(gone * 20 <= len(found[::step]), f"{gone} instances are known to GETNEXT alone")
