"""The lines of an snmprec file: `oid|tag|value`, the tag that of BER.

Behind the tag `x` is for hex, `e` for a text with backslashes, `:name` for a module of snmpsim that
makes the value. None is run here; where its settings name a value, that is it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

from mibagent.recording.sample import Odd, Sample
from mibagent.smi.oid import parse_oid
from mibagent.smi.syntax import Base, Value

LINE = re.compile(rb"\s*(\.?[0-9][0-9.]*)\|([0-9]+)([a-zA-Z]?)(:[^|]*)?\|(.*)", re.DOTALL)

BASES = {base.tag: base for base in Base if base not in (Base.BITS, Base.ANY)}
_NULLS = (5, 128, 129, 130)

_SETTING = re.compile(rb"(?:^|,)(value|hexvalue|initial)=([^,]*)")
_SEPARATOR = re.compile(rb"\s+|[:-]")
_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|[0-7]{1,3}|.)", re.DOTALL)
_ESCAPED = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t",
            b"v": b"\v", b"\\": b"\\", b"'": b"'", b'"': b'"'}


def _unsaid(_why: str) -> None:
    pass


def read_line(number: int, line: bytes, remark: Callable[[str], None] = _unsaid) -> Sample:
    """Give the sample of one line. Raises Odd.

    remark: told what is odd about a line that has a value all the same.
    """
    match = LINE.fullmatch(line)
    if match is None:
        raise Odd("not of the form oid|tag|value")
    name, tag, form, module, content = match.groups()
    try:
        oid = parse_oid(name.decode("ascii").rstrip("."))
    except ValueError as error:
        raise Odd(str(error)) from None
    form, odd = form.lower(), ""
    if module:
        why = f"the variation module {module[1:].decode('latin-1')} is not run here"
        setting = _SETTING.search(content)
        if setting is None:
            raise Odd(f"{why}: write the value that it begins with")
        odd = f"{why}: what is served is the {setting[1].decode()} of its settings"
        form, content = b"x" if setting[1] == b"hexvalue" else form, setting[2]
    if int(tag) in _NULLS:
        raise Odd("it has no value")
    base = BASES.get(int(tag))
    if base is None:
        raise Odd(f"no type has the tag {int(tag)}")
    value = _value(base, form, content)
    if odd:
        remark(odd)
    return Sample(number, oid, base, value)


def _value(base: Base, form: bytes, content: bytes) -> Value:
    if form == b"x":
        octets = _hex(content)
        if base.is_number:
            return int.from_bytes(octets, "big", signed=base is Base.INTEGER)
        if base is Base.OID:
            raise Odd("an object identifier is written with dots")
        return octets
    if form == b"e":
        content = _ESCAPE.sub(_unescaped, content)
    elif form:
        raise Odd(f"the form {form.decode('latin-1')} behind the tag is not known; x is, for hex, "
                  "and e, for backslashes")
    if base.is_number:
        try:
            return int(content)
        except ValueError:
            raise Odd("a number is wanted") from None
    try:
        if base is Base.OID:
            return parse_oid(content.strip().decode("latin-1").rstrip("."))
        if base is Base.IP_ADDRESS:
            return _address(content)
    except ValueError as error:
        raise Odd(str(error)) from None
    return content


def _address(content: bytes) -> bytes:
    if len(content) == 4 and not content.strip().isdigit():
        return content
    return ipaddress.IPv4Address(content.strip().decode("latin-1")).packed


def _unescaped(found: re.Match[bytes]) -> bytes:
    """Give what stands behind a backslash, as Python has it."""
    what = found[1]
    if what[:1].isdigit():
        return bytes((int(what, 8) & 0xFF,))
    return bytes.fromhex(what[1:].decode()) if len(what) == 3 else _ESCAPED.get(what, found[0])


def _hex(content: bytes) -> bytes:
    digits = _SEPARATOR.sub(b"", content)
    if digits[:2] in (b"0x", b"0X"):
        digits = digits[2:]
    try:
        return bytes.fromhex(digits.decode("latin-1"))
    except ValueError:
        raise Odd("pairs of hexadecimal digits are wanted") from None
