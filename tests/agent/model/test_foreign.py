"""Other people's MIBs: what can be served is, and every fault is said with line and remedy."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from mibagent.model.cache import load_foreign
from mibagent.model.load import examine, load_with_findings
from mibagent.model.nodes import Access, MibModel
from mibagent.model.places import mib_folders
from mibagent.model.remedies import REMEDIES, remedy_of
from mibagent.model.sources import gather
from tests.agent.model.test_broken import FAULTS

FOREIGN = Path(__file__).parent / "foreign"
IETF = mib_folders()[1:]

SETS = {
    "erlang": next(iter(sorted(Path("/usr/lib/erlang/lib").glob("snmp-*/mibs"))), Path("/none")),
    "net-snmp": Path("/usr/share/snmp/mibs"),
}

EXPECTED: dict[str, tuple[dict[str, str], set[str]]] = {
    "GRAMMAR-MIB": ({"b": "error 12: can't be read as SMI", "down_it": "warning 22: SMI has no _"},
                    {"a", "c", "d"}),
    "MISSING-MIB": ({"VENDOR-TC-MIB": "error 3: imports VendorThing",
                     "VENDOR-SMI-MIB": "error 4: imports vendorRoot",
                     "a": "error 6: the type VendorThing is neither",
                     "c": "error 18: its place is under vendorRoot"}, {"b"}),
    "NOIMPORT-MIB": ({"DisplayString": "warning 1: is used and not imported",
                      "Counter32": "warning 1: is used and not imported"}, {"a", "b"}),
    "UNDER-MIB": ({"acme_root": "warning 3: SMI has no _"}, {"acme_val"}),
    "smallMIB": ({"smallMIB": "warning 1: a module's name begins with a capital"}, {"smallVal"}),
    "USER-MIB": ({}, {"userVal"}),
    "V1-MIB": ({}, {"n", "g"}),
    "ODD-MIB": ({"oddAccess": "warning 8: MAX-ACCESS read-", "oddStatus": "warning 15: STATUS",
                 "oddZero": "warning 22: an object's last arc", "oddRange": "warning 29: the range",
                 "oddDefault": "warning 36: DEFVAL", "oddTwin": "error 44: has the object identif",
                 "oddNestTable": "warning 51: a table is", "oddNestEggs": "error 93: is declared "},
                {"oddAccess", "oddStatus", "oddZero", "oddRange", "oddDefault", "oddNestNumber",
                 "oddNestEggs", "oddNestStatus"}),
}


BASES = [IETF[0] / f"{name}.mib" for name in ("SNMPv2-SMI", "SNMPv2-TC", "SNMPv2-CONF")]


@cache
def model_of(name: str) -> MibModel:
    """Give the model of a foreign file beside the few that it needs."""
    path = FOREIGN / f"{name}.mib"
    beside = [FOREIGN / "smallMIB.mib"] if name == "USER-MIB" else []
    model, findings = load_with_findings(gather([path, *beside, *BASES]))
    return replace(model, findings=tuple(each for each in findings if each.file == str(path)))


@pytest.mark.parametrize("name", EXPECTED)
def test_faults_are_said_and_the_rest_is_there(name: str) -> None:
    said, objects = EXPECTED[name]
    model = model_of(name)
    found = {each.object: f"{each.severity} {each.line}: {each.reason}" for each in model.findings}
    assert found.keys() == said.keys()
    assert all(found[key].startswith(text) for key, text in said.items()), found
    assert {node.name for node in model.of_module(name)} == objects
    assert all(remedy_of(each) for each in model.findings)


def test_every_foreign_file_is_expected_here() -> None:
    assert {path.stem for path in FOREIGN.iterdir()} == EXPECTED.keys()


def test_faults_are_said_in_the_order_of_the_file() -> None:
    found = examine([FOREIGN / "ODD-MIB.mib", FOREIGN / "GRAMMAR-MIB.mib"])
    assert [(each.file, each.line) for each in found] == sorted(
        (each.file, each.line) for each in found)


def test_an_unknown_access_is_read_only_and_limits_without_sense_are_none() -> None:
    model = model_of("ODD-MIB")
    assert model["oddAccess"].access is Access.READ_ONLY
    assert model["oddRange"].syntax.ranges == ()
    assert model["oddDefault"].default is None
    assert model.tables["oddNestTable"].row_status == "oddNestStatus"


def test_smiv1_traps_and_types_are_taken() -> None:
    model = model_of("V1-MIB")
    assert model["n"].access is Access.READ_WRITE
    assert model.notifications["boom"].oid == (1, 3, 6, 1, 4, 1, 32473, 54, 0, 5)


def test_without_a_recording_only_what_is_needed_is_compiled(tmp_path: Path) -> None:
    model = load_foreign([FOREIGN / "V1-MIB.mib"], IETF, tmp_path / "cache", standard=False)
    assert {"V1-MIB", "SNMPv2-MIB"} <= model.modules.keys()
    assert "IF-MIB" not in model.modules
    assert model.findings == ()


def test_the_second_load_is_from_the_cache_with_its_findings(tmp_path: Path) -> None:
    first = load_foreign([FOREIGN / "ODD-MIB.mib"], BASES, tmp_path / "cache")
    again = load_foreign([FOREIGN / "ODD-MIB.mib"], BASES, tmp_path / "cache")
    assert again.findings == first.findings != ()
    assert len(list((tmp_path / "cache").iterdir())) == 1


@pytest.mark.parametrize("name", SETS)
def test_sets_of_others_load_or_are_refused_with_file_and_reason(
    name: str, tmp_path: Path
) -> None:
    folder = SETS[name]
    if not folder.is_dir():
        pytest.skip(f"{folder} is not installed")
    model = load_foreign([folder], IETF, tmp_path / "cache")
    files = {str(path) for path in folder.iterdir()
             if path.suffix in (".mib", ".txt") and b"DEFINITIONS" in path.read_bytes()}
    assert len(files) >= 12
    loaded = {module.file for module in model.modules.values()}
    refused = {each.file for each in model.findings if each.severity == "error"}
    assert files <= loaded | refused
    assert all(each.line and each.reason and remedy_of(each) for each in model.findings)
    assert len(model.objects) > 300


def test_with_our_own_broken_ones_a_hundred_mibs_are_tried() -> None:
    ours = [path for folder in mib_folders() for path in folder.glob("*.mib")]
    tried = len(FAULTS) + len(EXPECTED) + len(ours)
    installed = sum(len(list(folder.glob("*.[mt][ix][bt]"))) for folder in SETS.values()
                    if folder.is_dir())
    assert tried + installed >= 100 or not all(folder.is_dir() for folder in SETS.values())


def test_remedies_name_what_the_reason_names() -> None:
    (found,) = [each for each in examine([FOREIGN / "MISSING-MIB.mib"])
                if each.object == "VENDOR-TC-MIB"]
    assert remedy_of(found).startswith("put the file that declares VENDOR-TC-MIB beside")
    assert len({pattern for pattern, _ in REMEDIES}) == len(REMEDIES)
