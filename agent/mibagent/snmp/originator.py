"""Notifications in SNMPv3, going out: traps of our own engine, informs at the receiver's.

No socket and no timer: datagrams in and out. A trap is protected with the user's keys at our
engine, whose boots and time it carries. An inform is protected with keys at the receiver's engine,
which is discovered first; so its user needs keys there, and those can be made only while the key
that they come of is kept (`Users.user_at`).

RFC 3412 section 7.1; RFC 3414 sections 3.1, 3.2 step 7b and 4; RFC 3413 section 3.3.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from mibagent.errors import PeerError
from mibagent.snmp.ber import SEQUENCE, BerError, decode_oid, encode_integer, tlv
from mibagent.snmp.message import V3, read_version
from mibagent.snmp.pdu import Kind, Pdu, read_pdu
from mibagent.snmp.priv import PrivacyError
from mibagent.snmp.secured import (
    USM,
    Scoped,
    Security,
    read_encrypted,
    read_header,
    read_scoped,
    read_security,
    scoped_front,
)
from mibagent.snmp.users import User, Users
from mibagent.snmp.usm import LATCHED, TIME_WINDOW_S, Usm
from mibagent.snmp.vacm import Level

_STATS = (1, 3, 6, 1, 6, 3, 15, 1, 1)
_UNKNOWN_ENGINE_IDS, _NOT_IN_TIME_WINDOWS = (*_STATS, 4, 0), (*_STATS, 2, 0)
_IN_WORDS: dict[tuple[int, ...], str] = {
    (*_STATS, 1, 0): "it does not take this user at that security level",
    (*_STATS, 3, 0): "it does not know the user",
    (*_STATS, 5, 0): "it found another authentication key",
    (*_STATS, 6, 0): "it could not decipher: another privacy key",
}
MAX_DISCOVERIES = 3
"""Reports in a row that are followed, after which the receiver is taken to be broken."""
MAX_WAITING = 64
"""msgIDs whose answers are waited for."""


class CannotSecure(PeerError):
    """A message that no keys of ours can protect; nothing was sent."""


def _level_of(user: User | None, name: bytes, level: int) -> User:
    shown = ascii(name.decode("utf-8", "replace"))
    if user is None:
        raise CannotSecure(f"the user {shown} has no SNMPv3 keys there", "RFC 3414 section 3.1")
    if user.unusable:
        raise CannotSecure(f"the user {shown}: {user.unusable}", "RFC 3414 section 3.1")
    if level > user.level:
        raise CannotSecure(f"the user {shown} has no keys for that security level",
                           "RFC 3414 section 3.1 step 2")
    return user


def _msg_id() -> bytes:
    return encode_integer(secrets.randbits(31))[2:]


def trap(usm: Usm, name: bytes, level: int, pdu: bytes, context: bytes = b"") -> bytes:
    """Give the message that carries a whole SNMPv2-Trap-PDU of our engine. Raises CannotSecure."""
    user = _level_of(usm.users.user(name), name, level)
    scoped = tlv(SEQUENCE, scoped_front(usm.engine_id, context) + pdu)
    return user.seal(level, *usm.boots_and_time(), _msg_id(), scoped)


@dataclass(frozen=True)
class Again:
    """The receiver's engine or time is known better now: send `message` anew, at once."""


@dataclass(frozen=True)
class Answered:
    """The receiver's answer, proven to be its own."""

    pdu: Pdu


@dataclass(frozen=True)
class Rejected:
    """The receiver, or whoever speaks as it, will not take it as it is."""

    why: str


Outcome = Again | Answered | Rejected | None


