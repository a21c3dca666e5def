"""Answers are asked for once, kept until the next is due, and judged by the trust level."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509 import ocsp
from twisted.internet.defer import Deferred, fail, succeed

from mibgateway.tls.identity import PeerRefused
from mibgateway.tls.ocsp import OcspError
from mibgateway.tls.policy import Trust
from mibgateway.tls.revocation import MOST_QUESTIONS, Responder, Revocation, Revoked
from tests.gateway.tls.pki import NOW, Issued, answer, issue

ROOT = issue("Root", ca=True, number=1, responder="http://root.example/")
MIDDLE = issue("Middle", by=ROOT, ca=True, number=2, responder="http://root.example/")
LEAF = issue("leaf", by=MIDDLE, number=3, responder="http://middle.example/")
MUTE = issue("mute", by=ROOT, number=3)
CHAIN = (LEAF.certificate, MIDDLE.certificate, ROOT.certificate)
SHORT = (MIDDLE.certificate, ROOT.certificate)


class Net:
    """A network of responders, with the unit's clock and a count of what was asked."""

    def __init__(self, **standings: str) -> None:
        self.standings, self.asked = standings, list[str]()
        self.now, self.seconds = NOW, 0.0
        self.is_up = True
        self.told: list[Any] = []
        self.revocation = Revocation(lambda: self.now, self.fetch, lambda: self.seconds)
        self.revocation.tell = self.told.append
        self.held: list[Deferred[bytes]] | None = None

    def fetch(self, url: str, request: bytes) -> Deferred[bytes]:
        self.asked.append(url)
        if self.held is not None:
            self.held.append(Deferred())
            return self.held[-1]
        if not self.is_up:
            return fail(OcspError("no answer within 10 s"))
        serial = ocsp.load_der_ocsp_request(request).serial_number
        known = {"leaf": (LEAF, MIDDLE), "middle": (MIDDLE, ROOT), "mute": (MUTE, ROOT)}
        name = next(n for n, (c, _) in known.items() if c.certificate.serial_number == serial)
        about, issuer = known[name]
        return succeed(answer(about, issuer, self.standings.get(name, "good")))

    def judge(
        self, chain: tuple[x509.Certificate, ...] = CHAIN,
        trust: Trust = Trust.OCSP_MANDATORY, stapled: bytes = b"",
    ) -> str:
        """Give why it is refused, "" when it passes."""
        try:
            asked = self.revocation.judge(chain, trust, stapled)
        except PeerRefused as refusal:
            return str(refusal)
        outcome: list[Any] = [None]
        if asked is not None:
            asked.addBoth(lambda found: outcome.__setitem__(0, found))
        return "" if outcome[0] is None else str(outcome[0].value)


def test_each_certificate_below_the_trusted_one_is_asked_after_once() -> None:
    net = Net()
    assert net.judge() == net.judge() == ""
    assert net.asked == ["http://middle.example/", "http://root.example/"]


def test_a_revoked_intermediate_is_refused_by_its_name() -> None:
    net = Net(middle="revoked")
    why = net.judge(trust=Trust.OCSP_OPTIONAL)
    assert why.startswith("certificate CN=Middle: revocation: it was revoked on 2031-05-04")
    assert "(keyCompromise), at level OcspOptional" in why
    assert net.judge(trust=Trust.OCSP_OPTIONAL) == why
    assert net.told[-1] == Revoked("CN=Middle", "CN=Root")


def test_at_locally_trusted_nobody_is_asked() -> None:
    net = Net(leaf="revoked")
    assert net.judge(trust=Trust.LOCALLY_TRUSTED) == ""
    assert net.asked == []


@pytest.mark.parametrize(("trust", "passes"), [
    (Trust.OCSP_OPTIONAL, True), (Trust.OCSP_MANDATORY, False)])
def test_an_answer_of_unknown_and_none_pass_where_they_are_optional(
    trust: Trust, passes: bool
) -> None:
    assert (Net(leaf="unknown").judge(trust=trust) == "") is passes
    down = Net()
    down.is_up = False
    assert (down.judge(trust=trust) == "") is passes
    assert (Net().judge((MUTE.certificate, ROOT.certificate), trust) == "") is passes


