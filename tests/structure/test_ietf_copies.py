"""The standard modules that we restate say what two independent copies say.

The copies are the modules compiled into pysnmp, and the MIB folder of Debian's erlang-snmp; for
what a host has, those of Debian's python3-pysnmp4-mibs.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pysnmp.smi import builder  # type: ignore[import-untyped]

from tests.structure.smitools import IETF, dumped, need

MODULES = (
    "SNMPv2-SMI",
    "SNMPv2-TC",
    "SNMPv2-CONF",
    "SNMPv2-MIB",
    "SNMP-FRAMEWORK-MIB",
    "SNMP-MPD-MIB",
    "SNMP-VIEW-BASED-ACM-MIB",
    "SNMP-COMMUNITY-MIB",
    "INET-ADDRESS-MIB",
    "SNMP-TARGET-MIB",
    "SNMP-NOTIFICATION-MIB",
)

OF_HOSTS = (
    "IANAifType-MIB",
    "IF-MIB",
    "IP-MIB",
    "HOST-RESOURCES-TYPES",
    "HOST-RESOURCES-MIB",
    "ENTITY-MIB",
)
"""Modules that neither of the two has."""

# declared where they are used, in one copy or the other
PLACES = {"ccitt", "iso", "joint-iso-ccitt", "hrStorageTypes", "hrDeviceTypes", "hrFSTypes"}
# pysnmp's own
ONLY_THERE = {"vacmContextStatus"}

Facts = dict[str, dict[str, Any]]

# erlang-snmp has RFC 1902 and RFC 2571, which RFC 2578 and RFC 3411 have replaced
NOT_IN_ERLANG = {"ExtUTCTime"}
OLDER_IN_ERLANG = {("SnmpAdminString", "format"): ("255t", "255a")}
# pysnmp's own, for a row that is not there
ONLY_IN_PYSNMP = {"notExists"}

_WORDS = ("description", "reference", "reference>", "moduleName")


def erlang_folder() -> Path:
    folders = sorted(Path("/usr/lib/erlang/lib").glob("snmp-*/mibs"))
    need("erlang-snmp", folders)
    return folders[-1]


def without_words(thing: Any) -> Any:
    """Give a dump's part without its prose."""
    if isinstance(thing, dict):
        return {key: without_words(part) for key, part in thing.items() if key not in _WORDS}
    if isinstance(thing, list | tuple):
        return [without_words(part) for part in thing]
    return thing


@cache
def facts(module: str, folder: Path) -> Facts:
    """Give the declarations of a module by name."""
    dump = dumped(module, folder)
    answer: Facts = {}
    for part in ("typedefs", "nodes", "notifications", "groups", "compliances"):
        for name, declared in dump.get(part, {}).items():
            answer[name] = without_words(declared)
    return answer


# erlang-snmp has what came before RFC 2576
OTHER_IN_ERLANG = {"SNMP-COMMUNITY-MIB"}


@pytest.mark.parametrize("module", [each for each in MODULES if each not in OTHER_IN_ERLANG])
def test_debian_copy_says_the_same(module: str) -> None:
    ours, theirs = facts(module, IETF), facts(module, erlang_folder())
    assert set(ours) - NOT_IN_ERLANG == set(theirs)
    for name, wanted in theirs.items():
        declared, other = ours[name], dict(wanted)
        for (changed, key), (new, old) in OLDER_IN_ERLANG.items():
            if changed == name:
                assert (declared[key], other[key]) == (new, old)
                other[key] = new
        assert declared == other, name


def pysnmp_symbols(module: str) -> dict[str, Any]:
    loaded = builder.MibBuilder()
    if module in OF_HOSTS:
        folder = Path("/usr/lib/python3/dist-packages/pysnmp_mibs")
        need("python3-pysnmp4-mibs", folder.is_dir())
        loaded.add_mib_sources(builder.DirMibSource(str(folder)))
    loaded.load_modules(module)
    answer: dict[str, Any] = loaded.mibSymbols[module]
    return answer


