"""How the fault agent takes SNMPv3: RFC 3412 section 7.2, RFC 3414 section 3.2, in their order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tools.conformance.ber import OCTETS, SEQUENCE, Malformed, Oid, Reader, Value, integer, tlv
from tools.conformance.credentials import Credentials
from tools.conformance.names import (
    DECRYPTION_ERRORS,
    IN_ASN_PARSE_ERRS,
    INVALID_MSGS,
    NOT_IN_TIME,
    SNMP,
    SYS_DESCR,
    UNKNOWN_CONTEXTS,
    UNKNOWN_ENGINES,
    UNKNOWN_PDU_HANDLERS,
    UNKNOWN_SECURITY_MODELS,
    UNKNOWN_USERS,
    UNSUPPORTED_LEVELS,
    WRONG_DIGESTS,
)
from tools.conformance.pdu import GET, INFORM, REPORT, RESPONSE, TRAP, Pdu, binding, pdu, read_pdu
from tools.conformance.usm import Keys, User

if TYPE_CHECKING:
    from tests.conformance.fault_agent import FaultAgent

V3 = 3
WINDOW_S = 150

USERS = {
    "main": User("main", "SHA-256", "main authenticates", "AES", "main encrypts"),
    "signer": User("signer", "SHA", "signer authenticates"),
    "ungrouped": User("ungrouped", "SHA-256", "ungrouped auth", "AES-256", "ungrouped priv"),
    "viewless": User("viewless", "SHA-512", "viewless auth", "AES-192-C", "viewless priv"),
    "limited": User("limited", "MD5", "limited auth", "DES", "limited priv"),
}
CREDENTIALS = Credentials("public", "private", "guarded", users=USERS, least=3, main_writes=True,
                          outside=SNMP)


@dataclass(frozen=True)
class Asked:
    """What is known of a message when something is wrong with it."""

    msg_id: int
    max_size: int
    flags: int
    engine_id: bytes
    boots: int
    time: int
    user: bytes
    digest: Reader
    salt: bytes
    rest: Reader


class Engine:
    """The SNMPv3 half of the agent."""

    def __init__(self, agent: FaultAgent) -> None:
        self._agent = agent
        self.engine_id = b"\x80\0\x7e\xd9\5conforms"
        if agent.has("engine-id-of-zeros"):
            self.engine_id = b"\0" * 12
        self.boots = 0 if agent.has("boots-zero") else 4
        self._salt = 0

    def tells(self, arc: int) -> Value:
        """Give snmpEngineID (1), Boots (2), Time (3), MaxMessageSize (4)."""
        boots = self.boots + self._agent.has("other-boots-in-mib")
        return (self.engine_id, boots, self._agent.seconds, 65507)[arc - 1]

    def answer(self, inner: Reader) -> bytes | None:
        """Give what answers a message whose version has been read."""
        agent = self._agent
        _, header = inner.take(SEQUENCE)
        msg_id, max_size = header.integer(), header.integer()
        flags, model = header.string(), header.integer()
        if len(flags) != 1 and not agent.has("any-flags"):
            raise Malformed("msgFlags are one octet")
        if agent.has("any-flags"):
            flags = (flags or b"\4")[:1]
        if (max_size < 484 or msg_id < 0 or model < 1) and not agent.has("any-max-size"):
            raise Malformed("out of range")
        if model != 3 and not (agent.has("any-model") or agent.has("any-max-size")):
            agent.count(UNKNOWN_SECURITY_MODELS, unless="models-uncounted")
            return None
        if flags[0] & 3 == 2 and not agent.has("privacy-alone"):
            agent.count(INVALID_MSGS, unless="invalid-uncounted")
            return None
        try:
            _, security = Reader(inner.string()).take(SEQUENCE)
            engine_id, boots, time = security.string(), security.integer(), security.integer()
            user = security.string()
            _, digest = security.take(OCTETS)
            salt = security.string()
        except Malformed:
            agent.count(IN_ASN_PARSE_ERRS, unless="security-parse-errors-uncounted")
            return None
        bits = 0 if flags[0] & 3 == 2 else flags[0]
        asked = Asked(msg_id, max(484, max_size), bits, engine_id, boots, time, user, digest,
                      salt, inner)
        return self._secured(asked, inner)

    def _secured(self, asked: Asked, inner: Reader) -> bytes | None:
        agent, level = self._agent, asked.flags & 3
        if asked.engine_id != self.engine_id:
            if not asked.engine_id and agent.has("no-discovery"):
                return None
            if not asked.engine_id or not agent.has("any-engine"):
                return self._report(asked, UNKNOWN_ENGINES)
        user = next((each for each in USERS.values() if each.name.encode() == asked.user), None)
        if user is None:
            if agent.has("unknown-users-dropped"):
                return None
            return self._report(asked, UNKNOWN_USERS)
        if level & ~user.level:
            if agent.has("level-unsupported-dropped"):
                return None
            return self._report(asked, UNSUPPORTED_LEVELS)
        keys = user.keys(self.engine_id)
        if level and not self._is_signed(asked, inner, keys):
            return self._report(asked, WRONG_DIGESTS)
        if level and not self._is_in_time(asked):
            clear = agent.has("time-told-in-clear")
            return self._report(asked, NOT_IN_TIME, keys, 0 if clear else 1)
        scoped = self._scoped(asked, inner, keys)
        return scoped if isinstance(scoped, bytes) or scoped is None else self._dispatched(
            asked, scoped, keys, user)

    def _is_signed(self, asked: Asked, inner: Reader, keys: Keys) -> bool:
        agent = self._agent
        if agent.has("digest-unchecked"):
            return True
        # the digest's own place, seen from the whole message
        security = asked.digest.octets
        at = inner.octets.index(security) + asked.digest.at
        size = asked.digest.end - asked.digest.at
        unsigned = inner.octets[:at] + b"\0" * size + inner.octets[at + size:]
        due, got = keys.digest(unsigned), asked.digest.content
        if agent.has("digest-as-long-as-it-comes"):
            return due.startswith(got)
        if agent.has("digest-checked-in-part"):
            return len(due) == len(got) and due[:-1] == got[:-1]
        return due == got

    def _is_in_time(self, asked: Asked) -> bool:
        agent = self._agent
        ahead = asked.time - agent.seconds
        if asked.boots != self.boots and not agent.has("boots-unchecked"):
            return False
        window = 60 if agent.has("narrow-window") else WINDOW_S
        if ahead > window:
            return agent.has("early-messages-taken")
        return ahead >= -window or agent.has("old-messages-taken")

    def _scoped(self, asked: Asked, inner: Reader, keys: Keys) -> Reader | bytes | None:
        """Give the scopedPDU; octets are a Report, None is no answer."""
        agent = self._agent
        if not asked.flags & 2:
            return inner.take(SEQUENCE)[1]
        sealed, salt = inner.string(), asked.salt
        if len(salt) != 8 and not agent.has("salt-of-any-size"):
            return self._report(asked, DECRYPTION_ERRORS, keys, 1)
        try:
            plain = keys.decrypt(sealed, asked.boots, asked.time, salt[:8].ljust(8, b"\0"))
            return Reader(plain).take(SEQUENCE)[1]
        except Malformed:
            if agent.has("answers-what-it-cannot-read"):
                return self._answer(asked, keys, self._found(1), self.engine_id, b"")
            raise

    def _found(self, number: int) -> bytes:
        return pdu(RESPONSE, number, binding(SYS_DESCR, self._agent.tree.read(SYS_DESCR)))

    def _dispatched(self, asked: Asked, scoped: Reader, keys: Keys, user: User) -> bytes | None:
        agent = self._agent
        context_engine, context = scoped.string(), scoped.string()
        try:
            kind, content = scoped.take()
            body = read_pdu(kind, content)
        except Malformed:
            if agent.has("answers-what-is-no-pdu"):
                return self._answer(asked, keys, self._found(0), context_engine, context)
            raise
        if kind in (RESPONSE, REPORT, TRAP):
            return self._report(asked, UNKNOWN_PDU_HANDLERS, keys, asked.flags & 3, body) \
                if agent.has("reports-on-reports") else None
        if context_engine != self.engine_id and not agent.has("any-context-engine"):
            return self._report(asked, UNKNOWN_PDU_HANDLERS, keys, asked.flags & 3, body)
        if kind == INFORM or not GET <= kind <= INFORM:
            if agent.has("v3-informs-dropped"):
                return None
            return self._report(asked, UNKNOWN_PDU_HANDLERS, keys, asked.flags & 3, body)
        if context and not agent.has("any-context"):
            return self._report(asked, UNKNOWN_CONTEXTS, keys, asked.flags & 3, body)
        if agent.has("context-left-out"):
            context_engine = b""
        most = 65507 if agent.has("ignores-max-size") else min(asked.max_size, 65507)
        return agent.respond(
            body, self._who(user, asked.flags & 3), V3, most,
            lambda octets: self._answer(asked, keys, octets, context_engine, context))

    def _who(self, user: User, level: int) -> Any:
        from tests.conformance.fault_agent import Who

        agent = self._agent
        if user.name == "ungrouped":
            return Who(reads=agent.has("fails-open"))
        if user.name == "viewless":
            return Who(reads=agent.has("no-view-is-all"))
        if user.name == "main":
            return Who(level == 3 or agent.has("any-level-reads"), writes=level == 3)
        if user.name == "limited":
            return Who(level == 3, hidden=SNMP)
        return Who()

    def _report(self, asked: Asked, counter: Oid, keys: Keys | None = None, level: int = 0,
                body: Pdu | None = None) -> bytes | None:
        agent = self._agent
        value = agent.count(counter, unless="reports-uncounted")
        if not asked.flags & 4 and body is None and not agent.has("reports-always"):
            return None
        found = b"" if agent.has("report-of-nothing") else binding(counter, integer(value, 0x41))
        told = pdu(REPORT, body.request_id if body else 0, found)
        return self._answer(asked, keys or User("").keys(b""), told, self.engine_id, b"", level)

    def _answer(self, asked: Asked, keys: Keys, body: bytes, context_engine: bytes,
                context: bytes, level: int | None = None) -> bytes:
        agent = self._agent
        level = asked.flags & 3 if level is None else level
        if agent.has("answers-in-clear"):
            level = min(level, 1)
        scoped = tlv(SEQUENCE, tlv(OCTETS, context_engine), tlv(OCTETS, context), body)
        salt, time = b"", agent.seconds
        if level & 2:
            self._salt += not agent.has("one-salt")
            salt = self._salt.to_bytes(8, "big")
            sealed = keys.encrypt(scoped, self.boots, time, salt)
            scoped = scoped if agent.has("clear-under-the-flag") else tlv(OCTETS, sealed)
        flags = level | 4 * agent.has("reportable-answers")
        header = tlv(
            SEQUENCE, integer(asked.msg_id & (0x7F if agent.has("another-message-id") else -1)),
            integer(0 if agent.has("tells-size-zero") else 65507), tlv(OCTETS, bytes((flags,))),
            integer(2 if agent.has("another-model-in-answers") else 3))
        user = b"main" if agent.has("another-user-in-answers") and not asked.user else asked.user
        if agent.has("another-user-in-answers"):
            user = b"somebody"

        def whole(digest: bytes) -> bytes:
            security = tlv(SEQUENCE, tlv(OCTETS, self.engine_id), integer(self.boots),
                           integer(time), tlv(OCTETS, user), tlv(OCTETS, digest),
                           tlv(OCTETS, salt))
            return tlv(SEQUENCE, integer(V3), header, tlv(OCTETS, security), scoped)

        if not level:
            return whole(b"")
        size = 12 if agent.has("digest-cut-to-12") else keys.digest_size
        blank = b"\0" * size
        return whole(blank if agent.has("answers-unsigned") else keys.digest(whole(blank))[:size])
