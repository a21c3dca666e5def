"""What messages of SNMPv3 get that are wrong: RFC 3412 section 7.2, RFC 3413 section 3.2."""

from __future__ import annotations

from tools.conformance.agent import Agent
from tools.conformance.ber import OCTETS, SEQUENCE, Oid, integer, tlv
from tools.conformance.checks.mpd import plain
from tools.conformance.names import (
    IN_ASN_PARSE_ERRS,
    INVALID_MSGS,
    NAMES,
    SYS_UP_TIME,
    UNKNOWN_CONTEXTS,
    UNKNOWN_PDU_HANDLERS,
    UNKNOWN_SECURITY_MODELS,
)
from tools.conformance.pdu import GET, INFORM, REPORT, RESPONSE, TRAP, binding, pdu
from tools.conformance.registry import Failed, check, require
from tools.conformance.v3 import PRIV_FLAG, REPORTABLE, Envelope, V3Answer


def report_of(agent: Agent, answer: V3Answer | None, *counters: Oid) -> V3Answer:
    """Give the Report, which names one of these counters. Raises Failed."""
    if answer is None:
        raise Failed(f"no Report where {NAMES[counters[0]]} is due")
    if answer.pdu.kind != REPORT:
        raise Failed(f"a PDU {answer.pdu.kind:#x} ({answer.pdu.said}) where a Report of "
                     f"{NAMES[counters[0]]} is due")
    require(len(answer.pdu.bindings) == 1, f"a Report has {len(answer.pdu.bindings)} bindings")
    got = answer.pdu.bindings[0].oid
    require(got in counters, f"the Report is of {NAMES.get(got, got)}, "
            f"due is {NAMES[counters[0]]}")
    return answer


def _get(agent: Agent) -> bytes:
    return pdu(GET, agent.new_id(), binding(SYS_UP_TIME))


@check("RFC 3412 7.2 (2)", "v3")
def v3_drops_unknown_security_models(agent: Agent) -> None:
    """An unknown msgSecurityModel counts in snmpUnknownSecurityModels, and is unanswered."""
    for model in (1, 2, 4, 2**31 - 1):
        _, envelope = plain(agent, model=model)
        with agent.counts(UNKNOWN_SECURITY_MODELS):
            agent.stays_silent(envelope.message(_get(agent)), f"msgSecurityModel {model}")


@check("RFC 3412 7.2 (5)", "v3")
def v3_drops_privacy_without_authentication(agent: Agent) -> None:
    """privFlag without authFlag is no level: counted in snmpInvalidMsgs and unanswered."""
    for flags in (PRIV_FLAG | REPORTABLE, PRIV_FLAG):
        _, envelope = plain(agent, flags=flags)
        with agent.counts(INVALID_MSGS):
            agent.stays_silent(envelope.message(_get(agent)), "privFlag without authFlag")


@check("RFC 3412 6, 7.2 (1)", "v3")
def v3_drops_fields_out_of_range(agent: Agent) -> None:
    """A msgMaxSize below 484, a negative one or a negative msgID are parse errors."""
    for fields in ({"max_size": 483}, {"max_size": 0}, {"max_size": -1}, {"msg_id": -5},
                   {"model": 0}):
        _, envelope = plain(agent, **fields)
        agent.stays_silent(envelope.message(_get(agent)), f"{fields}")


@check("RFC 3412 6.4, 7.2 (1)", "v3")
def v3_drops_flags_of_no_octet(agent: Agent) -> None:
    """msgFlags are one octet; none and two are parse errors."""
    _, envelope = plain(agent, flags=REPORTABLE)
    whole = envelope.message(_get(agent))
    good = tlv(OCTETS, bytes((REPORTABLE,)))
    for bad in (tlv(OCTETS), tlv(OCTETS, b"\4\0")):
        size = len(bad) - len(good)
        at = whole.index(good)
        # header and message are short of 128 octets or in the form 81 xx: only contents shift
        agent.stays_silent(_resized(whole, at, good, bad, size), "msgFlags of another size")


def _resized(whole: bytes, at: int, good: bytes, bad: bytes, by: int) -> bytes:
    head = 2 if whole[1] < 0x80 else 2 + (whole[1] & 0x7F)
    inner = whole[head:]
    header_at = 3
    header_size = inner[header_at + 1]
    at -= head
    header = inner[header_at + 2:header_at + 2 + header_size].replace(good, bad, 1)
    assert len(header) == header_size + by and at > header_at
    return tlv(SEQUENCE, inner[:header_at], tlv(SEQUENCE, header),
               inner[header_at + 2 + header_size:])


