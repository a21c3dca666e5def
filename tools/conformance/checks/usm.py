"""What USM refuses, and how it reports: RFC 3414 sections 3.2 and 4."""

from __future__ import annotations

from tools.conformance.agent import Agent, Secure
from tools.conformance.checks.mpd_refusals import report_of
from tools.conformance.names import (
    DECRYPTION_ERRORS,
    NOT_IN_TIME,
    SYS_UP_TIME,
    UNKNOWN_ENGINES,
    UNKNOWN_USERS,
    UNSUPPORTED_LEVELS,
    WRONG_DIGESTS,
)
from tools.conformance.pdu import GET, RESPONSE, binding, pdu
from tools.conformance.registry import Failed, Skipped, check, require
from tools.conformance.usm import User
from tools.conformance.v3 import REPORTABLE, Envelope, V3Answer

WINDOW_S = 150
LATCHED = 2**31 - 1


def get(agent: Agent) -> bytes:
    """Give a GET of sysUpTime."""
    return pdu(GET, agent.new_id(), binding(SYS_UP_TIME))


def signed(agent: Agent, **fields: object) -> V3Answer | None:
    """Ask as main, at authNoPriv, with these fields; give what comes."""
    main = agent.secure("main", 1)
    return main.exchange(main.envelope(**fields), get(agent))


@check("RFC 3414 4; RFC 3412 7.2", "v3")
def usm_discovery(agent: Agent) -> None:
    """An empty engine ID and user is answered by usmStatsUnknownEngineIDs, in clear."""
    main = agent.secure("main")
    envelope = Envelope(agent.new_id(), REPORTABLE, User("").keys(b""))
    report = main.exchange(envelope, pdu(GET, agent.new_id(), b""))
    report = report_of(agent, report, UNKNOWN_ENGINES)
    require(report.level == 0, f"the Report is at level {report.level}")
    require(5 <= len(report.engine_id) <= 32, f"its engine ID is {report.engine_id.hex()}")


@check("RFC 3414 3.2 (3)", "v3")
def usm_unknown_engine(agent: Agent) -> None:
    """Another's engine ID is reported by usmStatsUnknownEngineIDs, with the agent's own."""
    main = agent.secure("main", 0)
    own = main.discover().engine_id
    for wrong in (own[:-1] + bytes((own[-1] ^ 1,)), own + b"\0", own[:-1]):
        report = main.exchange(main.envelope(engine_id=wrong), get(agent))
        report = report_of(agent, report, UNKNOWN_ENGINES)
        require(report.engine_id == own, f"the Report is from engine {report.engine_id.hex()}")


@check("RFC 3414 3.2 (4)", "v3")
def usm_unknown_user(agent: Agent) -> None:
    """An unknown user is reported by usmStatsUnknownUserNames, at whatever level it asks."""
    main = agent.secure("main")
    name = main.user.name.encode()
    for wrong in (b"", name + b"x", name[:-1], b"x" * 32):
        report = main.exchange(main.envelope(user=wrong, flags=REPORTABLE), get(agent))
        report_of(agent, report, UNKNOWN_USERS)
    if main.level:
        report = main.exchange(main.envelope(user=name + b"x"), get(agent))
        report_of(agent, report, UNKNOWN_USERS)


@check("RFC 3414 3.2 (5)", "v3")
def usm_unsupported_level(agent: Agent) -> None:
    """A level for which the user has no keys is reported by usmStatsUnsupportedSecLevels."""
    signer = agent.secure("signer")
    with_priv = Secure(agent, User(signer.user.name, signer.user.auth, signer.user.auth_password,
                                   "AES", signer.user.auth_password), 3)
    report = with_priv.exchange(with_priv.envelope(), get(agent))
    report_of(agent, report, UNSUPPORTED_LEVELS)


@check("RFC 3414 3.2 (6)", "v3", "auth")
def usm_wrong_digest(agent: Agent) -> None:
    """A wrong digest is reported by usmStatsWrongDigests, and nothing is answered."""
    size = agent.secure("main").envelope().keys.digest_size
    for wrong in (b"\0" * size, b"\xff" * size):
        report_of(agent, signed(agent, digest=wrong), WRONG_DIGESTS)
    main = agent.secure("main", 1)
    good = main.envelope()
    body = get(agent)
    whole = good.message(body)
    at = whole.index(b"\4" + bytes((size,)), 30)
    digest = main.envelope(msg_id=good.msg_id).keys.digest(
        whole[:at + 2] + b"\0" * size + whole[at + 2 + size:])
    last = digest[:-1] + bytes((digest[-1] ^ 1,))
    report = main.exchange(
        main.envelope(msg_id=good.msg_id, time=good.time, digest=last), body)
    report_of(agent, report, WRONG_DIGESTS)


