"""`mibgate agent`: recordings and MIBs served, told apart, extended and signalled."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from unittest import TestCase

from mibagent.smi.oid import print_oid
from mibagent.snmp.ber import decode_oid
from mibagent.snmp.message import read_message, read_version
from mibagent.snmp.pdu import Kind, read_pdu
from mibagent.store.journal import summarize
from tests.wire.agent_process import MIBGATE, AgentProcess, net_snmp
from tests.wire.programs import found, free_udp_port, needs
from tests.wire.unit_process import until

ROOT = Path(__file__).parents[2]
CROW_MIB = str(ROOT / "tests" / "agent" / "recording" / "CROW-MIB.mib")
CROW = ".1.3.6.1.4.1.32473.9.7"

ROOK = f'{CROW}.1.0 = STRING: "rook"\n{CROW}.2.0 = INTEGER: 2\n.1.3.6.1.4.1.32473.88.1.0 = ' \
       'Hex-STRING: 00 FF \n'
JAY = f'{CROW[1:]}.1.0|4|jay\n{CROW[1:]}.2.0|2|1\n'


class InFolder(TestCase):
    """Each test in a folder of its own."""

    def setUp(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="mibgate-test-")
        self.addCleanup(self._folder.cleanup)
        self.folder = Path(self._folder.name)

    def file(self, name: str, text: str) -> str:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return str(path)

    def agents(self, *arguments: str) -> AgentProcess:
        return AgentProcess(*arguments, runtime=self.folder)


@needs("snmpd", "snmpwalk", "snmpset", "snmpget")
class Recordings(InFolder):
    """What snmpsim's users have."""

    def test_a_walk_of_snmpd_is_served_line_by_line_and_can_be_set(self) -> None:
        walked = self.folder / "snmpd.walk"
        port = free_udp_port()
        conf = self.file("snmpd.conf", "rocommunity public\nextend quotes /bin/echo 'a \"b\" c'\n")
        snmpd = subprocess.Popen(
            [str(found("snmpd")), "-f", "-Lf", "/dev/null", "-C", "-c", conf, f"127.0.0.1:{port}"],
            env={**os.environ, "MIBS": "", "SNMP_PERSISTENT_DIR": str(self.folder / "snmpd")})
        try:
            until(lambda: net_snmp("snmpget", f"127.0.0.1:{port}", "public",
                                   ".1.3.6.1.2.1.1.3.0").returncode == 0, "snmpd answers")
            walked.write_text("".join(
                net_snmp("snmpbulkwalk", f"127.0.0.1:{port}", "public", tree).stdout
                for tree in (".1.3.6.1.2.1.1", ".1.3.6.1.2.1.2", ".1.3.6.1.2.1.25",
                             ".1.3.6.1.2.1.31", ".1.3.6.1.4.1.8072.1.3")))
        finally:
            snmpd.kill()
            snmpd.wait()
        self.assertGreater(walked.read_text().count("\n.1.3.6.1.2.1.25."), 50)
        with self.agents("--values", str(walked), "--listen", "127.0.0.1:0") as agents:
            place = agents.places()[0]
            ours = net_snmp("snmpwalk", place, "public", ".1", options=["-Cc"])
            lines = ours.stdout.splitlines()
            self.assertIn("No more variables", lines.pop())
            self.assertEqual(lines, walked.read_text().splitlines())
            admin = ".1.3.6.1.2.1.2.2.1.7.1"
            self.assertEqual(net_snmp("snmpset", place, "public", admin, "i", "2").returncode, 0)
            self.assertIn("INTEGER: 2", net_snmp("snmpget", place, "public", admin).stdout)
            self.assertIn("wrongValue",
                          net_snmp("snmpset", place, "public", admin, "i", "9").stderr)
            self.assertIn("notWritable", net_snmp(
                "snmpset", place, "public", ".1.3.6.1.2.1.2.2.1.2.1", "s", "eth9").stderr)

    def test_two_addresses_and_two_contexts_are_served_by_one_process(self) -> None:
        rook, jay = self.file("rook.walk", ROOK), self.file("jay.snmprec", JAY)
        port = free_udp_port()
        with self.agents(
                CROW_MIB, "--values", rook, "--listen", "127.0.0.2:0", "+",
                CROW_MIB, "--values", rook, "--listen", f"127.0.0.1:{port}", "+",
                CROW_MIB, "--values", jay, "--listen", f"127.0.0.1:{port}",
                "--context", "jay") as agents:
            first, second, third = agents.places()
            self.assertEqual(second, third)
            name = f"{CROW}.1.0"
            for place, community, answer in (
                    (first, "public", "rook"), (second, "public", "rook"),
                    (second, "public@jay", "jay")):
                self.assertIn(f'"{answer}"', net_snmp("snmpget", place, community, name).stdout)
            net_snmp("snmpset", second, "public@jay", name, "s", "magpie")
            self.assertIn('"rook"', net_snmp("snmpget", second, "public", name).stdout)
            self.assertIn('"magpie"', net_snmp("snmpget", second, "public@jay", name).stdout)

    def test_a_recording_may_come_from_the_standard_input(self) -> None:
        with subprocess.Popen(
                [*MIBGATE, "--values", "-", "--listen", "127.0.0.1:0"], text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                env={**os.environ, "XDG_RUNTIME_DIR": str(self.folder)}) as process:
            assert process.stdin is not None and process.stdout is not None
            with process.stdin:
                process.stdin.write(ROOK)
            place = process.stdout.readline().split()[1]
            self.assertIn('"rook"', net_snmp("snmpget", place, "public", f"{CROW}.1.0").stdout)
            process.terminate()

    def test_each_agent_that_asks_for_a_free_port_has_one(self) -> None:
        rook, jay = self.file("rook.walk", ROOK), self.file("jay.snmprec", JAY)
        with self.agents("--values", rook, "--listen", "127.0.0.1:0", "+",
                         "--values", jay, "--listen", "127.0.0.1:0") as agents:
            for place, answer in zip(agents.places(), ("rook", "jay"), strict=True):
                self.assertIn(f'"{answer}"', net_snmp(
                    "snmpget", place, "public", f"{CROW}.1.0").stdout)

    def test_a_folder_of_recordings_is_served_as_snmpsim_serves_it(self) -> None:
        self.file("data/rook.snmpwalk", ROOK)
        self.file("data/jay.snmprec", JAY)
        with self.agents("--data-dir", str(self.folder / "data"), "--listen",
                         "127.0.0.1:0") as agents:
            place = agents.places()[0]
            for community, answer in (("rook", "rook"), ("jay", "jay"), ("public@jay", "jay")):
                self.assertIn(f'"{answer}"', net_snmp(
                    "snmpget", place, community, f"{CROW}.1.0").stdout)
            self.assertIn("Timeout", net_snmp(
                "snmpget", place, "public", f"{CROW}.1.0", options=["-r0", "-t0.3"]).stderr)

    def test_with_a_state_what_is_set_outlives_kill_9(self) -> None:
        arguments = (CROW_MIB, "--state", str(self.folder / "state"), "--listen", "127.0.0.1:0")
        with self.agents(*arguments) as agents:
            place = agents.places()[0]
            self.assertEqual(net_snmp(
                "snmpset", place, "public", f"{CROW}.1.0", "s", "raven").returncode, 0)
            self.assertIn("Error in packet", net_snmp(
                "snmpset", place, "public", f"{CROW}.2.0", "i", "7").stderr)
            agents.process.kill()
        with self.agents(*arguments) as agents:
            self.assertIn('"raven"', net_snmp(
                "snmpget", agents.places()[0], "public", f"{CROW}.1.0").stdout)


