"""An SNMP agent for ACME-LAMP-MIB: python lamp.py STATE PORT."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import ensureDeferred

from mibagent.agent import Agent
from mibagent.errors import InconsistentValue
from mibagent.model.cache import load_model
from mibagent.model.places import mib_folders
from mibagent.service.service import Service, check, command, on_change, provides
from mibagent.service.settings import Row, Table
from mibagent.store.access import Rights
from mibagent.store.store import SYSTEM
from mibagent.store.wish import Wish

reactor: Any = installed


@dataclass(frozen=True)
class LampRow(Row):
    """One lamp; the fields are the columns that this code reads, typed as the MIB says."""

    name: str
    switch: bool


@dataclass(frozen=True)
class LampSettings:
    """The writable objects of ACME-LAMP-MIB."""

    master_switch: bool
    bulb: Table[LampRow]


class LampService(Service[LampSettings]):
    """What happens when a lamp is switched."""

    mib = "ACME-LAMP-MIB"
    settings = LampSettings

    def burning(self) -> int:
        lamps = self.configured.bulb.values()
        return sum(lamp.switch for lamp in lamps) * self.configured.master_switch

    @provides("lampBurning")
    def lamps_that_burn(self) -> int:
        return self.burning()

    @check("lampBulbName")
    def names_are_unique(self, wanted: LampSettings, row: LampRow) -> None:
        """Refuse a name that another lamp has: the whole PDU, and nothing has changed."""
        if row.name and any(other.name == row.name for key, other in wanted.bulb.items()
                            if key != row.key):
            raise row.no(InconsistentValue, "name", "another lamp is called so")

    @on_change("lampMasterSwitch", "lampBulbTable")
    def switched(self, wanted: LampSettings) -> None:
        """Act once a commit, after it was answered."""
        if not self.burning():
            self.unit.notify("lampDark", {"lampBurning": 0})

    @command("lampAllOff")
    async def all_off(self) -> None:
        """A command is a transaction like any other."""
        with self.unit.store.begin(SYSTEM) as transaction:
            for number in self.configured.bulb:
                transaction.put(Wish("lampBulbSwitch", (number,), 0))
            transaction.prepare()
            await transaction.commit()


def main(state: Path, port: int) -> None:
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    model = load_model(mib_folders(), extra=(Path(__file__).with_name("ACME-LAMP-MIB.mib"),))
    agent = Agent(
        reactor, model, state, [LampService], sys_descr="acme lamps",
        sys_object_id=model.modules["ACME-LAMP-MIB"].oid,
        communities={b"look": Rights.OBSERVER, b"switch": Rights.USER},
        notify=lambda name, values: print(f"notification {name} {values}", flush=True))

    async def begin() -> None:
        await agent.start("127.0.0.1", port)
        print("ready", flush=True)

    reactor.callWhenRunning(lambda: ensureDeferred(begin()))
    reactor.addSystemEventTrigger("before", "shutdown", lambda: ensureDeferred(agent.stop()))
    reactor.run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
