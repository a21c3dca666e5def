"""Whether a peer's certificates have been revoked: answers that are kept, and whom to ask.

The network is a parameter: `fetch` takes a responder's URL and a request and gives the response.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from twisted.internet.defer import Deferred, ensureDeferred

from mibgateway.tls.certificate import shown_name, subject_of
from mibgateway.tls.identity import PeerRefused
from mibgateway.tls.ocsp import Answer, OcspError, Question, Standing, ask, read, responder_of
from mibgateway.tls.policy import Trust

MOST_ANSWERS = 1000
MOST_QUESTIONS = 20
"""Responders that are asked at the same time; who comes then gets no answer."""

SILENCE_S = 10.0
"""How long a responder that did not answer is left alone."""

Fetch = Callable[[str, bytes], "Deferred[bytes]"]


@dataclass(frozen=True)
class Revoked:
    """It was learnt that a certificate is revoked."""

    subject: str
    issuer: str


@dataclass(frozen=True)
class Responder:
    """A responder answered, or did not: then it says why."""

    url: str
    why: str = ""


Event = Revoked | Responder
_Key = tuple[bytes, int]


class Revocation:
    """The answers that one unit has, each kept until the next is due."""

    def __init__(
        self, clock: Callable[[], datetime | None], fetch: Fetch, monotonic: Callable[[], float]
    ) -> None:
        self._clock, self._fetch, self._monotonic = clock, fetch, monotonic
        self.override: Callable[[x509.Certificate], str] = lambda issuer: ""
        """Gives the URL to use for what this CA issued, "" for the certificate's own."""
        self.tell: Callable[[Event], None] = lambda event: None
        self._answers: OrderedDict[_Key, Answer] = OrderedDict()
        self._silent: dict[str, float] = {}
        self._asking: dict[_Key, list[Deferred[Answer]]] = {}

    def forget(self) -> None:
        """Drop every answer and every grudge."""
        self._answers.clear()
        self._silent.clear()

    def judge(
        self, chain: Sequence[x509.Certificate], trust: Trust, stapled: bytes = b""
    ) -> Deferred[None] | None:
        """Judge each certificate below the trusted one, which is the last.

        None says that all is well, a Deferred that a responder has to be asked first; it fails with
        PeerRefused. Raises PeerRefused when it is known already. RFC 5280 section 6.1.3, (a)(3).
        """
        if trust is Trust.LOCALLY_TRUSTED:
            return None
        open_questions = []
        for depth, (certificate, issuer) in enumerate(pairwise(chain)):
            answer = self._known(certificate, issuer, b"" if depth else stapled)
            if answer is None:
                open_questions.append((certificate, issuer))
            else:
                self._settle(certificate, answer, trust)
        return ensureDeferred(self._ask_all(open_questions, trust)) if open_questions else None

    def _known(
        self, certificate: x509.Certificate, issuer: x509.Certificate, stapled: bytes
    ) -> Answer | None:
        now, key = self._clock(), _key(certificate, issuer)
        if now is None:
            return None
        kept = self._answers.get(key)
        if kept is not None and kept.holds(now):
            return kept
        self._answers.pop(key, None)
        if not stapled:
            return None
        try:
            return self._keep(key, read(stapled, certificate, issuer, now))
        except OcspError:
            return None             # the responder itself is asked

    def _keep(self, key: _Key, answer: Answer) -> Answer:
        if answer.next_update is not None:
            self._answers[key] = answer
            while len(self._answers) > MOST_ANSWERS:
                self._answers.popitem(last=False)
        return answer

    def _settle(self, certificate: x509.Certificate, answer: Answer, trust: Trust) -> None:
        subject = subject_of(certificate)
        if answer.standing is Standing.REVOKED:
            self.tell(Revoked(subject, shown_name(certificate.issuer)))
            on = f" on {answer.revoked_at:%Y-%m-%d %H:%M} UTC" if answer.revoked_at else ""
            because = f" ({answer.reason})" if answer.reason else ""
            raise PeerRefused(subject, "revocation", trust, f"it was revoked{on}{because}",
                              "RFC 6960 section 2.2")
        if answer.standing is Standing.UNKNOWN and trust is Trust.OCSP_MANDATORY:
            raise PeerRefused(subject, "revocation", trust, "its responder does not know it",
                              "RFC 6960 section 2.2")

    async def _ask_all(
        self, questions: list[tuple[x509.Certificate, x509.Certificate]], trust: Trust
    ) -> None:
        for certificate, issuer in questions:
            try:
                answer = await self._ask(certificate, issuer)
            except OcspError as error:
                if trust is Trust.OCSP_MANDATORY:
                    raise PeerRefused(subject_of(certificate), "revocation", trust,
                                      f"no answer about it: {error}",
                                      "RFC 6960 section 3.2") from error
            else:
                self._settle(certificate, answer, trust)

    def _ask(self, certificate: x509.Certificate, issuer: x509.Certificate) -> Deferred[Answer]:
        """Ask once for all who wait for the same answer."""
        key, waiter = _key(certificate, issuer), Deferred[Answer]()
        waiting = self._asking.get(key)
        if waiting is not None:
            waiting.append(waiter)
            return waiter
        self._asking[key] = [waiter]

        def give(found: object) -> None:
            for each in self._asking.pop(key):
                if not each.called:
                    each.callback(found)  # type: ignore[arg-type]

        ensureDeferred(self._look_up(key, certificate, issuer)).addBoth(give)
        return waiter

    async def _look_up(
        self, key: _Key, certificate: x509.Certificate, issuer: x509.Certificate
    ) -> Answer:
        url = self.override(issuer) or responder_of(certificate)
        if not url:
            raise OcspError("neither it nor its CA's row names a responder")
        if self._silent.get(url, 0.0) > self._monotonic():
            raise OcspError(f"{url} did not answer a moment ago")
        if len(self._asking) > MOST_QUESTIONS:
            raise OcspError("too many responders are being asked")
        question: Question = ask(certificate, issuer)
        try:
            octets = await self._fetch(url, question.octets)
            now = self._clock()
            if now is None:
                raise OcspError("the time is not known")
            answer = read(octets, certificate, issuer, now, question.nonce)
        except OcspError as error:
            self._note_silence(url)
            self.tell(Responder(url, str(error)))
            raise OcspError(f"{url}: {error}") from error
        self._silent.pop(url, None)
        self.tell(Responder(url))
        return self._keep(key, answer)

    def _note_silence(self, url: str) -> None:
        now = self._monotonic()
        self._silent = {each: end for each, end in self._silent.items() if end > now}
        self._silent[url] = now + SILENCE_S


def _key(certificate: x509.Certificate, issuer: x509.Certificate) -> _Key:
    return issuer.fingerprint(hashes.SHA256()), certificate.serial_number


