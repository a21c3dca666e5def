"""Octets of ill will at every open port: counted, unanswered or answered by the RFC, and forgotten.

What SNMP makes of each datagram: RFC 3417 section 8, RFC 3412 section 7.2, RFC 3418 section 2.
"""

from __future__ import annotations

import random
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from mibagent.snmp.ber import encode_oid, tlv
from mibagent.snmp.message import read_message, read_version
from mibagent.snmp.pdu import Kind, Status, read_pdu
from tests.wire.unit_process import (
    WAIT_S,
    Snmp,
    UnitProcess,
    folder,
    oid_of,
    until,
)

DATAGRAMS = 20_000
BURST_OCTETS = 64 * 1024
"""Fewer than a socket holds where the host allows little, so that each is read."""
GROWTH_OCTETS = 8 << 20
LARGEST = 65507

COUNTED = ("snmpInASNParseErrs", "snmpInBadVersions", "snmpInBadCommunityNames")


@pytest.fixture(scope="module")
def unit() -> Iterator[UnitProcess]:
    """Give a unit with SIP over UDP and TCP."""
    script = 'SipEp.TransportConfig[GatewayName=default].TcpEnable=enable\n'
    with folder("hostile") as home, UnitProcess(home, script) as started:
        started.forget_script()
        yield started


def counters(snmp: Snmp, *names: str) -> list[int]:
    """Give counters."""
    return [int(str(value)) for value in snmp.get_all(*((name, ()) for name in names)).values]


def pour(sender: socket.socket, snmp: Snmp, datagrams: Iterator[bytes]) -> tuple[int, list[bytes]]:
    """Send in bursts that the port keeps up with; give how many, and all answers."""
    sent = waiting = 0
    answers: list[bytes] = []
    sender.settimeout(0)
    for datagram in datagrams:
        sender.send(datagram)
        sent += 1
        waiting += len(datagram) + 1024       # the kernel's own share
        if waiting > BURST_OCTETS:
            waiting = 0
            snmp.get("sysUpTime")             # it has read what came before this
            answers += heard(sender)
    snmp.get("sysUpTime")
    return sent, answers + heard(sender)


def heard(sender: socket.socket) -> list[bytes]:
    """Give what has come."""
    found = []
    while True:
        try:
            found.append(sender.recv(65536))
        except BlockingIOError:
            return found


def holds_no_request(unit: UnitProcess, datagrams: list[bytes]) -> None:
    """Send what is no SNMP: each is counted as that, none is answered."""
    with unit.ask() as snmp, unit.ask() as sender:
        before = counters(snmp, "snmpInPkts", *COUNTED)
        sent, answers = pour(sender.socket, snmp, iter(datagrams))
        after = counters(snmp, "snmpInPkts", *COUNTED)
    told = [new - old for new, old in zip(after, before, strict=True)]
    assert answers == []
    assert sum(told[1:]) == sent
    assert told[0] >= sent


# -- SNMP


def valid(snmp: Snmp) -> list[bytes]:
    """Give requests of every kind that change nothing."""
    names = [oid_of("sysDescr"), oid_of("sipEpTransportTlsVersion"), (1, 3, 6, 1)]
    one = b"".join(tlv(0x30, tlv(0x06, encode_oid(name)) + b"\5\0") for name in names)
    return [
        snmp.request(Kind.GET, one)[1],
        snmp.request(Kind.GET_NEXT, one)[1],
        snmp.request(Kind.GET_BULK, one, 1, 10)[1],
        snmp.set_request(("sipEpTransportConfigGatewayName", (b"default",), b"x"))[1],
        snmp.set_request(("hocStaticTimeZone", (), b"nonsense"))[1],
    ]


