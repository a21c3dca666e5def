"""A manager of SNMPv2c that waits for each answer: names and words in, words out."""

from __future__ import annotations

import secrets
import shlex
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass

from mibagent.errors import Index, MibgateError
from mibagent.model.nodes import MibModel, ObjectNode
from mibagent.snmp.ber import (
    ENCODERS,
    NULL,
    SEQUENCE,
    UNSPECIFIED,
    BerError,
    decode_integer,
    decode_value,
    encode_integer,
    encode_oid,
    tlv,
)
from mibagent.snmp.message import V2C, encode_message, read_message, read_version
from mibagent.snmp.pdu import Kind, Pdu, Status, encode_varbind, read_pdu

WAIT_S = 5.0
"""How long an answer may take."""

ASKED_AGAIN = 3
"""How often a question is sent; a SET is sent once, as it may have been carried out."""

_NOTHING = bytes((NULL, 0))
_WORDS = {Status.NO_ERROR: "noError", Status.GEN_ERR: "genErr"}


class NoAnswer(MibgateError):
    """The unit did not answer, or not in SNMP."""


@dataclass(frozen=True)
class Instance:
    """One object with its row, as net-snmp spells it."""

    name: str
    index: Index = ()

    def __str__(self) -> str:
        if not self.index:
            return f"{self.name}.0"
        parts = (f'"{part.decode()}"' if isinstance(part, bytes) else str(part)
                 for part in self.index)
        return f"{self.name}.{'.'.join(parts)}"


@dataclass(frozen=True)
class Answer:
    """What came back of a SET."""

    status: int
    index: int
    """The varbind that is refused, counted from 1; 0 for none."""

    @property
    def is_ok(self) -> bool:
        """Whether it was carried out."""
        return self.status == Status.NO_ERROR

    @property
    def words(self) -> str:
        """The error-status as RFC 3416 spells it."""
        try:
            status = Status(self.status)
        except ValueError:
            return str(self.status)
        first, *others = status.name.lower().split("_")
        return _WORDS.get(status) or first + "".join(word.capitalize() for word in others)


Wanted = Mapping[Instance, str]
"""Instances and the values that they are to have, in a person's words."""


def snmpset_lines(address: str, wanted: Wanted) -> list[str]:
    """Give the net-snmp command that does the same, to be pasted into a shell."""
    parts = [f"{shlex.quote(str(instance))} = {shlex.quote(value)}"
             for instance, value in wanted.items()]
    first, *others = parts
    lines = [f"snmpset {address} {first}", *(f"    {part}" for part in others)]
    return [f"{line} \\" for line in lines[:-1]] + lines[-1:]


class Manager:
    """Asks one unit."""

    def __init__(self, model: MibModel, address: str, port: int, community: str) -> None:
        self._model, self._community = model, community.encode()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect((address, port))
        self._number = secrets.randbelow(1 << 30)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def set(self, wanted: Wanted) -> Answer:
        """Set them in one PDU. Raises NoAnswer."""
        varbinds = []
        for instance, text in wanted.items():
            node = self._model[instance.name]
            value = node.syntax.parse(text, node.name)
            varbinds.append((node, instance.index, ENCODERS[node.syntax.base](value)))
        answer = self._ask(Kind.SET, varbinds, tries=1)
        return Answer(answer.first, answer.second)

    def get(self, *instances: Instance) -> list[str]:
        """Give the values, as people read them; nothing for what is not there. Raises NoAnswer."""
        nodes = [self._model[instance.name] for instance in instances]
        asked = [(node, instance.index, _NOTHING)
                 for node, instance in zip(nodes, instances, strict=True)]
        answer = self._ask(Kind.GET, asked, tries=ASKED_AGAIN)
        if answer.first or len(answer.varbinds) != len(nodes):
            raise NoAnswer(f"GET of {instances[0]}: {Answer(answer.first, 0).words}")
        return ["" if found.tag in UNSPECIFIED
                else node.syntax.print(decode_value(found.tag, found.content))
                for node, found in zip(nodes, answer.varbinds, strict=True)]

    def _ask(
        self, kind: Kind, varbinds: list[tuple[ObjectNode, Index, bytes]], *, tries: int
    ) -> Pdu:
        self._number += 1
        number = encode_integer(self._number)
        content = b"".join(encode_varbind(encode_oid(node.instance_oid(index)), value)
                           for node, index, value in varbinds)
        pdu = tlv(kind, number + 2 * encode_integer(0) + tlv(SEQUENCE, content))
        octets = encode_message(V2C, self._community, pdu)
        for _ in range(tries):
            try:
                self._socket.send(octets)
                found = self._answer(time.monotonic() + WAIT_S / tries)
            except OSError as error:
                raise NoAnswer(f"SNMP: {error.strerror}") from None
            if found is not None:
                return found
        raise NoAnswer(f"SNMP: no answer within {WAIT_S:g} s")

    def _answer(self, deadline: float) -> Pdu | None:
        while (left := deadline - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                octets = self._socket.recv(65535)
            except TimeoutError:
                return None
            try:
                version, at = read_version(octets)
                message = read_message(octets, version, at)
                pdu = read_pdu(Kind(message.tag), octets, message.start, len(octets))
            except (BerError, ValueError):
                continue
            if decode_integer(pdu.request_id) == self._number:
                return pdu
        return None
