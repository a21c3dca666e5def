"""Well-formed requests of SNMPv3 by their octets: one look-up tells user, keys and time.

A message that the strict path has taken is remembered by all its octets up to the MAC but those of
msgID, in a *session*. One that has them again is of the same user, level, boots and time, and built
alike; then its MAC is found right, its PDU deciphered, and `FastPath.serve` does the rest. A
session ends with its time window, and with whatever changes users or access. What is not found
here goes the strict path.

Must give what the strict path gives, but for the salt.
"""

from __future__ import annotations

from collections.abc import Callable
from hmac import compare_digest

from mibagent.snmp.ber import OCTETS, SEQUENCE, encode_length
from mibagent.snmp.fast import Envelopes, FastPath
from mibagent.snmp.priv import Aes
from mibagent.snmp.secured_answers import Opened
from mibagent.snmp.usm import Usm
from mibagent.snmp.vacm import Level

MAX_SESSIONS = 4096
"""Each lasts for a second of one manager's clock and one size of requests."""

_SALT_HEAD = b"\x04\x08"
_NO_SALT = b"\x04\x00"
_SHORT = [bytes((OCTETS, size)) for size in range(0x80)]
_OUTER = [bytes((SEQUENCE, size)) for size in range(0x80)]


class _Session:
    """What is known of all messages that begin alike."""

    __slots__ = ("blank", "decrypt", "encrypt", "envelopes", "frame", "front", "head", "iv",
                 "mac", "mac_size", "opening", "until")

    def __init__(self, opened: Opened, usm: Usm, envelopes: Envelopes, head: bytes) -> None:
        taken = opened.taken
        auth, priv = taken.user.auth, taken.user.priv
        assert auth is not None
        self.frame = taken.user.frame(taken.level, reportable=False)
        self.opening = self.frame.opening(len(opened.header.msg_id))
        self.mac, self.mac_size, self.blank = auth.mac, auth.size, auth.blank
        self.decrypt: Callable[[bytes, bytes], bytes] | None = None
        if taken.level == Level.AUTH_PRIV:
            assert isinstance(priv, Aes)
            self.decrypt, self.encrypt = priv.decipher, priv.encrypt
        self.iv = (taken.security.boots << 32 | taken.security.time).to_bytes(8, "big")
        self.until = usm.window_ends(taken.security.time)
        self.envelopes = envelopes
        self.front = len(opened.request.front)
        """How many octets stand before the PDU in the scoped PDU."""
        self.head = head
        """What stands between salt and ciphertext."""


_Sessions = dict[bytes, _Session]
_Forms = dict[bytes, list[tuple[int, _Sessions]]]


class SecuredPath:
    """Answers what is well formed and known."""

    def __init__(self, usm: Usm, fast: FastPath) -> None:
        self._usm, self._fast, self._clock = usm, fast, usm.clock
        self._by_host: dict[object, _Forms] = {}
        self._count = 0

    def forget(self) -> None:
        """Empty the tables: users or access have changed."""
        self._by_host.clear()
        self._count = 0

    def answer(self, octets: bytes, peer: tuple[object, ...], at: int) -> bytes | None:
        """Give the answer to a message whose header begins at a place, or None."""
        try:
            id_at = at + 4
            id_end = id_at + octets[at + 3]
            for offset, sessions in self._by_host[peer[0]][octets[:id_at]]:
                session = sessions.get(octets[id_end:id_end + offset])
                if session is not None:
                    break
            else:
                return None
            if self._clock() >= session.until or octets[id_at] >= 0x80:
                return None
            mac_at = id_end + offset
            mac_end = mac_at + session.mac_size
            data_at = mac_end + 2
            decrypt = session.decrypt
            if decrypt is not None:
                salt_at, salt_end = data_at, data_at + 8
                data_at = salt_end + len(session.head)
                if octets[mac_end:salt_at] != _SALT_HEAD \
                        or octets[salt_end:data_at] != session.head:
                    return None
            elif octets[mac_end:data_at] != _NO_SALT:
                return None
            if not compare_digest(
                    session.mac(octets[:mac_at] + session.blank + octets[mac_end:]),
                    octets[mac_at:mac_end]):
                return None
            plain = octets[data_at:]
            if decrypt is not None:
                plain = decrypt(plain, session.iv + octets[salt_at:salt_end])
            size = plain[1]
            at = session.front + (2 if size < 0x80 else size - 0x7E)    # 81: 3, 82: 4
            size = plain[at + 1]
            at += 4 if size < 0x80 else size - 0x7C                     # 81: 5, 82: 6
            envelope = session.envelopes[plain[:at]]
        except Exception:
            return None
        answer = self._fast.serve(envelope, plain, at)
        if answer is None:
            return None
        boots, time = self._usm.boots_and_time()    # from here on, User.seal at one go
        if decrypt is not None:
            data, salt = session.encrypt(answer, boots, time)
            size = len(data)
            behind = _SALT_HEAD + salt + (
                _SHORT[size] if size < 0x80 else b"\x04" + encode_length(size)) + data
        else:
            behind = _NO_SALT + answer
        front = session.opening + octets[id_at:id_end] + session.frame.before_mac(boots, time)
        size = len(front) + session.mac_size + len(behind)
        before = (_OUTER[size] if size < 0x80 else b"\x30" + encode_length(size)) + front
        return before + session.mac(before + session.blank + behind) + behind

    def learn(self, octets: bytes, opened: Opened, host: str, envelopes: Envelopes) -> None:
        """Note the form of a message whose request the fast path knows now."""
        taken, header = opened.taken, opened.header
        at = {0x81: 6, 0x82: 7}.get(octets[1], 5)
        id_at = at + 4
        id_end = id_at + len(header.msg_id)
        security = taken.security
        mac_end = security.mac_at + len(security.mac)
        if taken.level == Level.NO_AUTH_NO_PRIV or octets[at + 1] >= 0x80 \
                or octets[id_at - 2:id_end] != bytes((2, len(header.msg_id))) + header.msg_id:
            return
        if taken.level == Level.AUTH_PRIV:
            salt_end = mac_end + 2 + len(security.salt)
            head = octets[salt_end:len(octets) - len(taken.scoped)]
            if not isinstance(taken.user.priv, Aes) or salt_end != header.data_at \
                    or octets[mac_end:mac_end + 2] != _SALT_HEAD:
                return
        else:
            head = b""
            if octets[mac_end:header.data_at] != _NO_SALT:
                return
        self._count += 1
        if self._count > MAX_SESSIONS:
            self.forget()
        offset = security.mac_at - id_end
        known = self._by_host.setdefault(host, {}).setdefault(octets[:id_at], [])
        sessions = next((sessions for place, sessions in known if place == offset), None)
        if sessions is None:
            sessions = {}
            known.append((offset, sessions))
        sessions[octets[id_end:security.mac_at]] = _Session(opened, self._usm, envelopes, head)
