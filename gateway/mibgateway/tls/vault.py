"""The certificates of one unit, as whoever makes a TLS connection sees them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from mibgateway.tls.certificate import Usage
from mibgateway.tls.credentials import Authority, HostCredential, choose
from mibgateway.tls.policy import TlsPolicy
from mibgateway.tls.shared import Shared


class Vault:
    """Host credentials and trusted authorities by file name; filled by the Cert service."""

    def __init__(
        self, clock: Callable[[], datetime | None], shared: Shared | None = None
    ) -> None:
        self.clock = clock
        self.shared = shared or Shared()
        self.hosts: dict[str, HostCredential] = {}
        self.trusted: dict[str, tuple[Authority, ...]] = {}
        self._listeners: list[Callable[[], None]] = []

    def authorities(self) -> tuple[Authority, ...]:
        """Give every CA that is trusted."""
        return tuple(each for file in self.trusted.values() for each in file)

    def credential(
        self, role: Usage, policy: TlsPolicy, forbidden: frozenset[str] = frozenset()
    ) -> HostCredential | None:
        """Give the credential to show: of those that may be used the one that ends last."""
        allowed = [each for name, each in self.hosts.items() if name not in forbidden]
        return choose(allowed, role, self.clock(), policy)

    def watch(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call the listener after each change; call what is given back to stop that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def replace(
        self, hosts: dict[str, HostCredential], trusted: dict[str, tuple[Authority, ...]]
    ) -> None:
        """Put these in place of all there were; the next handshake uses them."""
        self.hosts, self.trusted = hosts, trusted
        for listener in list(self._listeners):
            listener()
