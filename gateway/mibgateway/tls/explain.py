"""OpenSSL's and Twisted's ways to say that a connection failed, turned into texts for people.

The only file that knows the wording of OpenSSL's reasons.
"""

from __future__ import annotations

from OpenSSL import SSL

from mibgateway.tls.identity import PeerRefused
from mibgateway.tls.policy import Floor, TlsPolicy

_REFUSES_US = {
    # By the words of the alert's name, RFC 8446 section 6.2. {peer} is the server or the client.
    "unknown ca": "the {peer} does not trust the CA of our certificate",
    "bad certificate": "the {peer} refuses our certificate",
    "certificate unknown": "the {peer} refuses our certificate",
    "unsupported certificate": "the {peer} can't use a certificate of our kind",
    "certificate expired": "the {peer} says that our certificate is not in date",
    "certificate revoked": "the {peer} says that our certificate is revoked",
    "certificate required": "the {peer} demands a certificate, and none of ours was given",
    "no certificate": "the {peer} demands a certificate, and none of ours was given",
    "access denied": "the {peer} denies us access",
    "insufficient security": "the {peer} finds the cipher suites of {suites} too weak",
    "unrecognized name": "the {peer} does not know the name that was asked for",
    "no application protocol": "the {peer} speaks none of our application protocols",
    "decrypt error": "the {peer} could not verify our signature",
    "user canceled": "the {peer} gave up",
    "internal error": "the {peer} failed by itself",
    "inappropriate fallback": "the {peer} sees a downgrade",
}

_WE_FIND = {
    "no shared cipher": "the {peer} offers no cipher suite of {suites} that suits our certificate",
    "wrong cipher returned": "the {peer} chose a cipher suite that is not in {suites}",
    "unknown cipher returned": "the {peer} chose a cipher suite that is not in {suites}",
    "no suitable signature algorithm": "the {peer} can't verify a certificate of our kind",
    "no suitable key share": "no key exchange group in common with the {peer}",
    "no suitable groups": "no key exchange group in common with the {peer}",
    "wrong curve": "no key exchange group in common with the {peer}",
    "peer did not return a certificate": "the {peer} gave no certificate",
    "dh key too small": "the {peer}'s Diffie-Hellman parameters are too weak for {span}",
    "unsafe legacy renegotiation disabled": "the {peer} lacks secure renegotiation (RFC 5746)",
    "wrong version number": "the {peer} does not speak TLS",
    "packet length too long": "the {peer} does not speak TLS",
    "http request": "the {peer} speaks HTTP in clear",
    "https proxy request": "the {peer} speaks HTTP in clear",
    "certificate verify failed": "the {peer}'s certificate was refused",
    "ee key too small": "our key is too short for {span}",
    "ca md too weak": "our certificate's signature is too weak for {span}",
}


def explain(failure: BaseException, policy: TlsPolicy, peer: str = "server") -> str:
    """Say in one line why a connection failed, and to which versions or suites it came down.

    `failure` is what a handshake raised or what `connectionLost` was given; `peer` is "server" or
    "client", whichever the other side is.
    """
    if isinstance(failure, PeerRefused):
        return str(failure)
    if isinstance(failure, SSL.SysCallError):
        return f"the {peer} closed the connection during the handshake"
    if not isinstance(failure, SSL.Error):
        return str(failure) or type(failure).__name__
    reasons = _reasons(failure)
    if not reasons:
        return f"the {peer} closed the connection during the handshake"
    for reason in reasons:
        text = _explain_one(reason.lower(), policy)
        if text:
            chosen = policy.selection
            return text.format(peer=peer, suites=policy.suite_set.name, span=chosen.span)
    return f"TLS with the {peer} failed: {', '.join(reasons)}"


def _reasons(failure: SSL.Error) -> list[str]:
    queue = failure.args[0] if failure.args else ()
    if isinstance(queue, str):
        return [queue]
    return [str(entry[-1]) for entry in queue if entry and entry[-1]]


def _explain_one(reason: str, policy: TlsPolicy) -> str:
    chosen = policy.selection
    if "alert protocol version" in reason:
        return f"the {{peer}} refuses {_versions(policy)}: protocol version"
    if reason in ("unsupported protocol", "no protocols available", "version too low"):
        return f"the {{peer}} does not speak {_versions(policy)}: protocol version"
    if "alert handshake failure" in reason:
        older = "" if chosen.lowest > Floor.TLSV1_2 else ", or wants a certificate of ours"
        return (
            f"the {{peer}} refuses {_versions(policy)} with the cipher suites of {{suites}}"
            f"{older}: handshake failure"
        )
    if "alert" in reason:
        alert = reason.split("alert", 1)[1].strip()
        known = (text for words, text in _REFUSES_US.items() if words == alert)
        return next(known, f"the {{peer}} sends the alert {alert}")
    return next((text for words, text in _WE_FIND.items() if words in reason), "")


def _versions(policy: TlsPolicy) -> str:
    chosen = policy.selection
    if chosen.highest is Floor.TLSV1_3:
        return f"{chosen.lowest.words} and above"
    return f"{chosen.span} ({policy.suite_set.name} goes no higher)"
