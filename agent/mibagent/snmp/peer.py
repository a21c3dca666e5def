"""Who asks, as far as the network tells: a host, a port, a transport."""

from __future__ import annotations

from typing import Any

Peer = tuple[Any, ...]
"""The address as the socket gave it; the host is first."""

OVER_TCP = "/tcp"
"""What the host of a peer ends with that asks by TCP: another one than at the same host by UDP."""


def host_of(peer: Peer) -> str:
    """Give the host in the one spelling that access lists have."""
    host = str(peer[0]).removesuffix(OVER_TCP)
    if ":" not in host:
        return host
    host = host.partition("%")[0]
    return host[7:] if host.startswith("::ffff:") and "." in host else host


def udp_port_of(peer: Peer) -> int | None:
    """Give the port that a peer asks from; None for one that asks by TCP."""
    return None if str(peer[0]).endswith(OVER_TCP) else int(peer[1])
