"""What a test asks of a unit beyond its doors: values by any name, what was notified, a reset.

Requests and answers are plain dictionaries; how they travel is the shell's. Nobody but the owner
of an ephemeral state gets here, so whoever asks is an Admin.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from mibagent.errors import MibgateError, NoSuchName, Refused
from mibagent.model.nodes import ObjectNode, TableNode
from mibagent.northbound import Session
from mibagent.store.access import Principal, Rights
from mibagent.store.live import as_key
from mibagent.store.wish import Wish
from mibgateway.lab.baseline import Baseline
from mibgateway.lab.ready import Ready
from mibgateway.naming import find_instance, found
from mibgateway.northbound.script import ScriptRunner, said
from mibgateway.northbound.script_grammar import ScriptError, parse_script
from mibgateway.notifier import Notice
from mibgateway.unit import Unit

LABORATORY = Principal("laboratory", Rights.ADMIN, "console")

KEPT_NOTICES = 10_000
"""Notifications that are remembered between two resets; the oldest goes."""

Request = dict[str, Any]
Answer = Any


class Door:
    """Answers requests about one unit. The unit is reset to what it is when this is made."""

    def __init__(self, unit: Unit, describe: Callable[[], Ready]) -> None:
        self._unit, self._describe = unit, describe
        self._baseline = Baseline(unit)
        self._notices: deque[tuple[int, Notice]] = deque(maxlen=KEPT_NOTICES)
        self._number = 0
        self._forget = unit.notifier.watch(self._note)
        self._does: dict[str, Callable[[Request], Awaitable[Answer]]] = {
            "script": self._script, "get": self._get, "set": self._set, "table": self._table,
            "notices": self._notices_since, "apply": self._apply,
            "restart-service": self._restart_service, "restart": self._restart,
            "reset": self._reset, "describe": self._facts}

    def close(self) -> None:
        """Take note of notifications no longer."""
        self._forget()

    def _note(self, notice: Notice) -> None:
        self._number += 1
        self._notices.append((self._number, notice))

    async def answer(self, request: Request) -> Answer:
        """Give `{"ok": …}`, or `{"no": …}` with the reason."""
        does = self._does.get(str(request.get("do", "")))
        if does is None:
            return {"no": f"the laboratory knows {', '.join(sorted(self._does))}"}
        try:
            return {"ok": await does(request)}
        except Refused as refusal:
            return {"no": said(self._unit.model, refusal)}
        except (MibgateError, KeyError, TypeError, ValueError) as error:
            return {"no": str(error) or type(error).__name__}

    # -- what it does

    async def _script(self, request: Request) -> Answer:
        try:
            statements = parse_script(str(request["text"]).encode())
        except ScriptError as error:
            return {"answers": [], "failures": [{"line": error.line, "why": error.why}]}
        runner = ScriptRunner(Session(self._unit.host, LABORATORY))
        report = await runner.run(statements)
        return {"answers": report.answers, "failures": [asdict(each) for each in report.failures]}

    async def _get(self, request: Request) -> Answer:
        node, index = find_instance(self._unit.model, str(request["name"]))
        return node.syntax.print(self._unit.store.get(node.name, index))

    async def _set(self, request: Request) -> Answer:
        node, index = find_instance(self._unit.model, str(request["name"]))
        value = node.syntax.parse(str(request["value"]), node.name)
        await Session(self._unit.host, LABORATORY).change([Wish(node.name, index, value)])
        await self._unit.host.next_turn()

    async def _table(self, request: Request) -> Answer:
        model, store = self._unit.model, self._unit.store
        what = str(request["name"])
        table = found(model, what)
        if isinstance(table, ObjectNode):
            raise NoSuchName(what, "is no table")
        return [{"": _shown(as_key(index)), **dict(self._cells(table, index))}
                for index in sorted(store.rows(table), key=table.suffix)]

    def _cells(self, table: TableNode, index: Any) -> list[tuple[str, str]]:
        store, start = self._unit.store, table.name.removesuffix("Table")
        cells = []
        for node in self._unit.model.columns(table.name):
            if not node.is_readable:
                continue
            try:
                text = node.syntax.print(store.get(node.name, index))
            except Refused:
                continue
            cells.append((node.name.removeprefix(start), text))
        return cells

    async def _notices_since(self, request: Request) -> Answer:
        since = int(request.get("since", 0))
        return [{"number": number, "name": notice.node.name, "service": notice.service,
                 "id": notice.node.number, "severity": notice.node.severity, "text": notice.text,
                 "values": dict(notice.values)}
                for number, notice in self._notices if number > since]

    async def _apply(self, request: Request) -> Answer:
        due = self._unit.host.needing_restart()
        for name in due:
            await self._unit.host.restart(name)
        return due

    async def _restart_service(self, request: Request) -> Answer:
        await self._unit.host.restart(str(request["name"]))

    async def _restart(self, request: Request) -> Answer:
        await self._unit.restart()

    async def _reset(self, request: Request) -> Answer:
        restarted = await self._baseline.restore()
        self._notices.clear()
        return restarted

    async def _facts(self, request: Request) -> Answer:
        return asdict(self._describe())


def _shown(key: Any) -> str:
    return ".".join(map(str, key)) if isinstance(key, tuple) else str(key)
