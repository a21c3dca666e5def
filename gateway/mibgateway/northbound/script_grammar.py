r"""The script grammar, both ways; knows neither store nor MIB.

    script     = *( [statement] [comment] EOL )             UTF-8, LF or CRLF
    statement  = assignment | command | "begin" | "commit"
    assignment = path "=" value
    command    = path [".Delete"] *( WS name "=" value )
    path       = Service "." Name [ "[" Key "=" value *( "," Key "=" value ) "]" [ "." Name ] ]
    value      = bare | '"' *( char | "\" any ) '"'
    comment    = "#" to the end of the line

Bare is any run of characters but blank, `#`, `"`, `]` and `,`. In quotes `\n`, `\t`, `\r`, `\\` and
`\"` are what they are in C, and `\` before anything else is that character. Blanks may also stand
around `=`, `,` and inside brackets. `begin`, `commit` and `.Delete` match without regard to case,
as all names do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mibagent.errors import MibgateError

LIMIT_BYTES = 10 * 1024 * 1024
LINE_LIMIT_BYTES = 64 * 1024

MOST_PAIRS = 100
"""Keys of a row, or arguments of a command."""

_PIECE = 64

Pairs = tuple[tuple[str, str], ...]


class ScriptError(MibgateError):
    """A script that is not one: nothing of it runs."""

    def __init__(self, line: int, why: str, reason: str = "") -> None:
        super().__init__(f"line {line}: {why}")
        self.line, self.why = line, why
        self.reason = reason or why
        """The same without what the line says, which may be a secret."""


@dataclass(frozen=True, slots=True)
class Path:
    """A parameter, a table's cell, a row or a command, as it was written."""

    service: str
    """`SipEp`, or another maker's module, `IF-MIB`."""
    name: str
    """Scalar, table or command."""
    keys: Pairs = ()
    """What stands in brackets, empty without."""
    column: str | None = None
    """None without brackets, and where a row as a whole is meant."""

    def __str__(self) -> str:
        keys = ",".join(f"{key}={quote(value)}" for key, value in self.keys)
        row = f"{self.service}.{self.name}" + (f"[{keys}]" if keys else "")
        return row if self.column is None else f"{row}.{self.column}"


@dataclass(frozen=True, slots=True)
class Assignment:
    """`path = value`."""

    line: int
    """Counted from 1."""
    path: Path
    value: str
    """Without quotes and escapes."""


@dataclass(frozen=True, slots=True)
class Command:
    """`path name=value …`, or the destruction of a row."""

    line: int
    """Counted from 1."""
    path: Path
    delete: bool = False
    """Whether the path ended in `.Delete`."""
    arguments: Pairs = ()
    """In the order of the script, each name once."""


@dataclass(frozen=True, slots=True)
class Begin:
    """Opens a transaction of several lines."""

    line: int
    """Counted from 1."""


@dataclass(frozen=True, slots=True)
class Commit:
    """Closes it."""

    line: int
    """Counted from 1."""


Statement = Assignment | Command | Begin | Commit

_BLANKS = re.compile(r"[ \t]*+")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*+")
_BARE = re.compile(r"""[^ \t#"\],\x00-\x1f\x7f]++""")
_QUOTED = re.compile(r'"((?:[^"\\]++|\\.)*+)"')
_TO_ESCAPE = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n", "\t": r"\t", "\r": r"\r"})


def parse_script(data: bytes, limit: int = LIMIT_BYTES) -> list[Statement]:
    """Read a whole script, in time linear to its length; limit is in octets. Raises ScriptError."""
    return [each for each in read_statements(data, limit) if each is not None]


