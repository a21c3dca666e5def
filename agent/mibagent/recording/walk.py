"""The lines of net-snmp's `snmpwalk -On` and `-Onx`: `.1.3.6… = TYPE: value`.

A value may go on over lines; `is_head` tells where the next one begins. What only a MIB can
undo (a DISPLAY-HINT, a label without its number) is left to whoever has the model.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

from mibagent.recording.sample import Odd, Sample
from mibagent.smi.oid import Oid, parse_oid
from mibagent.smi.syntax import Base

HEAD = re.compile(
    rb"\s*(\.?(?:(?:ccitt|iso|joint-iso-ccitt)\.)?[0-9]+(?:\.[0-9]+)+"
    rb"|[A-Za-z][\w-]*::[A-Za-z][^\s=]*)"
    rb" ?= ?(.*)", re.DOTALL)
_TYPED = re.compile(
    rb"(STRING|Hex-STRING|INTEGER|Integer32|Gauge32|Unsigned32|UInteger32|Counter32|Counter64"
    rb"|Timeticks|OID|IpAddress|Network Address|Opaque|OPAQUE|BITS)(?::[ ]?|$)(.*)", re.DOTALL)
_WRONG = re.compile(rb"Wrong Type \(should be [^)]*\): ")
_NOTHING = (b"No Such Object", b"No Such Instance")
_NUMBER = re.compile(rb"-?[0-9]+(?=$|\s)")
_LABELLED = re.compile(rb"[^\"()]*\((-?[0-9]+)\)")
_HEX_BYTE = re.compile(rb"[0-9A-Fa-f]{2}")
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*+)"\s*', re.DOTALL)
_CLOSING = re.compile(rb'(?:[^"\\]|\\.)*+"', re.DOTALL)
_HEX_LINE = re.compile(rb"\s*[0-9A-Fa-f]{2}(?:\s|$)")
_ANNOTATION = re.compile(rb"\s{2,}\[[^\]\n]*\]?\s*$|\[[^\n]*\]\s*$", re.MULTILINE)

_NUMBERS = {
    b"INTEGER": Base.INTEGER, b"Integer32": Base.INTEGER, b"Gauge32": Base.UNSIGNED32,
    b"Unsigned32": Base.UNSIGNED32, b"UInteger32": Base.UNSIGNED32,
    b"Counter32": Base.COUNTER32, b"Counter64": Base.COUNTER64, b"Timeticks": Base.TIME_TICKS,
}

_ROOT = re.compile(r"\.?(ccitt|iso|joint-iso-ccitt)(?=\.|$)")
_ROOTS = {"ccitt": "0", "iso": "1", "joint-iso-ccitt": "2"}
"""What net-snmp writes for the first number where it has no MIBs."""

Resolve = Callable[[str], Oid]
"""Gives the OID of a name that is not in digits. Raises ValueError."""


def is_end(rest: bytes) -> bool:
    """Whether a line, or what stands behind its `=`, only says that the walk was over."""
    return rest.startswith(b"No more variables left") or rest.strip() == b"End of MIB"


def is_open(rest: bytes) -> bool:
    """Whether a value's first line begins a quoted text whose end is still to come."""
    quoted = rest.removeprefix(b"STRING: ")
    return quoted.startswith(b'"') and _QUOTED.match(quoted) is None


def closes(line: bytes) -> bool:
    """Whether a line of a quoted text ends it. Quotes and backslashes inside are escaped."""
    return _CLOSING.match(line) is not None


def may_go_on(rest: bytes) -> bool:
    """Whether a value of this kind may take several lines."""
    return rest.startswith((b"STRING: ", b"Hex-STRING:", b"BITS:", b"Opaque:", b"OPAQUE:")) \
        and not rest.startswith(b'STRING: "')


def goes_on(rest: bytes, line: bytes) -> bool:
    """Whether a line may belong to a value that began so and is not in quotes."""
    return rest.startswith(b"STRING:") or _HEX_LINE.match(line) is not None


