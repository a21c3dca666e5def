"""Builds a unit and runs it: who is joined to whom, top to bottom."""

from __future__ import annotations

import logging
import re
import resource
import secrets
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.python.failure import Failure
from twisted.python.log import PythonLoggingObserver

from mibagent.errors import MibgateError, Refused, StateError
from mibagent.model.cache import load_model
from mibagent.model.nodes import MibModel
from mibagent.model.places import mib_folders
from mibagent.service.service import Service
from mibagent.smi.syntax import Value
from mibagent.snmp.framework import DispatchGroup, EngineGroup
from mibagent.snmp.system import SystemGroup
from mibagent.snmp.target_mib import NotificationGroup, TargetGroup
from mibagent.snmp.users import User
from mibagent.store.access import Principal, Rights
from mibagent.store.layers import Key
from mibagent.store.rows import Status
from mibagent.store.wish import Wish
from mibgateway import starting
from mibgateway.ending import end, end_by_signals
from mibgateway.errors import StartError
from mibgateway.northbound.script import Translator, lay_whole, said
from mibgateway.northbound.script_grammar import ScriptError, Statement, parse_script
from mibgateway.northbound.shell import open_console
from mibgateway.services.aaa import AaaService
from mibgateway.services.addresses import AddressesService
from mibgateway.services.cert import CertService
from mibgateway.services.conf import ConfService
from mibgateway.services.entity import EntityService
from mibgateway.services.file import FileService
from mibgateway.services.hoc import HocService
from mibgateway.services.host import HostService
from mibgateway.services.interfaces import InterfacesService
from mibgateway.services.nlm import NlmService
from mibgateway.services.scm import ScmService
from mibgateway.services.sipep import SipEpService
from mibgateway.services.snmp import SnmpService
from mibgateway.services.snmp_community import CommunityService
from mibgateway.services.snmp_usm import UsmService
from mibgateway.services.snmp_vacm import VacmService
from mibgateway.snmp_users import names_in
from mibgateway.state import StateDirectory
from mibgateway.unit import Options, Unit
from mibgateway.whereabouts import UNIT, EngineClaim, check_kind, check_whereabouts

SERVICES: tuple[type[Service[Any]], ...] = (
    ScmService, HocService, NlmService, AaaService, CertService, FileService, SystemGroup,
    EngineGroup, DispatchGroup, TargetGroup, NotificationGroup, VacmService, CommunityService,
    UsmService, SnmpService, SipEpService, InterfacesService, AddressesService, HostService,
    EntityService, ConfService,
)
"""In the order in which they start."""

STARTER = Principal("script", Rights.ADMIN, "console")

ADMIN = "admin"
"""The user that a first start makes where its script makes no Admin."""

log = logging.getLogger(__name__)


@dataclass
class Order:
    """What a start was asked for."""

    state: Path
    script: Path | None = None
    listen: str = "127.0.0.1"
    mibs: tuple[Path, ...] = ()
    unprivileged: bool = False
    profile: Path | None = None
    identity: dict[str, str] = field(default_factory=dict)
    """serial, mac, oui, product: what the first start settles."""
    say: Callable[[str], None] = print
    statements: list[Statement] = field(default_factory=list)
    """What the script says, once read."""
    first: list[Statement] = field(default_factory=list)
    """What a first start is given before its script."""
    adopts: bool = False
    """Whether a state that comes from elsewhere is taken as it is, for `mibgate state adopt`."""


class Beside(Protocol):
    """Who accompanies a unit through its process."""

    def begin(self, reactor: Any) -> None:
        """The reactor runs, and nothing is started yet."""

    async def ready(self, launch: Launch) -> None:
        """The unit is ready, and has not said so."""

    async def end(self) -> None:
        """The unit is about to stop."""


def product_version() -> str:
    """Give the product's version: what pyproject.toml says, since reading that of the installed
    package takes a tenth of a start.
    """
    return "0.1.0"


def read_script(path: Path) -> list[Statement]:
    """Read and parse a script. Raises StartError with line and reason."""
    try:
        return parse_script(path.read_bytes())
    except OSError as error:
        raise StartError(f"the script {path} can't be read: {error.strerror}") from None
    except ScriptError as error:
        raise StartError(f"the script {path}, line {error.line}: {error.why}") from None


