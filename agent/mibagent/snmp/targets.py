"""Who gets which notification: targets, tags and filters. Facts in, answers out; no tables.

RFC 3413 sections 5 and 6.
"""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from mibagent.smi.oid import Oid
from mibagent.snmp.vacm import Family, Level, Model

DELIMITERS = " \t\r\n"
"""What stands between tags. RFC 3413 section 4, SnmpTagValue."""

UDP_DOMAIN: Oid = (1, 3, 6, 1, 6, 1, 1)
"""snmpUDPDomain, for IPv4. RFC 3417 section 3."""
UDP_IPV4: Oid = (1, 3, 6, 1, 2, 1, 100, 1, 1)
UDP_IPV6: Oid = (1, 3, 6, 1, 2, 1, 100, 1, 2)
"""transportDomainUdpIpv4 and transportDomainUdpIpv6. RFC 3419 section 3."""

DOMAINS = {UDP_DOMAIN: 4, UDP_IPV4: 4, UDP_IPV6: 16}
"""The transport domains that can be sent to, with the octets of their addresses."""


class Kind(enum.IntEnum):
    """Whether a receiver is asked to answer; the numbers are snmpNotifyType's."""

    TRAP = 1
    INFORM = 2


@dataclass(frozen=True)
class Address:
    """Where a receiver listens, over UDP."""

    host: str
    """An IPv4 or IPv6 address as text."""
    port: int

    @classmethod
    def of(cls, domain: Oid, octets: bytes) -> Address:
        """Read a TAddress. Raises ValueError with the reason."""
        size = DOMAINS.get(domain)
        if size is None:
            raise ValueError("only snmpUDPDomain, transportDomainUdpIpv4 and transportDomainUdpIpv6"
                             " can be sent to")
        if len(octets) != size + 2:
            raise ValueError(f"{size} octets of the address and 2 of the port are wanted")
        port = int.from_bytes(octets[size:], "big")
        if not port:
            raise ValueError("port 0 can't be sent to")
        return cls(str(ipaddress.ip_address(octets[:size])), port)

    @property
    def is_v6(self) -> bool:
        """Whether it is an IPv6 address."""
        return ":" in self.host

    @property
    def domain(self) -> Oid:
        """Its transport domain: snmpUDPDomain for IPv4, which every manager knows."""
        return UDP_IPV6 if self.is_v6 else UDP_DOMAIN

    @property
    def octets(self) -> bytes:
        """Its TAddress."""
        return ipaddress.ip_address(self.host).packed + self.port.to_bytes(2, "big")


@dataclass(frozen=True)
class End:
    """UDP ports at a host, from which a community is taken."""

    port: int
    mask: int
    """Which bits of the port count; none: it is every port."""
    room: int = 0
    """The longest message that they take, in octets; 0: not known."""

    def holds(self, port: int) -> bool:
        """Tell whether a port is one of them."""
        return not (port ^ self.port) & self.mask


@dataclass(frozen=True)
class Endpoint:
    """From where requests may come: a row of snmpTargetAddrTable with its extension.

    RFC 3584 section 5.1, snmpTargetAddrTMask and snmpTargetAddrMMS.
    """

    tags: frozenset[bytes]
    octets: bytes
    """The TAddress: a host, and two octets of a port."""
    mask: bytes = b""
    """Which bits of it count; empty: all."""
    room: int = 0

    def at(self, host: str) -> End | None:
        """Give the ports at a host; None for another host, and for what is no address."""
        try:
            here = ipaddress.ip_address(host).packed
        except ValueError:
            return None
        size, mask = len(here), self.mask or b"\xff" * len(self.octets)
        if not len(self.octets) == len(mask) == size + 2 or any(
                (mine ^ other) & bits
                for mine, other, bits in zip(self.octets, here, mask, strict=False)):
            return None
        return End(int.from_bytes(self.octets[size:], "big"),
                   int.from_bytes(mask[size:], "big"), self.room)


