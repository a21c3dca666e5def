"""The command line. What a command needs is imported when it runs, so that `--help` is at once."""

from __future__ import annotations

import getpass
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mibgateway import starting
from mibgateway.agents.command import agent
from mibgateway.misuse import OneLineGroup

if TYPE_CHECKING:
    from mibagent.model.nodes import MibModel

LEVELS = ("debug", "info", "warning", "error")

_DIRECTORY = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False)


def default_state() -> Path:
    """Give where a unit's state is unless told otherwise. XDG base directories."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "mibgate"


def loopback() -> str:
    """Give the loopback address that this host has."""
    import socket
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
    except OSError:
        return "::1"
    return "127.0.0.1"


def state_option(command: Any) -> Any:
    """Add --state."""
    return click.option(
        "--state", type=click.Path(path_type=Path), default=default_state, metavar="DIR",
        show_default="~/.local/state/mibgate", help="The unit's state directory.")(command)


@click.group(cls=OneLineGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mibgate", prog_name="mibgate")
def mibgate() -> None:
    """A managed VoIP gateway unit in software.

    `mibgate demo` shows what it does; `mibgate run` runs a unit in the foreground.
    """


@mibgate.command()
@state_option
@click.option("--script", type=_FILE, metavar="FILE",
              help="Applied as one transaction before the services start; a refused line stops "
                   "the start.")
@click.option("--listen", default=lambda: loopback(), metavar="ADDRESS",
              show_default="127.0.0.1, or ::1 on a host without IPv4",
              help="The address that every interface is bound to; 0.0.0.0 or :: for all.")
@click.option("--mibs", type=_DIRECTORY, multiple=True, metavar="DIR",
              help="A further folder of MIB files; may be given several times.")
@click.option("--unprivileged", is_flag=True,
              help="Use 1161 for 161 and so on, without trying the privileged port.")
@click.option("--log-level", type=click.Choice(LEVELS), default="warning", show_default=True,
              help="The least severity of log lines on standard error.")
@click.option("--profile", type=_FILE, metavar="FILE",
              help="A script of the unit's own defaults; taken at the first start, then kept.")
@click.option("--serial", default="", metavar="HEX", help="12 hexadecimal digits; first start.")
@click.option("--mac", default="", metavar="MAC", help="The unit's MAC address; first start.")
@click.option("--oui", default="", metavar="HEX", help="6 hexadecimal digits; first start.")
@click.option("--product", default="", metavar="NAME", help="The product class; first start.")
@click.option("--ephemeral", is_flag=True,
              help="A unit for a test: temporary state, free ports, a CA and passwords of its own; "
                   "gone at the end, and with the process that started it.")
@click.option("--ready-file", type=_FILE, metavar="FILE",
              help="Written once the unit is ready: addresses, ports, passwords and more as JSON. "
                   "Removed at the end.")
@click.option("--die-with-parent/--outlive-parent", "with_parent", default=None,
              help="Whether to end with the process that started this one; --ephemeral does.")
@click.option("--ports", type=click.Choice(["free", "standard"]), default=None,
              help="Which ports an ephemeral unit begins with; free ones by default.")
@click.option("--key-type", type=click.Choice(["ec", "rsa"]), default=None,
              help="Of an ephemeral unit's certificate; rsa suits the suite sets cs1 to cs3 too.")
def run(
    state: Path, script: Path | None, listen: str, mibs: tuple[Path, ...], unprivileged: bool,
    log_level: str, profile: Path | None, serial: str, mac: str, oui: str, product: str,
    ephemeral: bool, ready_file: Path | None, with_parent: bool | None, ports: str | None,
    key_type: str | None,
) -> None:
    """Run one unit in the foreground until SIGTERM or Ctrl-C."""
    logging.basicConfig(
        level=log_level.upper(), format="%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    order: dict[str, Any] = {
        "script": script, "listen": listen, "mibs": mibs, "unprivileged": unprivileged,
        "profile": profile, "identity": checked_identity(serial, mac, oui, product), "say": _say}
    checked_address(listen)
    if not ephemeral and (ports or key_type):
        raise click.UsageError("--ports and --key-type are for --ephemeral")
    starting.begin()
    if not (ephemeral or ready_file or with_parent):
        from mibgateway.main import Order, run_order
        sys.exit(run_order(Order(state, **order)))
    from mibgateway.lab.start import LabOptions, run_in_lab
    named = click.get_current_context().get_parameter_source("state")
    is_named = named is not click.core.ParameterSource.DEFAULT
    sys.exit(run_in_lab(
        LabOptions(ephemeral, ready_file, ephemeral if with_parent is None else with_parent,
                   free_ports=ports != "standard", key_type=key_type or "ec"),
        state if is_named or not ephemeral else None, **order))


def _say(text: str) -> None:
    print(text, flush=True)


def checked_address(text: str) -> None:
    """Raise StartError unless text is an IP address."""
    import ipaddress

    from mibgateway.errors import StartError
    try:
        ipaddress.ip_address(text)
    except ValueError:
        raise StartError(f"--listen {text}: an IPv4 or IPv6 address is wanted") from None


def checked_folders(mibs: tuple[Path, ...]) -> None:
    """Raise StartError unless each is a folder."""
    from mibgateway.errors import StartError
    for folder in mibs:
        if not folder.is_dir():
            raise StartError(f"--mibs {folder}: there is no such folder")


def checked_identity(serial: str, mac: str, oui: str, product: str) -> dict[str, str]:
    """Give the parts of an identity in their one form. Raises StartError."""
    import re

    from mibgateway.errors import StartError
    digits = re.sub(r"[:.\-]", "", mac).upper()
    if serial and not re.fullmatch(r"[0-9A-Fa-f]{12}", serial):
        raise StartError(f"--serial {serial}: 12 hexadecimal digits are wanted")
    if mac and not re.fullmatch(r"[0-9A-F]{12}", digits):
        raise StartError(f"--mac {mac}: 12 hexadecimal digits are wanted")
    if oui and not re.fullmatch(r"[0-9A-Fa-f]{6}", oui):
        raise StartError(f"--oui {oui}: 6 hexadecimal digits are wanted")
    if product and (len(product) > 64 or not product.isprintable()):
        raise StartError("--product: at most 64 printable characters are wanted")
    return {"serial": serial.upper(), "oui": oui.upper(), "product": product,
            "mac": ":".join(digits[at:at + 2] for at in range(0, len(digits), 2))}


@mibgate.command()
@click.option("--once", is_flag=True, help="Show it and end, without staying up.")
@click.option("--no-color", is_flag=True, help="Plain text.")
def demo(once: bool, no_color: bool) -> None:
    """Show a unit and a SIP server: a SET that moves a TLS link, step by step."""
    from mibgateway.demo.story import show
    sys.exit(show(stay=not once, color=not no_color))


# -- a unit's own doors


@mibgate.command()
@state_option
@click.argument("file", type=click.File("rb"))
def script(state: Path, file: Any) -> None:
    """Run a script: on the unit that runs on this state, else on the state itself."""
    sys.exit(_run_script(state, file.read()))


@mibgate.command()
@state_option
@click.argument("user", default="admin")
def passwd(state: Path, user: str) -> None:
    """Set a user's password."""
    from mibgateway.adoption import must_be_there
    from mibgateway.northbound.script_grammar import quote
    must_be_there(state)
    if sys.stdin.isatty():
        password = getpass.getpass(f"New password of {user}: ")
        if password != getpass.getpass("Again: "):
            raise click.ClickException("the two differ; nothing was changed")
    else:
        password = sys.stdin.readline().rstrip("\n")
    if not password:
        raise click.ClickException("an empty password lets nobody in; nothing was changed")
    if len(password.encode()) < 8:
        click.echo("Under 8 octets: SNMPv3 makes no keys of it.", err=True)
    line = f"Aaa.Users[UserName={quote(user)}].Password={quote(password)}\n"
    sys.exit(_run_script(state, line.encode(), show_lines=False))


