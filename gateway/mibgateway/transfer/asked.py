"""What a job asks for, by the parameters of its service: where, how judged, as whom."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from mibagent.store.access import Principal, Rights
from mibgateway.tls.policy import Floor, Level, SuiteSet, TlsPolicy, Trust
from mibgateway.transfer.macros import expand
from mibgateway.transfer.terms import Credentials, TransferError
from mibgateway.transfer.url import Url, without_user


class Validation(enum.IntEnum):
    """How servers of transfers are judged, by the numbers of the MIBs."""

    NO_VALIDATION = 100
    HOST_NAME = 200

    @property
    def level(self) -> Level:
        """The level of the TLS engine."""
        return Level.HOST_NAME if self is Validation.HOST_NAME else Level.NO_VALIDATION


class Parameters(Protocol):
    """The parameters that each service with transfers of its own has."""

    @property
    def transfer_https_cipher_suite(self) -> SuiteSet: ...
    @property
    def transfer_https_tls_version(self) -> Floor: ...
    @property
    def transfer_certificate_validation(self) -> Validation: ...
    @property
    def transfer_certificate_trust_level(self) -> Trust: ...
    @property
    def transfer_username(self) -> str: ...
    @property
    def transfer_password(self) -> str: ...
    @property
    def transfer_http_enable(self) -> bool: ...


@dataclass(frozen=True)
class Asked:
    """One transfer as it is about to begin."""

    url: Url
    policy: TlsPolicy
    credentials: Credentials | None
    """For where the URL has none of its own."""


def asked(
    text: str, names: Mapping[str, str], wanted: Parameters, use: str, principal: Principal
) -> Asked:
    """Read a job's URL by the parameters of now. Raises TransferError.

    The credentials of the parameters are for an Admin's jobs: whoever names the server could have
    it ask for them, and an Admin alone may know them.
    """
    if not text:
        raise TransferError("a Url is needed")
    url = Url.parse(expand(text, names))
    if url.scheme == "http" and not wanted.transfer_http_enable:
        raise TransferError(f"{url.shown}: http is not allowed here; TransferHttpEnable allows it")
    policy = TlsPolicy(
        suite_set=wanted.transfer_https_cipher_suite, floor=wanted.transfer_https_tls_version,
        level=wanted.transfer_certificate_validation.level, use=use,
        trust=wanted.transfer_certificate_trust_level)
    credentials = Credentials(wanted.transfer_username, wanted.transfer_password) \
        if wanted.transfer_username and principal.rights is Rights.ADMIN else None
    return Asked(url, policy, credentials)


def shown(text: str) -> str:
    """Give a URL as a job's row shows it: as it was given, without its user part."""
    try:
        Url.parse(text)
    except TransferError:
        return without_user(text)
    scheme, _, rest = text.partition("://")
    end = min((at for at in map(rest.find, "/?#") if at >= 0), default=len(rest))
    return f"{scheme}://{rest[:end].rpartition('@')[2]}{rest[end:]}"


def told(progress: Callable[..., None]) -> Callable[[int, int | None], None]:
    """Give what tells a job how far it is: percent where the size is known, and octets."""
    def tell(octets: int, total: int | None) -> None:
        progress(octets=octets, percent=min(99, octets * 100 // total) if total else None)
    return tell
