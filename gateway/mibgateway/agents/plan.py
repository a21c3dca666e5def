"""What `mibgate agent` was asked for, and what of it can be served."""

from __future__ import annotations

import gc
import ipaddress
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from mibagent.model.cache import load_foreign
from mibagent.model.findings import Finding, raise_first_error
from mibagent.model.nodes import MibModel
from mibagent.model.places import mib_folders
from mibagent.recording.lay import Laid, lay
from mibagent.recording.read import RecordingFile
from mibagent.recording.remarks import Remarks
from mibagent.recording.sample import Sample
from mibagent.smi.oid import Oid, parse_oid
from mibgateway.agents.users import AgentUser
from mibgateway.errors import StartError

PORT = 1161
SUFFIXES = (".snmprec", ".snmpwalk", ".walk")
"""What a recording in a folder of them may be called."""

Progress = Callable[[Path], Callable[[int], None]]


@dataclass(frozen=True)
class Place:
    """Where an agent listens."""

    host: str
    port: int
    which: int = 0
    """Tells free ports apart, where port is 0."""

    @classmethod
    def of(cls, text: str, which: int = 0) -> Place:
        """Give the place of ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT. Raises StartError."""
        host, port = text, ""
        if text.startswith("["):
            host, _, port = text[1:].partition("]")
            port = port.removeprefix(":")
        elif text.count(":") == 1:
            host, _, port = text.partition(":")
        try:
            address = ipaddress.ip_address(host)
            number = int(port) if port else PORT
        except ValueError:
            number = -1
        if not 0 <= number <= 65535:
            raise StartError(f"--listen {text}: ADDRESS or ADDRESS:PORT is wanted, the address "
                             "in digits")
        return cls(str(address), number, 0 if number else which)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass
class Section:
    """One agent, as it was asked for."""

    files: tuple[Path, ...] = ()
    values: tuple[Path, ...] = ()
    folders: tuple[Path, ...] = ()
    """Further folders of MIBs, for imports."""
    place: Place = field(default_factory=lambda: Place("127.0.0.1", PORT))
    communities: tuple[str, ...] = ()
    """Those that may read and set."""
    readers: tuple[str, ...] = ()
    """Those that may read."""
    users: tuple[AgentUser, ...] = ()
    """Who may come in by SNMPv3."""
    context: str = ""
    """Nothing for the one that communities mean by themselves."""
    state: Path | None = None
    module: Path | None = None
    watch: bool = False
    writable: bool = False
    fill: bool = False
    traps_to: tuple[str, ...] = ()
    is_named: bool = False
    """Whether the context's name is a community by itself."""

    @property
    def is_local(self) -> bool:
        """Whether only this host can reach it."""
        return ipaddress.ip_address(self.place.host).is_loopback

    @property
    def title(self) -> str:
        """What it is called in messages."""
        return f"{self.place}{' context ' + self.context if self.context else ''}"


@dataclass
class Plan:
    """One agent, ready to be made."""

    section: Section
    model: MibModel
    laid: Laid
    identity: Oid
    """What sysObjectID says where no recording does."""
    descr: str
    warnings: list[str]


def in_data_folder(section: Section, folder: Path) -> list[Section]:
    """Give an agent for each recording in a folder, its name without suffix being its context.

    And its community, as snmpsim has it. Raises StartError.
    """
    try:
        files = sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES)
    except OSError as error:
        raise StartError(f"--data-dir {folder}: {error.strerror}") from None
    if not files:
        raise StartError(f"--data-dir {folder}: there is no file of {', '.join(SUFFIXES)} in it")
    names = [str(path.relative_to(folder).with_suffix("")) for path in files]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise StartError(f"--data-dir {folder}: two files are called {twice[0]}")
    return [replace(section, values=(*section.values, path), context=name, is_named=True,
                    state=section.state / name.replace("/", "+") if section.state else None)
            for path, name in zip(files, names, strict=True)]


def make_plan(section: Section, progress: Progress) -> Plan:
    """Load the MIBs and lay the recordings over them. Raises MibgateError."""
    folders = (*section.folders, *mib_folders()[1:], *mib_folders()[:1])
    for folder in section.folders:
        if not folder.is_dir():
            raise StartError(f"--mibs {folder}: there is no such folder")
    model = load_foreign(section.files, folders, standard=bool(section.values))
    named = _named(model, section.files)
    _refuse_what_can_not_be_served(model, section.files, named)
    warnings = [_as_warning(finding) for finding in model.findings]
    remarks = Remarks(str(section.values[0]) if section.values else "")
    served = [name for name in named if any(True for _ in model.of_module(name))]
    laid = lay(_samples(section.values, model, remarks, progress), model, served, remarks,
               fill=section.fill, writable=section.writable)
    if not laid.served:
        raise StartError(f"agent {section.title}: there is nothing to serve: give MIB files, or "
                         "--values with a recording")
    if laid.found and not section.writable:
        total = laid.found + laid.laid
        warnings.append(f"{laid.found:,} of {total:,} values are in no MIB that is loaded, or not "
                        "as it says: they are read-only (--writable lets them be set)")
    gc.freeze()
    identities = [model.modules[name].oid for name in served if model.modules[name].oid]
    return Plan(section, model, laid, identities[0] if identities else (0, 0),
                f"mibgate agent: {', '.join(served) or 'a recording'}"[:255],
                warnings + remarks.lines())


def _named(model: MibModel, files: Iterable[Path]) -> list[str]:
    """Give the modules that named files declare."""
    places = [Path(path) for path in files]
    return [name for name, module in model.modules.items()
            if any(Path(module.file) == place or place in Path(module.file).parents
                   for place in places)]


def _refuse_what_can_not_be_served(
    model: MibModel, files: Iterable[Path], named: list[str]
) -> None:
    """Refuse a file of which nothing is left, and any fault of a module of services."""
    lost = {Path(model.modules[name].file) for name in named}
    for path in files:
        if not any(place == path or path in place.parents for place in lost):
            raise_first_error(
                [each for each in model.findings
                 if Path(each.file) == path or path in Path(each.file).parents]
                or [Finding(str(path), "", "there is no MIB file in this folder"
                            if path.is_dir() else "no module is declared here")])
    strict = {model.modules[name].file for name in named if model.modules[name].service}
    raise_first_error(each for each in model.findings if each.file in strict)


def _as_warning(finding: Finding) -> str:
    where = f"{finding.file}:{finding.line}" if finding.line else finding.file
    what = f"{finding.object}: " if finding.object else ""
    return f"{where}: warning: {what}{finding.reason}"


def _samples(
    paths: Iterable[Path], model: MibModel, remarks: Remarks, progress: Progress
) -> Iterator[Sample]:
    for path in paths:
        remarks.file = str(path)
        file = RecordingFile(path, lambda name: resolve(model, name), progress(path))
        yield from file
        remarks.take_all(file.remarks)


def resolve(model: MibModel, name: str) -> Oid:
    """Give the OID of `MODULE::descriptor.1.2`, or without the module. Raises ValueError."""
    descriptor, _, suffix = name.rpartition("::")[2].partition(".")
    node = model.objects.get(descriptor)
    base = node.oid if node is not None else model.names.get(descriptor)
    if base is None:
        raise ValueError(f"no MIB that is loaded knows {descriptor}")
    try:
        return base + (parse_oid(suffix) if suffix else ())
    except ValueError:
        raise ValueError(f"the row of {name} is not in digits") from None
