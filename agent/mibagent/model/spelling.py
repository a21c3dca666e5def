"""One object, five spellings; a function for each, and its way back.

| spelling | there | back |
|---|---|---|
| descriptor | `descriptor_of` | `find_descriptor` |
| OID | `oid_of` | `find_oid` |
| `Service.Param` path | `path_of` | `find_path`, `resolve` |
| web label | `label_of` | `find_label` |
| TR-069 path | `tr069_of` | `find_tr069` |

    path  = Service "." Name [ "[" Key "=" value *( "," Key "=" value ) "]" [ "." Name ] ]
    value = bare | '"' *( char | "\\" any ) '"'

Names match without regard to case. Where no row is meant a column is `Service.Table.Column`.
Objects of modules that are no service are `IF-MIB.ifInOctets[ifIndex=1]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import NamedTuple

from mibagent.errors import InconsistentName, Index, NoSuchName, WrongLength, WrongType, WrongValue
from mibagent.model.nodes import Instance, MibModel, ObjectNode, TableNode
from mibagent.smi.oid import parse_oid, print_oid
from mibagent.smi.syntax import Base, Syntax, Value

Keys = Sequence[tuple[str, str]]

ACRONYMS = frozenset({
    "Aaa", "Acs", "Api", "Ca", "Cbc", "Cn", "Cpe", "Cpu", "Crl", "Cwmp", "Dhcp", "Dns", "Dtls",
    "Eap", "Fqdn", "Gui", "Http", "Https", "Id", "Ip", "Ipv4", "Ipv6", "Lan", "Mac", "Md5", "Mib",
    "Mtu", "Nat", "Nms", "Ntp", "Ocsp", "Oid", "Oui", "Pem", "Pin", "Pki", "Qos", "Rsa", "Rtp",
    "San", "Sdp", "Sha", "Sha1", "Sha256", "Sip", "Snmp", "Sntp", "Srtp", "Srv", "Ssh", "Stun",
    "Tcp", "Tls", "Ttl", "Udp", "Uri", "Url", "Usm", "Utc", "Vlan", "Voip", "Wan", "Xml",
})
"""Words that a label gives in capitals."""

_NEAR = 0.7
_WORD = re.compile(r"[A-Z]+(?![a-z])[0-9]*|[A-Z]?[a-z]+[0-9]*|[0-9]+")
_BARE = re.compile(r"""[^ \t#"\],\[\x00-\x1f\x7f]+""")
_PATH = re.compile(r"([A-Za-z][A-Za-z0-9_-]*)\.([A-Za-z][A-Za-z0-9_-]*)")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_VALUE = re.compile(
    r"""[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^ \t#"\],\x00-\x1f\x7f]+))[ \t]*""", re.DOTALL)
_HEX = re.compile(r"0x(?:[0-9A-Fa-f]{2})*")
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r"}
_TO_ESCAPE = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n", "\t": r"\t", "\r": r"\r"})


@dataclass(frozen=True)
class Path:
    """What a path names."""

    target: ObjectNode | TableNode
    """A scalar, a column, or a table where a path has no column."""
    index: Index | None
    """The row, () for a scalar, None where no row is named."""


class Path069(NamedTuple):
    """What a TR-069 path names."""

    target: ObjectNode | TableNode
    row: int | None
    """The instance number, or None where none or `{i}` is given."""


# -- descriptor and OID --


def descriptor_of(node: ObjectNode | TableNode) -> str:
    """Give `sipEpTransportTlsVersion`."""
    return node.name


def find_descriptor(model: MibModel, text: str) -> ObjectNode | TableNode:
    """Give the scalar, column or table of a descriptor, `MODULE::` before it or not.

    Raises NoSuchName.
    """
    module, _colons, name = text.rpartition("::")
    node: ObjectNode | TableNode | None = model.objects.get(name) or model.tables.get(name)
    if node is None or (module and node.module != module):
        raise NoSuchName(text, _suggest("no such object", name, (*model.objects, *model.tables)))
    return node


def oid_of(node: ObjectNode, index: Index | None = None) -> str:
    """Give the dotted decimals of an object, or of its instance where index is given."""
    return print_oid(node.oid if index is None else node.instance_oid(index))


def find_oid(model: MibModel, text: str) -> Instance:
    """Give the instance of dotted decimals. Raises NoSuchName."""
    try:
        return model.find(parse_oid(text))
    except ValueError as error:
        raise NoSuchName(text, str(error)) from None


# -- paths --


def path_of(model: MibModel, node: ObjectNode | TableNode, index: Index | None = None) -> str:
    """Give the path of a scalar, a table, a column, and of a row's where index is given."""
    table = node if isinstance(node, TableNode) else node.table
    keys = _print_keys(model, table, index) if table is not None and index is not None else ""
    service = _service_of(model, node)
    if not service:
        return f"{node.module}.{node.name}{keys}"
    if table is None:
        return f"{service}.{_after(node.name, service)}"
    row = f"{service}.{_after(table.name.removesuffix('Table'), service)}{keys}"
    return row if node is table else f"{row}.{_column_name(node.name, table)}"


def find_path(model: MibModel, text: str) -> Path:
    """Give what a path names. Raises NoSuchName, and InconsistentName for a key's value."""
    head = _PATH.match(text)
    if head is None:
        raise NoSuchName(text, "a path is Service.Name or Service.Table[Key=value].Column")
    service, name = head.groups()
    at, keys, column = head.end(), None, None
    if text[at:at + 1] == "[":
        keys, at = _parse_keys(text, at + 1)
    if text[at:at + 1] == ".":
        match = _NAME.match(text, at + 1)
        if match:
            column, at = match.group(), match.end()
    if at != len(text):
        raise NoSuchName(text, f"{text[at:]} is too much")
    return resolve(model, service, name, keys, column)


def resolve(
    model: MibModel, service: str, name: str, keys: Keys | None = None, column: str | None = None
) -> Path:
    """Give what the parts of a path name. Raises NoSuchName, InconsistentName."""
    spelled = f"{service}.{name}" + (f".{column}" if column else "")
    node = directory(model).get(spelled.casefold())
    if node is None:
        raise NoSuchName(spelled, _unknown(model, service, name, spelled))
    table = node if isinstance(node, TableNode) else node.table
    if table is None:
        if keys:
            raise NoSuchName(spelled, "there is one of it: it has no key")
        return Path(node, ())
    if not keys:
        return Path(node, None)
    return Path(node, _parse_index(model, spelled, table, keys))


@lru_cache(8)
def directory(model: MibModel) -> dict[str, ObjectNode | TableNode]:
    """Give every scalar, column and table by its folded path without keys."""
    nodes: tuple[ObjectNode | TableNode, ...] = (*model.tables.values(), *model.objects.values())
    return {path_of(model, node).casefold(): node for node in nodes}


def key_names(model: MibModel, table: TableNode) -> tuple[str, ...]:
    """Give the names of a table's keys as paths have them."""
    return tuple(
        _key_name(model, table, mirror, column)
        for mirror, column in zip(table.mirrors, table.index_names, strict=True))


def _key_name(model: MibModel, table: TableNode, mirror: str, column: str) -> str:
    if not _service_of(model, table):
        return column
    if mirror:
        return _column_name(mirror, table)
    node = model.objects.get(column)
    return _column_name(column, node.table) if node and node.table else column


def _column_name(column: str, table: TableNode) -> str:
    return column.removeprefix(table.name.removesuffix("Table"))


def _service_of(model: MibModel, node: ObjectNode | TableNode) -> str:
    service = model.modules[node.module].service
    return service.name if service else ""


def _after(name: str, service: str) -> str:
    return name[len(service):]


def _print_keys(model: MibModel, table: TableNode, index: Index) -> str:
    if len(index) != len(table.index_syntaxes):
        raise InconsistentName(table.name, f"its key has {len(table.index_syntaxes)} parts", index)
    keys = zip(key_names(model, table), index, table.index_syntaxes, strict=True)
    return f"[{','.join(f'{name}={_print_key(value, syntax)}' for name, value, syntax in keys)}]"


def _print_key(value: Value, syntax: Syntax) -> str:
    if not _has_hex(syntax) or not isinstance(value, bytes):
        return quote(syntax.print(value))
    text = value.decode("utf-8", "replace")
    if not syntax.is_text or "\0" in text or text.startswith("0x"):
        return "0x" + value.hex()
    return quote(text)


def _has_hex(syntax: Syntax) -> bool:
    """Whether a key may be written as `0x` and pairs of hexadecimal digits."""
    return not (syntax.base.is_number or syntax.base in (Base.OID, Base.IP_ADDRESS))


def quote(text: str) -> str:
    """Give a key's value as it stands in a path, in quotes where it must."""
    if _BARE.fullmatch(text):
        return text
    return f'"{text.translate(_TO_ESCAPE)}"'


def _parse_keys(text: str, at: int) -> tuple[Keys, int]:
    """Give the keys in brackets, and where their end is. Raises NoSuchName."""
    keys: list[tuple[str, str]] = []
    while True:
        name = re.compile(r"[ \t]*([A-Za-z][A-Za-z0-9_-]*)[ \t]*=").match(text, at)
        value = _VALUE.match(text, name.end()) if name else None
        if name is None or value is None:
            raise NoSuchName(text, "Key=value is wanted in brackets")
        quoted, bare = value.groups()
        keys.append((name.group(1), bare if quoted is None else re.sub(
            r"(?s)\\(.)", lambda match: _ESCAPED.get(match.group(1), match.group(1)), quoted)))
        at = value.end() + 1
        if text[at - 1:at] == "]":
            return keys, at
        if text[at - 1:at] != ",":
            raise NoSuchName(text, "a comma or a closing bracket is wanted after a key")


def _parse_index(model: MibModel, spelled: str, table: TableNode, keys: Keys) -> Index:
    names = key_names(model, table)
    wanted = ", ".join(names)
    given: dict[str, str] = {}
    for key, text in keys:
        folded = key.casefold()
        if folded not in {name.casefold() for name in names}:
            raise NoSuchName(spelled, f"{key} is no key of it: {wanted} is")
        if folded in given:
            raise NoSuchName(spelled, f"{key} is given twice")
        given[folded] = text
    index: list[Value] = []
    for name, syntax in zip(names, table.index_syntaxes, strict=True):
        if name.casefold() not in given:
            raise NoSuchName(spelled, f"{name} is missing: its key is {wanted}")
        index.append(_parse_key(spelled, name, given[name.casefold()], syntax))
    return tuple(index)


def _parse_key(spelled: str, name: str, text: str, syntax: Syntax) -> Value:
    try:
        if not (_has_hex(syntax) and _HEX.fullmatch(text)):
            return syntax.parse_key(text)
        value = bytes.fromhex(text[2:])
        syntax.check(value)
    except (WrongType, WrongLength, WrongValue) as refusal:
        raise InconsistentName(spelled, f"{name}: {refusal.why}") from None
    return value


def _unknown(model: MibModel, service: str, name: str, spelled: str) -> str:
    known = directory(model)
    scopes = {path.partition(".")[0] for path in known}
    if service.casefold() not in scopes:
        names = (*model.services, *(
            module.name for module in model.modules.values() if module.service is None))
        return _suggest(f"no such service as {service}", service, names)
    row = known.get(f"{service}.{name}".casefold())
    what = "no such column" if row is not None else "no such object"
    start = service.casefold() + "."
    near = get_close_matches(
        spelled.casefold().removeprefix(start),
        [path.removeprefix(start) for path in known if path.startswith(start)], 1, _NEAR)
    return f"{what}; {path_of(model, known[start + near[0]])} is near" if near else what


def _suggest(what: str, text: str, known: Iterable[str]) -> str:
    by_folded = {name.casefold(): name for name in known}
    near = get_close_matches(text.casefold(), by_folded, 1, _NEAR)
    return f"{what}; {by_folded[near[0]]} is near" if near else what


# -- web labels --


def label_of(model: MibModel, node: ObjectNode | TableNode) -> str:
    """Give the words of a name, for people: `Transport TLS Version`.

    A column's stand without its table's. Two of one table, or of one service, never share one.
    """
    service = _service_of(model, node)
    if not service:
        name = node.name[:1].upper() + node.name[1:]
    elif isinstance(node, TableNode):
        name = _after(node.name.removesuffix("Table"), service)
    else:
        name = _column_name(node.name, node.table) if node.table else _after(node.name, service)
    if "-" in name:
        return name
    words = [word.group() for word in _WORD.finditer(name)]
    return " ".join(word.upper() if word in ACRONYMS else word for word in words)


def find_label(model: MibModel, scope: str, label: str) -> ObjectNode | TableNode:
    """Give the object of a label; scope is a service's or module's name, or a table's descriptor.

    Raises NoSuchName.
    """
    path = re.sub(r"[\s]", "", label)
    table = model.tables.get(scope)
    if table is not None:
        scope = path_of(model, table) if _service_of(model, table) else table.module
    node = directory(model).get(f"{scope}.{path}".casefold())
    if node is None:
        raise NoSuchName(label, f"nothing of {scope} has this label")
    return node


# -- TR-069 --


def tr069_of(
    model: MibModel, node: ObjectNode | TableNode, vendor: str, row: int | None = None
) -> str:
    """Give `Device.X_00005E_SipEp.TransportConfig.{i}.TlsEnable`, vendor being `X_00005E_`.

    Row is an instance number. A table ends in a dot, as objects do. Nothing for what is not ours.
    """
    service = _service_of(model, node)
    if not service:
        return ""
    _service, _dot, name = path_of(model, node).partition(".")
    start = f"Device.{vendor}{service}."
    if isinstance(node, TableNode):
        return f"{start}{name}." + ("" if row is None else f"{row}.")
    if node.table is None:
        return start + name
    table, _dot, column = name.partition(".")
    return f"{start}{table}.{'{i}' if row is None else row}.{column}"


def find_tr069(model: MibModel, text: str, vendor: str) -> Path069:
    """Give what a TR-069 path names; case counts. Raises NoSuchName."""
    start = f"Device.{vendor}"
    parts = text.removeprefix(start).removesuffix(".").split(".")
    number = parts.pop(2) if len(parts) > 2 else ""
    row = int(number) if number.isascii() and number.isdigit() else None
    node = directory(model).get(".".join(parts).casefold())
    if not text.startswith(start) or node is None:
        raise NoSuchName(text, "no such parameter")
    meant = tr069_of(model, node, vendor, row)
    if meant != text:
        raise NoSuchName(text, f"no such parameter; {meant} is near" if meant
                         else "no such parameter")
    return Path069(node, row)
