"""What pysmi 2.0 gets wrong is put right, fault by fault."""

from __future__ import annotations

import getpass
import json
import socket
from typing import NoReturn

import pytest

from mibagent.model.compile import compile_texts
from mibagent.model.places import mib_folders
from mibagent.model.sources import MibFile, gather
from tests.agent.model.texts import SOUND, load_text, module, parrot, scalar


def test_macro_choice_and_exports_in_texts_swallow_nothing() -> None:
    words = "MACRO of old, a CHOICE { of words, EXPORTS too, and END; -- all of it"
    model, findings = load_text(module(
        f"-- {words}\n" + scalar("crowOne", 1).replace("A scalar.", words)
        + scalar("crowTwo", 2)))
    assert findings == []
    assert model["crowOne"].description == words
    assert "crowTwo" in model.objects


def test_a_module_whose_name_has_such_a_word_is_read() -> None:
    model, findings = load_text(module(scalar("crowOne", 1), name="CROW-MACRO-CHOICE-MIB"))
    assert findings == []
    assert model["crowOne"].module == "CROW-MACRO-CHOICE-MIB"


@pytest.mark.parametrize(("syntax", "default"), [
    ("Integer32 (0..10)", "11"),
    ("INTEGER { a(1) }", "b"),
    ("OCTET STRING (SIZE (0..2))", '"abc"'),
    ("BITS { a(0) }", "{ b }"),
    ("OBJECT IDENTIFIER", "crowNowhere"),
    ("Integer32", '"one"'),
])
def test_a_defval_that_would_vanish_is_found(syntax: str, default: str) -> None:
    model, findings = load_text(
        module(scalar("crowOne", 1, syntax, f"DEFVAL {{ {default} }}")))
    assert [(found.file, found.object) for found in findings] == [("0.mib", "crowOne")]
    assert "DEFVAL" in findings[0].reason
    assert model["crowOne"].default is None


def test_augments_names_the_augmented_table_of_another_module() -> None:
    model, findings = load_text(module("""
crowMoreTable OBJECT-TYPE
    SYNTAX SEQUENCE OF CrowMoreEntry
    MAX-ACCESS not-accessible
    STATUS current
    DESCRIPTION "More."
    ::= { crow 1 }
crowMoreEntry OBJECT-TYPE
    SYNTAX CrowMoreEntry
    MAX-ACCESS not-accessible
    STATUS current
    DESCRIPTION "More."
    AUGMENTS { sysOREntry }
    ::= { crowMoreTable 1 }
CrowMoreEntry ::= SEQUENCE { crowMoreHeight Integer32 }
crowMoreHeight OBJECT-TYPE
    SYNTAX Integer32
    MAX-ACCESS read-only
    STATUS current
    DESCRIPTION "More."
    ::= { crowMoreEntry 1 }
""", imports="sysOREntry FROM SNMPv2-MIB"))
    assert findings == []
    table = model.tables["crowMoreTable"]
    assert (table.base, table.index_names) == ("sysORTable", ("sysORIndex",))


def test_objects_come_in_order_of_oid() -> None:
    oids = [node.oid for node in parrot().objects.values()]
    assert oids == sorted(oids)
    columns = parrot().tables["parrotBirdTable"].column_names
    assert columns == (
        "parrotBirdKey", "parrotBirdName", "parrotBirdFriend", "parrotBirdRowStatus")


def test_names_with_hyphens_and_python_words_are_kept() -> None:
    model, findings = load_text(module("""
Crow-Name ::= TEXTUAL-CONVENTION
    STATUS current
    DESCRIPTION "A name."
    SYNTAX OCTET STRING (SIZE (1..8))
""" + scalar("crow-one", 1, "Crow-Name") + scalar("class", 2)))
    assert findings == []
    assert model["crow-one"].syntax.convention == "Crow-Name"
    assert "class" in model.objects


def test_an_object_that_pysmi_loses_is_found() -> None:
    _model, findings = load_text(module(scalar("meta", 1)))
    assert [(found.object, found.reason) for found in findings] == [
        ("meta", "is declared in the text and lost on the way")]


