"""A unit from the side of a test: started in a process of its own, asked, broken, reset.

    with LabUnit(script='Hoc.SystemName = "mine"') as unit:
        ask_by_snmp(unit.snmp.address, unit.snmp.port, unit.snmp.community)
        unit.wait_for("scmReadyLed", "steady")

`mibgateway.pytest_plugin` gives such units as fixtures. Needs nothing but Python's own library, so
that a test run that imports it is not slowed down. docs/pytest.md has worked examples.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from mibgateway.errors import StartError
from mibgateway.lab.folder import LabFolder
from mibgateway.lab.ready import Listener, Ready, SnmpAccess, User

__tracebackhide__ = True    # pytest shows where a test asked, not where we found it wanting

OWN_ADDRESS = "own"
"""As `listen`: an address of 127/8 that no other unit has, so that standard ports can be used."""

START_S = 60.0
"""How long a start may take on a machine that does much else."""

END_S = 15.0
ANSWER_S = 120.0
LOOK_AGAIN_S = 0.02


class LabError(AssertionError):
    """The unit did not do what the test asked for; the text says why."""


class Refused(LabError):
    """The unit refused a change; nothing of it was done."""

    def __init__(self, text: str, line: int = 0) -> None:
        super().__init__(text)
        self.line = line
        """The line of a script, counted from 1; 0 where there is none."""


class DidNotStart(LabError):
    """The unit's process ended, or was not ready in time; the text holds its log."""


@dataclass(frozen=True)
class Notification:
    """One notification that the unit issued, whether or not anybody was sent it."""

    number: int
    """Counted since the unit started."""
    name: str
    """Its descriptor: `sipEpTlsConnectionReady`."""
    service: str
    id: int
    severity: str
    text: str
    values: Mapping[str, str]
    """Its objects by descriptor."""