@mibgate.group()
def cert() -> None:
    """Certificates of a unit."""


@cert.command("import")
@state_option
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--type", "kind", type=click.Choice(["host", "other"]), default="other",
              show_default=True, help="host: the unit's own, with its key; other: a CA.")
@click.option("--name", default="", help="Its name in the unit; the file's name otherwise.")
@click.option("--password", is_flag=True, help="Ask for the password of a locked key.")
def cert_import(state: Path, path: Path, kind: str, name: str, password: bool) -> None:
    """Install a certificate from a PEM or PKCS #12 file."""
    from mibgateway.northbound.script_grammar import quote
    line = f"Cert.Import Type={kind} FileName={quote(name or path.name)} " \
           f"Path={quote(str(path.resolve()))}"
    if password:
        line += f" Password={quote(getpass.getpass('Password of the key: '))}"
    status = _run_script(state, line.encode(), show_lines=False)
    if not status:
        click.echo(f"{name or path.name} installed")
    sys.exit(status)


@mibgate.group()
def tls() -> None:
    """TLS from a unit's point of view."""


@tls.command("probe")
@state_option
@click.argument("server", metavar="HOST:PORT")
@click.option("--sni", default="", metavar="NAME",
              help="The name to ask for and to look for in the certificate; HOST otherwise.")