USERS = "createUser eva SHA-256 maplesyrup AES pancakes!\n" \
        "createUser tom SHA-512 maplesyrup AES-256 pancakes!\nrouser tom\n"


@needs("snmpwalk", "snmpget", "snmpset")
class Users(InFolder):
    """SNMPv3, for those who asked snmpsim so."""

    def ask(self, program: str, place: str, *words: str, user: str = "eva", level: str = "authPriv",
            context: str = "", password: str = "maplesyrup") -> subprocess.CompletedProcess[str]:
        auth, priv = ("SHA-256", "AES") if user == "eva" else ("SHA-512", "AES-256")
        return subprocess.run(
            [str(found(program)), "-v3", "-l", level, "-u", user, "-a", auth, "-A", password,
             "-x", priv, "-X", "pancakes!", "-n", context, "-m", "", "-On", "-r1", "-t5", place,
             *words], capture_output=True, text=True, check=False, timeout=60,
            env={**os.environ, "SNMPCONFPATH": str(self.folder)})

    def test_users_of_a_file_come_in_with_their_rights_and_nobody_else(self) -> None:
        name = f"{CROW}.1.0"
        with self.agents(CROW_MIB, "--users", self.file("users.conf", USERS), "--listen",
                         "127.0.0.1:0") as agents:
            place = agents.places()[0]
            self.assertIn("user eva (read, set), tom (read)", "\n".join(agents.said))
            walked = self.ask("snmpwalk", place, CROW)
            self.assertIn(f'{name} = STRING: "corvus"', walked.stdout)
            self.assertEqual(self.ask("snmpwalk", place, CROW, user="tom").stdout, walked.stdout)
            self.assertIn("= STRING:", self.ask("snmpset", place, name, "s", "raven").stdout)
            self.assertIn("noAccess", self.ask(
                "snmpset", place, name, "s", "jay", user="tom").stderr)
            self.assertIn('"raven"', self.ask("snmpget", place, name, level="authNoPriv").stdout)
            for more, why in (({"password": "applesyrup"}, "Authentication failure"),
                              ({"level": "noAuthNoPriv"}, "authorizationError"),
                              ({"context": "jay"}, "context")):
                told = self.ask("snmpget", place, name, **more)
                self.assertNotEqual(told.returncode, 0)
                self.assertRegex(told.stderr.lower(), why.lower())
            self.assertIn("Timeout", net_snmp(
                "snmpget", place, "public", name, options=["-r0", "-t0.3"]).stderr)
            asked = [("eva", "SHA-256", "AES"), ("tom", "SHA-512", "AES-256")]
            done = subprocess.run(
                [sys.executable, str(Path(__file__).with_name("pysnmp_v3_manager.py")),
                 place.rpartition(":")[2], "maplesyrup", "pancakes!", json.dumps(asked)],
                capture_output=True, text=True, check=True, timeout=60)
            self.assertEqual(json.loads(done.stdout), ["ok", "ok"])

    def test_a_context_of_snmpv3_is_an_agent(self) -> None:
        self.file("data/rook.snmpwalk", ROOK)
        self.file("data/jay.snmprec", JAY)
        with self.agents("--data-dir", str(self.folder / "data"), "--listen", "127.0.0.1:0",
                         "--users", self.file("users.conf", USERS)) as agents:
            place = agents.places()[0]
            for context in ("rook", "jay"):
                self.assertIn(f'"{context}"', self.ask(
                    "snmpwalk", place, CROW, context=context).stdout)
            self.assertIn("context", self.ask("snmpget", place, f"{CROW}.1.0").stderr.lower())

    def test_the_engine_is_the_same_after_kill_9_and_its_boots_go_on(self) -> None:
        arguments = (CROW_MIB, "--state", str(self.folder / "state"), "--listen", "127.0.0.1:0",
                     "--users", self.file("users.conf", USERS))
        with self.agents(*arguments) as agents:
            self.assertEqual(self.ask("snmpset", agents.places()[0], f"{CROW}.1.0", "s",
                                      "raven").returncode, 0)
            agents.process.kill()
        first = summarize(self.folder / "state" / "unit.db", "agent")
        with self.agents(*arguments) as agents:
            self.assertIn('"raven"', self.ask(
                "snmpget", agents.places()[0], f"{CROW}.1.0").stdout)
        second = summarize(self.folder / "state" / "unit.db", "agent")
        assert first is not None and second is not None
        self.assertEqual(first.memory["identity"], second.memory["identity"])
        self.assertEqual((first.memory["boots"], second.memory["boots"]), (b"1", b"2"))


