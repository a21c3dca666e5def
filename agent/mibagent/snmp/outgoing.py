"""Messages that carry notifications, and the answers to informs.

RFC 3584 sections 3.2 and 5.2; RFC 1901 section 3.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from mibagent.snmp.ber import BerError, decode_integer
from mibagent.snmp.message import V1, V2C, V3, encode_message, read_message, read_version
from mibagent.snmp.notify import Answered, Learnt
from mibagent.snmp.pdu import Kind as PduKind
from mibagent.snmp.pdu import read_pdu
from mibagent.snmp.targets import Address, Kind, Params, Target
from mibagent.snmp.trap import NO_ADDRESS, Notification
from mibagent.snmp.vacm import View

_PDU = {Kind.TRAP: PduKind.TRAP, Kind.INFORM: PduKind.INFORM}


class Standing(Protocol):
    """Who says on whose behalf notifications go, and what those may be told."""

    def community_for(self, params: Params) -> bytes | None:
        """Give the community that stands for a security name; None: none does.

        RFC 3584 section 5.2.3.
        """

    def notify_view_for(self, params: Params) -> View | None:
        """Give what that one may be notified of; None: of nothing. RFC 3413 section 3.3."""


class SecureMessages(Protocol):
    """Makes and opens messages of SNMPv3."""

    def seal(
        self, now: float, target: Target, kind: Kind, pdu: bytes, request_id: int
    ) -> bytes | None: ...

    def open(self, now: float, datagram: bytes, address: Address) -> Answered | Learnt | None: ...


class OutgoingMessages:
    """Messages of every version, for one originator."""

    def __init__(
        self, standing: Standing, agent_address: Callable[[str], bytes],
        secure: SecureMessages | None = None,
    ) -> None:
        """agent_address: gives the IPv4 address of ours that a host sees, as four octets.

        secure: None can make no message of SNMPv3.
        """
        self._standing, self._agent_address = standing, agent_address
        self._secure = secure

    def may_be_told(self, params: Params, notification: Notification) -> bool:
        """Whether the notify view shows the notification and each variable of it."""
        view = self._standing.notify_view_for(params)
        return view is not None and view.shows(notification.oid) \
            and all(view.shows(name) for name in notification.names)

    def seal(
        self, now: float, target: Target, kind: Kind, notification: Notification, request_id: int
    ) -> bytes | None:
        """Give the datagram; None where there is no community or user for it."""
        version = target.params.message_model
        if version == V3:
            pdu = notification.pdu(_PDU[kind], request_id)
            return None if self._secure is None else \
                self._secure.seal(now, target, kind, pdu, request_id)
        community = self._standing.community_for(target.params)
        if community is None:
            return None
        if version == V1:
            ours = NO_ADDRESS if target.address.is_v6 else self._agent_address(target.address.host)
            return encode_message(V1, community, notification.trap_v1(ours))
        return encode_message(V2C, community, notification.pdu(_PDU[kind], request_id))

    def open(self, now: float, datagram: bytes, address: Address) -> Answered | Learnt | None:
        """Read an answer to an inform; None for what is none."""
        try:
            version, at = read_version(datagram)
            if version == V3:
                return None if self._secure is None else \
                    self._secure.open(now, datagram, address)
            if version != V2C:
                return None
            message = read_message(datagram, version, at)
            if message.tag != PduKind.RESPONSE:
                return None
            pdu = read_pdu(PduKind.RESPONSE, datagram, message.start, len(datagram))
            return Answered(decode_integer(pdu.request_id), pdu.first)
        except BerError:
            return None
