"""`mibgate run` in the laboratory: temporary state, free ports, ready file, end with the parent."""

from __future__ import annotations

import json
import secrets
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mibgateway.ending import end
from mibgateway.lab.folder import LabFolder
from mibgateway.lab.life import Ended, ParentWatch, tidy_end
from mibgateway.lab.ports import PortLender
from mibgateway.lab.ready import Ready, ReadyFile

if TYPE_CHECKING:
    from mibgateway.main import Launch, Order

CREDENTIALS = "credentials"
"""What an ephemeral state remembers of its passwords, for a start after kill -9."""

PORTS = ("Snmp.Port", "SipEp.Gateway[Name=default].Port",
         "SipEp.Gateway[Name=default].SecurePort")
"""The ports of a unit's own; each first start in the laboratory is lent some."""


@dataclass(frozen=True)
class LabOptions:
    """What a run was asked for beyond a plain one."""

    ephemeral: bool = False
    """Whether the state is temporary, and the unit opened for a test on loopback."""
    ready_file: Path | None = None
    ends_with_parent: bool = False
    free_ports: bool = False
    key_type: str = "ec"
    """Of an ephemeral unit's certificate: `ec` or `rsa`."""


def run_in_lab(options: LabOptions, state: Path | None, **order: Any) -> int:
    """Run a unit until a signal or its parent ends it; give the exit status.

    state: where an ephemeral state is to be, None for a folder of its own. order: the rest of
    `mibgateway.main.Order`. Raises MibgateError.
    """
    watch = ParentWatch() if options.ends_with_parent else None
    try:
        with tidy_end(), ExitStack() as held:
            if watch is not None:
                held.callback(watch.stop)
            return _run(options, state, watch, held, order)
    except Ended as ended:
        return 128 + ended.number


def _run(
    options: LabOptions, state: Path | None, watch: ParentWatch | None, held: ExitStack,
    order: dict[str, Any],
) -> int:
    ready_file = ReadyFile(options.ready_file) if options.ready_file is not None else None
    if ready_file is not None:
        held.callback(ready_file.remove)
    is_first = False
    if options.ephemeral:
        folder = held.enter_context(LabFolder.join(state) if state else LabFolder.make())
        state = folder.path
        is_first = not (state / CREDENTIALS).exists()
    from mibgateway.main import Order, run_order
    from mibgateway.northbound.script_grammar import parse_script
    assert state is not None
    made = Order(state, **order)
    if options.ephemeral:
        ports = PortLender(made.listen)
        held.callback(ports.close)
        if is_first:
            made.first = parse_script(first_script(made, options, ports).encode())
    return run_order(made, beside=Laboratory(options, ready_file, watch))


def first_script(made: Order, options: LabOptions, ports: PortLender) -> str:
    """Give what opens a unit for a test: SNMP on loopback, certificates, an Admin, ports."""
    from mibgateway.lab.pki import Authority
    pki = made.state / "pki"
    pki.mkdir(mode=0o700, exist_ok=True)
    address = ip_address(made.listen)
    addresses = ["127.0.0.1", "::1"] if address.is_unspecified else [str(address)]
    authority = Authority("mibgate laboratory CA")
    ca = authority.write(pki / "ca.pem")
    authority.write_key(pki / "ca.key")
    own = authority.issue(pki / "unit.pem", "mibgate laboratory unit", *addresses,
                          names=["localhost"], key_type=options.key_type)
    lines = [
        "Aaa.Users[UserName=admin].AccessRights=admin",
        f'Aaa.Users[UserName=admin].Password="{secrets.token_urlsafe(12)}"',
        f'Cert.Import Type=Other FileName="ca.pem" Path="{ca}"',
        f'Cert.Import Type=Host FileName="unit.pem" Path="{own}"',
    ]
    if address.is_loopback:
        lines += [
            "Snmp.EnableSnmpV2=enable", "Snmp.SnmpUser=admin", "Snmp.CommunityMayWrite=enable",
            f'Snmp.Community="{secrets.token_urlsafe(12)}"']
    if options.free_ports:
        lines += [f"{name}={ports.lend()}" for name in PORTS]
    return "\n".join(lines) + "\n"


class Laboratory:
    """Accompanies one unit: the watch over its parent, its door, its ready file."""

    def __init__(
        self, options: LabOptions, ready_file: ReadyFile | None, watch: ParentWatch | None
    ) -> None:
        self._options, self._ready_file, self._watch = options, ready_file, watch
        self._door: Any = None

    def begin(self, reactor: Any) -> None:
        """End the unit once its parent has ended."""
        if self._watch is not None:
            self._watch.begin(reactor, lambda: end(reactor))

    async def ready(self, launch: Launch) -> None:
        """Open the door and write the file. Raises StartError."""
        from mibgateway.lab.describe import DOOR, describe
        ephemeral = self._options.ephemeral
        passwords = self._passwords(launch) if ephemeral else launch.passwords

        def facts() -> Ready:
            return describe(launch, passwords, ephemeral=ephemeral)

        if ephemeral:
            from mibgateway.lab.door import Door
            from mibgateway.lab.shell import DoorPort
            self._door = DoorPort(
                launch.unit.reactor, Door(launch.unit, facts), launch.unit.state.path / DOOR)
        if self._ready_file is not None:
            self._ready_file.write(facts())

    def _passwords(self, launch: Launch) -> dict[str, str]:
        """Give what is known of passwords, kept from earlier starts too."""
        state = launch.unit.state
        try:
            kept = json.loads((state.path / CREDENTIALS).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            kept = {}
        found = {**kept, **launch.passwords}
        state.write_private(CREDENTIALS, json.dumps(found))
        return found

    async def end(self) -> None:
        """Take the file away first: who waits for it must not find a unit that ends."""
        if self._ready_file is not None:
            self._ready_file.remove()
        if self._door is not None:
            await self._door.close()