def read_value(number: int, name: bytes, rest: bytes, resolve: Resolve) -> Sample:
    """Give the sample of a name and all that stands behind its `=`. Raises Odd."""
    oid = _oid(name, resolve)
    rest = _WRONG.sub(b"", rest, count=1) if rest.startswith(b"Wrong Type") else rest
    if rest.startswith(_NOTHING):
        raise Odd("there was no such instance")
    typed = _TYPED.match(rest)
    if typed is None:
        return _untyped(number, oid, rest)
    kind, text = typed.groups()
    base = _NUMBERS.get(kind)
    if base is not None:
        return _number(number, oid, base, text)
    match kind:
        case b"STRING":
            if text.startswith(b'"'):
                return Sample(number, oid, Base.OCTETS, _unquoted(text))
            return Sample(number, oid, Base.OCTETS, text, hinted=True)
        case b"Hex-STRING":
            return Sample(number, oid, Base.OCTETS, _hex(_ANNOTATION.sub(b"", text)))
        case b"BITS":
            return Sample(number, oid, Base.OCTETS, _bits(text))
        case b"OID":
            return Sample(number, oid, Base.OID, _oid(text.strip(), resolve))
        case b"IpAddress" | b"Network Address":
            return Sample(number, oid, Base.IP_ADDRESS, _address(text.strip()))
        case _:
            return Sample(number, oid, Base.OPAQUE, _opaque(text))


def _untyped(number: int, oid: Oid, rest: bytes) -> Sample:
    if rest.strip() == b'""':
        return Sample(number, oid, Base.OCTETS, b"")
    if rest.strip() == b"NULL":
        raise Odd("it has no value")
    if rest.startswith(b'"'):
        return Sample(number, oid, None, _unquoted(rest))
    return Sample(number, oid, None, rest, hinted=True)


def _number(number: int, oid: Oid, base: Base, text: bytes) -> Sample:
    found = _NUMBER.match(text) or _LABELLED.match(text)
    if found is None:
        return Sample(number, oid, base, text.strip(), hinted=True)
    value = int(found.group(found.lastindex or 0))
    return Sample(number, oid, base, value)


def _unquoted(text: bytes) -> bytes:
    match = _QUOTED.match(text)
    if match is None:
        raise Odd("the text has no end")
    return _ESCAPED.sub(rb"\1", match.group(1))


def _hex(text: bytes) -> bytes:
    try:
        return bytes.fromhex(text.decode("latin-1"))
    except ValueError:
        raise Odd("pairs of hexadecimal digits are wanted") from None


def _bits(text: bytes) -> bytes:
    octets = bytearray()
    for word in text.split():
        if _HEX_BYTE.fullmatch(word) is None:
            break
        octets.append(int(word, 16))
    return bytes(octets)


def _address(text: bytes) -> bytes:
    parts = text.split(b".")
    hexadecimal = text.split(b":")
    try:
        octets = bytes(int(part, 16) for part in hexadecimal) if len(hexadecimal) == 4 \
            else bytes(map(int, parts))
    except ValueError:
        octets = b""
    if len(octets) != 4:
        raise Odd("four numbers with dots between are wanted")
    return octets


_FLOATS = {b"Float": (0x78, ">f"), b"Double": (0x79, ">d")}
_WHOLE = {b"Counter64": 0x76, b"Int64": 0x7A, b"UInt64": 0x7B}


def _opaque(text: bytes) -> bytes:
    """Give the octets of an Opaque: net-snmp's own numbers wrapped in it, or hex."""
    kind, colon, rest = text.partition(b":")
    try:
        if colon and kind in _FLOATS:
            tag, form = _FLOATS[kind]
            packed = struct.pack(form, float(rest))
            return bytes((0x9F, tag, len(packed))) + packed
        if colon and kind in _WHOLE:
            whole = int(rest)
            size = whole.bit_length() // 8 + 1
            return bytes((0x9F, _WHOLE[kind], size)) + whole.to_bytes(size, "big", signed=True)
    except (ValueError, OverflowError, struct.error):
        raise Odd(f"no {kind.decode('latin-1')}") from None
    return _hex(text)


def _oid(name: bytes, resolve: Resolve) -> Oid:
    try:
        text = name.decode("ascii")
        root = _ROOT.match(text)
        if root is not None:
            text = _ROOTS[root[1]] + text[root.end():]
        return parse_oid(text) if text[:1].isdigit() or text[:1] == "." else resolve(text)
    except ValueError as error:
        raise Odd(f"{error}: record with -On") from None
