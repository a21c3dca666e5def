"""The demo's second and third act: a wrong certificate, and a kill -9."""

from __future__ import annotations

import json
import time

from mibgateway.demo.manager import Instance
from mibgateway.demo.stage import ADDRESS, Heard
from mibgateway.demo.story import LED, SERVER, Story, StoryBroke, connection, own_name
from mibgateway.northbound.shell import ask_console

RECONNECT = Instance("sipEpReconnect")
NAME = Instance("hocSystemName")
LEVEL = "SipEp.InteropTlsCertificateValidation"

REFUSED = "SipEp: 1400-SIP Endpoint: 305-"

KILLED_AFTER = 100
"""SETs that are acknowledged before the unit is killed."""


class WholeStory(Story):
    """All three acts."""

    def tell(self) -> None:
        super().tell()
        self._swap_the_certificate()
        self._look_the_server_over()
        self._lower_the_level()
        self._put_it_right()
        self._kill()
        self._start_again()

    # -- the second act

    def _swap_the_certificate(self) -> None:
        self._step("The server shows a wrong certificate",
                   "Of the same CA and in date, but for another address. The unit is told to "
                   "connect anew: it says which check refused it, and why.")
        self._heard = []
        self._stage.swap("wrong.pem")
        self._until("the server has changed", lambda: self._heard_of("server", "swapped"))
        self._set({RECONNECT: "reconnect"})
        self._until("the refusal", lambda: any(
            each.who == "syslog" and REFUSED in each.text for each in self._heard))
        self._must_read({connection("State"): "down", LED: "blinking"})

    def _look_the_server_over(self) -> None:
        self._step("Which level would take it?",
                   "The probe looks the server over with the unit's own CAs, clock and name.")
        self._screen.command([f"{own_name()} tls probe --state {self._state} \\",
                              f"    {self._server}"])
        self._is_probing = True
        try:
            with self._screen.waiting("the probe"):
                report = self._console(f'Cert.Probe Host="{self._server}"')
                self._listen(0.2)
        finally:
            self._is_probing = False
        wanted = ("certificate 0:", "  names", "HostName", "TrustedCertificate", "NoValidation")
        lines = [line for line in report if line.startswith(wanted)
                 and "other uses than SIP" not in line]
        for line in lines:
            good, bad = " pass" in line, " fail" in line
            self._say("probe", line.strip(), "good" if good else "bad" if bad else "")
        passes = [line for line in lines if line.startswith("TrustedCertificate pass")]
        fails = [line for line in lines if line.startswith("HostName fail")]
        if not passes or not fails:
            raise StoryBroke("the probe finds other levels than it should")

    def _lower_the_level(self) -> None:
        self._step("An Admin may lower the level, for a laboratory",
                   "Not the manager with its community: what guards the unit is for Admins. The "
                   "console is one.")
        self._run_script(f"{LEVEL} = TrustedCertificate", "Scm.RestartRequiredServices")
        self._connected("TLSv1.3")
        self._must_read({connection("State"): "up"})

    def _put_it_right(self) -> None:
        self._step("The right certificate, the right level", "")
        self._heard = []
        self._stage.swap("server.pem")
        self._until("the server has changed", lambda: self._heard_of("server", "swapped"))
        self._run_script(f"{LEVEL} = HostName", "Scm.RestartRequiredServices")
        self._connected("TLSv1.3")
        self._must_read({connection("State"): "up", LED: "steady"})

    # -- the third act

    def _kill(self) -> None:
        self._step("kill -9, right after the last of a hundred answers",
                   "An answer means that it is on disk: nothing that was acknowledged may be "
                   "missing after this.")
        self._screen.command(
            [f"for n in $(seq {KILLED_AFTER}); do",
             f"    snmpset {ADDRESS} {NAME} = set-$n", "done",
             f"kill -9 $(cat {self._state}/lock)"])
        self._asked_at = time.monotonic()
        with self._screen.waiting("SETs"):
            for number in range(1, KILLED_AFTER + 1):
                if not self._manager.set({NAME: f"set-{number}"}).is_ok:
                    raise StoryBroke(f"SET {number} was refused")
        self._stage.kill_unit()
        self._say("answer", f"noError, {KILLED_AFTER} times; then the process is gone", "good")

    def _start_again(self) -> None:
        self._step("It starts again on what is there",
                   "No script, no repair; the connection comes up by itself.")
        self._screen.command([f"{own_name()} run --state {self._state} \\",
                              "    --unprivileged"])
        self._heard = []
        self._asked_at = time.monotonic()
        self._stage.start_unit_again()
        self._until("the unit is ready", lambda: any(
            each.who == "unit" and each.text == "ready" for each in self._heard))
        self._connected("TLSv1.3")
        self._must_read({NAME: f"set-{KILLED_AFTER}", SERVER: self._server,
                         connection("State"): "up", LED: "steady"})

    # -- what they are made of

    _is_probing = False

    @property
    def _state(self) -> str:
        return str(self._stage.state)

    def _run_script(self, *lines: str) -> None:
        """Run lines as `mibgate script` does, and show them. Raises StoryBroke."""
        self._listen(0)
        self._screen.command([
            f"{own_name()} script --state {self._state} - <<.", *lines, "."])
        self._heard = []
        self._asked_at = time.monotonic()
        self._console("\n".join(lines))
        self._say("answer", "Success", "good")

    def _console(self, text: str) -> list[str]:
        found = ask_console(self._stage.state / "console", text.encode())
        if found is None:
            raise StoryBroke("the unit's console does not answer")
        for failure in found["failures"]:
            raise StoryBroke(f"line {failure['line']}: {failure['why']}")
        return "\n".join(found["answers"]).splitlines()

    def _heard_of(self, who: str, event: str) -> bool:
        return any(each.who == who and json.loads(each.text)["event"] == event
                   for each in self._heard)

    def _note_is_dull(self, heard: Heard) -> bool:
        return self._is_probing and heard.who == "server"