class LabUnit:
    """One unit. What it is told at first is its start configuration, to which `reset` returns."""

    def __init__(
        self, *, script: str = "", listen: str = "127.0.0.1", mibs: Sequence[Path | str] = (),
        serial: str = "", mac: str = "", oui: str = "", product: str = "", key_type: str = "",
        arguments: Sequence[str] = (), name: str = "unit",
    ) -> None:
        """Prepare a unit; `start`, or entering it, starts it.

        script: the start configuration, a refused line of which stops the start.
        listen: an address, or OWN_ADDRESS for one of 127/8 with the standard unprivileged ports
        (SNMP 1161, SIP 5060 and 5061). serial, mac, oui, product: its identity; at random
        otherwise. key_type: of its certificate, `ec`, or `rsa`, which the suite sets cs1 to cs3
        need. arguments: more options of `mibgate run`. name: what reports call it.
        """
        self.name = name
        self._script = script
        self._listen = listen
        self._arguments = [*arguments]
        for option, value in (("--serial", serial), ("--mac", mac), ("--oui", oui),
                              ("--product", product), ("--key-type", key_type)):
            if value:
                self._arguments += [option, value]
        for folder in mibs:
            self._arguments += ["--mibs", str(folder)]
        self._folder: LabFolder | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._door: _Door | None = None
        self._last_log = ""
        self.is_used = False
        """Whether a test has had it, so that the next one needs a reset."""

    # -- life

    def launch(self) -> LabUnit:
        """Start the process without waiting; `start` waits."""
        if self._process is not None:
            return self
        if self._folder is None:
            try:
                self._folder = LabFolder.make()
            except StartError as error:
                raise DidNotStart(str(error)) from None
        folder = self._folder.path
        options = ["--ephemeral", "--state", str(folder), "--ready-file",
                   str(folder / "ready.json"), "--log-level", "info"]
        self._ready_path.unlink(missing_ok=True)        # of a process that was killed
        if self._script:
            script = folder / "script"
            if not script.exists():
                script.touch(mode=0o600)
                script.write_text(self._script, encoding="utf-8")
                options += ["--script", str(script)]
        if self._listen == OWN_ADDRESS:
            self._listen = f"127.{1 + secrets.randbelow(254)}.{secrets.randbelow(256)}." \
                           f"{1 + secrets.randbelow(254)}"
            self._arguments += ["--ports", "standard", "--unprivileged"]
        with (folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "mibgateway", "run", *options, "--listen",
                 self._listen, *self._arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=folder,
                env=_environment())
        return self

    def start(self) -> LabUnit:
        """Start it, on the state it has if it was killed or stopped, and wait until it is ready.

        Raises DidNotStart.
        """
        self.launch()
        deadline = time.monotonic() + START_S
        while self._door is None:
            status = self._process.poll() if self._process is not None else None
            if status is not None:
                text = self.log
                self.close()
                raise DidNotStart(f"the unit ended with status {status}:\n{text}")
            if self._ready_path.exists():
                self._door = _Door(self.state / "lab")
            elif time.monotonic() > deadline:
                text = self.log
                self.close()
                raise DidNotStart(f"the unit was not ready within {START_S:g} s:\n{text}")
            else:
                time.sleep(LOOK_AGAIN_S / 4)
        return self

    def __enter__(self) -> LabUnit:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def ask_to_end(self) -> None:
        """Send SIGTERM and wait for nothing; `close` waits."""
        if self._process is not None:
            self._process.terminate()

    def stop(self) -> int:
        """End the process as SIGTERM does; the state stays for `start`. Give its exit status."""
        return self._end(signal.SIGTERM)

    def kill9(self) -> None:
        """End the process as a power cut would; the state stays as it is for `start`."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """End the process and start another on its state, as a reboot of the host does."""
        self.stop()
        self.start()

    def _end(self, number: signal.Signals) -> int:
        process, self._process = self._process, None
        door, self._door = self._door, None
        if door is not None:
            door.close()
        if process is None:
            return 0
        process.send_signal(number)
        try:
            return process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise LabError(f"the unit did not end within {END_S:g} s of {number.name}:\n"
                           f"{self.log}") from None

    def close(self) -> None:
        """End it for good: no process, no port and no file of it is left."""
        try:
            if self._process is not None:
                self.stop()
        finally:
            folder, self._folder = self._folder, None
            if folder is not None:
                self._last_log = _read(folder.path / "log")
                folder.leave()

    @property
    def is_running(self) -> bool:
        """Whether its process is there."""
        return self._process is not None and self._process.poll() is None

    def reset(self) -> None:
        """Return to the start configuration, with no new start where the unit runs.

        Restarts the services whose settings differ from what they run with; forgets
        notifications; a unit that was stopped or killed is started anew, with a new identity
        where none was given.
        """
        if self._door is not None and self.is_running:
            with contextlib.suppress(LabError):
                self._ask("reset")
                return
        self.close()
        self.start()

    # -- change

    def script(self, text: str) -> list[str]:
        """Run a script as `mibgate script` does; give what its commands answered.

        Raises Refused for the first line that is refused; the lines around it were done, those
        of its begin…commit block were not.
        """
        found = self._ask("script", text=text)
        for failure in found["failures"]:
            line = int(failure["line"])
            lines = text.splitlines()
            said = lines[line - 1].strip() if 0 < line <= len(lines) else ""
            raise Refused(f"line {line}: {said}\n  {failure['why']}", line)
        return [str(answer) for answer in found["answers"]]

    def set(self, name: str, value: object) -> None:
        """Set one value by any of its names: `SipEp.TransportTlsVersion`, `sysName.0`, an OID.

        Raises Refused.
        """
        text = {True: "enable", False: "disable"}[value] if isinstance(value, bool) else str(value)
        self._ask("set", name=name, value=text)

    def apply(self) -> list[str]:
        """Restart the services that need it, and wait; give their names."""
        return list(self._ask("apply"))

    def restart_service(self, name: str) -> None:
        """Restart one service: `SipEp`."""
        self._ask("restart-service", name=name)

    def restart_unit(self) -> None:
        """Stop all services and start them again in the same process; boots count."""
        self._ask("restart")

    # -- look

    def get(self, name: str) -> str:
        """Give one value as people read it, by any of its names. Raises Refused."""
        return str(self._ask("get", name=name))

    def table(self, name: str) -> list[dict[str, str]]:
        """Give the rows of a table by column, the row's key under the empty name."""
        return [dict(row) for row in self._ask("table", name=name)]

    def wait_for(
        self, name: str, value: object | Callable[[str], bool], timeout: float = 10.0
    ) -> str:
        """Wait until a value is so, and give it. value: itself, or what says whether it is right.

        A row that is not there yet is waited for. Raises LabError.
        """
        text = value if callable(value) else str(value)
        deadline = time.monotonic() + timeout
        while True:
            try:
                found, why = self.get(name), ""
            except Refused as refusal:
                found, why = "", f" ({refusal})"
            if not why and (text(found) if callable(text) else found == text):
                return found
            if time.monotonic() > deadline:
                wanted = "as wanted" if callable(text) else repr(text)
                raise LabError(
                    f"{name} is {found!r}{why}, not {wanted}, after {timeout:g} s")
            time.sleep(LOOK_AGAIN_S)

    @property
    def notifications(self) -> list[Notification]:
        """What the unit has notified since its start or reset, oldest first."""
        return [Notification(**each) for each in self._ask("notices")]

    def wait_for_notification(self, what: str, timeout: float = 10.0) -> Notification:
        """Wait for a notification by its descriptor, or by words of its text. Raises LabError."""
        deadline = time.monotonic() + timeout
        while True:
            seen = self.notifications
            for each in seen:
                if what == each.name or what in each.text:
                    return each
            if time.monotonic() > deadline:
                lines = "\n".join(f"  {each.name}: {each.text}" for each in seen[-20:])
                raise LabError(f"no notification {what!r} within {timeout:g} s; seen:\n{lines}")
            time.sleep(LOOK_AGAIN_S)

    @property
    def log(self) -> str:
        """What the unit has written, notifications included."""
        return _read(self._folder.path / "log") if self._folder is not None else self._last_log

    # -- facts

    @property
    def facts(self) -> Ready:
        """Where it listens, who may come in and more, as it is now."""
        return Ready.from_json(json.dumps(self._ask("describe")))

    @property
    def state(self) -> Path:
        """The state directory."""
        if self._folder is None:
            raise LabError(f"{self.name} is not started")
        return self._folder.path

    @property
    def _ready_path(self) -> Path:
        return self.state / "ready.json"

    @property
    def pid(self) -> int:
        """The process's number. Raises LabError where there is none."""
        if self._process is None:
            raise LabError(f"{self.name} does not run")
        return self._process.pid

    @property
    def address(self) -> str:
        """The address that it listens at."""
        return self.facts.listen

    @property
    def snmp(self) -> SnmpAccess:
        """How to ask it by SNMP: address, port, community and more."""
        return self.facts.snmp

    def sip(self, transport: str, gateway: str = "default") -> tuple[str, int]:
        """Give address and port of a SIP gateway by `udp`, `tcp` or `tls`.

        Raises LabError where it does not listen so.
        """
        listeners = self.facts.listeners
        for each in listeners:
            if (each.service, each.transport, each.gateway) == ("SipEp", transport, gateway):
                return each.address, each.port
        raise LabError(f"gateway {gateway} does not listen by {transport}: {_said(listeners)}")

    def user(self, name: str = "admin") -> User:
        """Give a user with rights and password. Raises LabError."""
        for user in self.facts.users:
            if user.name == name:
                return user
        raise LabError(f"there is no user {name}")

    @property
    def ca(self) -> Path:
        """The CA that issued the unit's certificate; the unit trusts what it issues."""
        return self.state / "pki" / "ca.pem"

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which net-snmp's tools ask this unit with no further option."""
        return {**os.environ, "SNMPCONFPATH": str(self.state / "snmp")}

    def issue(self, name: str, *addresses: str, names: Sequence[str] = ()) -> Path:
        """Give a certificate with its key that the unit trusts, for a server under test.

        addresses, names: what it is good for; 127.0.0.1 and localhost without any.
        """
        from mibgateway.lab.pki import Authority
        if not addresses and not names:
            addresses, names = ("127.0.0.1",), ["localhost"]
        pki = self.state / "pki"
        authority = Authority.read(pki / "ca.pem", pki / "ca.key")
        return authority.issue(pki / f"issued-{secrets.token_hex(4)}.pem", name, *addresses,
                               names=names)

    def trust(self, path: Path | str, name: str = "trusted.pem") -> None:
        """Install a CA certificate. Raises Refused."""
        place = json.dumps(str(Path(path).absolute()))
        self.script(f"Cert.Import Type=Other FileName={json.dumps(name)} Path={place}")

    # -- how it is asked

    def _ask(self, what: str, **about: object) -> Any:
        if self._door is None:
            self.start()
        assert self._door is not None
        try:
            answer = self._door.ask({"do": what, **about})
        except (OSError, ValueError) as error:
            state = "runs" if self.is_running else "has ended"
            raise LabError(f"{self.name} gave no answer ({error}); its process {state}:\n"
                           f"{self.log[-4000:]}") from None
        if "no" in answer:
            raise Refused(answer["no"])
        return answer["ok"]


