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
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from mibagent.errors import StateError
from mibagent.store.journal import AGENT, summarize
from mibgateway.errors import StartError

MACHINE_IDS = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))
"""Where systemd and D-Bus keep what tells machines apart."""

KEPT = "whereabouts"
"""The name under which a unit remembers it."""

UNIT = "unit"
"""The one unit's name in its database."""


@dataclass(frozen=True)
class Whereabouts:
    """A machine, a path on it, and the file that the database was there."""

    machine: str
    """A digest of the machine's ID, nothing where it has none."""
    path: str
    file: str = ""
    """`device:inode` of the database; nothing where it was not written down. stat(2)."""

    @classmethod
    def here(cls, path: Path) -> Whereabouts:
        """Give where a path of this machine is."""
        return cls(machine_digest(), str(path.resolve()), _file(path))

    @classmethod
    def read(cls, kept: bytes | None) -> Whereabouts | None:
        """Read what was kept; None where nothing was, or nothing that can be read."""
        try:
            found = json.loads(kept or b"")
            return cls(str(found["machine"]), str(found["path"]), str(found.get("file", "")))
        except (ValueError, KeyError, TypeError):
            return None

    def kept(self) -> bytes:
        """Give it as it is kept."""
        return json.dumps(asdict(self)).encode()

    def is_another_file(self, before: Whereabouts) -> bool:
        """Whether the database is another file of the same file system: not moved, but copied."""
        device, _, inode = self.file.partition(":")
        device_before, _, inode_before = before.file.partition(":")
        return bool(inode and inode_before) and device == device_before and inode != inode_before


@dataclass(frozen=True)
class Suspicion:
    """Why a state is taken for a copy of another."""

    why: str
    """What it is, after its path."""
    may_be_moved: bool
    """Whether it may yet be the only one."""


def machine_digest() -> str:
    """Give what tells this machine from others, and tells nobody its ID. machine-id(5)."""
    for path in MACHINE_IDS:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            text = path.read_text(encoding="ascii").strip()
            if text:
                return hashlib.sha256(b"mibgate state\0" + text.encode()).hexdigest()[:32]
    return ""


def suspect(memory: Mapping[str, bytes], path: Path, unit: str = UNIT) -> Suspicion | None:
    """Give why a state is taken for a copy; None where it is not.

    One that is where it was is none, whatever its machine calls itself, and whether or not it was
    restored from a backup.
    """
    before, here = Whereabouts.read(memory.get(KEPT)), Whereabouts.here(path)
    if before is None or here.path == before.path:
        return None
    if here.machine != before.machine:
        return Suspicion(f"was last used on another machine, as {before.path}", True)
    original = Path(before.path)
    file = _file(original)
    engine_id = _engine_id_in(memory)
    if file and file != here.file and engine_id and _engine_id(original, unit) == engine_id:
        return Suspicion(f"is a copy of {original}, which has the same SNMP engine ID", False)
    if here.is_another_file(before):
        return Suspicion(f"was copied from {original}", True)
    return None


def check_kind(path: Path, is_agents: bool) -> None:
    """Raise StartError for a state of the other kind: of a unit, or of `mibgate agent`."""
    database = path / "unit.db"
    if not database.exists():
        return
    kinds = {UNIT: "a unit", AGENT: "`mibgate agent`"}
    mine, other = (AGENT, UNIT) if is_agents else (UNIT, AGENT)
    with contextlib.suppress(StateError):       # whoever opens it says what is wrong
        if summarize(database, other) is not None and summarize(database, mine) is None:
            raise StartError(f"{path} is a state of {kinds[other]}, not of {kinds[mine]}: use "
                             "another --state")


def check_whereabouts(memory: Mapping[str, bytes], path: Path) -> None:
    """Raise StartError, with what to type, for a state that is taken for a copy."""
    found = suspect(memory, path)
    if found is None:
        return
    adopt = f"`mibgate state adopt --state {path}` makes a unit of its own of it"
    if found.may_be_moved:
        raise StartError(f"the state {path} {found.why}. If it is a copy, {adopt}; if it was "
                         f"moved here, `mibgate state adopt --moved --state {path}`")
    raise StartError(f"the state {path} {found.why}: {adopt}")


def _file(path: Path) -> str:
    """Give which file the database of a state is, nothing where there is none."""
    with contextlib.suppress(OSError):
        found = (path / "unit.db").stat()
        return f"{found.st_dev}:{found.st_ino}"
    return ""


def _engine_id(path: Path, unit: str) -> str:
    with contextlib.suppress(StateError):
        found = summarize(path / "unit.db", unit)
        return _engine_id_in(found.memory) if found else ""
    return ""


def _engine_id_in(memory: Mapping[str, bytes]) -> str:
    with contextlib.suppress(ValueError, KeyError, TypeError):
        return str(json.loads(memory["identity"])["engine_id"])
    return ""


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
