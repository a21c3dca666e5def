"""What was typed wrong is told in one line."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from mibgateway.cli import mibgate


@pytest.mark.parametrize(("words", "said"), [
    (("--foo",), "No such option '--foo' (see mibgate --help)"),
    (("foo",), "No such command 'foo' (see mibgate --help)"),
    (("name",), "Missing argument 'WHAT' (see mibgate name --help)"),
    (("mib", "check", "--foo"), "No such option '--foo' (see mibgate mib check --help)"),
    (("run", "--log-level", "loud"), "Invalid value for '--log-level'"),
    (("run", "--ready-file"), "Option '--ready-file' requires an argument"),
    (("agent", "--community"), "Option '--community' requires an argument"),
    (("run", "--ports", "free"), "--ports and --key-type are for --ephemeral"),
])
def test_what_was_typed_wrong_is_one_line(words: tuple[str, ...], said: str) -> None:
    found = CliRunner().invoke(mibgate, list(words))
    assert (found.exit_code, found.output.count("\n")) == (2, 1)
    assert found.output.startswith(f"mibgate: {said}")


@pytest.mark.parametrize("words", [(), ("mib",)])
def test_a_group_without_a_command_shows_its_help(words: tuple[str, ...]) -> None:
    found = CliRunner().invoke(mibgate, list(words))
    assert found.output.startswith("Usage: ") and "Commands:" in found.output