def test_a_request_cut_short_anywhere_is_counted(unit: UnitProcess) -> None:
    with unit.ask() as snmp:
        cut = [request[:end] for request in valid(snmp) for end in range(1, len(request))]
    with unit.ask() as snmp:
        before = counters(snmp, "snmpInASNParseErrs")
        holds_no_request(unit, cut)
        after = counters(snmp, "snmpInASNParseErrs")
    assert after[0] - before[0] == len(cut)


def test_lengths_that_lie_are_counted(unit: UnitProcess) -> None:
    with unit.ask() as snmp:
        lies = []
        for request in valid(snmp):
            lies += [request + b"\0", request + request, b"\x30\x80" + request[2:] + b"\0\0"]
            for size in (b"\x7f", b"\x81\xff", b"\x82\xff\xff", b"\x84\xff\xff\xff\xff",
                         b"\x88" + b"\xff" * 8, b"\xff" + b"\xff" * 126, b"\x84\x80\0\0\0"):
                lies.append(b"\x30" + size + request[2:])
    holds_no_request(unit, lies)


def test_deep_nesting_is_counted(unit: UnitProcess) -> None:
    deep = b""
    nested = [b"\x30\x80" * 32_000, b"\x30" * 65_000, b"\xa0\x80" * 10_000]
    for depth in range(2, 10_000):
        deep = tlv(0x30, deep)
        if depth % 1000 == 0:
            nested.append(deep)
    with unit.ask() as snmp:
        head = tlv(0x02, b"\1") + tlv(0x04, snmp.community.encode())
        read = set(Kind) - {Kind.TRAP, Kind.INFORM, Kind.REPORT}    # those nobody looks into
        nested += [tlv(0x30, head + tlv(kind, tlv(0x02, b"\1") * 3 + deep)) for kind in read]
        nested += [tlv(0x30, head + tlv(Kind.GET, tlv(0x02, b"\1") * 3 + tlv(
            0x30, tlv(0x30, tlv(0x06, b"\x2b") + deep))))]
    holds_no_request(unit, nested)


def test_noise_of_the_largest_datagram_is_counted(unit: UnitProcess) -> None:
    luck = random.Random(64)
    noise = [luck.randbytes(LARGEST) for _ in range(20)]
    noise += [b"\x30\x83\0" + struct.pack("!H", LARGEST - 5) + luck.randbytes(LARGEST - 5)
              for _ in range(20)]
    noise += [bytes((octet,)) * LARGEST for octet in (0x00, 0x30, 0x80, 0xFF)]
    holds_no_request(unit, noise)


def test_what_only_a_manager_takes_is_counted_and_unanswered(unit: UnitProcess) -> None:
    with unit.ask() as snmp, unit.ask() as sender:
        kinds = (Kind.RESPONSE, Kind.TRAP, Kind.INFORM, Kind.REPORT)
        before = counters(snmp, "snmpSilentDrops", "snmpInPkts")
        sent, answers = pour(
            sender.socket, snmp, (snmp.request(kind, b"")[1] for kind in kinds))
        after = counters(snmp, "snmpSilentDrops", "snmpInPkts")
    assert (sent, answers) == (4, [])
    assert after[0] == before[0]
    assert after[1] - before[1] >= 4


def test_a_huge_request_is_answered_by_the_rfc(unit: UnitProcess) -> None:
    """More bindings than an answer holds: tooBig. RFC 3416 section 4.2.1."""
    with unit.ask() as snmp:
        one = tlv(0x30, tlv(0x06, encode_oid(oid_of("sysDescr"))) + b"\5\0")
        answer = snmp.exchange(*snmp.request(Kind.GET, one * 3500))
        assert (answer.status, answer.varbinds) == (Status.TOO_BIG, [])
        answer = snmp.exchange(*snmp.request(Kind.GET_BULK, one * 3000, 0, 2**31 - 1))
        assert answer.status is Status.NO_ERROR
        answer = snmp.exchange(*snmp.request(Kind.GET_BULK, one, -5, -5))
        assert (answer.status, answer.varbinds) == (Status.NO_ERROR, [])


