"""What all TLS connections of one unit share: sessions to resume, OCSP answers, the key log."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from OpenSSL import SSL

from mibgateway.tls.keylog import KeyLog
from mibgateway.tls.revocation import Revocation

MOST_SESSIONS = 200
LONGEST_SESSION = timedelta(hours=1)


@dataclass(frozen=True)
class KeptSession:
    """A session of a server, with what was judged when it began."""

    context: SSL.Context
    """Where it belongs: OpenSSL resumes it there alone."""
    session: SSL.Session
    chain: tuple[x509.Certificate, ...]
    """The server's certificate and its issuers up to the trusted one; empty when none is judged."""
    began: datetime

    def holds(self, now: datetime) -> bool:
        """Whether every certificate that was judged then is in date now, and it is not too old."""
        return self.began <= now < self.began + LONGEST_SESSION and all(
            each.not_valid_before_utc <= now <= each.not_valid_after_utc for each in self.chain)


class Sessions:
    """Sessions to resume, each used once. RFC 8446 section C.4."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, KeptSession] = OrderedDict()

    def take(self, key: Hashable, now: datetime | None) -> KeptSession | None:
        """Give the session that was kept under the same policy, names and certificates."""
        kept = self._kept.pop(key, None)
        return kept if kept is not None and now is not None and kept.holds(now) else None

    def keep(self, key: Hashable, kept: KeptSession) -> None:
        """Keep the newest of each server."""
        self._kept.pop(key, None)
        self._kept[key] = kept
        while len(self._kept) > MOST_SESSIONS:
            self._kept.popitem(last=False)

    def clear(self) -> None:
        """Forget all."""
        self._kept.clear()


@dataclass
class Shared:
    """What the connections of one unit have in common. None: there is no such thing."""

    revocation: Revocation | None = None
    sessions: Sessions | None = None
    key_log: KeyLog = field(default_factory=KeyLog)
