"""Asks the unit's resolver for the addresses of a host, without waiting."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress, IHostResolution, IResolutionReceiver
from zope.interface import implementer


@implementer(IResolutionReceiver)
class Search:
    """One look-up; its answer may come at once, and is no answer once the search is given up."""

    def __init__(self, found: Callable[[list[str]], None]) -> None:
        """found: told the addresses, none where there is no such name."""
        self._found: Callable[[list[str]], None] | None = found
        self._addresses: list[str] = []

    def begin(self, reactor: Any, host: str, port: int) -> None:
        """Look a name up; an address is its own answer."""
        try:
            self._addresses = [str(ip_address(host.strip("[]")))]
        except ValueError:
            reactor.nameResolver.resolveHostName(self, host, port, transportSemantics="UDP")
        else:
            self.resolutionComplete()

    def give_up(self) -> None:
        """Let whatever it finds be forgotten."""
        self._found = None

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:  # noqa: N803
        """Nothing is known yet."""

    def addressResolved(self, address: IAddress) -> None:
        if isinstance(address, IPv4Address | IPv6Address):
            self._addresses.append(address.host)

    def resolutionComplete(self) -> None:
        found, self._found = self._found, None
        if found is not None:
            found(self._addresses)