@check("RFC 3414 6.3.2, 7.3.2 (1); RFC 7860 4.2.2", "v3", "auth")
def usm_digest_of_another_size(agent: Agent) -> None:
    """A digest of another length than the protocol's is wrong, were its octets right."""
    size = agent.secure("main").envelope().keys.digest_size
    for wrong in (b"", b"\0", b"\0" * (size - 1), b"\0" * (size + 1)):
        report_of(agent, signed(agent, digest=wrong), WRONG_DIGESTS)
    main = agent.secure("main", 1)
    body = get(agent)
    for octets in (1, size - 1):        # a right beginning, which is not enough
        for _ in range(1 if octets > 1 else 3):
            envelope = main.envelope()
            blank = Envelope(**{**vars(envelope), "digest": b"\0" * octets})
            short = envelope.keys.digest(blank.message(body))[:octets]
            answer = main.exchange(Envelope(**{**vars(envelope), "digest": short}), body, tries=1)
            require(answer is None or answer.pdu.kind != RESPONSE,
                    f"a digest of {octets} octets is let in")


@check("RFC 3414 3.2 (7)", "v3", "auth")
def usm_late_message(agent: Agent) -> None:
    """A message 151 seconds old or older is reported by usmStatsNotInTimeWindows."""
    main = agent.secure("main", 1)
    now = main.envelope().time
    tried = 0
    for late in (WINDOW_S + 5, 100_000):
        if now >= late:
            tried += 1
            report_of(agent, signed(agent, time=now - late), NOT_IN_TIME)
    if not tried:
        raise Skipped(f"the engine has run for {now} s only: nothing is too old yet")


@check("RFC 3414 3.2 (7)", "v3", "auth")
def usm_early_message(agent: Agent) -> None:
    """A message over 150 seconds ahead is reported by usmStatsNotInTimeWindows."""
    now = agent.secure("main", 1).envelope().time
    for early in (WINDOW_S + 5, 100_000):
        report_of(agent, signed(agent, time=now + early), NOT_IN_TIME)


@check("RFC 3414 3.2 (7)", "v3", "auth")
def usm_message_in_the_window(agent: Agent) -> None:
    """A message up to 150 seconds off is in time."""
    now = agent.secure("main", 1).envelope().time
    for off in (-140, 140):
        if now + off >= 0:
            answer = signed(agent, time=now + off)
            if answer is None or answer.pdu.kind != RESPONSE:
                raise Failed(f"a message {off} s off is refused")


@check("RFC 3414 3.2 (7)", "v3", "auth")
def usm_other_boots(agent: Agent) -> None:
    """Other engine boots than the agent's are reported by usmStatsNotInTimeWindows."""
    boots = agent.secure("main", 1).discover().boots
    for other in {boots - 1, boots + 1, 0, LATCHED} - {boots, -1}:
        report_of(agent, signed(agent, boots=other), NOT_IN_TIME)


@check("RFC 3414 3.2 (7), 4", "v3", "auth")
def usm_tells_its_time_signed(agent: Agent) -> None:
    """The Report of a message out of time is signed, not encrypted, and tells boots and time."""
    main = agent.secure("main", 1)
    report = report_of(agent, signed(agent, boots=0, time=0), NOT_IN_TIME)
    require(report.level == 1, f"the Report is at level {report.level}, due is authNoPriv")
    require(report.is_signed_by(main.envelope().keys), "its digest is wrong")
    require(report.boots >= 1, f"it tells {report.boots} boots")
    answer = main.answer(GET, binding(SYS_UP_TIME), boots=report.boots, time=report.time)
    require(answer.pdu.kind == RESPONSE, "with the boots and time told it refuses again")


@check("RFC 3414 3.2 (8), 8.3.2; RFC 3826 3.3.2", "v3", "priv")
def usm_salt_of_another_size(agent: Agent) -> None:
    """privParameters that are not 8 octets are reported by usmStatsDecryptionErrors."""
    main = agent.secure("main")
    for salt in (b"", b"\0" * 7, b"\0" * 9):
        report = main.exchange(main.envelope(salt=salt), get(agent))
        report_of(agent, report, DECRYPTION_ERRORS)


@check("RFC 3414 3.2 (8), 8.3.2", "v3", "priv")
def usm_sealed_under_another_key(agent: Agent) -> None:
    """What decrypts to no scopedPDU is never answered with a Response."""
    main = agent.secure("main")
    for sealed in (b"\0" * 64, b"\xff" * 64, b"\x30" * 64, b""):
        answer = main.exchange(main.envelope(sealed=sealed), get(agent), tries=1)
        require(answer is None or answer.pdu.kind != RESPONSE, "it answers what it can't read")


@check("RFC 3414 3.2; RFC 3412 7.2", "v3")
def usm_counts_what_it_reports(agent: Agent) -> None:
    """The counter in each Report is greater than in the one before."""
    main = agent.secure("main")
    told = []
    for _ in range(2):
        report = main.exchange(
            main.envelope(user=b"nobody-of-that-name", flags=REPORTABLE), get(agent))
        told.append(report_of(agent, report, UNKNOWN_USERS).pdu.bindings[0].value)
    require(told[0] != told[1], f"usmStatsUnknownUserNames stays {told[0]!r}")