def model_of(extra: tuple[Path, ...]) -> MibModel:
    """Load the MIBs: ours, and the folders given. Raises ModelError, StartError."""
    for folder in extra:
        if not folder.is_dir():
            raise StartError(f"--mibs {folder}: there is no such folder")
    return load_model((*extra, *mib_folders()))


def profile_of(model: MibModel, path: Path) -> dict[Key, Value]:
    """Read a profile: a script of assignments that are the unit's own defaults."""
    values: dict[Key, Value] = {}
    translate = Translator(model)
    for statement in read_script(path):
        try:
            step = translate.step(statement)  # type: ignore[arg-type]
        except (Refused, AttributeError) as error:
            line = getattr(statement, "line", 0)
            why = said(model, error) if isinstance(error, Refused) else "only assignments are taken"
            raise StartError(f"the profile {path}, line {line}: {why}") from None
        if step.job or step.row is not None:
            raise StartError(f"the profile {path}, line {step.line}: only scalars have defaults")
        values.update({wish.key: wish.value for wish in step.wishes})
    return values


class Launch:
    """One unit from its state directory to `ready`, and back."""

    def __init__(self, reactor: Any, order: Order) -> None:
        """Open the state and wire the services. Raises MibgateError; then nothing is left open."""
        self._reactor, self._order = reactor, order
        if order.script is not None:
            order.statements = read_script(order.script)
        model = model_of(order.mibs)
        check_kind(order.state, is_agents=False)
        state = StateDirectory(order.state)
        try:
            profile = self._profile(model, state)
            self.unit = Unit(
                reactor, model, state,
                Options(order.listen, order.unprivileged, product_version()), name=UNIT,
                profile=profile, say=order.say)
        except BaseException:
            state.close()
            raise
        self._claim: EngineClaim | None = None
        try:
            if not order.adopts:
                check_whereabouts(self.unit.store.memory, state.path)
                self._claim = EngineClaim(self.unit.engine_id, state.path)
            self.unit.identify(**order.identity)
            self.unit.serve([service(self.unit) for service in SERVICES])
        except BaseException:
            self._release()
            self.unit.thread.stop()
            state.close()
            raise
        self._console: Any = None
        self.passwords: dict[str, str] = {}
        """Those that this start has set, by user."""

    def _release(self) -> None:
        if self._claim is not None:
            self._claim.release()

    def _profile(self, model: MibModel, state: StateDirectory) -> dict[Key, Value] | None:
        kept, given = state.path / "profile", self._order.profile
        if "identity" not in state.journal.memory(state.journal.unit(UNIT)):
            return profile_of(model, given) if given is not None else None
        if given is not None:
            profile_of(model, given)
            if not kept.exists() or given.read_bytes() != kept.read_bytes():
                raise StartError("--profile is settled at the first start and kept")
        return profile_of(model, kept) if kept.exists() else None

    @property
    def mibs(self) -> tuple[Path, ...]:
        """The folders of MIBs that came by option."""
        return self._order.mibs

    def _keep_profile(self) -> None:
        state, given = self.unit.state, self._order.profile
        if given is not None:
            state.write_private("profile", given.read_text(encoding="utf-8"))
            self.unit.identify(profile=given.stem)
        else:
            (state.path / "profile").unlink(missing_ok=True)

    # -- what a first start settles

    async def settle(self) -> None:
        """Commit factory rows, the script, and what a first start makes, as one transaction.

        Raises StartError; then the store is as before.
        """
        unit, order = self.unit, self._order
        first = unit.is_first_start
        statements = [*(order.first if first else ()), *order.statements]
        script = f"the script {order.script}" if order.script else "the script"
        await unit.upkeep.start()
        with unit.store.begin(STARTER) as transaction:
            if first:
                for wish in unit.host.factory_wishes():
                    if not self._has_row(wish):
                        transaction.put(wish)
            lines: dict[Key, int] = {}
            password = ""
            try:
                lines = lay_whole(unit.host, transaction, statements)
                if first and not self._makes_admin(transaction.asked()):
                    password = secrets.token_urlsafe(12)
                    for wish in _admin(password):
                        if wish.name != "aaaUsersRowStatus" or not self._has_row(wish):
                            transaction.put(wish)
                self.passwords = _passwords(transaction.asked())
                transaction.prepare()
            except ScriptError as error:
                raise StartError(f"{script}, line {error.line}: {error.why}") from None
            except Refused as refusal:
                line = lines.get((refusal.name, refusal.index))
                where = f"{script}, line {line}" if line else "the start"
                raise StartError(f"{where}: {said(unit.model, refusal)}") from None
            try:
                await transaction.commit()
                if first:
                    self._keep_profile()
                    await unit.keep_identity()
                await unit.keep_whereabouts()
            except (Refused, OSError) as error:
                raise StartError(f"the state can't be written: {error}") from None
        if password:
            self._tell_password(password)
        for name in unit.store.set_aside:
            order.say(f"set aside, since today's MIBs refuse it: {name}")

    def _has_row(self, wish: Wish) -> bool:
        """Whether a first start that was cut short has already made the wish's row."""
        table = self.unit.model[wish.name].table
        return table is not None and self.unit.store.tip.has_row(table, wish.index)

    @staticmethod
    def _makes_admin(asked: list[Wish]) -> bool:
        rights = {wish.index: wish.value for wish in asked
                  if wish.name == "aaaUsersAccessRights"}
        return any(value == int(Rights.ADMIN) for value in rights.values())

    def _tell_password(self, password: str) -> None:
        say = self._order.say
        if sys.stdout.isatty():
            say(f"The user {ADMIN} has the password {password}  (shown once; "
                "`mibgate passwd` sets another)")
        else:
            path = self.unit.state.write_private("first-password", f"{ADMIN} {password}\n")
            say(f"The user {ADMIN} has a password of its own: read it in {path}, "
                "then delete that file")

    # -- run

    async def start(self) -> None:
        """Start the services and say where each interface listens. Raises what stops a start."""
        unit = self.unit
        identity = unit.identity
        unit.say(f"mibgate {unit.options.version}, unit {identity.serial}, state "
                 f"{unit.state.path}")
        await unit.start()
        path = unit.state.path / "console"
        self._console = open_console(self._reactor, unit.host, path)
        if self._console is not None:
            unit.say_interface("console", str(path), "for `mibgate script`, `mibgate passwd`")
        conf = write_snmp_conf(unit, self._order.mibs)
        unit.managers_changed = self._write_conf_again
        unit.say_interface("conf", str(conf), "SNMPCONFPATH for net-snmp")
        unit.is_ready = True

    def _write_conf_again(self) -> None:
        """Let snmp.conf follow the port and the Admin's keys."""
        try:
            write_snmp_conf(self.unit, self._order.mibs)
        except StateError as error:
            log.error("%s", error)

    async def stop(self) -> None:
        """Close the console, stop the services, close the journal."""
        try:
            if self._console is not None:
                await self._console.stopListening()
        except FileNotFoundError:
            pass                    # somebody removed the socket's name
        finally:
            await self.unit.stop()
            self._release()


