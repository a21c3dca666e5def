"""Notifications: a NOTIFICATION-TYPE with its values, on its way to whoever delivers it."""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mibagent.errors import LocalError
from mibagent.model.nodes import MibModel, NotificationNode
from mibagent.service.notification import Carried, Read, carried, shown, unknown
from mibagent.store.live import LiveTable
from mibgateway.clock.unit_clock import date_and_time
from mibgateway.syslog.message import without_controls

SEVERITIES = {"debug": 100, "info": 200, "warning": 300, "error": 400, "critical": 500}

log = logging.getLogger("mibgate.notification")

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
_WAITING = 200
_MOST_ACTIVE = 1000


@dataclass(frozen=True)
class Notice:
    """One notification that was issued."""

    node: NotificationNode
    service: str
    service_number: int
    service_title: str
    text: str
    values: Mapping[str, str]
    """Its objects' values as text, by descriptor."""
    local: datetime
    """When, by the unit's clock and zone."""
    carried: tuple[Carried, ...] = ()
    """The same objects as instances with values of their types, as SNMP sends them."""
    uptime: float = 0.0
    """When, in seconds since the unit started."""

    @property
    def severity(self) -> int:
        """The number of its severity."""
        return SEVERITIES[self.node.severity]

    # What a row of the active table shows.

    @property
    def since(self) -> bytes:
        """When it was issued."""
        return date_and_time(self.local)

    @property
    def since_text(self) -> str:
        """The same for people."""
        return f"{self.local:%Y-%m-%d %H:%M:%S}"

    @property
    def notification_id(self) -> int:
        """Its number."""
        return self.node.number

    @property
    def message(self) -> str:
        """Its text."""
        return self.text

    def is_about(self, other: Notice, names: frozenset[str]) -> bool:
        """Whether both are about the same thing: these objects have the same values in both."""
        return all(other.values.get(name) == self.values.get(name) for name in names)


def _what_trouble_is_about(model: MibModel) -> dict[str, frozenset[str]]:
    """Give, for each notification that another clears, the objects that both carry.

    The others, reasons and details, may differ while the trouble is the same.
    """
    about: dict[str, frozenset[str]] = {}
    for clearing in model.notifications.values():
        for node in model.notifications.values():
            if node.service == clearing.service and node.number in clearing.clears:
                shared = frozenset(node.objects).intersection(clearing.objects)
                about[node.name] = about.get(node.name, frozenset()) | shared
    return about


class Rate:
    """Bounds how often a stranger can make the unit report something."""

    def __init__(self, per_minute: int, now: Callable[[], float]) -> None:
        self._per_minute, self._now = per_minute, now
        self._since, self._count = float("-inf"), 0

    def allows(self) -> bool:
        """Whether one more may be reported in this minute."""
        now = self._now()
        if now - self._since >= 60:
            self._since, self._count = now, 0
        self._count += 1
        return self._count <= self._per_minute


