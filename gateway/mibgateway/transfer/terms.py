"""What a transfer is asked for, bounded by, and comes to."""

from __future__ import annotations

from dataclasses import dataclass, field

from mibagent.errors import MibgateError


class TransferError(MibgateError):
    """A transfer that failed; the text is one line without secrets."""

    def __init__(self, why: str, *, may_retry: bool = False) -> None:
        """may_retry: the same may work later: an unreachable server, a 5xx, a time-out."""
        super().__init__(why)
        self.why, self.may_retry = why, may_retry


class Cut(TransferError):
    """The connection ended before the body did: the rest may be asked for."""

    def __init__(self, why: str) -> None:
        super().__init__(why, may_retry=True)


@dataclass(frozen=True)
class Credentials:
    """Who asks; told to a server only when it asks for it."""

    username: str
    password: str = field(default="", repr=False)


@dataclass(frozen=True)
class Done:
    """A transfer that is over and good."""

    octets: int
    sha256: str
    """In lower-case hex."""
    kind: str = ""
    """The Content-Type of what came; "" after an upload."""


@dataclass(frozen=True)
class Bounds:
    """What one transfer may cost in time and attempts."""

    connect_s: float = 15.0
    """To find, to reach and to shake hands with a server."""
    idle_s: float = 30.0
    """Without one octet from the server, or taken by it."""
    least_octets: int = 16 * 1024
    """What has to pass in each `window_s`, so that a trickle does not last for ever."""
    window_s: float = 60.0
    total_s: float = 4 * 3600.0
    """For the whole transfer, its redirects and further attempts included."""
    resumptions: int = 5
    """How often a download that was cut short is taken up again, in all."""
    redirects: int = 5
    pause_s: float = 2.0
    """Before a further attempt when the last brought nothing; doubles each time."""


@dataclass(frozen=True)
class Request:
    """What to ask a server for."""

    method: str
    scheme: str
    host: str
    port: int
    head: bytes = field(repr=False)
    """Request line and fields, up to the empty line."""
    waits: bool = False
    """Whether the body waits for 100 (Continue). RFC 9110 section 10.1.1."""


PART_SUFFIX = ".part"
"""How the hidden names of files end that are not whole."""
