"""Messages of SNMPv3 that ask: opened, reported on, and answered under the same protection.

RFC 3412 sections 7.1 and 7.2.
"""

from __future__ import annotations

from collections.abc import Callable

from mibagent.snmp.ber import (
    INTEGER,
    OCTETS,
    SEQUENCE,
    BerError,
    encode_integer,
    encode_oid,
    read_expected,
    tlv,
)
from mibagent.snmp.counters import OF_V3, Counters
from mibagent.snmp.message import V3, Request
from mibagent.snmp.pdu import Kind, encode_varbind
from mibagent.snmp.secured import (
    REPORTABLE,
    USM,
    Header,
    Scoped,
    read_header,
    read_scoped,
    read_security,
    scoped_front,
)
from mibagent.snmp.users import User
from mibagent.snmp.usm import Taken, Unsecured, Usm
from mibagent.snmp.vacm import Level

CONFIRMED = frozenset((Kind.GET, Kind.GET_NEXT, Kind.GET_BULK, Kind.SET, Kind.INFORM))
"""PDUs that ask for an answer. RFC 3411 section 2.8."""

_COUNTER32 = 0x41
_NOT_SAID = frozenset(("usmStatsUnknownEngineIDs", "usmStatsNotInTimeWindows"))
"""What every manager meets on its way in."""


class Opened:
    """A request that is its user's."""

    __slots__ = ("_report", "context", "header", "is_ours", "level", "request", "taken", "user")

    def __init__(self, request: Request, header: Header, taken: Taken, scoped: Scoped,
                 is_ours: bool, report: Callable[[str], bytes]) -> None:
        self.request, self.header, self.taken = request, header, taken
        self.user, self.level = taken.user.name, taken.level
        self.context = scoped.context
        self.is_ours = is_ours
        """Whether the context is one of our own engine."""
        self._report = report

    def report(self, counter: str) -> bytes | None:
        """Give the report of a counter, protected as the request was, if it may have one."""
        return self._report(counter) if self.request.tag in CONFIRMED else None


class SecuredAnswers:
    """Opens what comes and seals what goes."""

    def __init__(self, usm: Usm, counters: Counters, max_size: int) -> None:
        self.usm = usm
        self.refused = ""
        """Why the last message was refused, where its sender seems to lack the right keys."""
        self._counters, self._max_size = counters, max_size

    def open(self, datagram: bytes, at: int) -> Opened | bytes | None:
        """Give the request in a message; else the report that answers it, or None.

        Raises BerError. RFC 3412 section 7.2.
        """
        self.refused = ""
        header = read_header(datagram, at)
        if header.model != USM:
            self._counters.unknown_security_models += 1
            return None
        if header.flags & 3 == 2:
            self._counters.invalid_msgs += 1
            return None
        try:
            taken = self.usm.take(datagram, header)
        except Unsecured as error:
            return self._refuse(datagram, header, error)
        is_encrypted = taken.level == Level.AUTH_PRIV
        try:
            scoped = read_scoped(taken.scoped, taken.at, padded=is_encrypted)
        except BerError:
            if is_encrypted and not _is_deciphered(taken.scoped):
                return self._refuse(datagram, header, Unsecured(
                    "usmStatsDecryptionErrors", "the privacy password or protocol is another",
                    taken.user))
            raise
        return self._opened(header, taken, scoped)

    def _opened(self, header: Header, taken: Taken, scoped: Scoped) -> Opened:
        usm, user, level, msg_id = self.usm, taken.user, taken.level, header.msg_id
        front = scoped_front(scoped.engine_id, scoped.context)

        def seal(answer: bytes) -> bytes:
            return user.seal(level, *usm.boots_and_time(), msg_id, answer)

        room = min(self._max_size, header.max_size) - user.overhead()
        octets = taken.scoped[taken.at:scoped.end]
        shift = taken.at
        request = Request(
            V3, octets, front, scoped.tag, scoped.pdu_at - shift, scoped.start - shift,
            scoped.end - shift, room, seal, (user.name, bytes((level,))))

        def report(counter: str) -> bytes:
            return self._report(counter, user, level, msg_id, front,
                                _request_id(octets, request.start))

        return Opened(request, header, taken, scoped, scoped.engine_id == usm.engine_id, report)

    def _refuse(self, datagram: bytes, header: Header, error: Unsecured) -> bytes | None:
        """Count, and give the report where one is due. RFC 3412 section 7.1, step 3."""
        attribute, _ = OF_V3[error.counter]
        setattr(self._counters, attribute, getattr(self._counters, attribute) + 1)
        security = read_security(datagram, *header.security)
        if error.counter not in _NOT_SAID:
            name = ascii(security.user.decode("utf-8", "replace"))
            self.refused = f"SNMPv3 user {name}: {error.why}"
        asked = None if header.flags & 2 else _asked(datagram, header.data_at)
        is_due = bool(header.flags & REPORTABLE) if asked is None else asked[0] in CONFIRMED
        if not is_due:
            return None
        user, level = error.user, Level.AUTH_NO_PRIV
        if user is None or error.counter != "usmStatsNotInTimeWindows":
            user = User(security.user, self.usm.engine_id, None)
            level = Level.NO_AUTH_NO_PRIV
        front = scoped_front(self.usm.engine_id, b"")
        return self._report(error.counter, user, level, header.msg_id, front,
                            asked[1] if asked is not None else b"\0")

    def _report(self, counter: str, user: User, level: Level, msg_id: bytes, front: bytes,
                request_id: bytes) -> bytes:
        _, oid = OF_V3[counter]
        value = encode_integer(self._counters[counter] & 0xFFFFFFFF, _COUNTER32)
        pdu = tlv(Kind.REPORT, tlv(INTEGER, request_id) + b"\x02\x01\0\x02\x01\0"
                  + tlv(SEQUENCE, encode_varbind(encode_oid(oid), value)))
        return user.seal(level, *self.usm.boots_and_time(), msg_id, tlv(SEQUENCE, front + pdu))


def _is_deciphered(octets: bytes) -> bool:
    """Whether it begins as every scoped PDU does, so that the keys were the right ones."""
    try:
        at, end = read_expected(octets, 0, len(octets), SEQUENCE)
        read_expected(octets, at, end, OCTETS)
    except BerError:
        return False
    return True


def _request_id(octets: bytes, at: int) -> bytes:
    """Give the content of the request-id that a PDU's content begins with, or 0."""
    try:
        start, stop = read_expected(octets, at, len(octets), INTEGER)
    except BerError:
        return b"\0"
    return octets[start:stop] if 1 <= stop - start <= 4 else b"\0"


def _asked(datagram: bytes, at: int) -> tuple[int, bytes] | None:
    """Give the tag and request-id of a PDU in clear; None where there is none to be read."""
    try:
        scoped = read_scoped(datagram, at)
    except BerError:
        return None
    return scoped.tag, _request_id(datagram, scoped.start)
