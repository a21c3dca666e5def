"""What is read of a text, a DESCRIPTION, a DEFVAL and a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

import mibagent
from mibagent.errors import ModelError
from mibagent.model import places
from mibagent.model.defaults import parse_default
from mibagent.model.prose import read_prose
from mibagent.model.rules import expand_placeholder, read_service
from mibagent.model.sources import LIMIT_BYTES, MibFile, gather
from mibagent.model.text import Strings, likely_modules, scan, unmask_names
from mibagent.smi.syntax import Base, Syntax
from tests.agent.model.texts import module, scalar

TEXT = """A-MIB DEFINITIONS ::= BEGIN
IMPORTS a, b FROM X-MIB -- c FROM Y-MIB
        D FROM Z-MACRO-MIB;
one OBJECT-TYPE
    SYNTAX INTEGER { x(1) }
    DESCRIPTION "a -- b
        MACRO ::= { } DEFVAL { 1 }"
    DEFVAL { { 0 0 } }
    ::= { a 1 }
T ::= TEXTUAL-CONVENTION
    DISPLAY-HINT "1x:"
Entry ::= SEQUENCE {
    one INTEGER (0..3, 5), -- a comment
    two OCTET STRING (SIZE (1..2)),
    three BITS
}
END

B-MIB { 1 2 } DEFINITIONS ::= BEGIN
END
"""


def test_modules_of_a_file_are_told_apart() -> None:
    first, second = scan("f", TEXT, Strings())
    assert (first.name, first.line, second.name) == ("A-MIB", 1, "B-MIB")
    assert second.line == TEXT[:TEXT.index("B-MIB")].count("\n") + 1


SOUND = sorted({path for folder in (*places.mib_folders(), Path(__file__).parent)
                for path in folder.rglob("*.mib")})


@pytest.mark.parametrize("path", SOUND, ids=lambda path: path.stem)
def test_the_quick_look_finds_the_modules_that_a_scan_finds(path: Path) -> None:
    text = path.read_text()
    assert likely_modules(text) == [each.name for each in scan("x", text, Strings())]


@pytest.mark.parametrize("head", [
    "A-MIB DEFINITIONS ::= BEGIN", "A-MIB\nDEFINITIONS\n::=\nBEGIN",
    "A-MIB -- one\n DEFINITIONS -- two\n ::= -- three\n BEGIN",
    "A-MIB { iso org(3) 6 } DEFINITIONS ::= BEGIN", "x" * 5000 + " A-MIB DEFINITIONS::=BEGIN"])
def test_a_head_is_found_however_it_is_written(head: str) -> None:
    assert likely_modules(head) == ["A-MIB"]
    assert [each.name for each in scan("x", head, Strings())] == ["A-MIB"]


def test_the_quick_look_is_over_soon_whatever_it_sees() -> None:
    for text in ("DEFINITIONS " * 100_000, "DEFINITIONS --\n" * 100_000, "-" * 1_000_000,
                 "DEFINITIONS" + "--\n" * 300_000, "DEFINITIONS" + " " * 1_000_000):
        assert likely_modules(text) == []


def test_imports_declarations_sequences_and_defaults_are_read() -> None:
    strings = Strings()
    found = scan("f", TEXT, strings)[0]
    assert found.imports == {"a": "X-MIB", "b": "X-MIB", "D": "Z-MACRO-MIB"}
    assert found.kinds == {"one": "OBJECT-TYPE", "T": "TEXTUAL-CONVENTION"}
    assert found.lines["one"] == 4
    assert found.members == {"Entry": ("one", "two", "three")}
    assert found.defaults == {"one": "{ 0 0 }"}


def test_texts_are_masked_and_come_back() -> None:
    strings = Strings()
    found = scan("f", TEXT, strings)[0]
    assert "DEFVAL" not in found.text
    assert "MACRO" not in found.text
    assert "--" not in found.text
    assert '"1x:"' in found.text
    assert found.text.count("\n") == TEXT[:TEXT.index("B-MIB")].count("\n")
    masked = found.text[found.text.index('"@') + 1:].partition('"')[0]
    assert strings.unmask(masked) == "a -- b\n        MACRO ::= { } DEFVAL { 1 }"
    assert strings.unmask("decibels") == "decibels"
    assert unmask_names(found.text).count("Z-MACRO-MIB") == 1


def test_a_text_without_a_module_has_none() -> None:
    assert scan("f", "Nothing -- A-MIB DEFINITIONS ::= BEGIN", Strings()) == []


def test_the_last_paragraph_is_read_by_key() -> None:
    prose = read_prose("""Some words.
            And more.

            Text: a long
              text: that goes on
            Severity: info
            Clears: 1,
              2""")
    assert prose.text == "Some words.\nAnd more."
    assert prose.keys == {
        "Text": "a long text: that goes on", "Severity": "info", "Clears": "1, 2"}


@pytest.mark.parametrize("text", [
    "", "Only words.", "Note: words.", "Words\nApplies: at-once", "A.\n\nB.\nApplies: at-once"])
def test_prose_is_prose(text: str) -> None:
    assert read_prose(text).keys == {}
    assert read_prose(text).text == text


def test_a_paragraph_of_keys_may_be_all_there_is() -> None:
    prose = read_prose("Kind: secret")
    assert (prose.text, prose.keys) == ("", {"Kind": "secret"})


def test_words_that_are_no_keys_and_doubles_are_told() -> None:
    prose = read_prose("A.\n\nApplies: at-once\nApplys: x\nApplies: restart")
    assert (prose.unknown, prose.twice) == (("Applys",), ("Applies",))


@pytest.mark.parametrize(("line", "title"), [
    ("SipEp 1400 'SIP Endpoint' user", "SIP Endpoint"), ('Aaa 1000 "Access" system', "Access")])
def test_a_service_line_is_read(line: str, title: str) -> None:
    assert read_service(line).title == title


@pytest.mark.parametrize("line", [
    "", "SipEp", "sipEp 1 'x' user", "SipEp x 'x' user", "SipEp 1 x user", "SipEp 1 'x' other"])
def test_a_wrong_service_line_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="Service: "):
        read_service(line)


def test_placeholders_name_one_object() -> None:
    objects = ("sipEpGatewayName", "sipEpRemoteHost", "sipEpOtherRemoteHost")
    assert expand_placeholder("sipEpRemoteHost", objects) == "sipEpRemoteHost"
    assert expand_placeholder("…GatewayName", objects) == "sipEpGatewayName"
    for unknown in ("…RemoteHost", "…", "GatewayName", "", "…Nothing"):
        assert expand_placeholder(unknown, objects) is None


def oid_of(name: str) -> tuple[int, ...] | None:
    return {"crow": (1, 3, 9)}.get(name)


@pytest.mark.parametrize(("raw", "base", "value"), [
    ("5", Base.INTEGER, 5),
    ("-5", Base.INTEGER, -5),
    ("'1F'H", Base.UNSIGNED32, 31),
    ("'F'h", Base.UNSIGNED32, 15),
    ("'101'B", Base.UNSIGNED32, 5),
    ("''H", Base.OCTETS, b""),
    ("'0A ff'H", Base.OCTETS, b"\x0a\xff"),
    ('"ü"', Base.OCTETS, "ü".encode()),
    ("crow", Base.OID, (1, 3, 9)),
    ("{ crow 1 2 }", Base.OID, (1, 3, 9, 1, 2)),
    ("{ 1 3 dod(6) }", Base.OID, (1, 3, 6)),
    ("{ 0 0 }", Base.OID, (0, 0)),
    ("'7F000001'H", Base.IP_ADDRESS, b"\x7f\0\0\1"),
])
def test_a_default_is_read(raw: str, base: Base, value: object) -> None:
    assert parse_default(raw, Syntax(base), oid_of) == value


@pytest.mark.parametrize(("raw", "base"), [
    ("", Base.INTEGER), ("crow", Base.INTEGER), ("'12'B", Base.INTEGER), ("'12'B", Base.OCTETS),
    ("5", Base.OCTETS), ("{ a }", Base.OCTETS), ("rook", Base.OID), ("{ 1 crow }", Base.OID),
    ("{ 1 ? }", Base.OID), ("{ 3 0 }", Base.OID), ("'7F'H", Base.IP_ADDRESS), ('"x"', Base.BITS),
    ("{ x }", Base.BITS), ("-1", Base.UNSIGNED32), ("", Base.OID),
])
def test_a_wrong_default_is_refused(raw: str, base: Base) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_default(raw, Syntax(base), oid_of)


def test_bits_are_as_long_as_their_names_need() -> None:
    syntax = Syntax(Base.BITS, labels=(("a", 0), ("b", 15)))
    assert parse_default("{ a }", syntax, oid_of) == b"\x80\x00"
    assert parse_default("{ }", syntax, oid_of) == b"\x00\x00"


def test_a_folder_gives_what_looks_like_a_mib_in_order(tmp_path: Path) -> None:
    text = module(scalar("crowOne", 1))
    for name in ("b.mib", "a.txt", "NAKED-MIB", ".hidden.mib", "c.py", "notes.md"):
        (tmp_path / name).write_text(text)
    (tmp_path / "words.txt").write_text("nothing")
    (tmp_path / "folder.mib").mkdir()
    assert [Path(file.path).name for file in gather([tmp_path])] == ["NAKED-MIB", "a.txt", "b.mib"]
    assert [Path(file.path).name for file in gather([tmp_path / "c.py", tmp_path / "c.py"])] == [
        "c.py"]


def test_a_place_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="can't be read"):
        gather([tmp_path / "nowhere"])


def test_a_file_that_never_ends_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "long.mib").open("wb") as stream:
        stream.truncate(LIMIT_BYTES + 1)
    assert gather([tmp_path]) == []         # it is no MIB, whatever its name is
    with (tmp_path / "long.mib").open("r+b") as stream:
        stream.write(b"LONG-MIB DEFINITIONS ::= BEGIN")
    with pytest.raises(ModelError, match="too long"):
        gather([tmp_path])


def test_old_texts_are_latin_1() -> None:
    assert MibFile("x", b"\xef\xbb\xbfu").text == "u"
    assert MibFile("x", b"\xfc").text == "ü"


def test_our_folders_are_in_the_tree_or_in_the_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [folder.name for folder in places.mib_folders()] == ["mibs", "ietf"]
    package = tmp_path / "lib" / "mibagent"
    package.mkdir(parents=True)
    monkeypatch.setattr(mibagent, "__file__", str(package / "__init__.py"))
    assert places.mib_folders() == ()
    (package / "mibs" / "ietf").mkdir(parents=True)
    assert places.mib_folders() == (package / "mibs", package / "mibs" / "ietf")