def tls_probe(state: Path, server: str, sni: str) -> None:
    """Say what a TLS server negotiates, and which validation level would take it and why not.

    It is judged with the CAs and the certificate of the unit whose state is given; exit status 0
    says that it would be taken at level HostName.
    """
    from mibagent.smi.host import HostPort
    from mibgateway.northbound.script_grammar import quote
    from mibgateway.northbound.shell import ask_console
    try:
        named = HostPort.from_text(server)
    except ValueError as error:
        raise click.ClickException(f"{server}: {error}") from None
    line = f"Cert.Probe Host={quote(str(named))} Sni={quote(sni)}"
    found = ask_console(state / "console", line.encode())
    if found is None:
        sys.exit(_probe_offline(state, named, sni))
    for failure in found["failures"]:
        raise click.ClickException(failure["why"])
    report = "\n".join(found["answers"])
    click.echo(report)
    sys.exit(0 if "\nHostName pass" in report else 1)


def _probe_offline(state: Path, server: Any, sni: str) -> int:
    """Probe with the certificates that a unit which does not run has, or with none."""
    from tempfile import TemporaryDirectory

    from mibgateway.main import Launch, Order, run_order
    lines: list[str] = []

    async def look(launch: Launch) -> None:
        service: Any = launch.unit.host.services["Cert"].wired.service
        service.open_vault()
        lines.extend(await service.look_over(server, sni))

    with TemporaryDirectory() as nowhere:
        has_unit = (state / "unit.db").exists()
        if not has_unit:
            click.echo(f"no unit in {state}: judged without any CA", err=True)
        order = Order(state if has_unit else Path(nowhere), say=_say)
        status = run_order(order, then=look)
    for line in lines:
        click.echo(line)
    return status or int(not any(line.startswith("HostName pass") for line in lines))


def _run_script(state: Path, octets: bytes, show_lines: bool = True) -> int:
    from mibgateway.northbound.shell import ask_console
    from mibgateway.progress import Bar
    with Bar() as bar:
        found = ask_console(state / "console", octets, moved=bar.moved)
    if found is None:
        return _run_offline(state, octets)
    for answer in found["answers"]:
        click.echo(answer)
    for failure in found["failures"]:
        where = f"line {failure['line']}: " if show_lines else ""
        click.echo(f"mibgate: {where}{failure['why']}", err=True)
    if show_lines:
        click.echo(f"{found['result']}: {found['lines']} lines, "
                   f"{len(found['failures'])} refused")
    return 1 if found["failures"] else 0


def _run_offline(state: Path, octets: bytes) -> int:
    from mibgateway.main import Launch, Order, run_order
    from mibgateway.northbound.script_grammar import ScriptError, parse_script
    try:
        statements = parse_script(octets)
    except ScriptError as error:
        click.echo(f"mibgate: line {error.line}: {error.why}", err=True)
        return 1

    async def settle(launch: Launch) -> None:
        await launch.settle()

    order = Order(state, say=_say, statements=statements)
    return run_order(order, then=settle)


@mibgate.group("state")
def state_group() -> None:
    """State directories: what they are, copies and moves."""


@state_group.command("show")
@state_option
def state_show(state: Path) -> None:
    """Say what a state is, whether a unit runs on it or not."""
    from mibgateway.adoption import show
    for title, text in show(state):
        click.echo(f"{title:<10} {text}")


@state_group.command("adopt")
@state_option
@click.option("--moved", is_flag=True,
              help="It is no copy: the unit was moved here and stays what it is.")
@click.option("--serial", default="", metavar="HEX",
              help="Another serial number for a copy, 12 hexadecimal digits.")