def _passwords(asked: list[Wish]) -> dict[str, str]:
    """Give the passwords that are asked for, by user."""
    return {str(wish.index[0], "utf-8"): str(wish.value, "utf-8") for wish in asked
            if wish.name == "aaaUsersPassword"
            and isinstance(wish.index[0], bytes) and isinstance(wish.value, bytes)}


def _admin(password: str) -> Iterator[Wish]:
    index = (ADMIN.encode(),)
    yield Wish("aaaUsersRowStatus", index, int(Status.CREATE_AND_GO))
    yield Wish("aaaUsersAccessRights", index, int(Rights.ADMIN))
    yield Wish("aaaUsersPassword", index, password.encode())


_PLAIN_NAME = re.compile(rb"[\w.@+-]+", re.ASCII)
"""A user's name that snmp.conf can say without quotes."""


def manager_of(unit: Unit) -> User | None:
    """Give the Admin whose keys net-snmp's tools get: `admin`, else the first with all keys."""
    snmp = unit.host.services["Snmp"].wired.service
    assert isinstance(snmp, SnmpService)
    if not snmp.answers_v3:
        return None
    names = sorted(names_in(unit.store.configured), key=lambda name: (name != ADMIN.encode(), name))
    for name in names:
        if unit.store.configured.cell("aaaUsersAccessRights", (name,)) == int(Rights.ADMIN):
            user = snmp.users.user(name)
            if user is not None and not user.unusable and _PLAIN_NAME.fullmatch(name):
                return user
    return None


