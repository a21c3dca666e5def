"""What a SYNTAX clause says, as a value that checks, parses and prints.

Values are plain: int for every number, bytes for every string of octets (BITS, IpAddress and
Opaque among them), a tuple of int for an OBJECT IDENTIFIER.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from mibagent.errors import WrongLength, WrongType, WrongValue
from mibagent.smi.hint import (
    parse_integer_by_hint,
    parse_octets_by_hint,
    print_integer_by_hint,
    print_octets_by_hint,
)
from mibagent.smi.oid import MAX_SUB_IDENTIFIER, MAX_SUB_IDENTIFIERS, Oid, parse_oid, print_oid

Value = int | bytes | Oid

_FOLDED = str.maketrans("", "", "_-. ")


def fold(label: str) -> str:
    """Give what labels are compared by: case, `_`, `-` and `.` don't count."""
    return label.translate(_FOLDED).casefold()


class Base(enum.Enum):
    """The base types of RFC 2578 section 7.1; each value is its BER tag."""

    INTEGER = 0x02
    OCTETS = 0x04
    OID = 0x06
    IP_ADDRESS = 0x40
    COUNTER32 = 0x41
    UNSIGNED32 = 0x42
    TIME_TICKS = 0x43
    OPAQUE = 0x44
    COUNTER64 = 0x46
    BITS = 0x104
    ANY = 0x200
    """What no MIB tells of: a value is its whole TLV, with the type that its tag says.

    As a row's key it is whatever sub-identifiers there are.
    """

    @property
    def tag(self) -> int:
        """The BER tag on the wire."""
        return self.value & 0xFF

    @property
    def is_number(self) -> bool:
        """Whether values are int."""
        return self in _NATURAL


_NATURAL: dict[Base, tuple[int, int]] = {
    Base.INTEGER: (-(2**31), 2**31 - 1),
    Base.COUNTER32: (0, 2**32 - 1),
    Base.UNSIGNED32: (0, 2**32 - 1),
    Base.TIME_TICKS: (0, 2**32 - 1),
    Base.COUNTER64: (0, 2**64 - 1),
}
_OCTET_LIKE = (Base.OCTETS, Base.OPAQUE, Base.BITS)
_ROOTS = ((0,), (1,), (2,))


