"""The ready file: whole, private, and never another's file in its place."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from mibgateway.errors import StartError
from mibgateway.lab.ready import PRODUCT, SCHEMA, Listener, Ready, ReadyFile, SnmpAccess, User

READY = Ready(
    SCHEMA, PRODUCT, "1.2.3", 4711, True, "/state", "127.0.0.1", "0123456789AB",
    "00:00:5E:00:53:01", "00005E", "mibgate", ("/mibs", "/mibs/ietf"), "/state/console",
    "/state/lab", None, "/state/pki/ca.pem", "/state/pki/ca.key", "/state/pki/unit.pem",
    SnmpAccess("127.0.0.1", 1161, "80007ed905", False, True, True, "word", True, "/state/snmp"),
    (User("admin", "admin", "pass", "SHA-256", "AES-128", "pass"), User("eve", "observer", None)),
    (Listener("Snmp", "udp", "127.0.0.1", 1161),
     Listener("SipEp", "tls", "127.0.0.1", 5061, "default")))


def test_what_is_written_is_what_is_read() -> None:
    assert Ready.from_json(READY.to_json()) == READY


def test_what_a_later_version_adds_is_passed_over() -> None:
    found = json.loads(READY.to_json())
    found["more"] = found["snmp"]["more"] = found["users"][0]["more"] = 1
    assert Ready.from_json(json.dumps(found)) == READY


@pytest.mark.parametrize("text", [
    "", "[]", "{}", '{"product": "mibgate"}', '{"product": "mibgate", "schema": 1}',
    replace(READY, schema=SCHEMA + 1).to_json(), replace(READY, product="other").to_json()])
def test_what_is_none_is_one_clear_line(text: str) -> None:
    with pytest.raises(StartError, match="ready file"):
        Ready.from_json(text)


def test_it_is_its_owners_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        ReadyFile(tmp_path / "r").write(READY)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "r").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


def test_one_of_an_earlier_unit_is_gone_before_the_start(tmp_path: Path) -> None:
    (tmp_path / "r").write_text(READY.to_json())
    ReadyFile(tmp_path / "r")
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("text", ["precious", "{}", '{"product": "another", "schema": 1}'])
def test_a_file_of_others_is_left_alone(tmp_path: Path, text: str) -> None:
    (tmp_path / "r").write_text(text)
    with pytest.raises(StartError, match="another file is there"):
        ReadyFile(tmp_path / "r")
    assert (tmp_path / "r").read_text() == text


def test_what_is_no_file_is_left_alone(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dangling").symlink_to(tmp_path / "none")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "dangling"):
        with pytest.raises(StartError, match="another file is there"):
            ReadyFile(path)


def test_a_folder_that_is_not_there_is_told_before_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="no such folder"):
        ReadyFile(tmp_path / "none" / "r")


def test_it_goes_at_the_end_unless_another_unit_has_written_it_since(tmp_path: Path) -> None:
    one = ReadyFile(tmp_path / "r")
    one.write(READY)
    other = ReadyFile(tmp_path / "r")
    other.write(replace(READY, pid=4712))
    one.remove()
    assert (tmp_path / "r").exists()
    other.remove()
    assert not (tmp_path / "r").exists()
    other.remove()
