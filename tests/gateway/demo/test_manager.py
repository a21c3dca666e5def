"""The demo's SNMP manager, against an agent that says what it is told to say."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from mibagent.errors import Refused
from mibagent.model.cache import load_model
from mibagent.model.places import mib_folders
from mibagent.snmp.message import encode_message, read_message, read_version
from mibagent.snmp.pdu import Kind, Pdu, Status, encode_response, read_pdu
from mibgateway.demo import manager
from mibgateway.demo.manager import Answer, Instance, Manager, NoAnswer, snmpset_lines

MODEL = load_model(mib_folders())
ROW = Instance("sipEpTransportConfigTlsEnable", (b"default",))
FLOOR = Instance("sipEpTransportTlsVersion")
PORT = Instance("sipEpTlsPersistentConnectionStatusLocalPort", (1,))


@contextmanager
def agent(*answers: tuple[int, int] | None) -> Iterator[tuple[Manager, list[Pdu]]]:
    """Answer each request with its own varbinds and an error-status and -index; None: not."""
    asked: list[Pdu] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
        port.bind(("127.0.0.1", 0))
        port.settimeout(5)

        def serve() -> None:
            for answer in answers:
                octets, peer = port.recvfrom(65535)
                version, at = read_version(octets)
                message = read_message(octets, version, at)
                pdu = read_pdu(Kind(message.tag), octets, message.start, len(octets))
                asked.append(pdu)
                if answer is None:
                    port.sendto(b"noise", peer)
                    continue
                response = encode_response(pdu.request_id, *answer, pdu.octets)
                port.sendto(encode_message(1, message.community, response), peer)

        thread = threading.Thread(target=serve)
        thread.start()
        asking = Manager(MODEL, "127.0.0.1", port.getsockname()[1], "word")
        try:
            yield asking, asked
        finally:
            asking.close()
            thread.join()


def test_a_set_is_one_pdu_of_the_values_meant() -> None:
    with agent((0, 0)) as (asking, asked):
        assert asking.set({FLOOR: "tlsv13", ROW: "enable"}).is_ok
    (pdu,) = asked
    assert pdu.kind is Kind.SET
    assert [varbind.content for varbind in pdu.varbinds] == [(500).to_bytes(2, "big"), b"\1"]


def test_what_is_refused_says_what_and_why() -> None:
    with agent((Status.INCONSISTENT_VALUE, 2)) as (asking, _):
        answer = asking.set({FLOOR: "tlsv13", ROW: "enable"})
    assert (answer.words, answer.index, answer.is_ok) == ("inconsistentValue", 2, False)


def test_a_question_is_asked_again_and_a_set_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manager, "WAIT_S", 0.6)
    with agent(None, (0, 0)) as (asking, asked):
        assert asking.get(FLOOR) == [""]        # an echo of the question holds no value
    assert [pdu.kind for pdu in asked] == [Kind.GET, Kind.GET]
    with agent(None) as (asking, asked), pytest.raises(NoAnswer, match=r"no answer within 0\.6 s"):
        asking.set({FLOOR: "tlsv13"})
    assert len(asked) == 1


def test_nobody_there_is_said_at_once() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
        port.bind(("127.0.0.1", 0))
        free = port.getsockname()[1]
    asking = Manager(MODEL, "127.0.0.1", free, "word")
    with pytest.raises(NoAnswer, match="refused"):
        asking.get(FLOOR)
    asking.close()


def test_a_value_that_the_mib_lacks_is_refused_before_it_is_sent() -> None:
    with agent() as (asking, asked), pytest.raises(Refused, match="one of"):
        asking.set({FLOOR: "tlsv14"})
    assert asked == []


def test_instances_are_spelled_as_net_snmp_spells_them() -> None:
    assert [str(each) for each in (FLOOR, ROW, PORT)] == [
        "sipEpTransportTlsVersion.0", 'sipEpTransportConfigTlsEnable."default"',
        "sipEpTlsPersistentConnectionStatusLocalPort.1"]


def test_a_command_can_be_pasted_into_a_shell() -> None:
    assert snmpset_lines("127.0.0.1", {ROW: "enable", FLOOR: "tlsv13"}) == [
        "snmpset 127.0.0.1 'sipEpTransportConfigTlsEnable.\"default\"' = enable \\",
        "    sipEpTransportTlsVersion.0 = tlsv13"]


@pytest.mark.parametrize(("status", "words"), [
    (0, "noError"), (5, "genErr"), (12, "inconsistentValue"), (13, "resourceUnavailable"),
    (99, "99")])
def test_statuses_are_spelled_as_rfc_3416_spells_them(status: int, words: str) -> None:
    assert Answer(status, 0).words == words