def ends_at(endpoints: Iterable[Endpoint], tag: bytes, host: str) -> tuple[End, ...]:
    """Give the ports of a host that carry a tag, up to the first that is every port."""
    found: list[End] = []
    for endpoint in endpoints:
        end = endpoint.at(host) if tag in endpoint.tags else None
        if end is not None:
            found.append(end)
            if not end.mask:
                break
    return tuple(found)


@dataclass(frozen=True)
class Params:
    """How messages for a target are made: a row of snmpTargetParamsTable."""

    name: bytes
    message_model: int
    """0 is SNMPv1, 1 SNMPv2c, 3 SNMPv3. RFC 3411 section 5, SnmpMessageProcessingModel."""
    security_model: int
    security_name: bytes
    level: int

    @property
    def is_sound(self) -> bool:
        """Whether version and security model go together."""
        return (self.message_model, self.security_model) in (
            (0, Model.V1), (1, Model.V2C), (3, Model.USM)) and (
            self.message_model == 3 or self.level == Level.NO_AUTH_NO_PRIV)


@dataclass(frozen=True)
class Target:
    """One address that messages go to: a row of snmpTargetAddrTable with its params."""

    name: bytes
    address: Address
    params: Params
    timeout_s: float = 15.0
    retries: int = 3
    max_size: int = 65507
    """The largest message that the receiver takes, in octets."""


@dataclass(frozen=True)
class Filter:
    """Which notifications pass: a filter profile with its families. RFC 3413 section 6."""

    families: tuple[Family, ...] = ()

    @cached_property
    def _by_precedence(self) -> tuple[Family, ...]:
        return tuple(sorted(self.families, reverse=True,
                            key=lambda family: (len(family.subtree), family.subtree)))

    def _verdict(self, oid: Oid) -> bool | None:
        for family in self._by_precedence:
            if family.holds(oid):
                return family.included
        return None

    def passes(self, notification: Oid, variables: Iterable[Oid]) -> bool:
        """Tell whether one passes: it is included by name, and no variable of it is excluded."""
        return self._verdict(notification) is True \
            and all(self._verdict(name) is not False for name in variables)


@dataclass(frozen=True)
class Recipient:
    """A target that gets a kind of notification, behind a filter."""

    target: Target
    kind: Kind
    filter: Filter | None = None
    """None lets everything pass."""


@dataclass(frozen=True)
class Targets:
    """The tables as they are now; only rows that are active, the others are nobody."""

    notify: Iterable[tuple[bytes, Kind]] = ()
    """Tag and kind of each row of snmpNotifyTable."""
    addresses: Iterable[tuple[Target, frozenset[bytes]]] = ()
    """Each target with its tags."""
    filters: Mapping[bytes, Filter] = field(default_factory=dict)
    """The filter of each row of snmpTargetParamsTable that has one."""

    @cached_property
    def recipients(self) -> tuple[Recipient, ...]:
        """Who gets notifications; who is chosen twice for the same kind gets it once.

        SNMPv1 knows no inform. RFC 3413 section 3.3.
        """
        found: dict[tuple[bytes, Kind], Recipient] = {}
        for tag, kind in self.notify:
            for target, tags in self.addresses:
                if tag and tag in tags and target.params.is_sound \
                        and not (kind is Kind.INFORM and target.params.message_model == 0):
                    found[target.name, kind] = Recipient(
                        target, kind, self.filters.get(target.params.name))
        return tuple(found.values())


def tags_of(tag_list: str) -> frozenset[bytes]:
    """Give the tags of a list. Raises ValueError where delimiters are not as they have to be."""
    if not tag_list:
        return frozenset()
    parts = tag_list.translate({ord(each): " " for each in DELIMITERS}).split(" ")
    if "" in parts:
        raise ValueError("one delimiter between two tags, none before or after them")
    return frozenset(part.encode() for part in parts)
