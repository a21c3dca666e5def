"""One user of SNMPv3 with keys at one engine, and what messages are made with them.

RFC 3414 section 2.1.
"""

from __future__ import annotations

from typing import Protocol

from mibagent.snmp.auth import Signer
from mibagent.snmp.message import MAX_SIZE
from mibagent.snmp.priv import Privacy
from mibagent.snmp.secured import FLAGS, REPORTABLE, Frame, overhead
from mibagent.snmp.vacm import Level


class User:
    """Keys at work; one object for as long as they are valid, since ciphers are kept in it."""

    __slots__ = ("_frames", "_max_size", "auth", "engine_id", "level", "name", "priv", "unusable")

    def __init__(self, name: bytes, engine_id: bytes, auth: Signer | None,
                 priv: Privacy | None = None, unusable: str = "", max_size: int = MAX_SIZE
                 ) -> None:
        """unusable: why no message of this user can be taken, or nothing.

        max_size: the largest message that we take, as the user's messages tell it.
        """
        self.name, self.engine_id, self.auth, self.priv = name, engine_id, auth, priv
        self.unusable, self._max_size = unusable, max_size
        self.level = Level.NO_AUTH_NO_PRIV if auth is None else (
            Level.AUTH_NO_PRIV if priv is None else Level.AUTH_PRIV)
        """The most that the user can."""
        self._frames: dict[int, Frame] = {}

    def frame(self, level: int, reportable: bool) -> Frame:
        """Give the octets around what changes in the user's messages of that level."""
        flags = FLAGS[Level(level)] | REPORTABLE * reportable
        frame = self._frames.get(flags)
        if frame is None:
            mac = self.auth.size if self.auth is not None and flags & 1 else 0
            frame = self._frames[flags] = Frame(
                self.engine_id, self.name, self._max_size, flags, mac,
                8 if flags & 2 else 0)
        return frame

    def overhead(self) -> int:
        """Give the most octets that a message of the user has around its scoped PDU."""
        return overhead(self.engine_id, self.name, self.auth.size if self.auth else 0,
                        8 if self.priv else 0)

    def seal(self, level: int, boots: int, time: int, msg_id: bytes, scoped: bytes,
             reportable: bool = False) -> bytes:
        """Give the message that carries a scoped PDU at that level. RFC 3414 section 3.1."""
        frame = self.frame(level, reportable)
        salt = b""
        if level == Level.AUTH_PRIV:
            assert self.priv is not None
            scoped, salt = self.priv.encrypt(scoped, boots, time)
        before, behind = frame.put(msg_id, boots, time, salt, scoped)
        if level == Level.NO_AUTH_NO_PRIV:
            return before + behind
        assert self.auth is not None
        mac = self.auth.mac(before + self.auth.blank + behind)
        return before + mac + behind


class Users(Protocol):
    """Who knows the users of one unit."""

    def user(self, name: bytes) -> User | None:
        """Give the user with keys at our own engine; None for nobody."""

    def user_at(self, name: bytes, engine_id: bytes) -> User | None:
        """Give the user with keys at another engine, for informs; None where none can be made."""
