"""The steps of the demo: what is SET, and what it must come to."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from mibagent.errors import MibgateError
from mibgateway.demo.manager import Instance, Manager, Wanted, snmpset_lines
from mibgateway.demo.screen import Screen, span
from mibgateway.demo.stage import ADDRESS, Heard, Interrupted, Stage, interruptible

BOUND_S = 20.0
"""How long anything may take."""

READING_S = 1.2
"""What a person gets before the next step, on a terminal."""

NOTICE_S = 1.0
"""How long a notification is waited for that may have been sent before."""

RESTART_DUE = "Scm: 400-Service Controller Manager: 110-"
DULL = ("Scm: 400-Service Controller Manager: 100-", "console ", "conf ", "The user admin ")
"""What the start says of itself that the show does without."""

ROW = "sipEpTlsPersistentConnectionStatus"
TLS_ENABLE = Instance("sipEpTransportConfigTlsEnable", (b"default",))
UDP_ENABLE = Instance("sipEpTransportConfigUdpEnable", (b"default",))
TCP_ENABLE = Instance("sipEpTransportConfigTcpEnable", (b"default",))
SERVER = Instance("sipEpDefaultStaticProxyOutboundHost")
SUITES = Instance("sipEpTransportTlsCipherSuite")
FLOOR = Instance("sipEpTransportTlsVersion")
NEED_RESTART = Instance("sipEpNeedRestartInfo")
RESTART = Instance("scmRestartRequiredServices")
LED = Instance("scmReadyLed")

CS1_SUITES = ("TLS_RSA_WITH_AES_256_CBC_SHA", "TLS_RSA_WITH_AES_128_CBC_SHA",
              "TLS_DHE_RSA_WITH_AES_256_CBC_SHA", "TLS_DHE_RSA_WITH_AES_128_CBC_SHA")


class StoryBroke(MibgateError):
    """A step did not come to what it should."""


def connection(column: str) -> Instance:
    """Give a cell of the one persistent connection's row."""
    return Instance(f"{ROW}{column}", (1,))