@dataclass(frozen=True)
class Syntax:
    """One SYNTAX clause, textual conventions resolved."""

    base: Base
    """The base type."""
    convention: str = ""
    """The outermost textual convention's name, or nothing."""
    ranges: tuple[tuple[int, int], ...] = ()
    """Allowed values of a number, allowed sizes of octets, inclusive; empty: all that fit."""
    labels: tuple[tuple[str, int], ...] = ()
    """Names of an enumeration's values or of BITS' positions, in order of number."""
    hint: str = ""
    """The DISPLAY-HINT, or nothing."""
    secret: bool = False
    """Whether the value is never shown to anybody."""
    refers: str = ""
    """The table whose row the value names, or nothing."""

    @cached_property
    def by_label(self) -> dict[str, int]:
        """Numbers by folded label."""
        return {fold(label): number for label, number in self.labels}

    @cached_property
    def by_number(self) -> dict[int, str]:
        """Labels by number."""
        return {number: label for label, number in self.labels}

    @property
    def is_enumeration(self) -> bool:
        """Whether the values have names, one of which holds."""
        return self.base is Base.INTEGER and bool(self.labels)

    @cached_property
    def is_text(self) -> bool:
        """Whether values are for people to read and write as text."""
        return self.base is Base.OCTETS \
            and re.fullmatch(r"[0-9]+[at]", self.hint) is not None

    @property
    def fixed_size(self) -> int | None:
        """The one size that octets may have, or None. RFC 2578 section 7.7."""
        if self.base is Base.IP_ADDRESS:
            return 4
        if self.base in _OCTET_LIKE and len(self.ranges) == 1:
            low, high = self.ranges[0]
            return low if low == high else None
        return None

    def allowed(self) -> str:
        """The limits in words, for an error's text."""
        if self.is_enumeration:
            return "one of " + ", ".join(f"{label}({number})" for label, number in self.labels)
        if not self.ranges:
            return "any " + self.base.name.lower()
        texts = [str(low) if low == high else f"{low}..{high}" for low, high in self.ranges]
        unit = " octets" if self.base in _OCTET_LIKE else ""
        return " or ".join(texts) + unit + " allowed"

    def check(self, value: Value, name: str = "") -> None:
        """Raise WrongType, WrongLength or WrongValue unless value fits. RFC 3416 section 4.2.5."""
        base = self.base
        if base in _NATURAL:
            if type(value) is not int:
                raise WrongType(name, f"a number is wanted ({self.allowed()})")
            self._check_number(value, name)
        elif base is Base.OID:
            if not isinstance(value, tuple):
                raise WrongType(name, "an object identifier is wanted")
            self._check_oid(value, name)
        elif base is Base.ANY:
            if isinstance(value, int) or len(value) < (2 if isinstance(value, bytes) else 1):
                raise WrongType(name, "octets with their type are wanted")
        else:
            if not isinstance(value, bytes):
                raise WrongType(name, "a string of octets is wanted")
            self._check_octets(value, name)

    def check_key(self, value: Value) -> None:
        """Raise what check raises unless value fits as a part of a row's key.

        A subtree of one sub-identifier does: no value in BER, but usual in the names of views.
        """
        if not (self.base is Base.OID and value in _ROOTS):
            self.check(value)

    def _check_number(self, value: int, name: str) -> None:
        low, high = _NATURAL[self.base]
        fits = low <= value <= high
        if fits and self.labels:
            fits = value in self.by_number
        elif fits and self.ranges:
            fits = any(low <= value <= high for low, high in self.ranges)
        if not fits:
            raise WrongValue(name, self.allowed())

    def _check_oid(self, value: Oid, name: str) -> None:
        if len(value) < 2 or len(value) > MAX_SUB_IDENTIFIERS or max(value) > MAX_SUB_IDENTIFIER:
            raise WrongLength(name, "2 to 128 parts of 32 bits each are allowed")
        if value[0] > 2 or (value[0] < 2 and value[1] > 39):
            raise WrongValue(name, "no object identifier begins so")

    def _check_octets(self, value: bytes, name: str) -> None:
        if self.base is Base.IP_ADDRESS and len(value) != 4:
            raise WrongLength(name, "an IPv4 address has 4 octets")
        size = len(value)
        if size > 65535:
            raise WrongLength(name, "at most 65535 octets are allowed")
        if self.base is Base.BITS:
            known = self.by_number
            for position in range(size * 8):
                if value[position >> 3] & (0x80 >> (position & 7)) and position not in known:
                    raise WrongValue(name, f"there is no bit {position}")
        elif self.ranges and not any(low <= size <= high for low, high in self.ranges):
            raise WrongLength(name, self.allowed())
        if self.is_text:
            try:
                value.decode("ascii" if self.hint.endswith("a") else "utf-8")
            except UnicodeDecodeError:
                raise WrongValue(name, "not UTF-8 text" if not self.hint.endswith("a")
                                 else "not ASCII text") from None

    def parse(self, text: str, name: str = "") -> Value:
        """Give the value of what a person wrote, checked. Raises WrongType, WrongValue …"""
        value = self._parsed(text, name)
        self.check(value, name)
        return value

    def parse_key(self, text: str) -> Value:
        """Give a part of a row's key that a person wrote, checked as `check_key` does."""
        value = self._parsed(text, "")
        self.check_key(value)
        return value

    def _parsed(self, text: str, name: str) -> Value:
        if self.base in _NATURAL:
            found = self.by_label.get(fold(text)) if self.labels else None
            if found is not None:
                return found
            try:
                return parse_integer_by_hint("" if self.labels else self.hint, text)
            except ValueError:
                raise WrongValue(name, self.allowed()) from None
        if self.base is Base.OID:
            try:
                return parse_oid(text)
            except ValueError as error:
                raise WrongValue(name, str(error)) from None
        if self.base is Base.IP_ADDRESS:
            return _parse_ipv4(text, name)
        if self.base is Base.BITS:
            return self._parsed_bits(text, name)
        if self.base is Base.ANY:
            raise WrongType(name, "no MIB says of what type it is")
        if self.is_text:
            return text.encode("utf-8", "surrogateescape")
        try:
            return parse_octets_by_hint(self.hint, text)
        except ValueError as error:
            raise WrongValue(name, str(error)) from None

    def bits_at(self, positions: Iterable[int]) -> bytes:
        """Give BITS with these positions set, as long as all its names need. RFC 3417 section 8."""
        last = max((position for _label, position in self.labels), default=-1)
        bits = bytearray(last // 8 + 1)
        for position in positions:
            bits[position >> 3] |= 0x80 >> (position & 7)
        return bytes(bits)

    def _parsed_bits(self, text: str, name: str) -> bytes:
        positions: list[int] = []
        for word in re.split(r"[,\s]+", text.strip()):
            if not word:
                continue
            position = self.by_label.get(fold(word))
            if position is None:
                raise WrongValue(name, f"no bit is named {word}")
            positions.append(position)
        return self.bits_at(positions)

    def print(self, value: Value) -> str:
        """Give value as people read it; a secret is never given (`********` where there is one)."""
        if self.secret:
            return "********" if value else ""
        if isinstance(value, int):
            if self.labels:
                return self.by_number.get(value, str(value))
            return print_integer_by_hint(self.hint, value)
        if isinstance(value, tuple):
            return print_oid(value)
        if self.base is Base.IP_ADDRESS:
            return ".".join(map(str, value))
        if self.base is Base.BITS:
            return ", ".join(
                label for label, position in self.labels
                if position < len(value) * 8 and value[position >> 3] & (0x80 >> (position & 7)))
        if self.is_text:
            return value.decode("utf-8", "backslashreplace")
        return print_octets_by_hint(self.hint, value)


def _parse_ipv4(text: str, name: str) -> bytes:
    parts = text.split(".")
    if len(parts) != 4 or not all(re.fullmatch(r"[0-9]{1,3}", part) for part in parts):
        raise WrongValue(name, "an IPv4 address is four numbers with dots between")
    if any(int(part) > 255 for part in parts):
        raise WrongValue(name, "each number of an IPv4 address is at most 255")
    return bytes(map(int, parts))
