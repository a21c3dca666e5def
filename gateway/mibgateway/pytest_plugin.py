"""The pytest plugin: units as fixtures. A test run that uses none of them loads nothing more.

`mibgate_unit` is one unit for the whole run, or one a module, reset before each test that follows
another; `mibgate_units` makes as many as a test wants. docs/pytest.md has worked examples.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Generator, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mibgateway.testing import LabUnit

__tracebackhide__ = True

SCOPES = ("session", "module", "function")

FILES_LOOKED_AT = 200
"""Test files that are searched for our fixture, which takes some milliseconds."""

_TEST_FILE = re.compile(r"test_.*\.py|.*_test\.py|conftest\.py")

LOG_SHOWN = 20_000
"""Characters of a unit's log that a report of a failed test shows, the newest."""

_USED = pytest.StashKey[list[tuple["LabUnit", int]]]()
"""The units that a test has used, with how long the log of each was before."""

_LAB = pytest.StashKey["Laboratory"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our option and settings."""
    parser.getgroup("mibgate").addoption(
        "--mibgate-scope", choices=SCOPES, default=None,
        help="how long one mibgate_unit is used, with a reset before each test (default: session)")
    parser.addini("mibgate_scope", "the same as --mibgate-scope", default="session")
    parser.addini("mibgate_script",
                  "a file beside the configuration: the start configuration of mibgate_unit",
                  default="")


def pytest_configure(config: pytest.Config) -> None:
    """Make our marker known."""
    config.addinivalue_line(
        "markers", "mibgate(scope=…, script=…, listen=…, **more): how mibgate_unit is for these "
        "tests; what mibgateway.testing.LabUnit takes")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Start the shared unit while pytest is still starting, where the tests speak of it."""
    given = early_config.known_args_namespace
    idle = ("collectonly", "help", "version", "markers", "showfixtures", "numprocesses")
    if not any(getattr(given, name, None) for name in idle) and _speak_of_it(early_config):
        laboratory(early_config).begin_early()


def _speak_of_it(config: pytest.Config) -> bool:
    """Whether a file that is to be collected names the fixture; only so many are looked at."""
    named = config.known_args_namespace.file_or_dir or config.getini("testpaths") or ["."]
    base = config.invocation_params.dir
    paths = _test_files([base / str(each).partition("::")[0] for each in named])
    for path in islice(paths, FILES_LOOKED_AT):
        with contextlib.suppress(OSError):
            if b"mibgate_unit" in path.read_bytes():
                return True
    return False


def _test_files(places: list[Path]) -> Iterator[Path]:
    for place in places:
        if place.is_file():
            yield place
            continue
        for folder, folders, names in os.walk(place):
            folders[:] = sorted(name for name in folders if name[0] not in "._"
                                and name not in ("build", "dist", "node_modules", "venv"))
            yield from (Path(folder, name) for name in names if _TEST_FILE.fullmatch(name))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Start the unit of the first test that wants one while the others are still collected."""
    if "mibgate_unit" in getattr(item, "fixturenames", ()) and _LAB not in item.config.stash \
            and not item.config.option.collectonly:
        laboratory(item.config).begin(item)


def pytest_unconfigure(config: pytest.Config) -> None:
    """End every unit, however the run ended."""
    lab = config.stash.get(_LAB, None)
    if lab is not None:
        lab.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put what each unit has logged during a test that failed into its report."""
    report = yield
    if report.failed:
        for unit, start in item.stash.get(_USED, []):
            title = f"mibgate {unit.name} log"
            text = unit.log[start:][-LOG_SHOWN:]
            if text and title not in dict(report.sections):
                report.sections.append((title, text))
    return report


class Laboratory:
    """The units that tests share, by how long and how each is wanted."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._units: dict[tuple[object, ...], LabUnit] = {}

    def begin(self, item: pytest.Item) -> None:
        """Start the unit that a test will want, and wait for nothing."""
        scope, given = self._wanted(item)
        if scope != "function":
            self._unit(self._key(item, scope, given), given).launch()

    def begin_early(self) -> None:
        """Start the unit that the run's tests share, before any of them is known."""
        scope = self._config.known_args_namespace.mibgate_scope \
            or self._config.getini("mibgate_scope")
        if scope == "session":
            given = self._with_script({})
            self._unit(("session", "", repr(sorted(given.items()))), given).launch()

    def shared(self, item: pytest.Item) -> Iterator[LabUnit]:
        """Give the unit of a test, in its start configuration."""
        scope, given = self._wanted(item)
        key = self._key(item, scope, given)
        unit = self._unit(key, given)
        if unit.is_used:
            unit.reset()
        else:
            unit.start()
        unit.is_used = True
        if scope == "module":
            module = item.getparent(pytest.Module)
            if module is not None:
                module.addfinalizer(lambda: self._end(key))
        try:
            yield unit
        finally:
            if scope == "function":
                self._end(key)

    def _wanted(self, item: pytest.Item) -> tuple[str, dict[str, Any]]:
        given: dict[str, Any] = {}
        for marker in reversed(list(item.iter_markers("mibgate"))):
            given.update(marker.kwargs)
        scope = str(given.pop("scope", None) or self._config.option.mibgate_scope
                    or self._config.getini("mibgate_scope"))
        if scope not in SCOPES:
            raise pytest.UsageError(f"mibgate scope {scope!r}: one of {', '.join(SCOPES)}")
        return scope, self._with_script(given)

    def _with_script(self, given: dict[str, Any]) -> dict[str, Any]:
        script = str(self._config.getini("mibgate_script"))
        if script and "script" not in given:
            path = (self._config.inipath.parent if self._config.inipath
                    else self._config.rootpath) / script
            try:
                given["script"] = path.read_text(encoding="utf-8")
            except OSError as error:
                raise pytest.UsageError(f"mibgate_script {path}: {error.strerror}") from None
        return given

    def _key(self, item: pytest.Item, scope: str, given: dict[str, Any]) -> tuple[object, ...]:
        module = item.getparent(pytest.Module)
        owner = {"session": "", "module": module.nodeid if module else "",
                 "function": item.nodeid}[scope]
        return scope, owner, repr(sorted(given.items()))

    def _unit(self, key: tuple[object, ...], given: dict[str, Any]) -> LabUnit:
        if key not in self._units:
            from mibgateway.testing import LabUnit
            self._units[key] = LabUnit(**given)
        return self._units[key]

    def _end(self, key: tuple[object, ...]) -> None:
        unit = self._units.pop(key, None)
        if unit is not None:
            unit.close()

    def close(self) -> None:
        """End all of them."""
        for key in list(self._units):
            self._end(key)


def laboratory(config: pytest.Config) -> Laboratory:
    """Give the run's one laboratory."""
    if _LAB not in config.stash:
        config.stash[_LAB] = Laboratory(config)
    return config.stash[_LAB]


def _use(item: pytest.Item, unit: LabUnit) -> None:
    item.stash.setdefault(_USED, []).append((unit, len(unit.log)))


@pytest.fixture
def mibgate_unit(request: pytest.FixtureRequest) -> Iterator[LabUnit]:
    """Give a unit that is ready, in its start configuration."""
    for unit in laboratory(request.config).shared(request.node):
        _use(request.node, unit)
        yield unit


class UnitFactory:
    """Makes units for one test; all of them end with it."""

    def __init__(self, item: pytest.Item) -> None:
        self._item = item
        self._units: list[LabUnit] = []

    def __call__(self, **given: Any) -> LabUnit:
        """Give a unit that is ready; given: what mibgateway.testing.LabUnit takes."""
        return self.several(1, **given)[0]

    def several(self, count: int, **given: Any) -> list[LabUnit]:
        """Give so many units, started side by side; each has its own identity and ports."""
        from mibgateway.testing import LabUnit
        made = [LabUnit(**{"name": f"unit {len(self._units) + number + 1}", **given})
                for number in range(count)]
        self._units += made
        for unit in made:
            _use(self._item, unit.launch())
        for unit in made:
            unit.start()
        return made

    def close(self) -> None:
        """End all of them."""
        units, self._units = self._units, []
        for unit in units:
            unit.ask_to_end()
        for unit in units:
            unit.close()


@pytest.fixture
def mibgate_units(request: pytest.FixtureRequest) -> Iterator[UnitFactory]:
    """Give what makes units: `mibgate_units(script=…)`, `mibgate_units.several(3)`."""
    factory = UnitFactory(request.node)
    try:
        yield factory
    finally:
        factory.close()
