"""The lines of an snmprec file: `oid|tag|value`, the tag that of BER, `x` behind it for hex."""

from __future__ import annotations

import ipaddress
import re

from mibagent.recording.sample import Odd, Sample
from mibagent.smi.oid import parse_oid
from mibagent.smi.syntax import Base, Value

LINE = re.compile(rb"\s*(\.?[0-9][0-9.]*)\|([0-9]+)([a-zA-Z]?)(:[^|]*)?\|(.*)", re.DOTALL)

BASES = {base.tag: base for base in Base if base not in (Base.BITS, Base.ANY)}
_NULLS = (5, 128, 129, 130)


def read_line(number: int, line: bytes) -> Sample:
    """Give the sample of one line. Raises Odd."""
    match = LINE.fullmatch(line)
    if match is None:
        raise Odd("not of the form oid|tag|value")
    name, tag, form, module, content = match.groups()
    try:
        oid = parse_oid(name.decode("ascii").rstrip("."))
    except ValueError as error:
        raise Odd(str(error)) from None
    if module:
        raise Odd(f"the variation module {module[1:].decode('latin-1')} is not run here: "
                  "write the value that it begins with")
    if int(tag) in _NULLS:
        raise Odd("it has no value")
    base = BASES.get(int(tag))
    if base is None:
        raise Odd(f"no type has the tag {int(tag)}")
    return Sample(number, oid, base, _value(base, form.lower(), content))


def _value(base: Base, form: bytes, content: bytes) -> Value:
    if form == b"x":
        octets = _hex(content)
        if base.is_number:
            return int.from_bytes(octets, "big", signed=base is Base.INTEGER)
        if base is Base.OID:
            raise Odd("an object identifier is written with dots")
        return octets
    if form:
        raise Odd(f"the form {form.decode('latin-1')} behind the tag is not known; x is, for hex")
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


def _hex(content: bytes) -> bytes:
    try:
        return bytes.fromhex(content.decode("latin-1"))
    except ValueError:
        raise Odd("pairs of hexadecimal digits are wanted") from None
