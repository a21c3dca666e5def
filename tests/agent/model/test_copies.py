"""One folder of MIB files for a browser: all modules, and nothing of the user's is overwritten."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from mibagent.errors import ModelError
from mibagent.model.cache import load_model
from mibagent.model.copies import copy_modules
from mibagent.model.places import mib_folders
from tests.wire.programs import require

OWL = "OWL-MIB DEFINITIONS ::= BEGIN\nowl OBJECT IDENTIFIER ::= { 1 3 6 1 4 1 32473 9 }\nEND\n"
ROOK = "ROOK-MIB DEFINITIONS ::= BEGIN\nrook OBJECT IDENTIFIER ::= { 1 3 6 1 4 1 32473 8 }\nEND\n"


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_every_module_of_ours_is_there_under_its_own_name(tmp_path: Path) -> None:
    copies = copy_modules(mib_folders(), tmp_path / "all")
    modules = load_model(mib_folders()).modules
    assert names(tmp_path / "all") == {f"{name}.mib" for name in modules}
    assert len(copies.written) == len(modules) and copies.kept == []


def test_the_folder_is_complete_by_itself(tmp_path: Path) -> None:
    copy_modules(mib_folders(), tmp_path)
    assert set(load_model([tmp_path]).objects) == set(load_model(mib_folders()).objects)


def test_net_snmp_reads_it_without_another_folder(tmp_path: Path) -> None:
    copy_modules(mib_folders(), tmp_path)
    done = subprocess.run(
        [require("snmptranslate"), "-M", str(tmp_path), "-m", "ALL", "-On",
         "MIBGATE-SIPEP-MIB::sipEpTransportTlsVersion"],
        capture_output=True, text=True, check=False,
        env={"SNMPCONFPATH": os.devnull})
    assert done.stdout.startswith(".1.3.6.1.4.1."), done.stderr
    assert "Cannot find module" not in done.stderr


def test_a_second_copy_changes_nothing(tmp_path: Path) -> None:
    first = copy_modules(mib_folders(), tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    second = copy_modules(mib_folders(), tmp_path)
    assert (second.written, second.kept) == ([], first.written)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


def test_a_file_that_differs_stops_the_whole_copy(tmp_path: Path) -> None:
    (tmp_path / "SNMPv2-MIB.mib").write_text("the official one")
    with pytest.raises(ModelError, match=r"SNMPv2-MIB\.mib: choose another folder, or --force"):
        copy_modules(mib_folders(), tmp_path)
    assert names(tmp_path) == {"SNMPv2-MIB.mib"}
    assert (tmp_path / "SNMPv2-MIB.mib").read_text() == "the official one"


def test_force_replaces_what_differs_and_leaves_what_is_not_a_copy(tmp_path: Path) -> None:
    (tmp_path / "SNMPv2-MIB.mib").write_text("the official one")
    (tmp_path / "notes").write_text("mine")
    copy_modules(mib_folders(), tmp_path, force=True)
    assert "DEFINITIONS" in (tmp_path / "SNMPv2-MIB.mib").read_text()
    assert (tmp_path / "notes").read_text() == "mine"


def test_a_link_is_replaced_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("precious")
    folder = tmp_path / "all"
    folder.mkdir()
    (folder / "OWL-MIB.mib").symlink_to(elsewhere)
    (tmp_path / "owl").write_text(OWL)
    copy_modules([tmp_path / "owl"], folder, force=True)
    assert elsewhere.read_text() == "precious"
    assert (folder / "OWL-MIB.mib").read_text() == OWL


def test_the_name_comes_from_the_text_and_not_from_the_file(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    (source / "download (1).txt").write_text(OWL)
    copy_modules([source], tmp_path / "out")
    assert (tmp_path / "out" / "OWL-MIB.mib").read_text() == OWL


def test_two_modules_of_one_file_become_two_files(tmp_path: Path) -> None:
    (tmp_path / "birds.mib").write_text(f"-- birds\n{OWL}-- and\n{ROOK}")
    copy_modules([tmp_path / "birds.mib"], tmp_path / "out")
    assert names(tmp_path / "out") == {"OWL-MIB.mib", "ROOK-MIB.mib"}
    assert (tmp_path / "out" / "ROOK-MIB.mib").read_text() == ROOK
    assert set(load_model([tmp_path / "out"]).modules) == {"OWL-MIB", "ROOK-MIB"}


def test_of_two_modules_with_one_name_the_first_counts(tmp_path: Path) -> None:
    (tmp_path / "new").write_text(OWL + "-- newer\n")
    (tmp_path / "old").write_text(OWL)
    copy_modules([tmp_path / "new", tmp_path / "old"], tmp_path / "out")
    assert (tmp_path / "out" / "OWL-MIB.mib").read_text().endswith("-- newer\n")


def test_files_are_for_everybody_to_read_as_the_umask_allows(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        (tmp_path / "owl").write_text(OWL)
        copy_modules([tmp_path / "owl"], tmp_path / "out")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out" / "OWL-MIB.mib").stat().st_mode) == 0o644


def test_a_folder_is_not_copied_onto_itself(tmp_path: Path) -> None:
    (tmp_path / "owl").write_text(OWL)
    with pytest.raises(ModelError, match="copied from"):
        copy_modules([tmp_path], tmp_path)
    assert names(tmp_path) == {"owl"}


@pytest.mark.parametrize("blocked", ["file", "file/below"])
def test_what_is_no_folder_is_refused(tmp_path: Path, blocked: str) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "owl").write_text(OWL)
    with pytest.raises(ModelError, match=r"is not a folder|can't be"):
        copy_modules([tmp_path / "owl"], tmp_path / blocked)
    assert (tmp_path / "file").read_text() == "mine"