def community_of(unit: Unit) -> str:
    """Give the community that SNMPv2c lets in; nothing where it is off or for nobody."""
    cell = unit.store.configured.cell
    community, name = cell("snmpCommunity", ()), cell("snmpSnmpUser", ())
    if not cell("snmpEnableSnmpV2", ()) or not isinstance(community, bytes) or not community \
            or cell("aaaUsersAccessRights", (name or community,)) is None:
        return ""
    return community.decode()


def as_user(user: User) -> Iterator[str]:
    """Give the lines of snmp.conf that let net-snmp's tools speak as a user, by its keys."""
    assert user.auth is not None
    yield from (f"defSecurityName {user.name.decode()}",
                f"defSecurityLevel {'authPriv' if user.priv else 'authNoPriv'}",
                f"defAuthType {user.auth.protocol}",
                f"defAuthLocalizedKey 0x{user.auth.key.hex()}")
    if user.priv is not None:
        yield f"defPrivType {user.priv.protocol}"
        yield f"defPrivLocalizedKey 0x{user.priv.key.hex()}"


def write_snmp_conf(unit: Unit, extra: tuple[Path, ...]) -> Path:
    """Write what net-snmp's tools need to ask this unit with no option."""
    store = unit.store
    folders = [str(folder) for folder in (*mib_folders(), *extra)]
    lines = [f"mibdirs {':'.join(folders)}", "mibs ALL"]
    port = int(store.get("snmpPortInUse"))  # type: ignore[arg-type]
    if port:
        lines.append(f"defaultPort {port!s}")
    user = manager_of(unit)
    if user is not None:
        lines += as_user(user)
    community = community_of(unit)
    if community:
        lines += ["defVersion 2c", f"defCommunity {community}"]
    elif user is not None:
        lines.append("defVersion 3")
    text = "\n".join(["# Made by the unit; it holds keys of an Admin.", *lines, ""])
    path = unit.state.write_private("snmp/snmp.conf", text)
    path.parent.chmod(0o700)
    return path.parent


def run_order(
    order: Order, then: Callable[[Launch], Any] | None = None, beside: Beside | None = None
) -> int:
    """Run a unit until a signal ends it; give the exit status.

    then: called in place of settling the store and starting the services; the process ends after.
    """
    from twisted.internet import reactor as installed
    reactor: Any = installed
    logging.getLogger("twisted").setLevel(logging.WARNING)
    PythonLoggingObserver("twisted").start()
    status = 0
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))      # private keys are in memory
    try:
        launch = Launch(reactor, order)
    except MibgateError as error:
        print(f"mibgate: {error}", file=sys.stderr)
        return 1

    def failed(failure: Failure) -> None:
        nonlocal status
        status = 1
        error = failure.value
        if isinstance(error, MibgateError | OSError):
            print(f"mibgate: {error}", file=sys.stderr)
        else:
            print(f"mibgate: the start broke: {failure.getTraceback()}", file=sys.stderr)
        end(reactor)

    async def begin() -> None:
        end_by_signals(reactor)
        if beside is not None:
            beside.begin(reactor)
        if then is not None:
            await then(launch)
            end(reactor)
            return
        await launch.settle()
        await launch.start()
        if beside is not None:
            await beside.ready(launch)
        starting.settled()
        order.say("ready")
        sys.stdout.flush()

    async def stop() -> None:
        try:
            if beside is not None:
                await beside.end()
        finally:
            await launch.stop()

    def ended() -> Deferred[None]:
        return ensureDeferred(stop()).addErrback(failed)

    reactor.addSystemEventTrigger("before", "shutdown", ended)
    reactor.callWhenRunning(lambda: ensureDeferred(begin()).addErrback(failed))
    reactor.run()
    return status


