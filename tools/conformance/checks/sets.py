"""SET: RFC 3416 section 4.2.5. Everything set here is set back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tools.conformance.agent import V2C, Agent, Channel, Community
from tools.conformance.ber import INTEGER, Oid, tlv
from tools.conformance.names import (
    ENABLE_AUTHEN_TRAPS,
    SET_SERIAL_NO,
    SYS_CONTACT,
    SYS_DESCR,
    SYS_LOCATION,
)
from tools.conformance.pdu import (
    AUTHORIZATION_ERROR,
    INCONSISTENT_VALUE,
    NO_ACCESS,
    NO_CREATION,
    NOT_WRITABLE,
    SET,
    TOO_BIG,
    WRONG_ENCODING,
    WRONG_LENGTH,
    WRONG_TYPE,
    WRONG_VALUE,
    Pdu,
    binding,
    number,
    read_community_message,
    text,
)
from tools.conformance.registry import Failed, Skipped, check, require
from tools.conformance.v3 import read_message

NEEDS = ("modern", "set", "writer")
_NEW = b"conformance was here"


def put(agent: Agent, *pairs: tuple[Oid, bytes], via: Channel | None = None) -> Pdu:
    """Set these in one PDU."""
    return (via or agent.writer).ask(SET, b"".join(binding(oid, value) for oid, value in pairs))


def text_of(agent: Agent, oid: Oid) -> bytes:
    """Give a text. Raises Skipped where there is none."""
    found = agent.value(oid, via=agent.writer)
    if found is None or not isinstance(found.value, bytes):
        raise Skipped(f"{oid} can't be read")
    return found.value


@contextmanager
def kept(agent: Agent, *oids: Oid) -> Iterator[list[bytes]]:
    """Give the texts of these, which are the same again at the end."""
    before = [text_of(agent, oid) for oid in oids]
    try:
        yield before
    finally:
        for oid, old in zip(oids, before, strict=True):
            if text_of(agent, oid) != old:
                put(agent, (oid, text(old)))


def refused(answer: Pdu, status: tuple[int, ...], index: int) -> None:
    """Raise Failed unless the answer says so."""
    require(answer.status in status and answer.index == index,
            f"the answer says {answer.said}, due is one of {status} at {index}")


@check("RFC 3416 4.2.5", *NEEDS)
def set_changes_the_value(agent: Agent) -> None:
    """After a SET without error the value is what was set."""
    with kept(agent, SYS_CONTACT):
        answer = put(agent, (SYS_CONTACT, text(_NEW)))
        require(not answer.status, f"the answer says {answer.said}")
        now = text_of(agent, SYS_CONTACT)
        require(now == _NEW, f"set {_NEW!r}, read {now!r}")


@check("RFC 3416 4.2.5", *NEEDS)
def set_is_answered_with_its_bindings(agent: Agent) -> None:
    """A SET without error is answered with its own bindings, error-index 0."""
    with kept(agent, SYS_CONTACT, SYS_LOCATION):
        answer = put(agent, (SYS_LOCATION, text(_NEW)), (SYS_CONTACT, text(b"")))
        got = [(each.oid, each.value) for each in answer.bindings]
        require((answer.status, answer.index) == (0, 0), f"the answer says {answer.said}")
        require(got == [(SYS_LOCATION, _NEW), (SYS_CONTACT, b"")], f"got {got}")


@check("RFC 3416 4.2.5", *NEEDS)
def set_of_a_read_only_object(agent: Agent) -> None:
    """An object that nobody can write is notWritable, whatever the value's type."""
    for value in (text(_NEW), number(1)):
        refused(put(agent, (SYS_DESCR, value)), (NOT_WRITABLE,), 1)


@check("RFC 3416 4.2.5", *NEEDS)
def set_of_another_type(agent: Agent) -> None:
    """A value of a type that is not the object's is wrongType, and nothing changes."""
    with kept(agent, SYS_CONTACT) as (before,):
        for value in (number(7), tlv(0x06, b"\x2b"), tlv(0x05), tlv(0x44, b"abc")):
            refused(put(agent, (SYS_CONTACT, value)), (WRONG_TYPE,), 1)
            require(text_of(agent, SYS_CONTACT) == before, "the value has changed all the same")


@check("RFC 3416 4.2.5", *NEEDS)
def set_of_too_long_a_value(agent: Agent) -> None:
    """A value longer than the object takes is wrongLength."""
    with kept(agent, SYS_CONTACT):
        refused(put(agent, (SYS_CONTACT, text(b"x" * 256))), (WRONG_LENGTH,), 1)


@check("RFC 3416 4.2.5", *NEEDS)
def set_of_a_value_out_of_range(agent: Agent) -> None:
    """A value that the object never takes is wrongValue."""
    before = agent.value(ENABLE_AUTHEN_TRAPS, via=agent.writer)
    if before is None:
        raise Skipped("there is no snmpEnableAuthenTraps")
    try:
        for value in (0, 3, -1, 2**31 - 1):
            refused(put(agent, (ENABLE_AUTHEN_TRAPS, number(value))), (WRONG_VALUE,), 1)
    finally:
        now = agent.value(ENABLE_AUTHEN_TRAPS, via=agent.writer)
        if now is not None and now.value != before.value and isinstance(before.value, int):
            put(agent, (ENABLE_AUTHEN_TRAPS, number(before.value)))