def test_documents_know_neither_host_nor_user() -> None:
    compiled = compile_texts(gather([SOUND, mib_folders()[1]]))
    assert compiled.documents["PARROT-MIB"]["meta"] == {"module": "PARROT-MIB"}
    assert socket.gethostname() not in json.dumps(compiled.documents["SNMPv2-MIB"])


def test_a_user_without_a_name_may_compile(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> NoReturn:
        raise OSError("no such user")

    monkeypatch.setattr(getpass, "getuser", fail)
    assert "CROW-MIB" in compile_texts([
        MibFile("0", module(scalar("crowOne", 1)).encode()), *gather([mib_folders()[1]]),
    ]).documents


def test_a_module_that_is_not_there_is_not_sought_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_args: object) -> NoReturn:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    monkeypatch.setattr(socket.socket, "connect", fail)
    _model, findings = load_text(module(scalar("crowOne", 1), imports="caw FROM CAW-MIB"))
    assert [found.object for found in findings] == ["CAW-MIB"]


def test_of_two_modules_with_one_name_the_first_counts() -> None:
    model, findings = load_text(
        module(scalar("crowOne", 1)), module(scalar("crowOther", 1)))
    assert findings == []
    assert "crowOne" in model.objects
    assert "crowOther" not in model.objects


def test_a_fault_has_the_line_of_its_object() -> None:
    text = module("\n\n-- a comment\n" + scalar("crowOne", 1, more="DEFVAL { 99999999999 }"))
    _model, (finding,) = load_text(text)
    assert text.splitlines()[finding.line - 1] == "crowOne OBJECT-TYPE"


def test_smiv1_is_understood() -> None:
    model, findings = load_text("""OLD-MIB DEFINITIONS ::= BEGIN
IMPORTS enterprises, Counter, Gauge, NetworkAddress, TimeTicks FROM RFC1155-SMI
        OBJECT-TYPE FROM RFC-1212
        TRAP-TYPE FROM RFC-1215
        DisplayString FROM RFC1213-MIB;
old OBJECT IDENTIFIER ::= { enterprises 9999 }
oldTable OBJECT-TYPE
    SYNTAX SEQUENCE OF OldEntry
    ACCESS not-accessible
    STATUS mandatory
    DESCRIPTION "Old."
    ::= { old 1 }
oldEntry OBJECT-TYPE
    SYNTAX OldEntry
    ACCESS not-accessible
    STATUS mandatory
    DESCRIPTION "Old."
    INDEX { oldAddress }
    ::= { oldTable 1 }
OldEntry ::= SEQUENCE { oldAddress NetworkAddress, oldCount Counter, oldLevel Gauge }
oldAddress OBJECT-TYPE
    SYNTAX NetworkAddress
    ACCESS read-only
    STATUS mandatory
    DESCRIPTION "Old."
    ::= { oldEntry 1 }
oldCount OBJECT-TYPE
    SYNTAX Counter
    ACCESS read-only
    STATUS mandatory
    DESCRIPTION "Old."
    ::= { oldEntry 2 }
oldLevel OBJECT-TYPE
    SYNTAX Gauge
    ACCESS write-only
    STATUS optional
    DESCRIPTION "Old."
    ::= { oldEntry 3 }
oldText OBJECT-TYPE
    SYNTAX DisplayString (SIZE (0..10))
    ACCESS read-only
    STATUS mandatory
    ::= { old 2 }
oldTrap TRAP-TYPE
    ENTERPRISE old
    VARIABLES { oldText }
    DESCRIPTION "Old."
    ::= 7
END
""")
    assert findings == []
    assert model["oldAddress"].syntax.base.name == "IP_ADDRESS"
    assert model["oldCount"].syntax.base.name == "COUNTER32"
    assert model["oldLevel"].syntax.base.name == "UNSIGNED32"
    assert model["oldText"].syntax.is_text
    assert model.notifications["oldTrap"].oid == (1, 3, 6, 1, 4, 1, 9999, 0, 7)
