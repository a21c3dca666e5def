"""Threads that speak TLS with Python's `ssl`, on the system's OpenSSL."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path

from tests.gateway.tls.pki import Issued

ADDRESS = "127.0.0.1"


class Peers:
    """Servers that answer for ever, and clients that call once."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._open = folder, list[socket.socket]()

    def context(self, who: Issued, as_server: bool) -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if as_server else ssl.PROTOCOL_TLS_CLIENT)
        if not as_server:
            made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
        path = self._folder / "peer.pem"
        path.write_bytes(who.pem())
        made.load_cert_chain(path)
        return made

    def listen(self, who: Issued) -> int:
        """Answer each client with a line, for ever; give the port."""
        listening = socket.create_server((ADDRESS, 0))
        self._open.append(listening)
        context = self.context(who, True)

        def serve() -> None:
            while True:
                try:
                    raw, _ = listening.accept()
                except OSError:
                    return
                try:
                    raw.settimeout(5)
                    with context.wrap_socket(raw, server_side=True) as talk:
                        talk.recv(100)
                        talk.sendall(b"there\n")
                        talk.recv(100)
                except OSError:
                    raw.close()

        threading.Thread(target=serve, daemon=True).start()
        return int(listening.getsockname()[1])

    def call(self, who: Issued, port: int) -> bytes:
        """Dial, say a line, give what is answered; b"" when refused."""
        try:
            with socket.create_connection((ADDRESS, port), 5) as raw, \
                    self.context(who, False).wrap_socket(raw) as talk:
                talk.sendall(b"hello\n")
                return talk.recv(100)
        except OSError:
            return b""

    def close(self) -> None:
        for each in self._open:
            each.shutdown(socket.SHUT_RDWR)
            each.close()
