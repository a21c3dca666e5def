"""What a SIP peer can do wrong."""

from __future__ import annotations

from mibagent.errors import PeerError


class SipPeerError(PeerError):
    """The other side's octets are not SIP, or not within our bounds; there is nothing to answer."""