def read_statements(data: bytes, limit: int = LIMIT_BYTES) -> Iterator[Statement | None]:
    """Read line by line, so that who must not take long can stop in between. Raises ScriptError.

    None is a line without a statement, and each further 64 characters of a long one.
    """
    begun = 0
    for number, text in _lines(data, limit):
        statement = _Line(number, text).statement() if text else None
        match statement:
            case Begin() if begun:
                raise ScriptError(number, f"begin inside the begin of line {begun}")
            case Begin():
                begun = number
            case Commit() if not begun:
                raise ScriptError(number, "commit without a begin before it")
            case Commit():
                begun = 0
            case _:
                pass
        yield statement
        yield from (None,) * (len(text) // _PIECE)
    if begun:
        raise ScriptError(begun, "begin without a commit after it")


def print_statement(statement: Statement) -> str:
    """Give a statement as a line without its end, every value quoted.

    Raises ValueError for a NUL.
    """
    match statement:
        case Begin():
            return "begin"
        case Commit():
            return "commit"
        case Assignment(_, path, value):
            return f"{path}={quote(value)}"
        case Command(_, path, delete, arguments):
            words = [f"{path}.Delete" if delete else str(path)]
            return " ".join(words + [f"{name}={quote(value)}" for name, value in arguments])


def quote(value: str) -> str:
    """Give a value in quotes, on one line.

    Raises ValueError for a NUL, which no script can hold.
    """
    if "\0" in value:
        raise ValueError("a script cannot hold a NUL")
    return f'"{value.translate(_TO_ESCAPE)}"'


def _lines(data: bytes, limit: int) -> Iterator[tuple[int, str]]:
    if len(data) > limit:
        line = data.count(b"\n", 0, limit) + 1
        raise ScriptError(line, f"the script is longer than {limit} octets")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ScriptError(1, "the script is in UTF-16, and UTF-8 is wanted")
    at, number = 3 if data.startswith(b"\xef\xbb\xbf") else 0, 0
    while at <= len(data):
        number += 1
        end = data.find(b"\n", at)
        end = len(data) if end < 0 else end
        if end - at > LINE_LIMIT_BYTES:
            raise ScriptError(number, f"the line is longer than {LINE_LIMIT_BYTES} octets")
        octets = data[at:end]
        at = end + 1
        if b"\0" in octets:
            raise ScriptError(number, "a NUL is no text")
        try:
            yield number, octets.removesuffix(b"\r").decode()
        except UnicodeDecodeError as error:
            why = f"octet {octets[error.start]:#04x} at {error.start + 1} is not UTF-8"
            raise ScriptError(number, why) from None


class _Line:
    """One line and how much of it has been read."""

    def __init__(self, number: int, text: str) -> None:
        self.number, self.text, self.at = number, text, 0

    def statement(self) -> Statement | None:
        self._blanks()
        if self._ended():
            return None
        word = self._word("a service's name")
        keyword = word.lower()
        if keyword in ("begin", "commit") and not self._next_is("."):
            self._end()
            return Begin(self.number) if keyword == "begin" else Commit(self.number)
        path, delete = self._path(word)
        self._blanks()
        if self._next_is("="):
            return self._assignment(path, delete)
        return Command(self.number, path, delete, self._arguments())

    def _path(self, service: str) -> tuple[Path, bool]:
        self._take(".", f"a dot and a name after {_shown(service)}", "a dot and a name")
        name = self._word("a name after the dot")
        keys = self._keys() if self._next_is("[") else ()
        if not self._next_is("."):
            return Path(service, name, keys), False
        self.at += 1
        column = self._word("a column's name after the dot")
        if column.lower() != "delete":
            if not keys:
                cell = f"{_shown(name)}[Key=value].{_shown(column)}"
                raise self._wrong(f"a column needs its row: {cell}", "a column needs its row")
            if not self._next_is("."):
                return Path(service, name, keys, column), False
            raise self._wrong("nothing has a name behind a column's")
        if keys and self._assigns():
            return Path(service, name, keys, column), False
        return Path(service, name, keys), True

    def _assigns(self) -> bool:
        match = _BLANKS.match(self.text, self.at)
        assert match is not None
        return self.text.startswith("=", match.end())

    def _keys(self) -> Pairs:
        self.at += 1
        keys: dict[str, tuple[str, str]] = {}
        while True:
            self._blanks()
            self._pair(keys, "a key's name")
            self._blanks()
            if self._next_is("]"):
                self.at += 1
                return tuple(keys.values())
            self._take(",", "`,` or `]` after a key's value")

    def _assignment(self, path: Path, delete: bool) -> Assignment:
        if delete:
            raise self._wrong(".Delete takes no value")
        if path.keys and path.column is None:
            raise self._wrong("a row has no value, name its column")
        self.at += 1
        self._blanks()
        value = self._value(path.column or path.name)
        self._end()
        return Assignment(self.number, path, value)

    def _arguments(self) -> Pairs:
        arguments: dict[str, tuple[str, str]] = {}
        while not self._ended():
            if self.text[self.at - 1] not in " \t":
                raise self._wrong("a blank is wanted")
            self._pair(arguments, "an argument's name")
            self._blanks()
        return tuple(arguments.values())

    def _pair(self, pairs: dict[str, tuple[str, str]], what: str) -> None:
        name = self._word(what)
        if name.lower() in pairs:
            raise self._wrong(f"{_shown(name)} is given twice", "a name is given twice")
        if len(pairs) == MOST_PAIRS:
            raise self._wrong(f"more than {MOST_PAIRS} names with values")
        self._blanks()
        self._take("=", f"`=` after {_shown(name)}", "`=` after a name")
        self._blanks()
        pairs[name.lower()] = (name, self._value(name))

    def _value(self, name: str) -> str:
        if self._next_is('"'):
            quoted = _QUOTED.match(self.text, self.at)
            if quoted is None:
                raise self._wrong("a quote is not closed on its line")
            self.at = quoted.end()
            value = quoted[1]
            if "\\" not in value:
                return value
            return _unescaped(value)
        bare = _BARE.match(self.text, self.at)
        if bare is None:
            wanted = 'wants a value ("" is an empty one)'
            raise self._wrong(f"{_shown(name)} {wanted}", f"a name {wanted}")
        self.at = bare.end()
        return bare[0]

    def _word(self, what: str) -> str:
        match = _NAME.match(self.text, self.at)
        if match is None:
            raise self._wrong(f"{what} is wanted")
        self.at = match.end()
        return match[0]

    def _take(self, mark: str, what: str, bare: str = "") -> None:
        if not self._next_is(mark):
            raise self._wrong(f"{what} is wanted", bare and f"{bare} is wanted")
        self.at += 1

    def _end(self) -> None:
        self._blanks()
        if not self._ended():
            raise self._wrong("the line should end")

    def _ended(self) -> bool:
        return self.at >= len(self.text) or self.text[self.at] == "#"

    def _next_is(self, mark: str) -> bool:
        return self.text.startswith(mark, self.at)

    def _blanks(self) -> None:
        match = _BLANKS.match(self.text, self.at)
        assert match is not None
        self.at = match.end()

    def _wrong(self, why: str, bare: str = "") -> ScriptError:
        """bare: the same without what the line says."""
        rest = self.text[self.at:self.at + 40]
        where = f", not {_shown(rest)}" if rest and why.endswith(("wanted", "end")) else ""
        column = f"(column {self.at + 1})"
        return ScriptError(self.number, f"{why}{where} {column}", f"{bare or why} {column}")


def _unescaped(value: str) -> str:
    """Give what escapes stand for; a NUL, which no line has, holds the place of `\\\\`."""
    value = value.replace("\\\\", "\0")
    for escape, char in (("\\n", "\n"), ("\\t", "\t"), ("\\r", "\r"), ("\\", "")):
        value = value.replace(escape, char)
    return value.replace("\0", "\\")


def _shown(text: str) -> str:
    """Show a piece of the script: short, and without control characters."""
    piece = text if len(text) <= 24 else text[:23] + "…"
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in piece)
