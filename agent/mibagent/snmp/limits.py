"""Bounds on who may try: networks that may ask, and how often a host may fail.

No socket and no clock of its own.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network

MOST_NETWORKS = 64


class Networks:
    """A list of networks; an empty one holds everybody."""

    def __init__(self, networks: tuple[Network, ...] = ()) -> None:
        self.networks = networks

    @classmethod
    def from_text(cls, text: str) -> Networks:
        """Read a comma list of addresses and networks. Raises ValueError naming the wrong one."""
        parts = [part.strip() for part in text.split(",")] if text.strip() else []
        if len(parts) > MOST_NETWORKS:
            raise ValueError(f"at most {MOST_NETWORKS} networks are taken")
        found = []
        for part in parts:
            try:
                found.append(ip_network(part))
            except ValueError:
                raise ValueError(
                    f"{part or 'nothing'} is no network: 192.0.2.0/24 or 2001:db8::/32 is, "
                    "with no bit set behind the length") from None
        return cls(tuple(found))

    def hold(self, host: str) -> bool:
        """Tell whether a host, without a zone, is in one of them. What is no address is not."""
        if not self.networks:
            return True
        try:
            address = ip_address(host)
        except ValueError:
            return False
        return any(address in network for network in self.networks)


class Failures:
    """How often each host has failed of late, in a table that does not grow.

    A host may fail `burst` times at once and once more each `each_s` seconds; hosts of one IPv6
    network of 64 bits count as one, since they are one subscriber's.
    """

    def __init__(
        self, now: Callable[[], float], burst: int = 20, each_s: float = 1.0, limit: int = 1024
    ) -> None:
        """limit: hosts that are remembered; the one that failed longest ago goes first."""
        self._now, self._burst, self._each_s, self._limit = now, burst, each_s, limit
        self._until: OrderedDict[str, float] = OrderedDict()
        """When each host's failures are forgiven, all of them."""

    def __len__(self) -> int:
        return len(self._until)

    def note(self, host: str) -> None:
        """Count one failure."""
        key, now = _key(host), self._now()
        until = max(self._until.pop(key, now), now) + self._each_s
        self._until[key] = min(until, now + self._burst * self._each_s)
        if len(self._until) > self._limit:
            self._until.popitem(last=False)

    def forget(self) -> None:
        """Forgive every host."""
        self._until.clear()

    def are_too_many(self, host: str) -> bool:
        """Tell whether a host has to wait before it may try again."""
        until = self._until.get(_key(host))
        return until is not None and until - self._now() > (self._burst - 1) * self._each_s


def _key(host: str) -> str:
    if ":" not in host:
        return host
    try:
        return str(ip_network((host, 64), strict=False))
    except ValueError:
        return host
