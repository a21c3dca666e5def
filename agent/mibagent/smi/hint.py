"""DISPLAY-HINT, both ways.

RFC 2579 section 3.1.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple


class _Part(NamedTuple):
    repeat: bool
    size: int
    form: str
    separator: str
    terminator: str


_PART = re.compile(r"(\*?)([0-9]+)([xdoat])([^0-9*]?)([^0-9*]?)")


@lru_cache(256)
def _parts(hint: str) -> tuple[_Part, ...]:
    parts: list[_Part] = []
    at = 0
    while at < len(hint):
        match = _PART.match(hint, at)
        if match is None:
            return ()
        star, size, form, separator, terminator = match.groups()
        if terminator and not star:
            match = re.compile(r"(\*?)([0-9]+)([xdoat])([^0-9*]?)").match(hint, at)
            assert match is not None
            terminator = ""
        parts.append(_Part(bool(star), int(size), form, separator, terminator))
        at = match.end()
    return tuple(parts)


def print_integer_by_hint(hint: str, value: int) -> str:
    """Give a number as its hint says: `d`, `d-2`, `x`, `o`, `b`."""
    form = hint[:1]
    if form == "d" and hint[1:2] == "-" and hint[2:].isdigit() and int(hint[2:]):
        digits = int(hint[2:])
        text = str(abs(value)).rjust(digits + 1, "0")
        return f"{'-' if value < 0 else ''}{text[:-digits]}.{text[-digits:]}"
    if form in ("x", "o", "b"):
        return f"{value:{form}}"
    return str(value)


def parse_integer_by_hint(hint: str, text: str) -> int:
    """Give the number of a text in the form that its hint shows. Raises ValueError."""
    form = hint[:1]
    if not re.fullmatch(r"[+-]?[0-9A-Fa-f.]{1,40}", text):
        raise ValueError("a number is wanted")
    if form == "d" and hint[1:2] == "-" and hint[2:].isdigit() and int(hint[2:]):
        whole, dot, part = text.partition(".")
        digits = int(hint[2:])
        if not re.fullmatch(r"[+-]?[0-9]+", whole) or not re.fullmatch(r"[0-9]*", part):
            raise ValueError("a decimal number is wanted")
        if len(part) > digits or (dot and not part):
            raise ValueError(f"at most {digits} digits after the dot")
        return int(whole + part.ljust(digits, "0"))
    return int(text, {"x": 16, "o": 8, "b": 2}.get(form, 10))


def print_octets_by_hint(hint: str, value: bytes) -> str:
    """Give octets as their hint says; without one, pairs of hexadecimal digits."""
    parts = _parts(hint)
    if not parts:
        return value.hex(":")
    out: list[str] = []
    at = 0
    while at < len(value):
        for part in parts if at == 0 else parts[-1:]:
            at = _print_part(part, value, at, out)
            if at >= len(value):
                break
    return "".join(out)


def _print_part(part: _Part, value: bytes, at: int, out: list[str]) -> int:
    times = 1
    if part.repeat:
        times, at = value[at], at + 1
    for turn in range(times):
        piece = value[at:at + part.size]
        if not piece and part.size:
            break
        at += max(part.size, 0) if part.size else len(value)
        out.append(_print_piece(part.form, piece))
        last = turn == times - 1 and part.terminator
        if at < len(value) and part.separator and not last:
            out.append(part.separator)
    if part.terminator and at < len(value):
        out.append(part.terminator)
    return at


def _print_piece(form: str, piece: bytes) -> str:
    if form == "a":
        return piece.decode("ascii", "backslashreplace")
    if form == "t":
        return piece.decode("utf-8", "backslashreplace")
    number = int.from_bytes(piece, "big")
    if form == "x":
        return f"{number:0{2 * len(piece)}x}"
    return f"{number:{form}}"


def parse_octets_by_hint(hint: str, text: str) -> bytes:
    """Give the octets of a text by a hint of numbers, or of hex. Raises ValueError."""
    parts = _parts(hint)
    if parts and any(part.repeat for part in parts):
        parts = ()
    if not parts or (len(parts) == 1 and parts[0].form == "x"):
        pieces = re.split(r"[:\s.-]", text.removeprefix("0x"))
        if len(pieces) > 1:
            pieces = ["0" * (len(piece) % 2) + piece for piece in pieces]
        try:
            return bytes.fromhex("".join(pieces))
        except ValueError:
            raise ValueError("pairs of hexadecimal digits are wanted") from None
    return _parse_parts(parts, text)


def _parse_parts(parts: tuple[_Part, ...], text: str) -> bytes:
    out = bytearray()
    at = turn = 0
    bases = {"d": 10, "x": 16, "o": 8}
    digits = {"d": r"[0-9]+", "x": r"[0-9A-Fa-f]+", "o": r"[0-7]+", "a": r".", "t": r"."}
    while at < len(text):
        part = parts[min(turn, len(parts) - 1)]
        turn += 1
        if part.form in "at":
            raw = text[at:at + part.size].encode("utf-8")
            at += part.size or len(text)
            out += raw
        else:
            match = re.compile(digits[part.form]).match(text, at)
            if match is None:
                raise ValueError(f"not in the form that its hint {parts[0].size}… shows: {text!r}")
            number = int(match.group(), bases[part.form])
            if number >= 256 ** part.size:
                raise ValueError(f"{match.group()} takes more than {part.size} octets")
            out += number.to_bytes(part.size, "big")
            at = match.end()
        if part.separator and text[at:at + 1] == part.separator:
            at += 1
    return bytes(out)