@click.option("--mac", default="", metavar="MAC", help="Another MAC address for a copy.")
def state_adopt(state: Path, moved: bool, serial: str, mac: str) -> None:
    """Take over a state that was copied or moved from another machine.

    A copy becomes a unit of its own: it gets a new SNMP engine ID, and SNMPv3 passwords, whose keys
    are made for one engine ID, are to be set again.
    """
    from mibgateway.adoption import adopt, must_be_there
    given = checked_identity(serial, mac, "", "")
    if moved and (serial or mac):
        raise click.UsageError("--moved keeps the unit what it is; --serial and --mac are for "
                               "a copy")
    must_be_there(state)
    from mibgateway.main import Launch, Order, run_order

    async def take(launch: Launch) -> None:
        await adopt(launch, moved=moved, serial=given["serial"], mac=given["mac"])

    sys.exit(run_order(Order(state, adopts=True, say=_say), then=take))


mibgate.add_command(agent)


# -- MIBs


@mibgate.group()
def mib() -> None:
    """MIB files: check them, show them, find them."""


@mib.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--mibs", type=_DIRECTORY, multiple=True, metavar="DIR",
              help="A folder of MIBs to import from.")
def check(files: tuple[Path, ...], mibs: tuple[Path, ...]) -> None:
    """Say what is wrong with MIB files: file, line, object, reason and remedy.

    An error is what can't be served, and makes the exit status 1; a warning is what can.
    """
    from mibagent.model.load import examine
    from mibagent.model.remedies import remedy_of
    found = examine(files, mibs)
    for finding in found:
        click.echo(str(finding))
        click.echo(f"    {remedy_of(finding)}")
    if not found:
        click.echo(f"{len(files)} file{'s' * (len(files) > 1)}: nothing is wrong")
    sys.exit(1 if any(finding.severity == "error" for finding in found) else 0)


@mib.command()
@click.option("--mibs", type=_DIRECTORY, multiple=True, metavar="DIR")
def tree(mibs: tuple[Path, ...]) -> None:
    """Show every object as a tree."""
    from mibagent.model.tree import tree_lines as lines
    click.echo("\n".join(lines(_model(mibs))))


@mib.command()
def path() -> None:
    """Print the folders of our MIB files, as net-snmp's -M takes them."""
    from mibagent.model.places import mib_folders
    click.echo(":".join(str(folder) for folder in mib_folders()))


@mib.command()
@click.argument("folder", metavar="DIR", type=_DIRECTORY)
@click.option("--mibs", type=_DIRECTORY, multiple=True, metavar="DIR",
              help="A further folder of MIB files; may be given several times.")
@click.option("--force", is_flag=True, help="Replace files whose content differs.")
def copy(folder: Path, mibs: tuple[Path, ...], force: bool) -> None:
    """Copy every module into one folder, as MIB browsers want them.

    Each file is named after its module. One that is there with other content is left alone,
    and nothing is copied then, unless --force is given.
    """
    from mibagent.model.copies import copy_modules
    from mibagent.model.places import mib_folders
    checked_folders(mibs)
    copies = copy_modules((*mibs, *mib_folders()), folder, force=force)
    total = len(copies.written) + len(copies.kept)
    click.echo(f"{total} modules in {folder}: {len(copies.written)} written, "
               f"{len(copies.kept)} there already")


@mib.command()
@click.option("--for", "platform", required=True,
              type=click.Choice(["snmp-exporter", "snmp-exporter-0.22", "zabbix", "librenms"]),
              help="The management platform.")
@click.option("--to", "folder", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
              help="Where to write the files; without it they are printed.")
@click.option("--mibs", type=_DIRECTORY, multiple=True, metavar="DIR",
              help="A further folder of MIB files; may be given several times.")
def export(platform: str, folder: Path | None, mibs: tuple[Path, ...]) -> None:
    """Give a management platform what it needs to poll a unit, made from the MIBs."""
    from mibgateway.platforms import definitions
    files = definitions.of(_model(mibs), platform)
    for name, text in files.items():
        if folder is None:
            click.echo(f"# {name}" * (len(files) > 1) + "\n" * (len(files) > 1) + text, nl=False)
            continue
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        click.echo(str(path))


@mibgate.command()
@click.argument("what")
@click.option("--mibs", type=_DIRECTORY, multiple=True, metavar="DIR")
def name(what: str, mibs: tuple[Path, ...]) -> None:
    """Give the spellings of an object, however WHAT spells it."""
    from mibgateway.naming import spellings
    for title, text in spellings(_model(mibs), what):
        click.echo(f"{title:<11} {text}")


def _model(mibs: tuple[Path, ...]) -> MibModel:
    from mibgateway.main import model_of
    return model_of(mibs)