class Story:
    """Plays the steps on a stage and shows them."""

    def __init__(self, stage: Stage, screen: Screen) -> None:
        self._stage, self._screen = stage, screen
        self._number = 0
        self._asked_at = time.monotonic()
        self._heard: list[Heard] = []
        self._server_facts: Mapping[str, object] = {}
        self._manager: Manager
        self._is_over = False

    def tell(self) -> None:
        """Play all of it. Raises StoryBroke, NoAnswer, StageError."""
        self._begin()
        self._switch_tls_on()
        self._name_the_server()
        self._connect()
        self._choose_old_suites()
        self._back_in_one_pdu()
        self._be_refused()

    # -- the steps

    def _begin(self) -> None:
        self._step("A unit and a SIP server start",
                   "Two processes; certificates of a CA that lives as long as the demo.")
        from mibagent.model.cache import load_model
        from mibagent.model.places import mib_folders
        with self._screen.waiting("reading the MIBs (the first time takes some seconds)"):
            model = load_model(mib_folders())
        with self._screen.waiting("making certificates"):
            self._stage.certify()
        self._stage.start_server()
        self._stage.start_unit()
        self._until("the server listens", lambda: self._stage.server_port > 0)
        self._until("the unit is ready",
                    lambda: any(each.who == "unit" and each.text == "ready"
                                for each in self._heard))
        self._manager = Manager(model, ADDRESS, self._stage.snmp_port, self._stage.community)

    def _switch_tls_on(self) -> None:
        self._step("One SET turns TLS on",
                   "TLS and non-TLS never mix: UDP and TCP go off in the same commit. The service "
                   "goes on with what it runs, and says that a restart is due.")
        self._set({TLS_ENABLE: "enable"})
        self._must_read({TLS_ENABLE: "enable", UDP_ENABLE: "disable", TCP_ENABLE: "disable",
                         NEED_RESTART: "yes"})
        self._expect_notice(RESTART_DUE)

    def _name_the_server(self) -> None:
        self._step("The server to connect to",
                   "Stored durably when the answer comes; like the switch it waits for the "
                   "restart.")
        self._set({SERVER: self._server})
        self._must_read({SERVER: self._server, NEED_RESTART: "yes"})

    def _connect(self) -> None:
        self._step("The restart applies both: the unit connects",
                   "The server's certificate is checked against the CA and its address, the "
                   "unit's own is shown. OPTIONS asks whether the server lives.")
        self._set({RESTART: "restart"})
        self._connected("TLSv1.3")
        self._must_read({NEED_RESTART: "no", LED: "steady"})
        self._table()

    def _choose_old_suites(self) -> None:
        self._step("Old cipher suites: configured, not yet running",
                   "The set cs1 is for old peers; it ends at TLS 1.2. The connection stays as it "
                   "is until SipEp restarts.")
        self._set({SUITES: "cs1"})
        self._must_read({NEED_RESTART: "yes", connection("State"): "up",
                         connection("TlsVersion"): "TLSv1.3"})
        self._expect_notice(RESTART_DUE)
        self._step("The restart applies them: the same link in TLS 1.2", "")
        self._set({RESTART: "restart"})
        self._connected("TLSv1.2", CS1_SUITES)
        self._must_read({NEED_RESTART: "no"})
        self._table()

    def _back_in_one_pdu(self) -> None:
        self._step("Change and restart in one PDU",
                   "One PDU is one transaction: suites, lowest version, and the restart that "
                   "applies both.")
        self._set({FLOOR: "tlsv13", SUITES: "cs4", RESTART: "restart"})
        self._connected("TLSv1.3")
        self._must_read({NEED_RESTART: "no"})
        self._table()

    def _be_refused(self) -> None:
        self._step("A SET that is refused changes nothing",
                   "Nobody takes UDP back while TLS is on; all that came with it is refused too.")
        wanted = {FLOOR: "tlsv12", UDP_ENABLE: "enable"}
        self._set(wanted, "inconsistentValue", 2)
        self._must_read({FLOOR: "tlsv13", UDP_ENABLE: "disable", NEED_RESTART: "no",
                         connection("State"): "up"})

    # -- what steps are made of

    @property
    def _server(self) -> str:
        return f"{ADDRESS}:{self._stage.server_port}"

    def _step(self, title: str, why: str) -> None:
        if self._number and self._screen.is_live:
            self._listen(READING_S)
        self._number += 1
        self._screen.step(self._number, title, why)
        self._asked_at = time.monotonic()

    def _set(self, wanted: Wanted, status: str = "noError", index: int = 0) -> None:
        """SET, and show the answer, which is to be so. Raises StoryBroke, NoAnswer."""
        self._listen(0)
        self._screen.command(snmpset_lines(ADDRESS, wanted))
        self._heard = []
        self._asked_at = time.monotonic()
        answer = self._manager.set(wanted)
        words = answer.words
        if answer.index:
            words += f", error-index {answer.index}: {list(wanted)[answer.index - 1]}"
        right = (answer.words, answer.index) == (status, index)
        self._say("answer", words, "good" if right and answer.is_ok else "bad")
        if not right:
            raise StoryBroke(f"the SET was answered {answer.words}, not {status}")

    def _must_read(self, wanted: Wanted) -> None:
        """GET until all is so, and show it. Raises StoryBroke, NoAnswer."""
        found = self._read_until(wanted)
        for instance, value in zip(wanted, found, strict=True):
            self._say("get", f"{instance} = {value}")

    def _read_until(self, wanted: Wanted) -> list[str]:
        found: list[str] = []

        def is_so() -> bool:
            found[:] = self._manager.get(*wanted)
            return found == list(wanted.values())

        try:
            self._until("the state", is_so)
        except StoryBroke:
            odd = next(f"{instance} is {value}, not {wish}" for (instance, wish), value
                       in zip(wanted.items(), found, strict=True) if value != wish)
            raise StoryBroke(odd) from None
        return found

    def _connected(self, version: str, suites: tuple[str, ...] = ()) -> None:
        """Wait until both sides agree on a new connection. Raises StoryBroke, NoAnswer."""
        lines = (
            f"<14>SipEp: 1400-SIP Endpoint: 303-TLS connection with remote host {self._server} "
            "is now ready to be used for SIP gateway default.",
            f"<14>SipEp: 1400-SIP Endpoint: 310-Server {self._server} is now reachable for SIP "
            "gateway default.")

        def is_so() -> bool:
            said = [each.text for each in self._heard if each.who == "syslog"]
            met = [each for each in self._heard if each.who == "server"
                   and each.event["event"] == "connected"]
            return all(line in said for line in lines) and bool(met)

        try:
            self._until(f"connecting to {self._server}", is_so)
        except StoryBroke as error:
            state, why = self._manager.get(connection("State"), connection("LastError"))
            raise StoryBroke(f"{error}: the connection is {state or 'not there'}, {why}") from None
        self._read_until({connection("State"): "up", connection("TlsVersion"): version})
        suite = self._manager.get(connection("CipherSuite"))[0]
        seen = (self._server_facts["version"], self._server_facts["cipher"])
        if seen != (version, suite) or (suites and suite not in suites):
            raise StoryBroke(f"{version} {suite} at the unit, {' '.join(map(str, seen))} at "
                             "the server")

    def _expect_notice(self, start: str) -> None:
        """Give a notification that follows its cause in some milliseconds the time to arrive."""
        deadline = time.monotonic() + NOTICE_S
        while time.monotonic() < deadline and not any(
                each.who == "syslog" and start in each.text for each in self._heard):
            self._listen(0.05, first=True)

    def _table(self) -> None:
        columns = ("State", "TlsVersion", "CipherSuite", "PeerSubject", "LocalPort", "RoundTrip")
        found = dict(zip(columns, self._manager.get(*map(connection, columns)), strict=True))
        seen = {key: str(value) for key, value in self._server_facts.items()}
        self._screen.table(f"{ROW}Table, row 1", ("", "as the unit says", "as the server says"), (
            ("State", found["State"], "connected"),
            ("TLS version", found["TlsVersion"], seen["version"]),
            ("Suite", found["CipherSuite"], seen["cipher"]),
            ("Peer", found["PeerSubject"], seen["peer"]),
            ("Unit's port", found["LocalPort"], seen["port"]),
            ("Round trip", f"{found['RoundTrip']} ms", ""),
        ))

    def _until(self, what: str, is_so: Callable[[], bool]) -> None:
        """Show what happens until something holds. Raises StoryBroke."""
        if is_so():
            return
        deadline = time.monotonic() + BOUND_S
        with self._screen.waiting(what):
            while not is_so():
                if time.monotonic() > deadline:
                    raise StoryBroke(f"{what}: not within {BOUND_S:g} s")
                self._listen(0.05, first=True)

    def _listen(self, wait: float, *, first: bool = False) -> None:
        """Show what happens for so long, or up to the first that happens."""
        deadline = time.monotonic() + wait
        while True:
            heard = self._stage.hear(deadline - time.monotonic())
            for each in heard:
                self._note(each)
            if (first and heard) or time.monotonic() >= deadline:
                return

    # -- what is heard

    def _note(self, heard: Heard) -> None:
        self._heard.append(heard)
        if heard.who in ("unit", "server") and not heard.text:
            raise StoryBroke(f"the {heard.who}'s process has ended")
        text = " ".join(heard.text.split())
        if heard.who == "server":
            text = self._note_server(heard)
        if heard.who != "log" and not _is_dull(text) and not self._note_is_dull(heard):
            self._say(heard.who, text, at=heard.at)

    def _note_is_dull(self, heard: Heard) -> bool:
        """Whether it says nothing to who watches."""
        return False

    def _note_server(self, heard: Heard) -> str:
        event = heard.event
        match event["event"]:
            case "listening":
                self._stage.server_port = event["port"]
                return f"SIP over TLS at {self._server}"
            case "connected":
                self._server_facts = event
                return (f"{event['version']} {event['cipher']} "
                        f"from port {event['port']}, client {event['peer']}")
            case "request":
                return f"{event['method']} answered {event['status']}"
            case "refused":
                return f"handshake failed: {event['why']}"
            case "swapped":
                return f"shows {event['subject']} now, for {event['names']}"
        return f"connection from port {event['port']} closed"

    def _say(self, who: str, text: str, style: str = "", at: float | None = None) -> None:
        if self._is_over:
            when = f"{datetime.now():%H:%M:%S}"
        else:
            when = span(max(0.0, (at or time.monotonic()) - self._asked_at))
        self._screen.line(when, who, text, style)

    # -- after it

    def stay(self) -> None:
        """Show what happens until a signal comes. Raises StoryBroke when an actor ends."""
        self._is_over = True
        while True:
            self._listen(3600.0)
            self._heard = []

    def invite(self) -> None:
        """Print what to paste into another terminal."""
        conf = shlex.quote(str(self._stage.state / "snmp"))
        screen = self._screen
        screen.step(self._number + 1, "Yours now, in another terminal", (
            "" if shutil.which("snmpset") else
            "net-snmp's tools are not installed here: apt-get install snmp"))
        for command in (
            [f"export SNMPCONFPATH={conf}"],
            [f"snmpwalk {ADDRESS} mibgate"],
            [f"snmpwalk {ADDRESS} {ROW}Table"],
            snmpset_lines(ADDRESS, {SUITES: "cs3", RESTART: "restart"}),
            snmpset_lines(ADDRESS, {Instance("sipEpReconnect"): "reconnect"}),
            snmpset_lines(ADDRESS, {TLS_ENABLE: "disable", RESTART: "restart"}),
            [f"{own_name()} mib path        # the folders for a MIB browser"],
        ):
            screen.command(command)
        screen.print("", "Notifications and the server's words show here. Ctrl-C ends the demo "
                     "and removes all of it.")