@check("RFC 3412 7.2 (7)", "v3")
def v3_drops_scoped_pdus_that_are_none(agent: Agent) -> None:
    """A scopedPDU that can't be read counts in snmpInASNParseErrs, and gives no Response."""
    for body in (b"", b"\x30\x00", tlv(GET, b"\2\1"), tlv(GET, b"\2\1\1\2\1\0\2\1\0\x30\x7f")):
        main, envelope = plain(agent)
        with agent.counts(IN_ASN_PARSE_ERRS):
            for heard in agent.answers_to(envelope.message(body)):
                answer = main.reads(envelope)(heard)
                require(answer is None or answer.pdu.kind == REPORT,
                        "a PDU that can't be read is answered")


@check("RFC 3412 6.4", "v3")
def v3_reports_only_where_asked(agent: Agent) -> None:
    """What can't be decrypted or authenticated gets no Report if reportableFlag is 0."""
    main = agent.secure("main")
    signed = main.level & 1
    for fields in ({"user": b"nobody-of-that-name"}, {"engine_id": b"\x80\0\0\0\5elsewhere"}):
        envelope = main.envelope(flags=main.level, **fields)
        if main.level == 3:         # its PDU stays sealed, so that the flag alone counts
            agent.stays_silent(envelope.message(_get(agent)), f"{fields} without reportableFlag")
    if signed:
        envelope = main.envelope(flags=main.level, digest=b"\1" * main.envelope().keys.digest_size)
        if main.level == 3:
            agent.stays_silent(envelope.message(_get(agent)), "a wrong digest, not reportable,")


@check("RFC 3412 7.1 (3), 7.2", "v3")
def v3_reports_on_no_report(agent: Agent) -> None:
    """A Response, Report or Trap is never answered, whatever is wrong with it."""
    for kind in (RESPONSE, REPORT, TRAP):
        _, envelope = plain(agent, flags=agent.credentials.least)
        agent.stays_silent(envelope.message(pdu(kind, agent.new_id(), binding(SYS_UP_TIME))),
                           f"a PDU {kind:#x} of SNMPv3")
        _, envelope = plain(agent, user=b"nobody-of-that-name", flags=0)
        agent.stays_silent(envelope.message(pdu(kind, agent.new_id(), binding(SYS_UP_TIME))),
                           f"a PDU {kind:#x} of an unknown user")


@check("RFC 3413 3.2 (5); RFC 3415 3.2", "v3")
def v3_reports_unknown_contexts(agent: Agent) -> None:
    """A contextName that is not there is reported by snmpUnknownContexts."""
    main, envelope = plain(agent, context_name=b"no-such-context")
    report_of(agent, main.exchange(envelope, _get(agent)), UNKNOWN_CONTEXTS)


@check("RFC 3412 4.2.2.1 (2)", "v3")
def v3_reports_unknown_context_engines(agent: Agent) -> None:
    """A contextEngineID that no application serves is reported by snmpUnknownPDUHandlers."""
    main, envelope = plain(agent, context_engine=b"\x80\0\0\0\5elsewhere")
    report_of(agent, main.exchange(envelope, _get(agent)), UNKNOWN_PDU_HANDLERS)


@check("RFC 3412 4.2.2.1 (2)", "v3")
def v3_reports_informs_that_nobody_takes(agent: Agent) -> None:
    """An Inform to an agent that takes none is reported by snmpUnknownPDUHandlers."""
    main, envelope = plain(agent)
    body = pdu(INFORM, agent.new_id(), binding(SYS_UP_TIME))
    report_of(agent, main.exchange(envelope, body), UNKNOWN_PDU_HANDLERS)


@check("RFC 3412 7.2; RFC 3414 3.2 (1)", "v3")
def v3_drops_security_parameters_that_are_none(agent: Agent) -> None:
    """msgSecurityParameters that can't be read count in snmpInASNParseErrs; no answer."""
    _, envelope = plain(agent)
    for bad in (b"", b"\x30\x00", b"\x30\x7f\4\0", b"\0" * 20):
        octets = _with_security(envelope, bad, _get(agent))
        with agent.counts(IN_ASN_PARSE_ERRS):
            agent.stays_silent(octets, "msgSecurityParameters that are none")


def _with_security(envelope: Envelope, security: bytes, body: bytes) -> bytes:
    header = tlv(SEQUENCE, integer(envelope.msg_id), integer(65507), tlv(OCTETS, b"\4"), integer(3))
    scoped = tlv(SEQUENCE, tlv(OCTETS, envelope.engine_id), tlv(OCTETS), body)
    return tlv(SEQUENCE, integer(3), header, tlv(OCTETS, security), scoped)
