"""A user's service module: a Python file with the services that answer for a MIB."""

from __future__ import annotations

import contextlib
import itertools
import sys
import traceback
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from mibagent.errors import ModelError
from mibagent.service.service import Service
from mibgateway.errors import StartError

_number = itertools.count(1)


@contextlib.contextmanager
def about(path: Path | None) -> Iterator[None]:
    """Let what MIB and services disagree about name the services' file. Raises StartError."""
    try:
        yield
    except ModelError as error:
        if path is None:
            raise
        raise StartError(f"{path}: {error}") from None


def services_of(path: Path) -> list[type[Service[Any]]]:
    """Give the services that a file declares, read now. Raises StartError with line and reason."""
    if not path.is_file():
        raise StartError(f"--module {path}: there is no such file")
    name = f"mibgate_module_{next(_number)}"
    spec = spec_from_file_location(name, path)
    assert isinstance(spec, ModuleSpec) and spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module        # where dataclasses look their annotations up
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    try:
        source = path.read_bytes()
        exec(compile(source, str(path), "exec"), module.__dict__)
    except SyntaxError as error:
        raise StartError(f"{path}:{error.lineno}: {error.msg}") from None
    except Exception as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__)
                 if frame.filename == str(path)]
        where = f"{path}:{lines[-1]}" if lines else str(path)
        raise StartError(f"{where}: {type(error).__name__}: {error}") from None
    finally:
        sys.dont_write_bytecode = before
    found = [each for each in vars(module).values()
             if isinstance(each, type) and issubclass(each, Service)
             and each.__module__ == name and each.mib]
    if not found:
        raise StartError(f"{path}: no class of it is a Service with a mib")
    return found