def mutated(luck: random.Random, requests: list[bytes]) -> bytes:
    """Give noise, or a request with some of it changed."""
    how = luck.randrange(8)
    if how == 0:
        return luck.randbytes(luck.randrange(1, 300))
    octets = bytearray(luck.choice(requests))
    if how == 1:
        return bytes(octets[:luck.randrange(1, len(octets))])
    if how == 2:
        at = luck.randrange(len(octets))
        octets[at:at] = luck.randbytes(luck.randrange(1, 20))
    elif how == 3:
        at = luck.randrange(len(octets))
        del octets[at:at + luck.randrange(1, 10)]
    else:
        for _ in range(luck.randrange(1, 5)):
            octets[luck.randrange(len(octets))] = luck.choice(
                (0, 1, 0x7F, 0x80, 0x82, 0x84, 0xFF, 0x30, luck.randrange(256)))
    return bytes(octets)


def test_noise_neither_breaks_it_nor_makes_it_grow(unit: UnitProcess) -> None:
    luck = random.Random(20_000)
    with unit.ask() as snmp, unit.ask() as sender:
        requests = valid(snmp)

        def some(count: int) -> Iterator[bytes]:
            return (mutated(luck, requests) for _ in range(count))

        pour(sender.socket, snmp, some(DATAGRAMS // 5))          # what it keeps is filled now
        size = unit.resident_octets()
        before = counters(snmp, "snmpInPkts", "snmpOutPkts")
        sent, answers = pour(sender.socket, snmp, some(DATAGRAMS))
        after = counters(snmp, "snmpInPkts", "snmpOutPkts")
        assert after[0] - before[0] >= sent
        assert answers, "some of it is a request all the same"
        for octets in answers:
            version, at = read_version(octets)
            message = read_message(octets, version, at)
            pdu = read_pdu(Kind(message.tag), octets, message.start, len(octets))
            assert pdu.kind is Kind.RESPONSE
        assert unit.resident_octets() - size < GROWTH_OCTETS
        assert snmp.get("sipEpTransportTlsVersion") == 400
    assert "Traceback" not in unit.log()
    assert len(unit.log()) < 20_000, "a stranger fills the log"


# -- SIP


OPTIONS = (
    "OPTIONS sip:127.0.0.1 SIP/2.0\r\n"
    "Via: SIP/2.0/{via} 127.0.0.1:9;branch=z9hG4bK{luck};rport\r\n"
    "From: <sip:tester@example.test>;tag=1\r\nTo: <sip:127.0.0.1>\r\n"
    "Call-ID: {luck}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)
_LUCK = random.Random(5060)


def options(via: str) -> bytes:
    """Give a good request."""
    return OPTIONS.format(via=via, luck=_LUCK.randrange(10**12)).encode()


def bad_sip(luck: random.Random, via: str) -> list[bytes]:
    """Give what is no SIP, or nearly."""
    good = options(via)
    return [
        luck.randbytes(1200),
        b"\0" * 5000,
        b"\r\n" * 2000,
        b"A" * 60_000,
        good[:-40],
        good.replace(b"Content-Length: 0", b"Content-Length: 99999999999999999999"),
        good.replace(b"Content-Length: 0", b"Content-Length: -1"),
        good.replace(b"CSeq: 1", b"CSeq: " + b"9" * 5000),
        good.replace(b"Via: ", b"Via: \xff\xfe"),
        good.replace(b"Call-ID", b"X" * 30_000 + b": y\r\nCall-ID"),
        good.replace(b"OPTIONS sip:127.0.0.1", b"OPTIONS " + b"<" * 20_000),
        good.replace(b"Max-Forwards: 70", b"Max-Forwards: 70\r\n" + b" , ; \r\n" * 100),
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + luck.randbytes(200),
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP x;branch=z9hG4bKx\r\n\r\n",
    ]


def answers_options(dial: Callable[[], socket.socket], via: str) -> None:
    """Hold it to a good request after the bad ones."""
    with dial() as link:
        link.settimeout(WAIT_S)
        link.sendall(options(via))
        assert link.recv(65536).startswith(b"SIP/2.0 200 ")


def assault(dial: Callable[[], socket.socket], via: str, rounds: int) -> None:
    """Say bad things on connections of their own, some left without a word."""
    luck = random.Random(rounds)
    for _ in range(rounds):
        for octets in bad_sip(luck, via):
            try:
                with dial() as link:
                    link.settimeout(0.1 if luck.random() < 0.03 else 0)
                    link.sendall(octets)
                    link.recv(65536)
            except OSError:
                continue                      # closed on us, or nothing to read: both will do


def open_files(unit: UnitProcess) -> int:
    """Give how many files and sockets the process holds."""
    return sum(1 for _ in Path(f"/proc/{unit.pid}/fd").iterdir())


def test_sip_over_udp_survives(unit: UnitProcess) -> None:
    def dial() -> socket.socket:
        link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        link.connect(("127.0.0.1", unit.sip_port))
        return link

    assault(dial, "UDP", 10)
    size = unit.resident_octets()
    assault(dial, "UDP", 60)
    answers_options(dial, "UDP")
    assert unit.resident_octets() - size < GROWTH_OCTETS
    assert "Traceback" not in unit.log()


def test_sip_over_tcp_survives(unit: UnitProcess) -> None:
    def dial() -> socket.socket:
        return socket.create_connection(("127.0.0.1", unit.sip_port), timeout=WAIT_S)

    assault(dial, "TCP", 5)
    before, size = open_files(unit), unit.resident_octets()
    assault(dial, "TCP", 30)
    answers_options(dial, "TCP")
    until(lambda: open_files(unit) <= before, "connections are closed")
    assert unit.resident_octets() - size < GROWTH_OCTETS
    assert "Traceback" not in unit.log()


def test_an_endless_message_ends(unit: UnitProcess) -> None:
    with socket.create_connection(("127.0.0.1", unit.sip_port), timeout=WAIT_S) as link:
        size = unit.resident_octets()
        with pytest.raises(OSError):          # reset, or broken pipe
            link.sendall(b"OPTIONS sip:x SIP/2.0\r\n")
            for _ in range(64):
                link.sendall(b"X-More: " + b"a" * (1 << 20))
                time.sleep(0.005)
            pytest.fail("it takes 64 MB without an end")
        assert unit.resident_octets() - size < 2 * GROWTH_OCTETS
    assert "Traceback" not in unit.log()


def test_sip_over_tls_survives() -> None:
    authority = trustme.CA(key_type=trustme.KeyType.RSA)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    own = authority.issue_cert("127.0.0.1", key_type=trustme.KeyType.RSA)
    with folder("tls") as home:
        path = home / "unit.pem"
        path.write_bytes(own.private_key_and_cert_chain_pem.bytes())
        script = (f'Cert.Import Type=Host FileName=unit.pem Path="{path}"\n'
                  "SipEp.TransportConfig[GatewayName=default].TlsEnable=enable\n")
        with UnitProcess(home, script) as unit:
            def clear() -> socket.socket:
                return socket.create_connection(("127.0.0.1", unit.secure_port), timeout=WAIT_S)

            def shaken() -> socket.socket:
                return context.wrap_socket(clear(), server_hostname="127.0.0.1")

            answers_options(shaken, "TLS")
            assault(clear, "TLS", 3)
            assault(shaken, "TLS", 3)
            before, size = open_files(unit), unit.resident_octets()
            assault(clear, "TLS", 20)
            assault(shaken, "TLS", 10)
            answers_options(shaken, "TLS")
            until(lambda: open_files(unit) <= before, "connections are closed")
            assert unit.resident_octets() - size < GROWTH_OCTETS
            assert "Traceback" not in unit.log()
            assert len(unit.log()) < 20_000, "a stranger fills the log"
