"""The User-based Security Model of an engine that is authoritative for itself.

No message is trusted before its MAC was found right, and none is answered twice for its time.

RFC 3414 section 3.2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from mibagent.snmp.priv import PrivacyError
from mibagent.snmp.secured import Header, Security, read_encrypted, read_security
from mibagent.snmp.users import User, Users
from mibagent.snmp.vacm import Level

TIME_WINDOW_S = 150
LATCHED = 2**31 - 1
"""The boots of an engine that can no longer tell how often it started."""


class Unsecured(Exception):
    """A message that is not taken, and the counter that tells why."""

    def __init__(self, counter: str, why: str = "", user: User | None = None) -> None:
        super().__init__(counter, why)
        self.counter, self.why, self.user = counter, why, user


class Taken(NamedTuple):
    """A message that is what its user sent."""

    user: User
    level: Level
    security: Security
    scoped: bytes
    """The octets that hold the scoped PDU: the message, or what was deciphered of it."""
    at: int
    """Where it begins there."""


class Usm:
    """Boots, time and users of one engine."""

    def __init__(self, engine_id: bytes, boots: int, users: Users,
                 clock: Callable[[], float], started_at: float | None = None) -> None:
        """boots: counted by the caller, one more at each start. clock: seconds, monotonic."""
        self.engine_id, self.users = engine_id, users
        self._boots, self.clock = min(boots, LATCHED), clock
        self._started_at = clock() if started_at is None else started_at
        self._told = self._boots, 0
        self._good_until = float("-inf")

    def boots_and_time(self) -> tuple[int, int]:
        """Give snmpEngineBoots and snmpEngineTime. RFC 3414 section 2.2.2."""
        now = self.clock()
        if now >= self._good_until:
            passed = int(now - self._started_at)
            more, time = divmod(passed, LATCHED)
            self._told = min(self._boots + more, LATCHED), time
            self._good_until = self._started_at + passed + 1
        return self._told

    def window_ends(self, time: int) -> float:
        """Give when, by the clock, a message of that snmpEngineTime is no longer in the window."""
        return self._started_at + (time + TIME_WINDOW_S + 1)

    def is_in_window(self, boots: int, time: int) -> bool:
        """Whether a message of that boots and time is new enough. RFC 3414 section 3.2, step 7a."""
        mine, now = self.boots_and_time()
        return mine != LATCHED and boots == mine and abs(time - now) <= TIME_WINDOW_S

    def take(self, octets: bytes, header: Header) -> Taken:
        """Verify and decipher a message. Raises Unsecured, BerError; steps are RFC 3414's."""
        security = read_security(octets, *header.security)
        level = (Level.NO_AUTH_NO_PRIV, Level.AUTH_NO_PRIV, Level.NO_AUTH_NO_PRIV,
                 Level.AUTH_PRIV)[header.flags & 3]
        if security.engine_id != self.engine_id:
            raise Unsecured("usmStatsUnknownEngineIDs")
        user = self.users.user(security.user)
        if user is None or user.unusable:
            raise Unsecured("usmStatsUnknownUserNames",
                            user.unusable if user is not None else "no such user is known here")
        if level > user.level:
            raise Unsecured("usmStatsUnsupportedSecLevels",
                            f"the user has no keys for {level.name.lower()}")
        if level >= Level.AUTH_NO_PRIV:
            self._verify(octets, security, user)
        if level < Level.AUTH_PRIV:
            return Taken(user, level, security, octets, header.data_at)
        assert user.priv is not None
        data = read_encrypted(octets, header.data_at)
        try:
            plain = user.priv.decrypt(data, security.salt, security.boots, security.time)
        except PrivacyError as error:
            raise Unsecured("usmStatsDecryptionErrors", str(error), user) from None
        return Taken(user, level, security, plain, 0)

    def _verify(self, octets: bytes, security: Security, user: User) -> None:
        auth = user.auth
        assert auth is not None
        if len(security.mac) != auth.size \
                or not auth.is_signed(octets, security.mac_at, security.mac):
            raise Unsecured("usmStatsWrongDigests", "the password or the algorithm is another")
        if not self.is_in_window(security.boots, security.time):
            raise Unsecured("usmStatsNotInTimeWindows", user=user)
