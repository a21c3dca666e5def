"""Every way to fail, by whose fault it is."""

from __future__ import annotations

Index = tuple["int | bytes | tuple[int, ...]", ...]


class MibgateError(Exception):
    """Root of all errors that this project raises on purpose."""


class ModelError(MibgateError):
    """MIBs and code disagree, or a MIB contradicts itself: found at the start, never later."""

    def __init__(self, where: str, name: str, why: str) -> None:
        super().__init__(f"{where}: {name}: {why}" if name else f"{where}: {why}")
        self.where, self.name, self.why = where, name, why


class LocalError(MibgateError):
    """We asked a machine for what its state forbids: a bug of ours."""


class StateError(MibgateError):
    """The state directory or its database can't be used as it is; the text says what to do."""


class PeerError(MibgateError):
    """The other side broke its protocol."""

    def __init__(self, why: str, clause: str = "") -> None:
        super().__init__(f"{why} ({clause})" if clause else why)
        self.why, self.clause = why, clause


class Refused(MibgateError):
    """No to whoever asked; nothing has changed.

    `status` is the error-status of RFC 3416 section 3.
    """

    status = 5

    def __init__(
        self, name: str, why: str = "", index: Index = (), depends_on: tuple[str, ...] = ()
    ) -> None:
        super().__init__(name, why, index)
        self.name, self.why, self.index = name, why, index
        self.depends_on = depends_on

    def __str__(self) -> str:
        where = self.name + (f"[{self.printed_index()}]" if self.index else "")
        return f"{where}: {self.why}" if self.why else where

    def printed_index(self) -> str:
        """The row in words, as a path shows it."""
        return ",".join(_printed(part) for part in self.index)


def _printed(part: int | bytes | tuple[int, ...]) -> str:
    if isinstance(part, bytes):
        return part.decode("utf-8", "backslashreplace")
    return ".".join(map(str, part)) if isinstance(part, tuple) else str(part)


class NoAccess(Refused):
    status = 6


class WrongType(Refused):
    status = 7


class WrongLength(Refused):
    status = 8


class WrongEncoding(Refused):
    status = 9


class WrongValue(Refused):
    status = 10


class NoCreation(Refused):
    status = 11


class InconsistentValue(Refused):
    status = 12


class ResourceUnavailable(Refused):
    status = 13


class CommitFailed(Refused):
    status = 14


class NotWritable(Refused):
    status = 17


class InconsistentName(Refused):
    status = 18


class NoSuchName(Refused):
    """No object or no instance of that name.

    A SET answers it as notWritable, noCreation or noAccess by RFC 3416 section 4.2.5.
    """

    status = 17
