"""Looks a TLS server over: what it negotiates, what it shows, which level would take it.

The network is a parameter: `shake` makes one connection under a policy and gives what was seen.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator
from dataclasses import dataclass, replace
from itertools import chain, product
from typing import Any

from cryptography import x509
from OpenSSL import SSL
from twisted.internet.defer import DeferredSemaphore, ensureDeferred, gatherResults

from mibagent.errors import MibgateError
from mibgateway.tls.certificate import CredentialError, facts
from mibgateway.tls.creator import ClientCreator, PeerFacts
from mibgateway.tls.credentials import Authority, HostCredential
from mibgateway.tls.explain import explain
from mibgateway.tls.identity import Clock, PeerRefused
from mibgateway.tls.policy import Floor, Level, PolicyError, SuiteSet, TlsPolicy, Trust
from mibgateway.tls.shared import Shared

AT_ONCE = 4
"""Connections to the server at the same time."""


@dataclass(frozen=True)
class Seen:
    """What one handshake showed."""

    facts: PeerFacts
    chain: tuple[x509.Certificate, ...]
    """As the server sent it."""
    address: str


class NoConnection(MibgateError):
    """The server could not be reached at all; the text says why."""


class Closed(MibgateError):
    """The server hung up without a word of TLS."""


Shake = Callable[[ClientCreator, bool], Awaitable[Seen]]
"""Takes a creator, and whether to wait for a server that refuses us late."""


@dataclass
class Probe:
    """One server, and what it is looked at with."""

    where: str
    """As it was asked for: `sip.example.com:5061`."""
    name: str
    """The name to ask for and to look for in the certificate."""
    shake: Shake
    credential: Callable[[TlsPolicy], HostCredential | None]
    """Gives what is shown to a server that asks."""
    authorities: Collection[Authority]
    clock: Clock
    shared: Shared

    async def report(self) -> list[str]:
        """Give the report's lines. Raises NoConnection."""
        base = await self._base()
        if isinstance(base, str):
            return [f"{self.where}: {base}", *await self._negotiations()]
        policy, seen = base
        lines = [
            f"{self.where} at {seen.address}, judged by the name {self.name}",
            f"negotiated {seen.facts.tls_version} {seen.facts.cipher} "
            f"({_policy_name(policy)})",
            *chain.from_iterable(_certificate(*each) for each in enumerate(seen.chain)),
        ]
        refused = await self._refuses_us(policy)
        if refused:
            lines.append(f"as it stands: {refused}")
        verdicts = [await self._verdict(level.label, replace(policy, level=level))
                    for level in Level]
        elsewhere = replace(policy, level=Level.HOST_NAME, use="HTTPS")
        other = await self._verdict(Level.HOST_NAME.label, elsewhere)
        if other.split()[1] != verdicts[-1].split()[1]:
            verdicts.append(f"{other} (by the rules of other uses than SIP)")
        trusted = replace(policy, level=Level.TRUSTED_CERTIFICATE)
        verdicts += [await self._verdict(trust.label, replace(trusted, trust=trust))
                     for trust in (Trust.OCSP_OPTIONAL, Trust.OCSP_MANDATORY)]
        return lines + verdicts + await self._negotiations()

    async def _base(self) -> tuple[TlsPolicy, Seen] | str:
        """Find a policy with which the server talks, ours first; else say why ours fails."""
        why = ""
        for suite_set, floor in (
            (SuiteSet.CS4, Floor.TLSV1_2), (SuiteSet.CS3, Floor.TLSV1_2),
            (SuiteSet.CS2, Floor.TLSV1), (SuiteSet.CS1, Floor.TLSV1),
        ):
            policy = TlsPolicy(suite_set, floor, Level.NO_VALIDATION)
            found = await self._try(policy)
            if isinstance(found, Seen):
                return policy, found
            why = why or found
        return why

    async def _refuses_us(self, policy: TlsPolicy) -> str:
        found = await self._try(policy, lingers=True)
        return found if isinstance(found, str) else ""

    async def _verdict(self, label: str, policy: TlsPolicy) -> str:
        found = await self._try(policy)
        return f"{label} pass" if isinstance(found, Seen) else f"{label} fail: {found}"

    async def _negotiations(self) -> list[str]:
        """Say what each set and floor of ours comes to."""
        policies = [TlsPolicy(suite_set, floor, Level.NO_VALIDATION)
                    for suite_set, floor in product(SuiteSet, Floor) if floor is not Floor.SSLV3]
        few = DeferredSemaphore(AT_ONCE)

        def one(policy: TlsPolicy) -> Any:
            return ensureDeferred(self._negotiation(policy))

        found: list[str] = await gatherResults([few.run(one, each) for each in policies])
        return found

    async def _negotiation(self, policy: TlsPolicy) -> str:
        try:
            found = await self._try(policy)
        except NoConnection as error:
            found = str(error)
        name = _policy_name(policy)
        if isinstance(found, Seen):
            return f"{name}: {found.facts.tls_version} {found.facts.cipher}"
        return f"{name}: {found}"

    async def _try(self, policy: TlsPolicy, lingers: bool = False) -> Seen | str:
        """Give what was seen, or why it failed. Raises NoConnection."""
        try:
            try:
                own = self.credential(policy)
                creator = self._creator(policy, own)
            except CredentialError:
                creator = self._creator(policy, None)
            return await self.shake(creator, lingers)
        except (PolicyError, PeerRefused, Closed) as error:
            return str(error)
        except SSL.Error as error:
            return explain(error, policy)

    def _creator(self, policy: TlsPolicy, own: HostCredential | None) -> ClientCreator:
        return ClientCreator(
            policy, own, self.authorities, self.name, clock=self.clock,
            shared=Shared(self.shared.revocation))


def _policy_name(policy: TlsPolicy) -> str:
    return f"{policy.suite_set.name} from {policy.floor.words}"


def _certificate(number: int, certificate: x509.Certificate) -> Iterator[str]:
    try:
        found = facts(certificate)
    except CredentialError as error:
        yield f"certificate {number}: {error}"
        return
    yield (f"certificate {number}: {found.issued_to}, issued by {found.issued_by}, "
           f"{found.valid_from:%Y-%m-%d} to {found.valid_to:%Y-%m-%d} UTC, {found.key_type}")
    if found.alternative_names:
        yield f"  names {', '.join(found.alternative_names)}"
    yield f"  SHA-256 {found.fingerprint}"
