"""Notifications by command: what somebody typed, as datagrams."""

from __future__ import annotations

import ipaddress
import itertools
import secrets
from collections.abc import Iterable, Mapping

from mibagent.errors import Index, Refused
from mibagent.model.nodes import MibModel, NotificationNode, ObjectNode
from mibagent.service.notification import Read, carried
from mibagent.smi.oid import parse_oid
from mibagent.smi.syntax import Value
from mibagent.snmp.message import V1, V2C, encode_message
from mibagent.snmp.pdu import Kind
from mibagent.snmp.trap import NO_ADDRESS, Notification, Variable
from mibgateway.errors import StartError

TRAP_PORT = 162

_ids = itertools.count(secrets.randbits(30))


class Receiver:
    """Where notifications go."""

    def __init__(self, host: str, port: int, community: str, version: int) -> None:
        self.host, self.port = host, port
        self.community, self.version = community.encode(), version

    @classmethod
    def of(cls, text: str) -> Receiver:
        """Read `[v1:]ADDRESS[:PORT][/COMMUNITY]`. Raises StartError."""
        version = V2C
        rest = text
        if text.startswith(("v1:", "v2c:")):
            version = V1 if text.startswith("v1:") else V2C
            rest = text.partition(":")[2]
        rest, _, community = rest.partition("/")
        host, port = rest, ""
        if rest.startswith("["):
            host, _, port = rest[1:].partition("]")
            port = port.removeprefix(":")
        elif rest.count(":") == 1:
            host, _, port = rest.partition(":")
        try:
            host, number = str(ipaddress.ip_address(host)), int(port or TRAP_PORT)
        except ValueError:
            number = 0
        if not 0 < number < 65536:
            raise StartError(f"{text}: a receiver is ADDRESS[:PORT][/COMMUNITY], the address in "
                             "digits, v1: before it for SNMPv1")
        return cls(host, number, community or "public", version)

    def datagram(self, notification: Notification) -> bytes:
        """Give the message. Raises StartError where its version can't carry it."""
        if self.version == V1:
            if not notification.suits_v1:
                raise StartError("SNMPv1 can't carry a Counter64")
            return encode_message(V1, self.community, notification.trap_v1(NO_ADDRESS))
        pdu = notification.pdu(Kind.TRAP, next(_ids) & 0x7FFFFFFF)
        return encode_message(V2C, self.community, pdu)


def typed(
    model: MibModel, name: str, words: Iterable[str], ticks: int, read: Read
) -> Notification:
    """Give a notification by its name with objects as `OBJECT[.ROW]=VALUE`.

    Of its OBJECTS those that are left out are read, and objects that are none of them are carried
    behind. Raises StartError, LocalError.
    """
    node = _node(model, name)
    values: dict[str, object] = {}
    rows: dict[str, Index] = {}
    more: list[Variable] = []
    for word in words:
        each, index, value = _given(model, word)
        if index and each.table is not None:
            rows[each.table.name] = index
        if each.name in node.objects or not each.is_readable:
            values[each.name] = value
        elif each.table is not None and not index:
            raise StartError(f"{word}: {each.name} is a column: say its row, {each.name}.ROW=VALUE")
        else:
            more.append(Variable(each.instance_oid(index), each.syntax.base, value))
    return _made(model, node, values, rows, ticks, read, more)


def issued(
    model: MibModel, name: str, values: Mapping[str, object], ticks: int, read: Read
) -> Notification:
    """Give a notification as a service issues it. Raises StartError, LocalError."""
    return _made(model, _node(model, name), values, {}, ticks, read)


def _node(model: MibModel, name: str) -> NotificationNode:
    node = model.notifications.get(name.rpartition("::")[2])
    if node is None:
        raise StartError(f"{name}: no MIB that is loaded has such a notification")
    missing = [each for each in node.objects if each not in model.objects]
    if missing:
        raise StartError(f"{name}: its object {missing[0]} is in no MIB that is loaded")
    return node


def _made(
    model: MibModel, node: NotificationNode, values: Mapping[str, object],
    rows: Mapping[str, Index], ticks: int, read: Read, more: Iterable[Variable] = (),
) -> Notification:
    return Notification(node.oid, ticks, (
        *(Variable(each.node.instance_oid(each.index), each.node.syntax.base, each.value)
          for each in carried(model, node, values, rows, read)), *more))


def _given(model: MibModel, word: str) -> tuple[ObjectNode, Index, Value]:
    name, equals, text = word.partition("=")
    descriptor, _, suffix = name.rpartition("::")[2].partition(".")
    node = model.objects.get(descriptor)
    if not equals or node is None:
        raise StartError(f"{word}: OBJECT=VALUE or OBJECT.ROW=VALUE is wanted, the object by its "
                         "name")
    index: Index = ()
    try:
        if suffix and node.table is not None:
            index = node.table.index(parse_oid(suffix))
        return node, index, node.syntax.parse(text, node.name)
    except ValueError as error:
        raise StartError(f"{word}: {error}") from None
    except Refused as refusal:
        raise StartError(f"{word}: {refusal.why}") from None
