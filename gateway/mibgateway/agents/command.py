"""`mibgate agent`: its options, and the sections that a `+` parts."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

_PATH = click.Path(path_type=Path)
_FOLDER = click.Path(path_type=Path, file_okay=False)
LARGE = 1 << 20
"""From so many octets on a recording that is read at a terminal shows how far it is."""


class _Agent(click.Group):
    """`agent notify` and `agent restart` are commands; all else is the agents to run."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ("-h", "--help")):
            args = ["serve", *args]
        return super().parse_args(ctx, args)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        serve = self.commands["serve"]
        with click.Context(serve, info_name="agent", parent=ctx.parent) as inner:
            serve.format_help(inner, formatter)
        self.format_commands(ctx, formatter)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name in super().list_commands(ctx) if name != "serve"]


class _Sections(click.Command):
    """A command whose options may be given several times over, a `+` between."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        sections: list[dict[str, Any]] = []
        rest, more = args, True
        while more:
            at = rest.index("+") if "+" in rest else len(rest)
            part, more, rest = rest[:at], at < len(rest), rest[at + 1:]
            ctx.params = {}
            super().parse_args(ctx, part)
            sections.append(ctx.params)
        ctx.params = {"sections": sections}
        return []


@click.group(cls=_Agent)
def agent() -> None:
    """Serve any MIB and any recording without code."""


@agent.command(cls=_Sections)
@click.argument("files", nargs=-1, type=_PATH, metavar="[MIB]...")
@click.option("--values", type=_PATH, multiple=True, metavar="FILE",
              help="What a device said: the output of snmpwalk -On or -Onx, or an snmprec file; "
                   "- is the standard input.")
@click.option("--data-dir", type=_FOLDER, metavar="DIR",
              help="A folder of recordings; each is a context, and a community, by its name.")
@click.option("--listen", default="127.0.0.1", show_default=True, metavar="ADDRESS[:PORT]",
              help="Where it answers; port 1161 unless said, 0 for a free one.")
@click.option("--community", multiple=True, metavar="NAME",
              help="May read and set; `public` unless one is given.")
@click.option("--read-community", multiple=True, metavar="NAME", help="May read.")
@click.option("--users", type=_PATH, metavar="FILE",
              help="Users of SNMPv3, a line each as in snmpd.conf: createUser NAME SHA-256 "
                   "PASSWORD AES-128 PASSWORD. There is no community then unless one is given.")
@click.option("--context", default="", metavar="NAME",
              help="Answers to communities NAME stands behind: public@NAME; and in SNMPv3 to "
                   "that context.")
@click.option("--state", type=_FOLDER, metavar="DIR",
              help="Keep what is set in this folder; without it nothing is kept.")
@click.option("--module", type=_PATH, metavar="FILE",
              help="A Python file with a service for one of the MIBs.")
@click.option("--watch", is_flag=True, help="Restart that service when its file changes.")
@click.option("--mibs", type=_FOLDER, multiple=True, metavar="DIR",
              help="A folder of MIBs to import from.")
@click.option("--writable", is_flag=True,
              help="Let values that are in no MIB be set, each by one of its own type.")
@click.option("--fill", is_flag=True,
              help="Serve by its DEFVALs what a recording lacks of the modules that it touches.")
@click.option("--trap-to", multiple=True, metavar="ADDRESS[:PORT][/COMMUNITY]",
              help="Send notifications there by SNMPv2c; v1: before it for SNMPv1.")
def serve(sections: list[dict[str, Any]]) -> None:
    """Serve MIB files, or recordings of devices, or both, without code.

    What is set is checked as the MIBs say: access, ranges, sizes, enumerations, RowStatus. Several
    agents run in one process, a `+` between what is said of each:

      mibgate agent A-MIB.mib --listen 127.0.0.2 + --values b.walk --listen 127.0.0.3
    """
    from mibgateway.agents.plan import make_plan
    from mibgateway.agents.run import run
    logging.basicConfig(
        level="WARNING", format="%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    plans = []
    for number, options in enumerate(sections):
        for section in _sections_of(options, number):
            plan = make_plan(section, _progress)
            for line in plan.warnings:
                click.echo(line, err=True)
            plans.append(plan)
    sys.exit(run(plans, lambda text: print(text, flush=True)))


def _sections_of(options: dict[str, Any], number: int) -> list[Any]:
    from mibgateway.agents.plan import Place, Section, in_data_folder
    from mibgateway.agents.users import read_users
    section = Section(
        options["files"], tuple(map(_or_input, options["values"])), options["mibs"],
        Place.of(options["listen"], number), options["community"], options["read_community"],
        read_users(options["users"]) if options["users"] else (), options["context"],
        state=options["state"], module=options["module"], watch=options["watch"],
        writable=options["writable"], fill=options["fill"], traps_to=options["trap_to"])
    folder = options["data_dir"]
    return [section] if folder is None else in_data_folder(section, folder)


def _or_input(path: Path) -> Path:
    """Give what `-` stands for."""
    return Path("/dev/stdin") if str(path) == "-" else path


def _progress(path: Path) -> Callable[[int], None]:
    """Give what is told of octets as they are read; at a terminal it shows them."""
    try:
        size = path.stat().st_size
    except OSError:
        size = 0
    if size < LARGE or not sys.stderr.isatty():
        return lambda octets: None
    bar = click.progressbar(length=size, label=path.name, file=sys.stderr,
                            update_min_steps=size // 100)
    bar.render_progress()

    def advance(octets: int) -> None:
        bar.update(octets)
        if bar.finished:
            bar.render_finish()
    return advance


_state = click.option("--state", type=_FOLDER, metavar="DIR",
                      help="Which agent: its state, or the folder that it named at its start.")


@agent.command()
@_state
@click.option("--agent", "which", default="", metavar="NAME",
              help="Which of several in one process: ADDRESS:PORT or the context.")
@click.option("--to", multiple=True, metavar="ADDRESS[:PORT][/COMMUNITY]",
              help="To whom, in place of --trap-to's.")
@click.argument("name")
@click.argument("objects", nargs=-1)
def notify(
    state: Path | None, which: str, to: tuple[str, ...], name: str, objects: tuple[str, ...]
) -> None:
    """Let a running agent send a notification: NAME OBJECT.ROW=VALUE …

    Objects that are left out are sent as they stand.
    """
    from mibgateway.agents.shell import ask
    for line in ask(state, {"do": "notify", "agent": which, "to": to, "name": name,
                            "objects": objects}):
        click.echo(line)


@agent.command()
@_state
def restart(state: Path | None) -> None:
    """Let a running agent read its --module anew.

    Nothing else is disturbed.
    """
    from mibgateway.agents.shell import ask
    for line in ask(state, {"do": "restart"}):
        click.echo(line)