MODULE = """
from dataclasses import dataclass
from mibagent.service.service import Service, on_change, provides

@dataclass(frozen=True)
class CrowSettings:
    crow_name: str

class CrowService(Service[CrowSettings]):
    mib = "CROW-MIB"
    settings = CrowSettings

    @provides("crowAge")
    def age(self) -> int:
        return {age}

    @on_change("crowName")
    def renamed(self, wanted: CrowSettings) -> None:
        self.unit.notify("crowCaws", {{"crowName": wanted.crow_name, "crowFoodGrams": 3,
                                       "crowFoodKind": 1}})
"""


@needs("snmpget", "snmpset")
class Behaviour(InFolder):
    """From no code to code."""

    def test_a_module_answers_for_part_of_a_mib_and_is_read_anew(self) -> None:
        module = self.file("crow.py", MODULE.format(age=4))
        with self.agents(CROW_MIB, "--module", module, "--listen", "127.0.0.1:0") as agents:
            place, age, name = agents.places()[0], f"{CROW}.3.0", f"{CROW}.1.0"
            self.assertIn("(4)", net_snmp("snmpget", place, "public", age).stdout)
            self.assertIn('"corvus"', net_snmp("snmpget", place, "public", name).stdout)
            net_snmp("snmpset", place, "public", name, "s", "raven")
            self.file("crow.py", MODULE.format(age=5))
            told = agents.command("restart")
            self.assertIn("CROW-MIB is answered by", told.stdout, told.stderr)
            self.assertIn("(5)", net_snmp("snmpget", place, "public", age).stdout)
            self.assertIn('"raven"', net_snmp("snmpget", place, "public", name).stdout)
            self.file("crow.py", MODULE.format(age=6) + "\n  oops")
            refused = agents.command("restart")
            self.assertEqual(refused.returncode, 1)
            self.assertRegex(refused.stderr, r"crow\.py:\d+: ")
            self.assertIn("(5)", net_snmp("snmpget", place, "public", age).stdout)
            self.file("crow.py", MODULE.format(age=7))
            agents.process.send_signal(signal.SIGHUP)
            until(lambda: "(7)" in net_snmp("snmpget", place, "public", age).stdout, "age 7")

    def test_a_watched_module_is_read_anew_by_itself(self) -> None:
        module = self.file("crow.py", MODULE.format(age=4))
        with self.agents(CROW_MIB, "--module", module, "--watch", "--listen",
                         "127.0.0.1:0") as agents:
            time.sleep(0.01)
            self.file("crow.py", MODULE.format(age=5))
            until(lambda: "(5)" in net_snmp("snmpget", agents.places()[0], "public",
                                            f"{CROW}.3.0").stdout, "age 5")

    def test_notifications_go_by_command_and_from_the_module(self) -> None:
        module = self.file("crow.py", MODULE.format(age=4))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as manager:
            manager.bind(("127.0.0.1", 0))
            manager.settimeout(30)
            to = f"127.0.0.1:{manager.getsockname()[1]}"
            with self.agents(CROW_MIB, "--module", module, "--listen", "127.0.0.1:0",
                             "--trap-to", to) as agents:
                told = agents.command(
                    "notify", "crowCaws", "crowFoodGrams.3=12", "crowMood=loud")
                self.assertEqual(told.returncode, 0, told.stderr)
                self.assertEqual(self.carried(manager), [
                    (f"{CROW}.1.0", b"corvus"), (f"{CROW}.11.1.2.3", b"\x0c"),
                    (f"{CROW}.2.0", b"\x02")])
                net_snmp("snmpset", agents.places()[0], "public", f"{CROW}.1.0", "s", "raven")
                self.assertEqual(self.carried(manager), [
                    (f"{CROW}.1.0", b"raven"), (f"{CROW}.11.1.2.1", b"\x03")])
                for words, why in (
                        (("crowSings",), "no MIB that is loaded has such a notification"),
                        (("crowCaws", "crowFoodGrams=1"), "without its row"),
                        (("crowCaws", "crowFoodGrams.3=2000"), "0..1000 allowed"),
                        (("crowCaws", "crowMood"), "OBJECT=VALUE"),
                        (("crowCaws", "crowFoodGrams.3=1", "--to", "nobody"), "a receiver is")):
                    refused = agents.command("notify", *words)
                    self.assertEqual((refused.returncode, refused.stdout), (1, ""))
                    self.assertIn(why, refused.stderr)

    def carried(self, manager: socket.socket) -> list[tuple[str, bytes]]:
        """Give the objects of the next trap."""
        octets = manager.recv(65536)
        version, at = read_version(octets)
        message = read_message(octets, version, at)
        pdu = read_pdu(Kind.TRAP, octets, message.start, len(octets))
        return [("." + print_oid(decode_oid(each.name)), each.content)
                for each in pdu.varbinds[2:]]


