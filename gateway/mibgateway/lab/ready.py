"""The ready file: all that somebody needs to use a unit, as one JSON object.

The only file that knows what that JSON looks like; it needs nothing but Python's own library, so
that a test is not slowed down. Written whole or not at all, for its owner alone, as it holds
passwords.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mibgateway.errors import StartError

SCHEMA = 1
"""Counts up when a reader of before would misread it; what is only added does not count."""

PRODUCT = "mibgate"


@dataclass(frozen=True)
class Listener:
    """One place where the unit listens."""

    service: str
    """`Snmp` or `SipEp`."""
    transport: str
    """`udp`, `tcp` or `tls`."""
    address: str
    port: int
    gateway: str = ""
    """The SIP gateway that it belongs to."""


@dataclass(frozen=True)
class User:
    """One user of the unit."""

    name: str
    rights: str
    """`admin`, `user` or `observer`."""
    password: str | None
    """None where it is not known any more: the unit keeps no password."""
    auth_protocol: str = ""
    """Of SNMPv3, as net-snmp's -a takes it; nothing for a user who can't come in that way."""
    priv_protocol: str = ""
    """As net-snmp's -x takes it, nothing where messages are not encrypted."""
    priv_password: str | None = None
    """The pass phrase of privacy: the password, unless another was set, which is not known."""


@dataclass(frozen=True)
class SnmpAccess:
    """How to ask the unit by SNMP."""

    address: str
    port: int
    """UDP; 0 while SNMP is closed."""
    engine_id: str
    """Hexadecimal digits."""
    v1: bool
    v2c: bool
    v3: bool
    community: str | None
    """For v1 and v2c; None while both are closed."""
    writes: bool
    """Whether the community may SET."""
    conf: str
    """A folder for SNMPCONFPATH."""


@dataclass(frozen=True)
class Ready:
    """What the file says."""

    schema: int
    product: str
    version: str
    pid: int
    ephemeral: bool
    state: str
    """The state directory."""
    listen: str
    """The address that every interface is bound to."""
    serial: str
    mac: str
    oui: str
    product_class: str
    mibs: tuple[str, ...]
    """Folders of MIB files, as net-snmp's -M takes them."""
    console: str | None
    """The socket that takes scripts, None where its name would be too long."""
    door: str | None
    """The laboratory's own socket, where there is one."""
    log: str | None
    ca: str | None
    """The CA that issued the unit's certificate, which the unit trusts too."""
    ca_key: str | None
    certificate: str | None
    """The unit's certificate with its key."""
    snmp: SnmpAccess
    users: tuple[User, ...]
    listeners: tuple[Listener, ...]

    def to_json(self) -> str:
        """Print it."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Ready:
        """Read it. Raises StartError for what is none, or one of a later schema."""
        try:
            found = json.loads(text)
            if not _is_ours(found):
                raise StartError("this is no ready file of mibgate")
            if found["schema"] > SCHEMA:
                raise StartError(f"the ready file is of schema {found['schema']}, and this "
                                 f"mibgate knows {SCHEMA}")
            return cls(**{
                **_known(cls, found),
                "mibs": tuple(found["mibs"]),
                "snmp": SnmpAccess(**_known(SnmpAccess, found["snmp"])),
                "users": tuple(User(**_known(User, each)) for each in found["users"]),
                "listeners": tuple(
                    Listener(**_known(Listener, each)) for each in found["listeners"])})
        except (ValueError, KeyError, TypeError) as error:
            raise StartError(f"the ready file can't be read: {error}") from None


def _known(kind: type[Any], found: dict[str, Any]) -> dict[str, Any]:
    """Give the fields that this version knows; a later one may add some."""
    return {name: found[name] for name in kind.__dataclass_fields__}


def _is_ours(found: Any) -> bool:
    return isinstance(found, dict) and found.get("product") == PRODUCT \
        and isinstance(found.get("schema"), int)


def _runs(pid: object) -> bool:
    """Whether another process of that number is a unit. proc(5)."""
    if not isinstance(pid, int) or pid == os.getpid():
        return False
    try:
        return b"mibgate" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


class ReadyFile:
    """The file while one unit is ready."""

    def __init__(self, path: Path) -> None:
        """Take away what an earlier unit left there. Raises StartError for a file of others."""
        self.path = path
        self._written = ""
        try:
            if self._holds_ours():
                path.unlink(missing_ok=True)
            if not path.absolute().parent.is_dir():
                raise StartError(f"--ready-file {path}: there is no such folder")
        except OSError as error:
            raise StartError(f"--ready-file {path}: {error.strerror}") from None

    def _holds_ours(self) -> bool:
        if not self.path.exists() and not self.path.is_symlink():
            return False
        found: Any = None
        if self.path.is_file():
            with contextlib.suppress(ValueError):
                found = json.loads(self.path.read_text(encoding="utf-8"))
        if not _is_ours(found):
            raise StartError(f"--ready-file {self.path}: another file is there, and is left alone")
        if _runs(found.get("pid")):
            raise StartError(f"--ready-file {self.path}: process {found['pid']} is ready by it")
        return True

    def write(self, ready: Ready) -> None:
        """Write it whole, then give it its name. Raises StartError."""
        text = ready.to_json()
        part = ""
        try:
            handle, part = tempfile.mkstemp(prefix=".ready-", dir=self.path.absolute().parent)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(part).replace(self.path)
        except OSError as error:
            if part:
                Path(part).unlink(missing_ok=True)
            raise StartError(f"--ready-file {self.path}: {error.strerror}") from None
        self._written = text

    def remove(self) -> None:
        """Take it away; one that another unit has written since stays."""
        with contextlib.suppress(OSError, ValueError):
            if self._written and self.path.read_text(encoding="utf-8") == self._written:
                self.path.unlink()
