from __future__ import annotations

from mibagent.errors import MibgateError
from mibgateway.errors import StartError


def test_a_start_error_is_one_line_that_says_all() -> None:
    error = StartError("port 161 at 127.0.0.1 can't be listened on: Permission denied")
    assert isinstance(error, MibgateError)
    assert str(error) == "port 161 at 127.0.0.1 can't be listened on: Permission denied"
