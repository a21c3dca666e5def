"""Users of SNMPv3 come from a file, and an engine ID stays with its state."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import Clock

from mibagent.agent import Agent
from mibagent.snmp.users import User
from mibagent.store.access import Rights
from mibgateway.agents.users import AgentUser, KeyedUsers, engine_of, fresh_engine_id, read_users
from mibgateway.errors import StartError
from mibgateway.state import StateDirectory
from tests.agent.recording.kit import crow
from tests.agent.snmp.secure import ENGINE, user_of


def users(tmp_path: Path, text: str) -> tuple[AgentUser, ...]:
    path = tmp_path / "users.conf"
    path.write_text(text)
    return read_users(path)


def test_users_are_written_as_snmpd_has_them(tmp_path: Path) -> None:
    assert users(tmp_path, """
# who may
createUser eva SHA-256 "maple syrup" AES pancakes!
createUser tom sha512 #maplesyrup
createUser "old one" MD5 maplesyrup DES
rouser tom
rwuser eva
""") == (
        AgentUser(b"eva", "SHA-256", b"maple syrup", "AES-128", b"pancakes!"),
        AgentUser(b"tom", "SHA-512", b"#maplesyrup", rights=Rights.OBSERVER),
        AgentUser(b"old one", "MD5", b"maplesyrup", "DES", b"maplesyrup"))


@pytest.mark.parametrize(("text", "line", "why"), [
    ("", 0, "there is no user in it"),
    ("createUser eva\n", 1, "is wanted"),
    ("createUser eva SHA-256 PASSWORD AES PASSWORD more\n", 1, "is wanted"),
    ("rocommunity public\n", 1, "is wanted"),
    ("\ncreateUser eva SHA-256 short\n", 2, "at least 8 octets"),
    ("createUser eva SHA-256 PASSWORD AES short\n", 1, "at least 8 octets"),
    ("createUser eva PASSWORD SHA-256\n", 1, "is one of MD5"),
    ("createUser eva SHA-256 PASSWORD PASSWORD\n", 1, "is one of DES"),
    ("createUser eva SHA PASSWORD\ncreateUser eva SHA PASSWORD\n", 2, "eva is there twice"),
    (f"createUser {'e' * 33} SHA PASSWORD\n", 1, "1 to 32 octets"),
    ("createUser eva SHA PASSWORD\nrouser tom\n", 2, "no createUser makes tom"),
    ("createUser eva SHA 'PASSWORD\n", 1, "quotation"),
])
def test_what_is_no_user_is_told_with_its_line_and_without_its_password(
    tmp_path: Path, text: str, line: int, why: str
) -> None:
    with pytest.raises(StartError, match=why) as caught:
        users(tmp_path, text.replace("PASSWORD", "maplesyrup"))
    told = str(caught.value)
    assert f"users.conf:{line}:" in told or not line
    assert "maplesyrup" not in told and "short" not in told and "\n" not in told


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="No such file"):
        read_users(tmp_path / "none")
    (tmp_path / "image").write_bytes(b"\xff\xfe")
    with pytest.raises(StartError, match="it is no text"):
        read_users(tmp_path / "image")


def test_no_password_is_shown_with_its_user(tmp_path: Path) -> None:
    (user,) = users(tmp_path, "createUser eva SHA-256 maplesyrup AES pancakes!\n")
    assert "maple" not in repr(user) and "pancakes" not in repr(user)


@pytest.mark.parametrize(("auth", "priv"), [
    ("SHA-256", "AES-128"), ("MD5", "DES"), ("SHA-512", "AES-256-C"), ("SHA", "")])
def test_keys_are_those_of_the_passwords_at_the_engine(auth: str, priv: str) -> None:
    made = KeyedUsers(
        [AgentUser(b"eva", auth, b"maplesyrup", priv, b"pancakes!" if priv else b"")], ENGINE)
    found = made.user(b"eva")
    wanted = user_of(auth=auth, priv=priv)

    def keys(user: User | None) -> list[Any]:
        assert user is not None and user.auth is not None
        return [user.level, user.auth.key, user.priv and user.priv.key]

    assert keys(found) == keys(wanted)
    assert made.user(b"tom") is None
    assert made.user_at(b"eva", b"another") is None


# -- who the engine is


@pytest.fixture
def engine(tmp_path: Path) -> Callable[[Path | None], tuple[bytes, int, str]]:
    """Start an agent on a state, and give who its engine is."""
    def start(path: Path | None) -> tuple[bytes, int, str]:
        state = None if path is None else StateDirectory(path)
        agent = Agent(Clock(), crow(), None if state is None else state.journal,
                      sys_descr="crow", sys_object_id=(1, 3), communities={})
        found: list[Any] = []
        ensureDeferred(engine_of(agent.store, path)).addBoth(found.append)
        ensureDeferred(agent.stop())
        if state is not None:
            state.close()
        return found[0]     # type: ignore[no-any-return]
    return start


def test_an_engine_id_is_kept_in_a_state_with_its_boots(
    engine: Callable[[Path | None], tuple[bytes, int, str]], tmp_path: Path
) -> None:
    first, second = engine(tmp_path / "one"), engine(tmp_path / "one")
    assert first[0] == second[0] and len(first[0]) == 13
    assert [first[1:], second[1:]] == [(1, ""), (2, "")]
    assert engine(tmp_path / "two")[0] != first[0]
    assert engine(None)[0] != engine(None)[0]


def test_a_copied_state_has_an_engine_id_of_its_own_and_a_moved_one_keeps_it(
    engine: Callable[[Path | None], tuple[bytes, int, str]], tmp_path: Path
) -> None:
    first = engine(tmp_path / "one")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    engine_id, boots, said = engine(tmp_path / "two")
    assert (engine_id != first[0], boots) == (True, 1)
    assert f"is a copy of {tmp_path / 'one'}" in said
    assert engine(tmp_path / "two") == (engine_id, 2, "")
    (tmp_path / "one").rename(tmp_path / "three")
    assert engine(tmp_path / "three") == (first[0], 2, "")


def test_engine_ids_are_of_format_5() -> None:
    assert fresh_engine_id().hex().startswith("80007ed905")