class Starts(InFolder):
    """What can't be served says so in a line, and leaves nothing."""

    def test_an_address_that_is_not_ours_is_one_line(self) -> None:
        ended = subprocess.run(
            [*MIBGATE, CROW_MIB, "--listen", "192.0.2.1:0", "--community", "x"],
            capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual(ended.returncode, 1)
        self.assertRegex(ended.stderr, r"\Amibgate: 192\.0\.2\.1:0: [^\n]+\n\Z")

    def test_the_end_leaves_no_file(self) -> None:
        with self.agents(CROW_MIB, "--listen", "127.0.0.1:0"):
            self.assertEqual(len(list(self.folder.glob("mibgate-agent-*"))), 1)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_what_a_killed_agent_left_goes_with_the_next_start(self) -> None:
        with self.agents(CROW_MIB, "--listen", "127.0.0.1:0") as agents:
            agents.process.kill()
        self.assertEqual(len(list(self.folder.iterdir())), 1)
        with self.agents(CROW_MIB, "--listen", "127.0.0.1:0") as agents:
            self.assertEqual([path.name for path in self.folder.iterdir()],
                             [f"mibgate-agent-{agents.process.pid}"])

    def test_a_folder_that_others_can_write_to_is_not_used(self) -> None:
        self.folder.chmod(0o777)
        ended = subprocess.run(
            [*MIBGATE, CROW_MIB, "--listen", "127.0.0.1:0"], capture_output=True, text=True,
            check=False, timeout=60, env={**os.environ, "XDG_RUNTIME_DIR": str(self.folder)})
        self.assertEqual(ended.returncode, 1)
        self.assertIn("belongs to somebody else", ended.stderr)

    def test_the_console_answers_whatever_it_is_asked(self) -> None:
        with self.agents(CROW_MIB, "--listen", "127.0.0.1:0"):
            (console,) = self.folder.glob("*/console")
            for octets in (b"\n", b"[]\n", b"\xff\n", b"[" * 60_000 + b"\n", b'{"do": 5}\n',
                           b'{"do":"notify","agent":5,"name":[],"objects":3,"to":"a"}\n'):
                with socket.socket(socket.AF_UNIX) as link:
                    link.settimeout(30)
                    link.connect(str(console))
                    link.sendall(octets)
                    self.assertIn(b"not a question", link.recv(1000))

    def test_help_tells_options_and_commands(self) -> None:
        shown = subprocess.run([*MIBGATE, "--help"], capture_output=True, text=True, check=True)
        for word in ("--values", "--data-dir", "--module", "notify", "restart"):
            self.assertIn(word, shown.stdout)
