"""The floors of docs/architecture.md: who may import whom, and who may see the network."""

from __future__ import annotations

import pytest

from tests.structure.tree import ROOT, imports, modules

FLOORS: tuple[tuple[int, str], ...] = (
    (10, "mibgateway.main mibgateway.cli mibgateway.demo mibgateway.misuse mibgateway.naming"
         " mibgateway.progress mibgateway.agents mibgateway.adoption mibgateway.lab"
         " mibgateway.testing mibgateway.pytest_plugin mibgateway.ending"
         " mibgateway.__main__"),
    (9, "mibgateway.services.*"),
    (8, "mibgateway.northbound"),
    (8, "mibgateway.unit"),
    (8, "mibgateway.files"),
    (7, "mibgateway.notifier"),
    (7, "mibgateway.snmp_users"),
    (7, "mibgateway.state"),
    (7, "mibgateway.whereabouts"),
    (6, "mibgateway.sip"),
    (6, "mibgateway.syslog"),
    (6, "mibgateway.clock"),
    (6, "mibgateway.sntp"),
    (6, "mibgateway.transfer"),
    (6, "mibgateway.host"),
    (6, "mibgateway.platforms"),
    (6, "mibagent.agent"),
    (5, "mibagent.recording"),
    (5, "mibgateway.lookup"),
    (0, "mibgateway.starting"),
    (5, "mibgateway.tls"),
    (5, "mibgateway.errors"),
    (4, "mibagent.snmp"),
    (4, "mibagent.northbound"),
    (3, "mibagent.service"),
    (2, "mibagent.store"),
    (1, "mibagent.model"),
    (0, "mibagent.smi mibagent.errors"),
)
"""A line is one room. With a star each module is a room of its own, with what its name begins:
`services/sipep.py` and `services/sipep_flows.py` share one."""

ROOFS = {"mibagent", "mibgateway", "mibgateway.services"}
"""Packages that hold rooms: nothing stands in their `__init__` but a docstring."""

REACTORLESS = (
    "twisted.internet.address",
    "twisted.internet.defer",
    "twisted.internet.error",
    "twisted.internet.interfaces",
    "twisted.internet.task",
    "twisted.logger",
    "twisted.protocols.tls",     # a filter between two transports
    "twisted.python",
    "twisted.version",
)
"""Twisted without a network; all else of it is the network."""

TOP = 10
PURE = 1
"""No Twisted at all on this floor and below."""


def breaches(name: str, text: str, package: bool = False) -> list[str]:
    """Give what a module imports and should not, in words."""
    home = room_of(name)
    if home is None:
        if name in ROOFS:
            return [
                f"{name}:{asked.line}: a roof imports {asked.name}"
                for asked in imports(name, text, package)
                if not asked.name.startswith("__future__")
            ]
        return [f"{name}: in no room of docs/architecture.md"]
    floor, room = home
    found = []
    for asked in imports(name, text, package):
        if asked.name.split(".")[0] == "twisted":
            why = twisted_breach(name, floor, asked.name)
        elif asked.name.split(".")[0] in ("mibagent", "mibgateway"):
            why = house_breach(floor, room, asked.name)
        else:
            why = ""
        if why:
            found.append(f"{name}:{asked.line}: {why}")
    return found


def house_breach(floor: int, room: str, asked: str) -> str:
    home = room_of(asked)
    if home is None:
        return "" if asked.rpartition(".")[0] in ROOFS | {""} else f"{asked} is in no room"
    below, other = home
    if other == room or below < floor:
        return ""
    return f"floor {floor} imports {asked} of floor {below}"


def twisted_breach(name: str, floor: int, asked: str) -> str:
    if is_within(asked, REACTORLESS):
        return f"floor {floor} imports {asked}" if floor <= PURE else ""
    if is_within(asked, ("twisted.internet.reactor",)):
        return "" if floor == TOP else f"{asked} outside of floor {TOP}"
    sees_network = name.endswith(".shell") or name == "mibgateway.unit" or floor == TOP
    return "" if sees_network else f"{asked} outside of shell.py, unit.py and floor {TOP}"


