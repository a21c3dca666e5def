"""Records a TCP connection on its way through a relay, and writes it down as a capture file."""

from __future__ import annotations

import socket
import struct
import threading
from pathlib import Path

ADDRESS = "127.0.0.1"
_SYN, _ACK, _PUSH_ACK, _FIN_ACK = 0x02, 0x10, 0x18, 0x11
_RAW_IP = 101
"""LINKTYPE_RAW: packets begin with their IP header."""

_LARGEST_SEGMENT = 1400


class Relay:
    """Carries one connection to a server, and keeps what went each way in its order."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._listening = socket.create_server((ADDRESS, 0))
        self.port: int = self._listening.getsockname()[1]
        self.carried: list[tuple[bool, bytes]] = []
        """Whether it came from the client, and the octets."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        client, _ = self._listening.accept()
        with client, socket.create_connection((ADDRESS, self._server_port)) as server:
            back = threading.Thread(target=self._carry, args=(server, client, False), daemon=True)
            back.start()
            self._carry(client, server, True)
            back.join(10)

    def _carry(self, source: socket.socket, sink: socket.socket, by_client: bool) -> None:
        try:
            while octets := source.recv(65536):
                self.carried.append((by_client, octets))
                sink.sendall(octets)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self) -> None:
        self._thread.join(10)
        self._listening.close()

    def write(self, path: Path) -> None:
        """Write a capture, as if it had been taken at the server's port."""
        with path.open("wb") as file:
            file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, _RAW_IP))
            for number, packet in enumerate(self._packets()):
                file.write(struct.pack("<IIII", 1_700_000_000 + number, 0, len(packet),
                                       len(packet)) + packet)

    def _packets(self) -> list[bytes]:
        ports, sent = {True: 40000, False: self._server_port}, {True: 1, False: 1}

        def packet(
            by_client: bool, flags: int, octets: bytes = b"", at: int | None = None
        ) -> bytes:
            here, there = ports[by_client], ports[not by_client]
            number = sent[by_client] if at is None else at
            tcp = struct.pack("!HHIIBBHHH", here, there, number,
                              sent[not by_client] if flags & _ACK else 0, 0x50, flags, 65535, 0, 0)
            total = 20 + len(tcp) + len(octets)
            ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, total, 0, 0x4000, 64, 6, 0,
                             socket.inet_aton(ADDRESS), socket.inet_aton(ADDRESS))
            return ip + tcp + octets

        packets = [packet(True, _SYN, at=0), packet(False, _SYN | _ACK, at=0), packet(True, _ACK)]
        for by_client, octets in self.carried:
            for start in range(0, len(octets), _LARGEST_SEGMENT):
                part = octets[start:start + _LARGEST_SEGMENT]
                packets.append(packet(by_client, _PUSH_ACK, part))
                sent[by_client] += len(part)
        return [*packets, packet(True, _FIN_ACK)]