class Notifier:
    """Where services issue notifications; Nlm takes them from here."""

    def __init__(self, model: MibModel, now: Callable[[], datetime]) -> None:
        self._model, self._now = model, now
        self._sinks: list[Callable[[Notice], None]] = []
        self._watchers: list[Callable[[Notice], None]] = []
        self._waiting: deque[Notice] = deque(maxlen=_WAITING)
        self._managers: Callable[[Notice], None] | None = None
        self._unsent: deque[Notice] = deque(maxlen=_WAITING)
        self.uptime: Callable[[], float] = lambda: 0.0
        self.read: Read = unknown
        """Gives the value of an object that whoever issues leaves out."""
        self.least: Callable[[str], int] = lambda service: SEVERITIES["info"]
        """Gives the least severity that a service issues, 0 for none at all."""
        self.active: LiveTable[Notice] = LiveTable()
        """The trouble that nothing has cleared yet, by number in order of arrival."""
        self._about = _what_trouble_is_about(model)
        self._last_active = 0

    def issue(
        self, name: str, values: Mapping[str, object] | None = None,
        rows: Mapping[str, Any] | None = None,
    ) -> None:
        """Issue a notification with its objects' values by descriptor.

        rows: the keys of rows by table, for columns whose row the values don't tell: a value that
        is a row's key, or repeats it, does. One of a module without a service, as linkDown is,
        goes to managers alone; no rule of Nlm is about it.
        """
        node = self._model.notifications.get(name)
        if node is None:
            raise LocalError(f"there is no notification {name}")
        given = values or {}
        texts = {key: shown(self._model, key, value) for key, value in given.items()}
        objects = carried(self._model, node, given, rows or {}, self.read)
        if not node.service:
            self.tell_managers(Notice(node, "", 0, "", name, texts, self._now(), objects,
                                      self.uptime()))
            return
        text = re.sub(r"\{([A-Za-z0-9]+)\}",
                      lambda found: without_controls(texts.get(found[1], "")), node.text)
        service = self._model.services[node.service]
        notice = Notice(node, node.service, service.number, service.title, text, texts,
                        self._now(), objects, self.uptime())
        self._note_trouble(notice)
        least = self.least(node.service)
        if not least or notice.severity < least:
            return
        log.log(_LEVELS[node.severity], "%s: %d-%s: %d-%s", service.name, service.number,
                service.title, node.number, text)
        for watcher in list(self._watchers):
            watcher(notice)
        if not self._sinks:
            self._waiting.append(notice)
        for sink in list(self._sinks):
            sink(notice)

    def tell_managers(self, notice: Notice) -> None:
        """Send it by SNMP; the newest wait while there is nobody who could."""
        if self._managers is None:
            self._unsent.append(notice)
        else:
            self._managers(notice)

    def reach_managers_by(self, send: Callable[[Notice], None]) -> Callable[[], None]:
        """Give what is for managers to send, those that waited first; call the answer to end."""
        self._managers = send
        while self._unsent:
            send(self._unsent.popleft())

        def end() -> None:
            self._managers = None
        return end

    def _note_trouble(self, notice: Notice) -> None:
        ended = [index for index in self.active.indexes()
                 if (old := self.active.get(index)) is not None and self._ends(notice, old)]
        for index in ended:
            self.active.remove(index)
        if notice.node.name in self._about \
                and notice.severity >= SEVERITIES["warning"] and len(self.active) < _MOST_ACTIVE:
            self._last_active = self._last_active % (2**31 - 1) + 1
            self.active.add(self._last_active, notice)

    def _ends(self, notice: Notice, old: Notice) -> bool:
        if old.node is notice.node:
            return notice.is_about(old, self._about[old.node.name])
        shared = frozenset(old.node.objects).intersection(notice.node.objects)
        return old.service == notice.service and old.node.number in notice.node.clears \
            and notice.is_about(old, shared)

    def end_trouble(
        self, names: tuple[str, ...], about: Mapping[str, str] | None = None
    ) -> None:
        """Take these notifications off the active list: what they were about is gone.

        about: only those with these values; None takes all.
        """
        wanted = (about or {}).items()
        for index in self.active.indexes():
            notice = self.active.get(index)
            if notice is not None and notice.node.name in names \
                    and all(notice.values.get(name) == value for name, value in wanted):
                self.active.remove(index)

    def watch(self, watcher: Callable[[Notice], None]) -> Callable[[], None]:
        """Show each notification from now on to who does not deliver; call the answer to end that.

        Those that wait for whoever delivers go on waiting.
        """
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    def deliver_to(self, sink: Callable[[Notice], None]) -> Callable[[], None]:
        """Give each notification to sink, those that waited first; call the answer to end that."""
        self._sinks.append(sink)
        while self._waiting:
            sink(self._waiting.popleft())
        return lambda: self._sinks.remove(sink)
