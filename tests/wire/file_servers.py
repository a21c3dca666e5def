"""File servers that do what they should not, each connection in a thread."""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress

ADDRESS = "127.0.0.1"

Answer = Callable[[socket.socket, str], None]
"""Answers one request on its connection."""


class FileServer:
    """Answers each path as it was told, and remembers what was asked."""

    def __init__(self, answers: dict[str, Answer]) -> None:
        self.answers = answers
        self.asked: list[str] = []
        self._listening = socket.create_server((ADDRESS, 0))
        self.port: int = self._listening.getsockname()[1]
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._listen)]
        self._threads[0].start()

    def _listen(self) -> None:
        while True:
            try:
                talk, _ = self._listening.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._answer, args=(talk,))
            self._threads.append(thread)
            thread.start()

    def _answer(self, talk: socket.socket) -> None:
        with talk, suppress(OSError):
            talk.settimeout(20)
            head = b""
            while b"\r\n\r\n" not in head:
                some = talk.recv(65536)
                if not some:
                    return
                head += some
            text = head.decode("latin-1")
            self.asked.append(text)
            self.answers[text.split()[1]](talk, text)

    def trickle(self, talk: socket.socket, _: str) -> None:
        """An octet now and then, for ever."""
        talk.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not self._over.wait(0.05):
            talk.sendall(b"a")

    def silence(self, talk: socket.socket, _: str) -> None:
        """Half an answer, and no more."""
        talk.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nhalf")
        self._over.wait(20)

    def close(self) -> None:
        self._over.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join()


def endless(talk: socket.socket, _: str) -> None:
    """A body that has no end."""
    talk.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    chunk = b"10000\r\n" + b"a" * 65536 + b"\r\n"
    while True:
        talk.sendall(chunk)


def endless_head(talk: socket.socket, _: str) -> None:
    """A head that has no end."""
    talk.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        talk.sendall(b"X: " + b"a" * 1000 + b"\r\n")


def in_pieces(whole: bytes, at_once: int, etag: str = '"1"') -> Answer:
    """Hang up after so many octets, and go on where that is asked for."""
    def answer(talk: socket.socket, asked: str) -> None:
        found = re.search(r"Range: bytes=(\d+)-\r\n", asked)
        start = int(found[1]) if found else 0
        status = f"206 Part\r\nContent-Range: bytes {start}-{len(whole) - 1}/{len(whole)}" \
            if found else "200 OK"
        talk.sendall(f"HTTP/1.1 {status}\r\nContent-Length: {len(whole) - start}\r\n"
                     f"ETag: {etag}\r\n\r\n".encode() + whole[start:start + at_once])
    return answer


def wrong_part(whole: bytes) -> Answer:
    """Hang up early, and go on elsewhere than asked."""
    def answer(talk: socket.socket, asked: str) -> None:
        if "Range" not in asked:
            talk.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(whole)}\r\n"
                         'ETag: "1"\r\n\r\n'.encode() + whole[:10])
        else:
            talk.sendall(f"HTTP/1.1 206 Part\r\nContent-Range: bytes 0-{len(whole) - 1}/"
                         f"{len(whole)}\r\n\r\n".encode() + whole)
    return answer


def reset(talk: socket.socket, _: str) -> None:
    """Part of a body without a length, and a reset instead of an end."""
    talk.sendall(b"HTTP/1.0 200 OK\r\n\r\nhalf of it")
    talk.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def fixed(text: str) -> Answer:
    """Say this."""
    return lambda talk, _: talk.sendall(text.replace("\n", "\r\n").encode())
