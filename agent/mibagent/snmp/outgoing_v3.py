"""Notifications in SNMPv3 for every target: who has which engine, and what it would not take."""

from __future__ import annotations

import logging
from collections.abc import Callable

from mibagent.snmp.ber import decode_integer
from mibagent.snmp.notify import Answered, Learnt
from mibagent.snmp.originator import Again, CannotSecure, Informant, Rejected, trap
from mibagent.snmp.originator import Answered as Proven
from mibagent.snmp.targets import Address, Kind, Params, Target
from mibagent.snmp.users import Users
from mibagent.snmp.usm import Usm

MOST_INFORMANTS = 256
"""Receivers whose engines are remembered; the one that was used longest ago goes first."""
SAY_AGAIN_S = 300.0
"""How long the same complaint about a target is not repeated in the log."""

_log = logging.getLogger(__name__)


class SecureOutgoing:
    """Makes and opens messages of SNMPv3 for one originator."""

    def __init__(self, users: Users, clock: Callable[[], float]) -> None:
        self._users, self._clock = users, clock
        self._usm: Usm | None = None
        self._informants: dict[tuple[Address, bytes, int], Informant] = {}
        self._said: dict[tuple[bytes, str], float] = {}

    def speak_as(self, usm: Usm | None) -> None:
        """Make traps of that engine from now on; None makes none."""
        self._usm = usm
        self.forget()

    def forget(self) -> None:
        """Discover every receiver anew: keys have changed."""
        self._informants.clear()
        self._said.clear()

    def seal(
        self, now: float, target: Target, kind: Kind, pdu: bytes, request_id: int
    ) -> bytes | None:
        """Give a trap, an inform, or what discovers its receiver first; None where no keys do."""
        params = target.params
        try:
            if kind is Kind.INFORM:
                return self._informant(target.address, params).message(pdu)
            if self._usm is None:
                raise CannotSecure("SNMPv3 is off", "RFC 3413 section 3.3")
            return trap(self._usm, params.security_name, params.level, pdu)
        except CannotSecure as error:
            self._say(now, target.name, error.why)
            return None

    def _informant(self, address: Address, params: Params) -> Informant:
        key = address, params.security_name, params.level
        found = self._informants.pop(key, None)
        if found is None:
            found = Informant(self._users, params.security_name, params.level, self._clock)
            while len(self._informants) >= MOST_INFORMANTS:
                del self._informants[next(iter(self._informants))]
        self._informants[key] = found
        return found

    def open(self, now: float, datagram: bytes, address: Address) -> Answered | Learnt | None:
        """Read what a receiver answered or reported; None where it means nothing."""
        for (at, name, _), informant in list(self._informants.items()):
            outcome = informant.received(datagram) if at == address else None
            if isinstance(outcome, Again):
                return Learnt()
            if isinstance(outcome, Proven):
                return Answered(decode_integer(outcome.pdu.request_id), outcome.pdu.first)
            if isinstance(outcome, Rejected):
                self._say(now, name, f"{address.host} takes no inform: {outcome.why}")
                return None
        return None

    def _say(self, now: float, about: bytes, why: str) -> None:
        if now - self._said.get((about, why), float("-inf")) < SAY_AGAIN_S:
            return
        if len(self._said) >= MOST_INFORMANTS:
            self._said.clear()
        self._said[about, why] = now
        _log.warning("A notification for %s is not sent: %s",
                     ascii(about.decode("utf-8", "replace")), why)
