"""`python -m tools.conformance`: judge a mibgate unit, or any agent, from outside.

Exit status: 0 no new failure, 1 a new failure, 2 the run itself could not be made.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path

from rich.console import Console

import tools.conformance.checks
import tools.conformance.managers  # noqa: F401  (both fill the registry)
from tools.conformance import report
from tools.conformance.agent import Agent
from tools.conformance.credentials import BadCredentials, Credentials, read
from tools.conformance.link import UdpLink, UnknownTarget
from tools.conformance.registry import CHECKS, FAIL, Check, Failed, Result, Skipped, run
from tools.conformance.unit import UnitFailed, started_unit


def options() -> argparse.ArgumentParser:
    """Give what the command line knows."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.conformance", description="Checks an SNMP agent from outside. "
        "Without --target it starts a mibgate unit on loopback, and lets itself write there.")
    parser.add_argument("--target", metavar="HOST[:PORT]", help="any agent instead; [::1]:161 too")
    parser.add_argument("--credentials", metavar="FILE", type=Path,
                        help="TOML; tools/conformance/credentials.py says what stands in it. "
                        "MIBGATE_CONFORMANCE_COMMUNITY and …_WRITE_COMMUNITY come before it")
    parser.add_argument("--allow-set", action="store_true",
                        help="SETs too; what they change is set back")
    parser.add_argument("--only", metavar="PATTERN", action="append", default=[],
                        help="checks whose name matches, such as 'usm-*'; may come several times")
    parser.add_argument("--no-managers", action="store_true",
                        help="raw datagrams alone, without net-snmp's tools and pysnmp")
    parser.add_argument("--baseline", metavar="FILE", type=Path,
                        help="a report of --json: what failed there is known and no new failure")
    parser.add_argument("--json", metavar="FILE", type=Path,
                        help="write the report, for --baseline")
    parser.add_argument("--junit", metavar="FILE", type=Path, help="write JUnit XML")
    parser.add_argument("--wait", metavar="SECONDS", type=float, default=1.0,
                        help="for an answer, three times [1]")
    parser.add_argument("--walk-limit", metavar="N", type=int, default=3000,
                        help="instances that the survey walks at most [3000]")
    parser.add_argument("--list", action="store_true", help="print checks and clauses, and end")
    return parser


@contextmanager
def target(where: str | None, credentials: Path | None
           ) -> Iterator[tuple[str, int, Credentials, bool]]:
    """Give host, port, credentials, and whether the agent is our own unit."""
    if where is None:
        with started_unit() as unit:
            yield unit.host, unit.port, unit.credentials, True
        return
    host, _, port_text = where.rpartition(":") if _has_port(where) else (where, "", "161")
    if not port_text.isdecimal() or not 0 < int(port_text) < 65536:
        raise UnknownTarget(f"{where}: no port is {port_text!r}")
    yield host.strip("[]"), int(port_text), read(credentials), False


def _has_port(where: str) -> bool:
    return "]:" in where if where.startswith("[") else where.count(":") == 1


def wanted(patterns: Sequence[str], managers: bool) -> list[Check]:
    """Give the checks to run."""
    return [each for each in CHECKS.values()
            if (managers or not each.run.__module__.endswith(".managers"))
            and (not patterns or any(fnmatchcase(each.name, pattern) for pattern in patterns))]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print and write; give the exit status."""
    asked = options().parse_args(arguments)
    console, errors = Console(), Console(stderr=True)
    if not console.is_terminal:
        console.width = 180
    chosen = wanted(asked.only, not asked.no_managers)
    if asked.list:
        for each in chosen:
            print(each.name, each.clause, each.says, sep="\t")
        return 0
    try:
        known = report.known_failures(asked.baseline) if asked.baseline else set()
        with target(asked.target, asked.credentials) as (host, port, credentials, is_ours):
            link = UdpLink(host, port)
            agent = Agent(link, credentials, allow_set=asked.allow_set or is_ours,
                          wait_s=asked.wait, survey_limit=asked.walk_limit)
            try:
                _ = agent.survey
            except Failed as failed:
                errors.print(f"{host}:{port}: {failed}; is it there, are the credentials right?")
                return 2
            name = "a mibgate unit" if is_ours else f"{host}:{port}"
            with errors.status("") as status:
                results: list[Result] = run(
                    agent, chosen, lambda each: status.update(f"{each.name}: {each.verdict}"))
            link.close()
    except (BadCredentials, UnknownTarget, UnitFailed, Skipped, report.BadBaseline,
            OSError) as error:
        errors.print(str(error), markup=False)
        return 2
    report.show(console, name, results, known)
    if asked.json:
        asked.json.write_text(report.as_json(name, results), encoding="utf-8")
    if asked.junit:
        asked.junit.write_text(report.as_junit(name, results, known), encoding="utf-8")
    new = [each.name for each in results if each.verdict == FAIL and each.name not in known]
    if known:
        mended = known - {each.name for each in results if each.verdict == FAIL}
        console.print(f"against the baseline: {len(new)} new failures, {len(mended)} mended")
    return 1 if new else 0


if __name__ == "__main__":
    sys.exit(main())
