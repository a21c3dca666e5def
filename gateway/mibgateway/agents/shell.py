"""The console of `mibgate agent`: a socket of its owner's alone; a line of JSON in, one out."""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import ensureDeferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Protocol, ServerFactory

from mibagent.errors import MibgateError
from mibgateway.errors import StartError

LONGEST_REQUEST = 1 << 16
LONGEST_SOCKET_NAME = 100
"""Octets; the kernel takes 107."""

Request = dict[str, Any]
Answer = Callable[[Request], Awaitable[list[str]]]


class _Console(Protocol):
    """One question, one answer."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._octets = bytearray()

    def dataReceived(self, data: bytes) -> None:
        self._octets += data
        if b"\n" in data:
            ensureDeferred(self._reply(bytes(self._octets.partition(b"\n")[0])))
        elif len(self._octets) > LONGEST_REQUEST and self.transport is not None:
            self.transport.loseConnection()

    async def _reply(self, line: bytes) -> None:
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise ValueError
            said = {"said": await self._answer(request)}
        except MibgateError as error:
            said = {"error": str(error)}    # type: ignore[dict-item]
        except (ValueError, TypeError, KeyError, RecursionError):
            said = {"error": "not a question of mibgate agent"}    # type: ignore[dict-item]
        if self.transport is not None:
            self.transport.write(json.dumps(said).encode() + b"\n")
            self.transport.loseConnection()


class _Consoles(ServerFactory):
    noisy = False

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        return _Console(self.answer)


def runtime_folder() -> Path:
    """Give the folder that consoles of agents without a state are in."""
    base = os.environ.get("XDG_RUNTIME_DIR", "")
    return Path(base) if Path(base).is_absolute() else Path(f"/tmp/mibgate-{os.geteuid()}")


def own_folder(folder: Path) -> Path:
    """Give a folder in `runtime_folder` that nobody else can write to, made where there is none.

    What agents that were killed have left there goes. Raises StartError.
    """
    for part in (runtime_folder(), folder):
        part.mkdir(mode=0o700, exist_ok=True)
        if not _is_ours(part):
            raise StartError(f"{part} belongs to somebody else: give a --state, or set "
                             "XDG_RUNTIME_DIR")
    for left in runtime_folder().glob("mibgate-agent-*"):
        if left != folder and _is_ours(left) and not _listens(left / "console"):
            shutil.rmtree(left, ignore_errors=True)
    return folder


def _is_ours(path: Path) -> bool:
    try:
        found = path.lstat()
    except OSError:
        return False
    return found.st_uid == os.geteuid() and not found.st_mode & 0o022


def open_console(reactor: Any, path: Path, answer: Answer) -> Any:
    """Listen at a path in a folder of ours; None where its name is too long for a socket.

    Raises CannotListenError.
    """
    if len(str(path).encode()) > LONGEST_SOCKET_NAME:
        return None
    path.unlink(missing_ok=True)
    return reactor.listenUNIX(str(path), _Consoles(answer), mode=0o600)


def ask(state: Path | None, request: Request) -> list[str]:
    """Ask the agent that runs on a state, or the only one that runs without. Raises StartError."""
    for path in ([state / "console"] if state else _consoles()):
        answer = _asked(path, request)
        if answer is None:
            continue
        if "error" in answer:
            raise StartError(str(answer["error"]))
        return [str(line) for line in answer["said"]]
    raise StartError(f"no agent runs on {state}" if state else "no agent runs here: give its "
                     "--state")


def _consoles() -> list[Path]:
    found = [path for path in sorted(runtime_folder().glob("mibgate-agent-*/console"))
             if _is_ours(path.parent) and _listens(path)]
    if len(found) > 1:
        raise StartError("several agents run here; say which: "
                         + ", ".join(f"--state {path.parent}" for path in found))
    return found


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as link:
        return link.connect_ex(str(path)) == 0


def _asked(path: Path, request: Request) -> dict[str, Any] | None:
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(60.0)
        try:
            link.connect(str(path))
        except OSError:
            return None
        octets = bytearray()
        try:
            link.sendall(json.dumps(request).encode() + b"\n")
            while data := link.recv(65536):
                octets += data
            answer = json.loads(octets)
        except (OSError, ValueError):
            raise StartError("the agent gave no answer") from None
    return answer if isinstance(answer, dict) else {"error": "no answer that can be read"}