class _Door:
    """One connection to the laboratory's socket of a unit."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.settimeout(ANSWER_S)
            self._socket.connect(str(path))
        except OSError:
            self._socket.close()
            raise
        self._rest = b""

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send a request and wait for its answer. Raises OSError, ValueError."""
        self._socket.sendall(json.dumps(request).encode() + b"\n")
        parts = [self._rest]
        while b"\n" not in parts[-1]:
            data = self._socket.recv(1 << 16)
            if not data:
                raise OSError("it hung up")
            parts.append(data)
        line, _, self._rest = b"".join(parts).partition(b"\n")
        found: dict[str, Any] = json.loads(line)
        return found

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


def _environment() -> dict[str, str]:
    """Give the environment of a unit's process, in which it finds the same code as this one."""
    folders = []
    for package in ("mibagent", "mibgateway"):
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin is not None:
            folders.append(str(Path(spec.origin).parents[1]))
    path = os.environ.get("PYTHONPATH", "")
    return {**os.environ, "PYTHONPATH": os.pathsep.join(
        filter(None, dict.fromkeys([*folders, path]))), "PYTHONUNBUFFERED": "1"}


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _said(listeners: Sequence[Listener]) -> str:
    return ", ".join(f"{each.service} {each.transport} {each.address} port {each.port}"
                     for each in listeners) or "it listens nowhere"


__all__ = ["OWN_ADDRESS", "DidNotStart", "LabError", "LabUnit", "Listener", "Notification",
           "Ready", "Refused", "SnmpAccess", "User"]