class Informant:
    """Sends informs to one receiver as one user; it keeps what it learns of the receiver.

    One may carry several informs, one after the other or side by side: the caller tells their
    answers apart by request-id, sends `message` for each try, and gives `received` what comes.
    """

    def __init__(self, users: Users, name: bytes, level: int,
                 clock: Callable[[], float], context: bytes = b"") -> None:
        self._users, self._name, self._level = users, name, level
        self._clock, self._context = clock, context
        self.engine_id = b""
        """The receiver's, once it is discovered."""
        self._user: User | None = None
        self._boots = self._time = self._latest = 0
        self._learnt_at = 0.0
        self._waiting: dict[bytes, int] = {}
        """msgIDs, and of each how much was learnt when it went out."""
        self._discoveries = self._learnt = 0

    def message(self, pdu: bytes) -> bytes:
        """Give what to send next for a whole InformRequest-PDU: it, or first a discovery.

        Raises CannotSecure when there are no keys for the receiver's engine.
        """
        msg_id = _msg_id()
        self._waiting[msg_id] = self._learnt
        while len(self._waiting) > MAX_WAITING:
            del self._waiting[next(iter(self._waiting))]
        if not self.engine_id:
            probe = tlv(Kind.GET, encode_integer(0) * 3 + tlv(SEQUENCE, b""))
            scoped = tlv(SEQUENCE, scoped_front(b"", b"") + probe)
            return User(b"", b"", None).seal(
                Level.NO_AUTH_NO_PRIV, 0, 0, msg_id, scoped, reportable=True)
        user = self._keys()
        scoped = tlv(SEQUENCE, scoped_front(self.engine_id, self._context) + pdu)
        boots, time = self._boots, self._now()
        return user.seal(self._level, boots, time, msg_id, scoped, reportable=True)

    def forget(self) -> None:
        """Discover anew: another receiver may stand at that address, or keys have changed."""
        self.engine_id, self._user = b"", None
        self._boots = self._time = self._latest = 0

    def _keys(self) -> User:
        if self._user is None:
            self._user = _level_of(
                self._users.user_at(self._name, self.engine_id), self._name, self._level)
        return self._user

    def _now(self) -> int:
        """Give the receiver's snmpEngineTime by our clock; 0 while it is not known."""
        return self._time + int(self._clock() - self._learnt_at) if self._boots else 0

    def received(self, datagram: bytes) -> Outcome:
        """Take what came from the receiver's address; None for what is no answer to us."""
        try:
            return self._received(datagram)
        except (BerError, PrivacyError):
            return None
        except CannotSecure as error:
            return Rejected(error.why)

    def _received(self, datagram: bytes) -> Outcome:
        version, at = read_version(datagram)
        if version != V3:
            return None
        header = read_header(datagram, at)
        if header.model != USM or header.msg_id not in self._waiting or header.flags & 3 == 2:
            return None
        security = read_security(datagram, *header.security)
        if header.flags & 1:
            return self._proven(datagram, header.flags, header.data_at, security, header.msg_id)
        scoped = read_scoped(datagram, header.data_at)
        if scoped.tag == Kind.RESPONSE and self._level == Level.NO_AUTH_NO_PRIV:
            return self._answered(datagram, scoped, header.msg_id)
        if scoped.tag != Kind.REPORT:
            return None             # what is not signed is believed where it only refuses
        return self._reported(datagram, scoped, security, header.msg_id, proven=False)

    def _proven(self, datagram: bytes, flags: int, at: int, security: Security, msg_id: bytes
                ) -> Outcome:
        if security.engine_id != self.engine_id or security.user != self._name:
            return None
        user = self._keys()
        auth = user.auth
        if auth is None or len(security.mac) != auth.size \
                or not auth.is_signed(datagram, security.mac_at, security.mac) \
                or not self._is_fresh(security.boots, security.time):
            return None
        octets = datagram
        if flags & 2:
            if user.priv is None:
                return None
            octets, at = user.priv.decrypt(
                read_encrypted(datagram, at), security.salt, security.boots, security.time), 0
        scoped = read_scoped(octets, at, padded=bool(flags & 2))
        if scoped.tag == Kind.REPORT:
            return self._reported(octets, scoped, security, msg_id, proven=True)
        level = (Level.NO_AUTH_NO_PRIV, Level.AUTH_NO_PRIV, 0, Level.AUTH_PRIV)[flags & 3]
        if scoped.tag != Kind.RESPONSE or level != self._level:
            return None
        return self._answered(octets, scoped, msg_id)

    def _answered(self, octets: bytes, scoped: Scoped, msg_id: bytes) -> Answered:
        pdu = read_pdu(Kind.RESPONSE, octets, scoped.start, scoped.end)
        del self._waiting[msg_id]
        self._discoveries = 0
        return Answered(pdu)

    def _is_fresh(self, boots: int, time: int) -> bool:
        """Keep time with the receiver; no for what is old. RFC 3414 section 3.2, step 7b."""
        if boots > self._boots or (boots == self._boots and time > self._latest):
            self._boots, self._time, self._latest = boots, time, time
            self._learnt_at = self._clock()
        return boots != LATCHED and boots == self._boots and time >= self._now() - TIME_WINDOW_S

    def _reported(self, octets: bytes, scoped: Scoped, security: Security, msg_id: bytes,
                  *, proven: bool) -> Outcome:
        pdu = read_pdu(Kind.REPORT, octets, scoped.start, scoped.end)
        counter: tuple[int, ...] = decode_oid(pdu.varbinds[0].name) if pdu.varbinds else ()
        is_late = self._waiting.pop(msg_id) != self._learnt     # others have told us since
        if counter == _UNKNOWN_ENGINE_IDS and (is_late or not self._discoveries_end()):
            if not 5 <= len(security.engine_id) <= 32:
                return Rejected("its report names no engine ID")
            if security.engine_id != self.engine_id:
                self.forget()
                self.engine_id = security.engine_id
            return Again()
        if counter == _NOT_IN_TIME_WINDOWS and proven and (
                is_late or not self._discoveries_end()):
            return Again()
        return Rejected(_IN_WORDS.get(counter, "it reports " + ".".join(map(str, counter))))

    def _discoveries_end(self) -> bool:
        self._discoveries += 1
        self._learnt += 1
        if self._discoveries <= MAX_DISCOVERIES:
            return False
        self._discoveries = 0
        return True
