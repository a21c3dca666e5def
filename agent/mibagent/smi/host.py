"""`host[:port]` and what else a text that names a place may be."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*\.?")


@dataclass(frozen=True)
class HostPort:
    """A host by name or address with a port; empty where there is none."""

    host: str = ""
    """A name, an IPv4 or an IPv6 address without brackets; empty or 0.0.0.0: none is meant."""
    port: int = 0
    """0 where the use's own default holds."""

    @classmethod
    def from_text(cls, text: str) -> HostPort:
        """Read `host`, `host:port`, `[v6]:port` or a bare IPv6 address. Raises ValueError."""
        text = text.strip()
        if not text:
            return cls()
        host, port = text, ""
        if text.startswith("["):
            host, bracket, rest = text[1:].partition("]")
            if not bracket or (rest and not rest.startswith(":")):
                raise ValueError("an IPv6 address stands in brackets, then :port")
            ipaddress.IPv6Address(host)
            port = rest[1:] if rest else ""
        elif text.count(":") == 1:
            host, _, port = text.partition(":")
        elif ":" in text:
            ipaddress.IPv6Address(text)
        if ":" not in host:
            _check_name(host)
        if port and not (port.isascii() and port.isdigit() and int(port) <= 65535):
            raise ValueError("a port is a number up to 65535")
        return cls(host, int(port or 0))

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host and self.port else self.host
        return f"{host}:{self.port}" if self.port else host

    def __bool__(self) -> bool:
        return self.host not in ("", "0.0.0.0")

    def with_port(self, port: int) -> HostPort:
        """Give the same with that port where it has none."""
        return self if self.port else HostPort(self.host, port)


def _check_name(host: str) -> None:
    if re.fullmatch(r"[0-9.]+", host):
        try:
            ipaddress.IPv4Address(host)
        except ValueError:
            raise ValueError("an IPv4 address has four numbers up to 255") from None
    elif not _NAME.fullmatch(host) or len(host) > 253:
        raise ValueError("a host is a name of letters, digits, - and dots, or an address")
