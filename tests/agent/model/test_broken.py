"""Each file in `broken/` has one fault; it is found, with file, object and reason."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mibagent.errors import ModelError
from mibagent.model.cache import load_model
from mibagent.model.findings import Finding, raise_first_error
from mibagent.model.load import examine, load_files
from mibagent.model.places import mib_folders
from mibagent.model.remedies import remedy_of
from mibagent.model.sources import MibFile, gather
from tests.agent.model.texts import BROKEN, SOUND, load_text, module, scalar

FAULTS = [
    ("CROW-ACCESS-WORD-MIB", "crowMood", "MAX-ACCESS read-mostly is unknown"),
    ("CROW-NO-ACCESS-MIB", "crowMood", "has no MAX-ACCESS"),
    ("CROW-STATUS-WORD-MIB", "crowMood", "STATUS fresh is unknown"),
    ("CROW-OID-TWICE-MIB", "crowMood", "has the object identifier of crowVolume"),
    ("CROW-NAME-TWICE-MIB", "crowVolume", "is declared twice"),
    ("CROW-NO-INDEX-MIB", "crowNestEntry", "has neither INDEX nor AUGMENTS"),
    ("CROW-INDEX-DANGLES-MIB", "crowNestEntry", "INDEX names crowNestLost, which is no object"),
    ("CROW-AUGMENTS-DANGLES-MIB", "crowNestEntry",
     "AUGMENTS names crowNestTable, which is no entry"),
    ("CROW-IMPLIED-NUMBER-MIB", "crowNestEntry", "IMPLIED is for a key of variable size"),
    ("CROW-IMPORT-MODULE-MIB", "CAW-MIB", "there is no module CAW-MIB"),
    ("CROW-IMPORT-SYMBOL-MIB", "ColumnStatus",
     "is imported from SNMPv2-TC, which does not declare it"),
    ("CROW-TYPE-UNKNOWN-MIB", "crowNestEggs", "names what is neither declared nor imported"),
    ("CROW-DEFVAL-RANGE-MIB", "crowVolume", "0..10 allowed"),
    ("CROW-DEFVAL-LABEL-MIB", "crowMood", "no value has this label"),
    ("CROW-DEFVAL-TYPE-MIB", "crowVolume", "is no number"),
    ("CROW-RANGE-REVERSED-MIB", "crowVolume", "the wrong way round"),
    ("CROW-RANGE-TOO-WIDE-MIB", "crowNestEggs", "not within that of its type"),
    ("CROW-LABEL-NUMBER-TWICE-MIB", "crowMood", "have one number"),
    ("CROW-TABLE-READABLE-MIB", "crowNestTable", "a table is not-accessible"),
    ("CROW-NOT-IN-SEQUENCE-MIB", "crowNestEggs", "not in its SEQUENCE"),
    ("CROW-SEQUENCE-DANGLES-MIB", "crowNestHeight", "declared nowhere"),
    ("CROW-GRAMMAR-MIB", "crowMood", "can't be read as SMI"),
    ("CROW-PARENT-UNKNOWN-MIB", "rook", "neither declared nor imported"),
    ("CROW-NO-APPLIES-MIB", "crowVolume", "writable and has no Applies: line"),
    ("CROW-APPLIES-UNKNOWN-MIB", "crowVolume", "Applies: tomorrow is unknown"),
    ("CROW-APPLIES-NO-SERVICE-MIB", "crowVolume", "no such service"),
    ("CROW-APPLIES-READ-ONLY-MIB", "crowMood", "is not writable"),
    ("CROW-KEY-UNKNOWN-MIB", "crowVolume", "Right: is unknown"),
    ("CROW-COMMAND-WITHOUT-NOOP-MIB", "crowVolume", "noOp(0)"),
    ("CROW-SERVICE-LINE-MIB", "crow", "a name, a number, a title"),
    ("CROW-NO-SEVERITY-MIB", "crowSpoke", "has no Severity: line"),
    ("CROW-SEVERITY-UNKNOWN-MIB", "crowSpoke", "Severity: loud is unknown"),
    ("CROW-NO-TEXT-MIB", "crowSpoke", "has no Text: line"),
    ("CROW-PLACEHOLDER-MIB", "crowSpoke", "{crowVolume} is none"),
    ("CROW-CLEARS-UNKNOWN-MIB", "crowSpoke", "Clears: 9 is no notification"),
    ("CROW-OBJECTS-DANGLE-MIB", "crowSpoke", "names crowWings"),
    ("CROW-OBJECTS-HIDDEN-MIB", "crowSpoke", "which is not-accessible"),
    ("CROW-KEY-WITHOUT-SIZE-MIB", "crowNestKey", "has a SIZE"),
    ("CROW-KEY-READABLE-MIB", "crowNestKey", "an index column is not-accessible"),
    ("CROW-KEY-UNREPEATED-MIB", "crowNestTable", "no readable column repeats its key"),
    ("CROW-DESCRIPTOR-MIB", "ravenMood", "is called crow…"),
    ("CROW-REFERS-TO-NOTHING-MIB", "crowNestKey", "refers to crowTreeTable, which is no table"),
    ("CROW-SECRET-NUMBER-MIB", "Eggs", "a secret is an OCTET STRING"),
    ("CROW-PATHS-ALIKE-MIB", "crowVOLUME", "its path is that of crowVolume"),
    ("CROW-NO-MIB", "", "no module is declared here"),
]


@pytest.mark.parametrize(("name", "of_what", "reason"), FAULTS, ids=[name for name, *_ in FAULTS])
def test_the_fault_is_found(name: str, of_what: str, reason: str) -> None:
    path = BROKEN / f"{name}.mib"
    findings = examine([path])
    assert any(found.object == of_what and reason in found.reason for found in findings), findings
    assert {found.file for found in findings} == {str(path)}
    assert all(found.severity == "error" for found in findings)
    assert all(remedy_of(found) for found in findings), findings


def test_every_broken_file_has_its_fault_named_here() -> None:
    assert {path.stem for path in BROKEN.iterdir()} == {name for name, *_ in FAULTS}


def test_a_broken_file_is_not_loaded() -> None:
    with pytest.raises(ModelError, match=r"CROW-OID-TWICE-MIB\.mib:\d+: crowMood: has the object"):
        load_files(gather([BROKEN / "CROW-OID-TWICE-MIB.mib", mib_folders()[1]]))


def test_sound_files_have_no_finding() -> None:
    assert examine([SOUND, *mib_folders()]) == []


def test_what_is_not_there_is_a_finding() -> None:
    assert [found.reason for found in examine([BROKEN / "NO-SUCH-FILE.mib"])] == [
        "can't be read: No such file or directory"]


def test_a_folder_without_mibs_is_a_finding(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("empty")
    (folder / "README.txt").write_text("Nothing here.")
    assert [found.reason for found in examine([folder])] == ["holds no MIB file"]


def test_imports_come_from_beside_the_file() -> None:
    folder = SOUND.parent / "beside"
    assert examine([folder / "EGG-MIB.mib"]) == []


def test_other_peoples_doubles_are_warnings_and_the_first_stands() -> None:
    twin = module(scalar("crowOne", 1), name="CROW-MIB-TWIN").replace(
        str(sum(b"CROW-MIB-TWIN")), str(sum(b"CROW-MIB"))).replace("crow MOD", "crowTwin MOD")
    model, findings = load_text(
        module(scalar("crowOne", 1)), twin.replace("{ crow 1 }", "{ crowTwin 1 }"))
    assert [(found.file, found.severity) for found in findings] == [("1.mib", "warning")]
    assert model["crowOne"].module == "CROW-MIB"


def test_warnings_do_not_keep_a_model_from_being_used() -> None:
    raise_first_error([Finding("a.mib", "a", "is odd", "warning")])


def test_the_first_error_says_how_many_more_there_are() -> None:
    with pytest.raises(ModelError, match=r"^a\.mib:3: a: is wrong \(and 1 more\)$"):
        raise_first_error([
            Finding("b.mib", "b", "is odd", "warning"), Finding("a.mib", "a", "is wrong", line=3),
            Finding("c.mib", "", "is wrong")])


def test_load_model_refuses_a_broken_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(ModelError):
        load_model(mib_folders()[1:], [BROKEN / "CROW-NO-TEXT-MIB.mib"],
                   tmp_path_factory.mktemp("cache"))


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_no_text_gives_a_traceback(data: st.DataObject) -> None:
    text = (SOUND / "PARROT-MIB.mib").read_text()
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 200)))
    put = data.draw(st.sampled_from(
        ["", '"', "{", "}", "::=", "--", "END", "0", "parrotMood", "'"]))
    load_text(text[:start] + put + text[end:])


@settings(max_examples=25, deadline=None)
@given(st.binary(max_size=200))
def test_no_octets_give_a_traceback(octets: bytes) -> None:
    load_files_of = MibFile("x.mib", b"X-MIB DEFINITIONS ::= BEGIN " + octets)
    with pytest.raises(ModelError):
        load_files([load_files_of])
