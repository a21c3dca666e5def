"""The rules of our MIB modules, as MIBGATE-SMI-MIB and docs/architecture.md give them."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.structure.smitools import IETF, MIBS, ROOT, run
from tools import arcs

OURS = sorted(MIBS.glob("*.mib"))
SERVICES = [path for path in OURS if path.stem not in (
    "MIBGATE-SMI-MIB", "MIBGATE-TC-MIB", "MIBGATE-CAPABILITIES-MIB")]
KEYS = {
    "MODULE-IDENTITY": {"Service"},
    "OBJECT-TYPE": {"Applies", "Rights", "Command"},
    "TEXTUAL-CONVENTION": {"Kind", "Refers"},
    "NOTIFICATION-TYPE": {"Severity", "Text", "Clears"},
}


class Declared(NamedTuple):
    """One declaration as it is written, without the help of any compiler."""

    name: str
    kind: str
    body: str
    parent: str
    arc: int

    def clause(self, word: str) -> str:
        """Give what follows a clause's word on its line, or nothing."""
        found = re.search(rf"^    {word} +(\S.*)$", self.body, re.MULTILINE)
        return found[1].strip() if found else ""

    @property
    def keys(self) -> dict[str, str]:
        """Give the entries of the description's last paragraph, or nothing where that is prose."""
        description = re.search(r'DESCRIPTION\s+"([^"]*)"', self.body)
        assert description, self.name
        lines = [line.strip() for line in description[1].split("\n\n")[-1].splitlines()]
        entries: dict[str, str] = {}
        last = ""
        for line in lines:
            found = re.match(r"([A-Za-z]+): ?(.*)$", line)
            if found:
                last = found[1]
                entries[last] = found[2]
            elif not last:
                return {}
            else:
                entries[last] += " " + line
        return entries


@cache
def declared(path: Path) -> list[Declared]:
    """Give a module's declarations that have an OID, in the file's order."""
    found = re.findall(
        r"^(\w+) (OBJECT-TYPE|NOTIFICATION-TYPE|MODULE-IDENTITY|OBJECT-GROUP|NOTIFICATION-GROUP)\n"
        r"(.*?)^    ::= \{ (\w+) (\d+) \}$",
        path.read_text(encoding="ascii"),
        re.MULTILINE | re.DOTALL,
    )
    return [Declared(name, kind, body, parent, int(arc)) for name, kind, body, parent, arc in found]


def of_kind(path: Path, kind: str) -> list[Declared]:
    return [each for each in declared(path) if each.kind == kind]


def objects(path: Path) -> list[Declared]:
    return of_kind(path, "OBJECT-TYPE")


def writable(path: Path) -> list[Declared]:
    return [
        each for each in objects(path) if each.clause("MAX-ACCESS") in ("read-write", "read-create")
    ]


