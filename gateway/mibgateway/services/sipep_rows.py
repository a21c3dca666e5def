"""What pollers see of the SIP endpoint: gateways and persistent connections."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mibagent.smi.host import HostPort
from mibgateway.clock.unit_clock import date_and_time
from mibgateway.sip import terms
from mibgateway.sip.shell import FlowShell


class GatewayState(enum.IntEnum):
    """How a gateway is, as sipEpGatewayStatusStateCode counts."""

    READY = 100
    PORT_IN_USE = 200
    NETWORK_DOWN = 300
    RESTARTING = 400
    WAITING_FOR_TIME = 500
    SERVER_UNREACHABLE = 600
    INVALID_CONFIGURATION = 700
    STOPPED = 800


STATE_TEXTS = {
    GatewayState.READY: "Ready",
    GatewayState.PORT_IN_USE: "Cannot start, port already in use",
    GatewayState.NETWORK_DOWN: "Network down",
    GatewayState.RESTARTING: "Restarting",
    GatewayState.WAITING_FOR_TIME: "Waiting for time synchronization",
    GatewayState.SERVER_UNREACHABLE: "Server unreachable",
    GatewayState.INVALID_CONFIGURATION: "Invalid Configuration",
    GatewayState.STOPPED: "Stopped",
}


@dataclass
class GatewayStatusRow:
    """What a poller sees of one gateway."""

    port: int = 0
    secure_port: int = 0
    domain: str = ""
    state_code: GatewayState = GatewayState.STOPPED
    detail: str = ""

    @property
    def state(self) -> str:
        """The state in words."""
        text = STATE_TEXTS[self.state_code]
        return f"{text}: {self.detail}" if self.detail else text


class ConnectionRow:
    """What a poller sees of one persistent connection."""

    number: int
    """The row's key."""
    gateway: str
    """The gateway that it is for."""
    remote_host: str
    """The server, host:port."""
    local_port: int
    """Ours; 0 before the first dial."""
    shell: FlowShell
    """Who keeps it."""

    def __init__(
        self, number: int, gateway: str, remote: HostPort, now: Callable[[], Any]
    ) -> None:
        self.number = number
        self.gateway, self.remote_host = gateway, str(remote)
        self.local_port = 0
        self.ready_at: Any = None
        self._now = now

    @property
    def state(self) -> int:
        return int(self.shell.flow.state)

    @property
    def last_error(self) -> str:
        return self.shell.flow.last_error[:255]

    def _facts(self) -> terms.Facts | None:
        links = self.shell.flow.links
        found = self.shell.flow.main or (links[-1] if links else None)
        return found.facts if found is not None else None

    @property
    def remote_host_ip_addr(self) -> str:
        found = self._facts()
        return found.remote_host if found else ""

    @property
    def tls_version(self) -> str:
        found = self._facts()
        return found.tls_version if found else ""

    @property
    def cipher_suite(self) -> str:
        found = self._facts()
        return found.cipher_suite if found else ""

    @property
    def peer_subject(self) -> str:
        found = self._facts()
        return found.peer_subject if found else ""

    @property
    def connected_since(self) -> str:
        return f"{self.ready_at:%Y-%m-%d %H:%M:%S}" if self.ready_at else ""

    @property
    def connected_since_time(self) -> bytes:
        return date_and_time(self.ready_at) if self.ready_at else bytes(8)

    @property
    def reconnects(self) -> int:
        return self.shell.flow.counters.reconnects & 0xFFFFFFFF

    @property
    def handshake_failures(self) -> int:
        return self.shell.flow.counters.handshake_failures & 0xFFFFFFFF

    @property
    def options_sent(self) -> int:
        return self.shell.flow.counters.options_sent & 0xFFFFFFFF

    @property
    def options_timed_out(self) -> int:
        return self.shell.flow.counters.options_timed_out & 0xFFFFFFFF

    @property
    def round_trip(self) -> int:
        return self.shell.flow.counters.round_trip_ms or 0
