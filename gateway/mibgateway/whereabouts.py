"""Where a state is: on which machine and path; so that a copy does not pass for what it copies.

Two units with one SNMP engine ID answer for each other: RFC 3411 section 5 and RFC 3414 section
2.2 need them to differ.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
import struct
from dataclasses import asdict, dataclass
from pathlib import Path

from mibgateway.errors import StartError

MACHINE_IDS = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))
"""Where systemd and D-Bus keep what tells machines apart."""

KEPT = "whereabouts"
"""The name under which a unit remembers it."""


@dataclass(frozen=True)
class Whereabouts:
    """A machine and a path on it."""

    machine: str
    """A digest of the machine's ID, nothing where it has none."""
    path: str

    @classmethod
    def here(cls, path: Path) -> Whereabouts:
        """Give where a path of this machine is."""
        return cls(machine_digest(), str(path.resolve()))

    @classmethod
    def read(cls, kept: bytes | None) -> Whereabouts | None:
        """Read what was kept; None where nothing was, or nothing that can be read."""
        try:
            found = json.loads(kept or b"")
            return cls(str(found["machine"]), str(found["path"]))
        except (ValueError, KeyError, TypeError):
            return None

    def kept(self) -> bytes:
        """Give it as it is kept."""
        return json.dumps(asdict(self)).encode()

    def is_another(self, before: Whereabouts) -> bool:
        """Whether machine and path both differ: a copy, or a move from one machine to another."""
        return self.machine != before.machine and self.path != before.path


def machine_digest() -> str:
    """Give what tells this machine from others, and tells nobody its ID. machine-id(5)."""
    for path in MACHINE_IDS:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            text = path.read_text(encoding="ascii").strip()
            if text:
                return hashlib.sha256(b"mibgate state\0" + text.encode()).hexdigest()[:32]
    return ""


def check_whereabouts(kept: bytes | None, path: Path) -> None:
    """Raise StartError, with what to type, for a state that comes from elsewhere."""
    before = Whereabouts.read(kept)
    if before is not None and Whereabouts.here(path).is_another(before):
        raise StartError(
            f"the state {path} was last used on another machine, as {before.path}. If it is a "
            f"copy, `mibgate state adopt --state {path}` makes a unit of its own of it; if it was "
            f"moved here, `mibgate state adopt --moved --state {path}`")


class EngineClaim:
    """Holds an engine ID, of which one unit runs on a host at a time.

    By a socket of the abstract namespace, which the kernel takes back however a process ends.
    """

    def __init__(self, engine_id: bytes, path: Path) -> None:
        """path: of the state, for the reason. Raises StartError when another unit holds it."""
        name = f"\0mibgate-engine-{engine_id.hex()}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.bind(name)
            self._socket.listen(1)
        except OSError:
            self._socket.close()
            raise StartError(
                f"process {_holder(name)} runs a unit with the same SNMP engine ID: one of the "
                f"two states is a copy. `mibgate state adopt --state {path}` makes a unit of its "
                "own of this one") from None

    def release(self) -> None:
        """Let another unit have it."""
        self._socket.close()


def _holder(name: str) -> str:
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(1.0)
        link.connect(name)
        process, _, _ = struct.unpack(
            "3i", link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
        return str(process)
    return "unknown"