def name(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", OURS, ids=name)
def test_smilint_has_nothing_to_say(path: Path) -> None:
    assert run("smilint", "-l", "6", "-i", "type-unref", str(path)) == ""


@pytest.mark.parametrize("module", ["SNMPv2-MIB", "SNMP-FRAMEWORK-MIB", "INET-ADDRESS-MIB"])
def test_smilint_finds_no_error_in_what_we_restate(module: str) -> None:
    assert run("smilint", "-l", "4", str(IETF / f"{module}.mib")) == ""


def test_net_snmp_loads_all_modules_without_a_word() -> None:
    for path in SERVICES:
        (identity,) = of_kind(path, "MODULE-IDENTITY")
        full = f"{path.stem}::{identity.name}"
        folders = f"{MIBS}:{IETF}"
        assert run("snmptranslate", "-M", folders, "-m", "ALL", full).strip() == full


def test_smidump_can_read_every_text_again() -> None:
    for path in OURS:
        assert f"END -- end of module {path.stem}." in run("smidump", "-f", "smiv2", path.stem)


def test_the_enterprise_number_stands_in_one_place() -> None:
    root = re.search(r"::= \{ enterprises (\d+) \}", (MIBS / "MIBGATE-SMI-MIB.mib").read_text())
    assert root
    files = [
        path
        for folder in (MIBS, ROOT / "agent", ROOT / "gateway", ROOT / "tools")
        for path in folder.rglob("*")
        if path.is_file() and path.suffix in (".mib", ".md", ".py")
    ]
    holders = [path.name for path in files if re.search(rf"\b{root[1]}\b", path.read_text("utf-8"))]
    assert holders == ["MIBGATE-SMI-MIB.mib"]


@pytest.mark.parametrize("path", SERVICES, ids=name)
def test_a_service_says_who_it_is(path: Path) -> None:
    (identity,) = of_kind(path, "MODULE-IDENTITY")
    service = re.fullmatch(r"(\w+) (\d+) '([^']+)' (system|user)", identity.keys["Service"])
    assert service
    assert path.stem == f"MIBGATE-{service[1].upper()}-MIB"
    assert (identity.name, identity.parent, identity.arc) == (
        f"mibgate{service[1]}",
        "mibgateServices",
        int(service[2]),
    )
    prefix = service[1][0].lower() + service[1][1:]
    for each in declared(path):
        assert each is identity or each.name.startswith(prefix)


@pytest.mark.parametrize("path", SERVICES, ids=name)
def test_what_programs_read_in_descriptions_is_known(path: Path) -> None:
    for each in declared(path):
        assert set(each.keys) <= KEYS.get(each.kind, set()), each.name


@pytest.mark.parametrize("path", SERVICES, ids=name)
def test_every_writable_object_says_when_it_applies_and_what_it_starts_with(path: Path) -> None:
    for each in writable(path):
        assert re.fullmatch(r"at-once|next-use|restart( [A-Z]\w+)?", each.keys["Applies"]), (
            each.name
        )
        is_row_status = each.clause("SYNTAX") == "RowStatus"
        assert bool(each.clause("DEFVAL")) is not is_row_status, each.name
    for each in set(objects(path)) - set(writable(path)):
        assert "Applies" not in each.keys, each.name


@pytest.mark.parametrize("path", SERVICES, ids=name)
def test_a_command_is_a_verb_or_a_table_of_runs(path: Path) -> None:
    for each in objects(path):
        verb = re.fullmatch(r"INTEGER \{ noOp\(0\), \w+\(10\) \}", each.clause("SYNTAX"))
        runs = each.parent.endswith("Jobs") and each.clause("SYNTAX").startswith("SEQUENCE OF")
        assert (each.keys.get("Command") == "yes") is bool(verb or runs), each.name


@pytest.mark.parametrize("path", SERVICES, ids=name)
def test_columns_stand_in_order_and_begin_with_their_table(path: Path) -> None:
    text = path.read_text(encoding="ascii")
    for entry in objects(path):
        if not entry.clause("INDEX"):
            continue
        columns = [each for each in objects(path) if each.parent == entry.name]
        assert [each.arc for each in columns] == sorted({each.arc for each in columns})
        listed = re.search(
            rf"^{entry.clause('SYNTAX')} ::= SEQUENCE \{{(.*?)\}}", text, re.M | re.S
        )
        assert listed
        assert re.findall(r"^    (\w+) ", listed[1], re.M) == [each.name for each in columns]
        stem = entry.name.removesuffix("Entry")
        assert entry.parent == f"{stem}Table"
        assert all(each.name.startswith(stem) for each in columns), stem


@pytest.mark.parametrize("path", SERVICES, ids=name)
def test_a_name_that_is_a_key_can_be_read_in_the_first_column(path: Path) -> None:
    for each in objects(path):
        if each.clause("SYNTAX").startswith("KeyText") and each.name.endswith("Key"):
            assert (each.arc, each.clause("MAX-ACCESS")) == (1, "not-accessible")
            mirror = next(o for o in objects(path) if o.parent == each.parent and o.arc > 1)
            assert mirror.clause("SYNTAX") == each.clause("SYNTAX")
            assert mirror.clause("MAX-ACCESS") == "read-only"


@pytest.mark.parametrize("path", SERVICES, ids=name)
def test_a_notification_has_words_and_all_that_they_name(path: Path) -> None:
    issued = {each.arc: each for each in of_kind(path, "NOTIFICATION-TYPE")}
    readable = {
        each.name for each in objects(path) if each.clause("MAX-ACCESS") != "not-accessible"
    }
    for each in issued.values():
        assert each.parent.endswith("Notifications")
        assert each.keys["Severity"] in ("debug", "info", "warning", "error", "critical")
        carried = re.search(r"OBJECTS +\{([^}]*)\}", each.body)
        carries = set(re.findall(r"\w+", carried[1])) if carried else set()
        assert carries <= readable
        assert set(re.findall(r"\{(\w+)\}", each.keys["Text"])) <= carries, each.name
        for number in re.findall(r"\d+", each.keys.get("Clears", "")):
            assert issued[int(number)].keys["Severity"] in ("warning", "error", "critical")


def test_the_two_texts_that_others_rely_on() -> None:
    texts = {
        each.arc: each.keys["Text"]
        for path in SERVICES
        if path.stem == "MIBGATE-SIPEP-MIB"
        for each in of_kind(path, "NOTIFICATION-TYPE")
    }
    assert re.sub(r"\{\w+\}", "…", texts[303]) == (
        "TLS connection with remote host … is now ready to be used for SIP gateway …."
    )
    assert re.sub(r"\{\w+\}", "…", texts[310]) == "Server … is now reachable for SIP gateway …."


@pytest.mark.parametrize("path", OURS, ids=name)
def test_no_text_holds_what_compilers_stumble_over(path: Path) -> None:
    text = path.read_text(encoding="ascii")
    assert "\t" not in text
    for words in re.findall(r'"([^"]*)"', text):
        assert not re.search(r"\b(MACRO|CHOICE|EXPORTS)\b|--", words), words


@pytest.mark.parametrize("path", OURS, ids=name)
def test_descriptions_name_only_what_is_there(path: Path) -> None:
    there = {
        word
        for each in [*OURS, *IETF.glob("*.mib")]
        for word in re.findall(r"^(\w+) [A-Z]", each.read_text(encoding="ascii"), re.M)
    }
    services = "|".join(sorted({each.stem.split("-")[1].lower() for each in SERVICES} - {"sipep"}))
    for words in re.findall(r'"([^"]*)"', path.read_text(encoding="ascii")):
        named = re.findall(rf"\b(?:{services}|sipEp|mibgate)[A-Z]\w+", words)
        assert set(named) <= there, set(named) - there


def test_arcs_page_is_current() -> None:
    assert arcs.PAGE.read_text(encoding="utf-8") == arcs.page(MIBS), "run: python tools/arcs.py"