def room_of(name: str) -> tuple[int, str] | None:
    """Give floor and room of a module, or of a name out of it; None outside of all rooms."""
    for floor, rooms in FLOORS:
        for room in rooms.split():
            if not room.endswith(".*"):
                if is_within(name, (room,)):
                    return floor, rooms
            elif name.startswith(room[:-1]):
                module = name.removeprefix(room[:-1]).split(".")[0]
                return floor, room[:-1] + module.split("_")[0]
    return None


def is_within(name: str, modules: tuple[str, ...]) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in modules)


@pytest.mark.parametrize("name", modules())
def test_a_module_looks_down_only(name: str) -> None:
    path = modules()[name]
    assert breaches(name, path.read_text(), path.name == "__init__.py") == []


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("mibagent.smi.oid", "import mibagent.model.nodes", "floor 0 imports mibagent.model"),
        ("mibagent.smi.oid", "from mibagent.errors import Refused", ""),
        ("mibagent.smi.oid", "from twisted.internet.defer import Deferred", "floor 0 imports"),
        ("mibagent.store.journal", "from twisted.internet.defer import Deferred", ""),
        ("mibagent.store.journal", "from twisted.internet import defer, protocol", "protocol out"),
        ("mibagent.store.journal", "from mibgateway.tls import policy", "floor 2 imports"),
        ("mibagent.service.host", "from mibagent import northbound", "floor 3 imports"),
        ("mibagent.service.host", "from . import wiring", ""),
        ("mibagent.service.host", "from ..store import rows", ""),
        ("mibagent.service.host", "from ..snmp import pdu", "floor 3 imports mibagent.snmp.pdu"),
        (
            "mibagent.store.rows",
            "if TYPE_CHECKING:\n    from mibagent.service.host import ServiceHost",
            "rows:2: floor 2 imports mibagent.service.host.ServiceHost of floor 3",
        ),
        ("mibagent.store.rows", "def f():\n    import mibagent.snmp", "rows:2: floor 2"),
        ("mibgateway.services.nlm", "import mibgateway.services.sipep", "floor 9 imports"),
        ("mibgateway.services.sipep", "from mibgateway.services.sipep_flows import Flow", ""),
        ("mibgateway.services.nlm", "from mibgateway.syslog.shell import SyslogSender", ""),
        ("mibgateway.services.nlm", "from twisted.internet import reactor", "outside of floor 10"),
        ("mibgateway.northbound.script", "import mibgateway.unit", "floor 8 imports"),
        ("mibgateway.northbound.script", "import mibgateway.northbound.script_grammar", ""),
        ("mibgateway.sip.shell", "import mibgateway.tls.policy", ""),
        ("mibgateway.sip.shell", "import mibgateway.clock", "floor 6 imports"),
        ("mibgateway.sip.shell", "from twisted.internet.endpoints import connectProtocol", ""),
        ("mibgateway.sip.shell", "from twisted.internet import reactor", "outside of floor 10"),
        ("mibgateway.sip.flow", "from twisted.internet.protocol import Factory", "outside of sh"),
        ("mibgateway.unit", "import twisted.internet.threads", ""),
        ("mibgateway.main", "from twisted.internet import reactor", ""),
        ("mibgateway.main", "from mibgateway import __version__, cli", ""),
        ("mibgateway.attic", "", "in no room"),
        ("mibagent", "from mibagent.errors import Refused", "a roof imports"),
    ],
)
def test_the_rules_themselves_hold(name: str, text: str, why: str) -> None:
    found = breaches(name, text)
    assert (why in " ".join(found)) if why else (found == [])


def test_the_table_is_the_pages() -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    told = {
        (int(floor), name.strip("` "))
        for floor, names in (
            line.strip("|").split("|")[:2] for line in page.splitlines() if line[2:3].isdigit()
        )
        for name in names.split(",")
    }
    assert told == {(floor, room) for floor, rooms in FLOORS for room in rooms.split()}
