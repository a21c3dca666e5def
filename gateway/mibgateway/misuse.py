"""What a command line got wrong, told in one line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import click

from mibagent.errors import MibgateError


class Misuse(click.ClickException):
    """Options or arguments that a command does not take; exit status 2."""

    exit_code = 2

    def __init__(self, error: click.UsageError) -> None:
        said = error.format_message().rstrip(".")
        where = f" (see {error.ctx.command_path} --help)" if error.ctx else ""
        super().__init__(f"{said}{where}")

    def show(self, file: IO[Any] | None = None) -> None:
        """Say it as everything else is said that goes wrong."""
        click.echo(f"mibgate: {self.message}", file=file, err=file is None)


@contextmanager
def told_in_one_line() -> Iterator[None]:
    """Turn what is raised on purpose into one line; help is as long as it is."""
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        raise Misuse(error) from None
    except MibgateError as error:
        click.echo(f"mibgate: {error}", err=True)
        sys.exit(1)


class OneLineGroup(click.Group):
    """The outermost group of commands."""

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        with told_in_one_line():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with told_in_one_line():
            return super().invoke(ctx)