def test_an_answer_is_kept_until_the_next_is_due() -> None:
    net = Net()
    net.judge(SHORT)
    net.now += timedelta(hours=23)
    net.judge(SHORT)
    assert len(net.asked) == 1
    net.now += timedelta(hours=2)
    assert "held until" in net.judge(SHORT)       # the responder has nothing newer
    assert len(net.asked) == 2


def test_what_the_server_sends_along_saves_the_question() -> None:
    net = Net()
    assert net.judge(SHORT, stapled=answer(MIDDLE, ROOT)) == ""
    assert net.asked == []
    assert "revoked" in Net().judge(SHORT, stapled=answer(MIDDLE, ROOT, "revoked"))


@pytest.mark.parametrize("stapled", [b"noise", answer(LEAF, MIDDLE), answer(
    MIDDLE, ROOT, until=NOW - timedelta(minutes=10), since=NOW - timedelta(days=1))])
def test_what_cannot_be_believed_is_asked_for(stapled: bytes) -> None:
    net = Net()
    assert net.judge(SHORT, stapled=stapled) == ""
    assert len(net.asked) == 1


def test_a_cas_row_overrides_what_its_certificates_name() -> None:
    net = Net()
    net.revocation.override = lambda issuer: \
        "http://ours.example/" if issuer == ROOT.certificate else ""
    assert net.judge() == ""
    assert net.asked == ["http://middle.example/", "http://ours.example/"]
    assert net.judge((MUTE.certificate, ROOT.certificate)) == ""


def test_a_silent_responder_is_left_alone_for_a_while_and_then_heard_again() -> None:
    net = Net()
    net.is_up = False
    assert "no answer about it: http://root.example/: no answer within 10 s" in net.judge(SHORT)
    net.is_up = True
    assert "did not answer a moment ago" in net.judge(SHORT)
    net.seconds += 11
    assert net.judge(SHORT) == ""
    assert net.told == [Responder("http://root.example/", "no answer within 10 s"),
                        Responder("http://root.example/")]


def test_many_who_wait_for_one_answer_ask_once() -> None:
    net = Net()
    net.held = []
    asked = [net.revocation.judge(SHORT, Trust.OCSP_MANDATORY) for _ in range(5)]
    assert len(net.held) == 1
    done: list[Any] = []
    for each in asked:
        assert each is not None
        each.addCallback(done.append)
    net.held[0].callback(answer(MIDDLE, ROOT))
    assert done == [None] * 5


def test_who_gives_up_does_not_take_the_answer_from_others() -> None:
    net = Net()
    net.held = []
    one, two = (net.revocation.judge(SHORT, Trust.OCSP_MANDATORY) for _ in range(2))
    assert one is not None
    assert two is not None
    given_up: list[Any] = []
    one.addErrback(given_up.append)
    one.cancel()
    done: list[Any] = []
    two.addCallback(done.append)
    net.held[0].callback(answer(MIDDLE, ROOT))
    assert (len(given_up), done) == (1, [None])


def test_a_crowd_of_certificates_asks_a_bounded_number_of_responders() -> None:
    net = Net()
    net.held = []
    made: list[Issued] = [issue(f"n{i}", by=ROOT, number=3, responder=f"http://n{i}.example/")
                          for i in range(MOST_QUESTIONS + 5)]
    failed: list[Any] = []
    for each in made:
        asked = net.revocation.judge((each.certificate, ROOT.certificate), Trust.OCSP_MANDATORY)
        assert asked is not None
        asked.addErrback(failed.append)
    assert len(net.held) == MOST_QUESTIONS
    assert len(failed) == 5
    assert "too many responders" in str(failed[0].value)


def test_without_the_time_nothing_is_known() -> None:
    net = Net()
    net.judge(SHORT)
    net.now = None  # type: ignore[assignment]
    assert "the time is not known" in net.judge(SHORT)
