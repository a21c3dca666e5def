"""What stands in a syslog datagram: priority and formatted text, nothing between them."""

from __future__ import annotations

import re
from dataclasses import dataclass

USER = 1
"""Facility of all our messages (RFC 3164 section 4.1.1)."""

SEVERITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
"""Ours to RFC 3164's numbers (section 4.1.1)."""

DEFAULT_FORMAT = "%servicetextkey: %serviceid-%servicename: %msgid-%message"
LIMIT_BYTES = 2048
"""What a receiver should take in one datagram (RFC 5426 section 3.2)."""


@dataclass(frozen=True)
class Facts:
    """What the macros of one notification stand for; the fields are the macros' names."""

    msgid: int
    """Number of the notification within its service."""
    serviceid: int
    """`1400`."""
    servicetextkey: str
    """`SipEp`."""
    servicename: str
    """`SIP Endpoint`."""
    message: str
    """The notification's text."""
    mac: str = ""
    """Of the unit, as it is printed on it."""
    serial: str = ""
    """Of the unit."""
    version: str = ""
    """Of the software."""
    profile: str = ""
    """Name of the profile, empty without one."""


_NAMES = tuple(Facts.__dataclass_fields__)
_MACRO = re.compile(
    rf"%(?:(?P<percent>%)|(?P<width>[0-9]*+)(?:\.(?P<precision>[0-9]++))?(?P<name>{'|'.join(_NAMES)}))"
)
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def check_format(text: str) -> str | None:
    """Say why a format cannot be used. None: it can."""
    at = text.find("%")
    while at >= 0:
        macro = _MACRO.match(text, at)
        if macro is None:
            return (
                f"{text[at:at + 16]!r} is no macro; there are %% and "
                f"%[width][.precision] before one of {', '.join(_NAMES)}"
            )
        for part in ("width", "precision"):
            if len(macro[part] or "") > 4 or int(macro[part] or 0) > LIMIT_BYTES:
                return f"a {part} is at most {LIMIT_BYTES}"
        at = text.find("%", macro.end())
    return None


def expand(format: str, facts: Facts) -> str:
    """Put facts where a checked format names them; what is no macro stays as it is.

    Precision cuts, then width fills with blanks on the left, as in C.
    """

    def fact(macro: re.Match[str]) -> str:
        if macro["percent"]:
            return "%"
        value = str(getattr(facts, macro["name"]))
        if macro["precision"]:
            value = value[: int(macro["precision"])]
        return value.rjust(int(macro["width"] or 0))

    return _MACRO.sub(fact, format)


def datagram(severity: str, text: str, facility: int = USER) -> bytes:
    """Give `<PRI>text` in UTF-8, control characters escaped, cut to 2048 octets between characters.

    Header fields that RFC 3164 section 4.3.3 lets a relay add are left to it: collectors of the
    modelled family look for the text behind the priority.
    """
    head = f"<{facility * 8 + SEVERITIES[severity]}>"
    return cut((head + without_controls(text)).encode("utf-8", "backslashreplace"))


def cut(octets: bytes, limit: int = LIMIT_BYTES) -> bytes:
    """Shorten UTF-8 without splitting a character."""
    if len(octets) <= limit:
        return octets
    while octets[limit] & 0xC0 == 0x80:
        limit -= 1
    return octets[:limit]


def without_controls(text: str) -> str:
    """Give a text on one line, its control characters escaped."""
    return _CONTROL.sub(_escaped, text)


def _escaped(control: re.Match[str]) -> str:
    return control[0].encode("unicode_escape").decode()