@check("RFC 3416 4.2.5", *NEEDS)
def set_of_no_encoding(agent: Agent) -> None:
    """A value whose octets are none of its tag's is wrongEncoding, or no message at all."""
    if agent.value(ENABLE_AUTHEN_TRAPS, via=agent.writer) is None:
        raise Skipped("there is no snmpEnableAuthenTraps")
    for content in (b"", b"\1\0\0\0\1"):
        octets = agent.writer.request(SET, binding(ENABLE_AUTHEN_TRAPS, tlv(INTEGER, content)))
        for heard in agent.answers_to(octets):
            status = _status(agent, heard)
            require(status == WRONG_ENCODING, f"an INTEGER of {len(content)} octets is answered "
                    f"with status {status}")


def _status(agent: Agent, heard: bytes) -> int:
    if isinstance(agent.writer, Community):
        return read_community_message(heard).pdu.status
    return read_message(heard, agent.writer.envelope().keys).pdu.status


@check("RFC 3416 4.2.5", *NEEDS)
def set_of_no_possible_instance(agent: Agent) -> None:
    """An instance that can never exist, of an object that can be written, is noCreation."""
    for oid in ((*SYS_CONTACT[:-1], 1), (*SYS_CONTACT, 0)):
        refused(put(agent, (oid, text(_NEW))), (NO_CREATION,), 1)


@check("RFC 3416 4.2.5", *NEEDS)
def set_blames_the_right_binding(agent: Agent) -> None:
    """error-index is the place of the binding that is wrong, counted from 1."""
    good = [(SYS_CONTACT, text(_NEW)), (SYS_LOCATION, text(_NEW))]
    with kept(agent, SYS_CONTACT, SYS_LOCATION):
        for place in (1, 2, 3):
            pairs = [*good[:place - 1], (SYS_DESCR, text(_NEW)), *good[place - 1:]]
            refused(put(agent, *pairs), (NOT_WRITABLE,), place)
        refused(put(agent, good[0], (SYS_LOCATION, number(1))), (WRONG_TYPE,), 2)


@check("RFC 3416 4.2.5", *NEEDS)
def set_is_whole_or_nothing(agent: Agent) -> None:
    """A SET of which one binding is refused changes nothing."""
    with kept(agent, SYS_CONTACT, SYS_LOCATION) as before:
        for bad in ((SYS_DESCR, text(_NEW)), (SYS_LOCATION, number(1)),
                    ((*SYS_LOCATION[:-1], 1), text(_NEW))):
            answer = put(agent, (SYS_CONTACT, text(_NEW)), bad, (SYS_LOCATION, text(_NEW)))
            require(answer.status, "it is not refused")
            now = [text_of(agent, oid) for oid in (SYS_CONTACT, SYS_LOCATION)]
            require(now == before, f"{before} has become {now}")


@check("RFC 3416 4.2.5", *NEEDS)
def refused_set_is_answered_with_its_bindings(agent: Agent) -> None:
    """The answer to a refused SET has the bindings of the request."""
    with kept(agent, SYS_CONTACT):
        answer = put(agent, (SYS_CONTACT, text(_NEW)), (SYS_DESCR, text(_NEW)))
        got = [each.octets for each in answer.bindings]
        due = [binding(SYS_CONTACT, text(_NEW)), binding(SYS_DESCR, text(_NEW))]
        require(got == due, f"got {[each.hex() for each in got]}")


@check("RFC 3416 4.2.5; RFC 3412 6.3", "v3", "set")
def set_too_big_for_the_asker(agent: Agent) -> None:
    """A SET whose answer would not fit msgMaxSize is tooBig, and changes nothing."""
    if not agent.credentials.main_writes:
        raise Skipped("user.main may not write")
    main = agent.secure("main")
    before = text_of(agent, SYS_CONTACT)
    bindings = binding(SYS_CONTACT, text(b"x" * 250)) + binding(SYS_LOCATION, text(b"x" * 250))
    with kept(agent, SYS_CONTACT, SYS_LOCATION):
        said = main.answer(SET, bindings, max_size=484).pdu
        require((said.status, said.index, said.bindings) == (TOO_BIG, 0, []),
                f"the answer says {said.said} with {len(said.bindings)} bindings")
        require(text_of(agent, SYS_CONTACT) == before, "it is set all the same")


@check("RFC 3415 3.2; RFC 3416 4.2.5", "v2", "set", "writer")
def reading_community_writes_nothing(agent: Agent) -> None:
    """A community for reading changes nothing: noAccess, or authorizationError."""
    if agent.credentials.write_community == agent.credentials.community:
        raise Skipped("the community for reading may write")
    reader = Community(agent, V2C, agent.credentials.community)
    with kept(agent, SYS_CONTACT) as (before,):
        answer = reader.ask(SET, binding(SYS_CONTACT, text(_NEW)))
        require(text_of(agent, SYS_CONTACT) == before, "the value has changed")
        refused(answer, (NO_ACCESS, AUTHORIZATION_ERROR), answer.index)


@check("RFC 3418 2; RFC 2579 2", *NEEDS)
def serial_number_is_tested_and_incremented(agent: Agent) -> None:
    """snmpSetSerialNo takes its own value alone, and is one more then."""
    before = agent.value(SET_SERIAL_NO, via=agent.writer)
    if before is None or not isinstance(before.value, int):
        raise Skipped("there is no snmpSetSerialNo")
    at = before.value
    wrong = (at + 1) % 2**31
    refused(put(agent, (SET_SERIAL_NO, number(wrong))), (INCONSISTENT_VALUE,), 1)
    answer = put(agent, (SET_SERIAL_NO, number(at)))
    if answer.status in (NO_ACCESS, AUTHORIZATION_ERROR, NOT_WRITABLE):
        raise Failed(f"the answer says {answer.said}")
    after = agent.value(SET_SERIAL_NO, via=agent.writer)
    require(after is not None and after.value == (at + 1) % 2**31,
            f"{at} was set and now it is {after}")
