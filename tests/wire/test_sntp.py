"""The unit's time by a real time server, beside one that lies and one that says nothing."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from mibgateway.services.sipep_rows import GatewayState
from tests.gateway.sntp.servers import reply
from tests.wire.chrony import Chronyd
from tests.wire.programs import free_udp_port
from tests.wire.unit_process import UnitProcess, folder, until

YES, NO = 100, 0
DEFAULT = (b"default",)
WAITING_FOR_TIME, READY = int(GatewayState.WAITING_FOR_TIME), int(GatewayState.READY)
TLS = "SipEp.TransportConfig[GatewayName=default].TlsEnable=enable\n"


@contextmanager
def server(lies: bool) -> Iterator[int]:
    """Answer every request with another's origin timestamp and a wrong time, or not at all."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))

        def serve() -> None:
            while True:
                octets, peer = bound.recvfrom(512)
                if not octets:
                    return
                if lies:
                    bound.sendto(reply(octets, time.time() + 86400, origin=bytes(8)), peer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield bound.getsockname()[1]
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
                last.sendto(b"", bound.getsockname())
            thread.join()


def servers(*ports: int) -> str:
    """Give the script lines of these time servers."""
    return "".join(f'Hoc.StaticSntpServers[Priority={place}].HostName="127.0.0.1:{port}"\n'
                   for place, port in enumerate(ports, 1))


def is_open(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_tls_waits_for_a_time_server_that_can_be_believed() -> None:
    port = free_udp_port()
    with folder("time") as home, server(lies=True) as liar, server(lies=False) as silent, \
            UnitProcess(home, TLS + servers(liar, silent, port)) as unit, unit.ask() as agent:
        assert agent.get("hocTimeSynchronized") == NO
        assert agent.get("sipEpGatewayStatusStateCode", DEFAULT) == WAITING_FOR_TIME
        assert not is_open(unit.secure_port)
        until(lambda: "No time server answers" in unit.log(), "the warning")
        (line,) = [line for line in unit.log().splitlines() if "No time server answers" in line]
        assert f"127.0.0.1:{liar}: no answer but one ignored: its origin timestamp" in line
        assert f"127.0.0.1:{silent}: no answer; 127.0.0.1:{port}: it cannot be reached" in line
        assert agent.get("hocTimeSynchronized") == NO

        with Chronyd(home, port=port):
            until(lambda: agent.get("hocTimeSynchronized") == YES, "synchronised")
            assert agent.get("hocSntpCurrentSource") == f"127.0.0.1:{port}".encode()
            until(lambda: is_open(unit.secure_port), "the TLS port")
            assert agent.get("sipEpGatewayStatusStateCode", DEFAULT) == READY
        assert agent.get("hocTimeSynchronized") == YES


def test_a_server_that_does_not_know_the_time_itself_gives_none() -> None:
    with folder("time") as home, Chronyd(home, knows_the_time=False) as lost, \
            UnitProcess(home, servers(lost.port)) as unit, unit.ask() as agent:
        until(lambda: "its own clock is not synchronised" in unit.log(), "an answer")
        assert agent.get("hocTimeSynchronized") == NO