def _is_dull(text: str) -> bool:
    return re.sub("^<[0-9]+>", "", text).startswith(DULL)


def own_name() -> str:
    """Give what to type for `mibgate`."""
    given = Path(sys.argv[0]).absolute()
    if shutil.which("mibgate") == str(given):
        return "mibgate"
    if given.name == "__main__.py":
        return "python -m mibgateway"
    return shlex.quote(_from_here(given))


def _from_here(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def show(*, stay: bool, color: bool) -> int:
    """Play the demo; give the exit status."""
    from mibgateway.demo.acts import WholeStory
    screen = Screen(color=color)
    told = False
    try:
        with interruptible(), Stage() as stage:
            screen.head("mibgate demo", "A unit, a SIP server behind TLS, and a manager that "
                        "changes the unit by SNMP. Times count from each SET.")
            story = WholeStory(stage, screen)
            try:
                story.tell()
                told = True
                screen.end("Every step came to what it should.", good=True)
                if stay:
                    story.invite()
                    story.stay()
            except MibgateError as error:
                screen.print(*stage.complaints())
                screen.end(str(error), good=False)
                return 1
    except Interrupted as interrupt:
        screen.print("", "The demo has ended; nothing of it is left.")
        return 0 if told else 128 + interrupt.number
    return 0