@pytest.mark.parametrize("module", MODULES + OF_HOSTS)
def test_pysnmp_knows_the_same_objects(module: str) -> None:
    ours, theirs = facts(module, IETF), pysnmp_symbols(module)
    registered = {
        name: tuple(map(int, declared["oid"].split(".")))
        for name, declared in ours.items()
        if "oid" in declared
    }
    known = {
        symbol.label or name: tuple(symbol.name)
        for name, symbol in theirs.items()
        if not isinstance(symbol, type) and hasattr(symbol, "name") and len(symbol.name) > 1
    }
    strangers = set(known) ^ set(registered)
    assert not strangers - PLACES - ONLY_THERE, strangers
    assert {name: known[name] for name in registered if name in known} == registered


@pytest.mark.parametrize("module", MODULES + OF_HOSTS)
def test_pysnmp_gives_objects_the_same_syntax_access_and_index(module: str) -> None:
    theirs = pysnmp_symbols(module)
    for name, declared in facts(module, IETF).items():
        if declared.get("nodetype") not in ("scalar", "column", "row", "table"):
            continue
        symbol = theirs[name]
        if declared["nodetype"] == "row":
            assert [index[2] for index in symbol.getIndexNames()] == index_of(module, name), name
            continue
        if declared["nodetype"] == "table":
            continue
        access = {
            "noaccess": "not-accessible",
            "notifyonly": "accessible-for-notify",
            "readonly": "read-only",
            "readwrite": "read-write",
        }[declared["access"]]
        word = word_of(module, name)
        known = (access, word, word.replace("readcreate", "read-create"))
        assert symbol.getMaxAccess() in known, name
        assert syntax_names(declared["syntax"]["type"]) & class_names(symbol.getSyntax()), name


@pytest.mark.parametrize("module", MODULES + OF_HOSTS)
def test_pysnmp_has_the_same_textual_conventions(module: str) -> None:
    theirs = pysnmp_symbols(module)
    for name, declared in facts(module, IETF).items():
        if "basetype" not in declared or module == "SNMPv2-SMI":
            continue
        convention = theirs[name]
        if hasattr(convention, "getDisplayHint"):      # others have none to tell
            assert convention.getDisplayHint(convention()) == declared.get("format", ""), name
        labels = {
            label: int(number["number"])
            for label, number in declared.items()
            if isinstance(number, dict) and number.get("nodetype") == "namednumber"
        }
        if labels:
            known = dict(convention.namedValues)
            known = {key: known[key] for key in known if key not in ONLY_IN_PYSNMP}
            if module == "IANAifType-MIB":             # IANA goes on adding, and has mended one
                known = {key.replace("trasnp", "transp"): known[key] for key in known}
                labels = {key: number for key, number in labels.items() if key in known}
            assert known == labels, name


def index_of(module: str, name: str) -> list[str]:
    """Give the INDEX of a row, that of the augmented one where it augments."""
    linkage = facts(module, IETF)[name]["linkage"]
    if isinstance(linkage[0], dict):
        ((home, link),) = linkage[0].items()
        return index_of(home, link["relatedNode"])
    names: list[str] = linkage
    return names


def word_of(module: str, name: str) -> str:
    """Give the access of an object in smidump's words, as Debian's copies have it."""
    known = facts(module, IETF)
    declared = known[name]
    row = next((each for each in known.values() if each.get("nodetype") == "row"
                and declared["oid"].rpartition(".")[0] == each["oid"]), {})
    word: str = declared["access"]
    return "readcreate" if word == "readwrite" and row.get("create") == "true" else word


def syntax_names(declared: dict[str, Any]) -> set[str]:
    """Give the names under which pysnmp may have a syntax."""
    if "name" in declared:
        return {declared["name"]}
    if "parent module" in declared:
        return {declared["parent module"]["type"]}
    base = declared["basetype"]
    return {base, "Integer32" if base == "Enumeration" else base}


def class_names(value: object) -> set[str]:
    """Give the names of a value's classes."""
    return {each.__name__ for each in type(value).__mro__}
