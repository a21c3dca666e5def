"""The words between a flow and whoever carries it out: settings, facts, effects."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from .framing import STREAM_LIMIT_BYTES
from .message import Request, Response
from .options import Identity
from .transaction import Key
from .uri import SipUri


class State(enum.IntEnum):
    """The states of TlsPersistentConnectionStatus, by its numbers."""

    UP = 100
    """Usable."""
    DOWN = 200
    """No connection, or one whose handshake is not over."""
    WAITING_SHUTDOWN = 300
    """Being closed with good manners."""
    WAITING_UP = 400
    """Connected, but the server has not said an octet yet."""


class KeepAlive(enum.IntEnum):
    """How a server is asked whether it lives, by SipKeepAliveMethod's numbers."""

    NONE = 100
    """Not at all, once the connection is ready."""
    SIP_OPTIONS = 200
    """By OPTIONS. RFC 3261 section 11."""
    PING = 300
    """By line ends. RFC 5626 section 4.4.1."""
    TCP_KEEP_ALIVE = 400
    """By the kernel; to the flow as NONE."""


@dataclass(frozen=True)
class FlowSettings:
    """What the running configuration says of one server."""

    target: SipUri
    """The Request-URI of OPTIONS."""
    identity: Identity = field(default_factory=Identity)
    """How we name ourselves there."""
    gateways: tuple[str, ...] = ()
    """The gateways that share the connection; only carried along."""
    transport: str = "TLS"
    """The transport in Via and Contact: TLS or TCP."""
    keep_alive: KeepAlive = KeepAlive.SIP_OPTIONS
    """SipKeepAliveMethod."""
    keep_alive_interval_s: float = 30
    """SipKeepAliveInterval."""
    failback_interval_s: float = 15
    """TransportFailbackInterval."""
    connect_timeout_s: float = 10
    """InteropTcpConnectTimeout."""
    transmission_timeout_s: float = 32
    """InteropTransmissionTimeout: timer F."""
    message_limit_bytes: int = STREAM_LIMIT_BYTES
    """MaxStreamMessageSize."""


@dataclass(frozen=True)
class Facts:
    """What is known of a connection whose handshake is over."""

    local_host: str
    """Our address, IPv6 without brackets."""
    local_port: int
    """Our port."""
    remote_host: str
    """The server's address, IPv6 without brackets."""
    remote_port: int
    """The server's port."""
    tls_version: str = ""
    """As the TLS library spells it."""
    cipher_suite: str = ""
    """The IANA name."""
    peer_subject: str = ""
    """The subject of the server's certificate."""


class Trouble(enum.Enum):
    """What kind of failure it was, for choosing the notification."""

    CONNECT = "no TCP connection"
    HANDSHAKE = "the TLS handshake failed"
    SERVER_CERTIFICATE = "we refused the server's certificate"
    CLIENT_CERTIFICATE = "the server refused our certificate"
    NO_ANSWER = "the server did not answer in time"
    PROTOCOL = "the server does not speak SIP"
    CLOSED = "the connection was closed"


HANDSHAKE_TROUBLES = (Trouble.HANDSHAKE, Trouble.SERVER_CERTIFICATE, Trouble.CLIENT_CERTIFICATE)


@dataclass(frozen=True)
class Failure:
    """Why a connection is not there."""

    trouble: Trouble
    """Its kind."""
    text: str
    """For people: LastError, syslog."""

    def __str__(self) -> str:
        return self.text


@dataclass
class Counters:
    """What is there to graph."""

    reconnects: int = 0
    """Connections that became ready after the first one."""
    connect_failures: int = 0
    """Attempts that ended before the handshake, or without one octet of the server."""
    handshake_failures: int = 0
    """Attempts that a certificate or the TLS handshake ended."""
    options_sent: int = 0
    """OPTIONS, of keep-alive and of readiness."""
    options_timed_out: int = 0
    """OPTIONS without a final response in time."""
    round_trip_ms: int | None = None
    """From the last answered OPTIONS to its answer."""
    garbled: int = 0
    """Messages that could be neither read nor answered."""


@dataclass(frozen=True)
class Dial:
    """Connect, with certificates looked up now. Then `opened`, `connected`; or `failed`."""

    link: int
    """The name of the connection to be."""


@dataclass(frozen=True)
class Send:
    """Write the octets."""

    link: int
    """Which connection."""
    data: bytes
    """All of a message, or line ends."""


@dataclass(frozen=True)
class Drain:
    """Write out what waits, say goodbye, report `lost` when the peer has closed too."""

    link: int
    """Which connection."""


@dataclass(frozen=True)
class Close:
    """Abort, or stop dialling. Nothing that is reported of it later counts."""

    link: int
    """Which connection."""


@dataclass(frozen=True)
class Ready:
    """The connection can be used: notification 303."""

    link: int
    """Which connection."""
    facts: Facts
    """What the shell found."""


@dataclass(frozen=True)
class Failed:
    """An attempt did not become ready: notification 302, 305 or 306 by its trouble."""

    link: int
    """Which connection."""
    failure: Failure
    """Why."""


@dataclass(frozen=True)
class LostConnection:
    """A ready connection is gone and was not meant to: notification 304."""

    link: int
    """Which connection."""
    failure: Failure
    """Why."""


@dataclass(frozen=True)
class Reachable:
    """The server answers: notification 310. Once, until it is unreachable."""


@dataclass(frozen=True)
class Unreachable:
    """No connection answers, or the first attempt failed: notification 311. Once."""

    failure: Failure
    """Why."""


@dataclass(frozen=True)
class Incoming:
    """A request that the core leaves to others; answer with `Flow.respond`."""

    link: int
    """Which connection."""
    key: Key | None
    """Its transaction; None for an ACK."""
    request: Request
    """With the server's address in its Via."""


@dataclass(frozen=True)
class Answered:
    """A response to `Flow.request`."""

    link: int
    """Which connection."""
    key: Key
    """Its transaction."""
    response: Response
    """Provisional or final."""


@dataclass(frozen=True)
class Unanswered:
    """There will be no response to `Flow.request`."""

    link: int
    """Which connection."""
    key: Key
    """Its transaction."""
    why: str
    """For people."""


@dataclass(frozen=True)
class Dropped:
    """A message that could be neither read nor answered."""

    link: int
    """Which connection."""
    why: str
    """For the log."""


@dataclass(frozen=True)
class Stopped:
    """All connections are gone; nothing more comes."""


Effect = (
    Dial
    | Send
    | Drain
    | Close
    | Ready
    | Failed
    | LostConnection
    | Reachable
    | Unreachable
    | Incoming
    | Answered
    | Unanswered
    | Dropped
    | Stopped
)
