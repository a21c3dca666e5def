"""What OpenSSL can do and pyOpenSSL has no method for.

The only file that reaches through pyOpenSSL to the library. Each function answers whether it could;
where it could not, the connection is no less safe.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cryptography.hazmat.bindings.openssl.binding import Binding
from OpenSSL import SSL

_NOBODY = b"judged-by-the-callback.invalid"


def limit_groups(context: SSL.Context, names: tuple[str, ...]) -> bool:
    """Offer and accept these key exchange groups alone, in this order."""
    try:
        set_groups = _library().SSL_CTX_set1_curves_list
        done: bool = set_groups(_pointer(context), ":".join(names).encode()) == 1
    except AttributeError:
        return False
    return done


def ask_for_the_name(context: SSL.Context) -> bool:
    """Let OpenSSL report each peer's own certificate as one of the wrong name.

    A callback that then judges the name and says no makes OpenSSL send bad_certificate; a no to a
    certificate that OpenSSL liked would be sent as internal_error. RFC 8446 section 6.2.
    """
    library = _library()
    try:
        parameters = library.SSL_CTX_get0_param(_pointer(context))
        done: bool = library.X509_VERIFY_PARAM_set1_host(parameters, _NOBODY, len(_NOBODY)) == 1
    except AttributeError:
        return False
    return done


def judge_at(context: SSL.Context, now: datetime) -> bool:
    """Let connections that are made from here on judge dates as if it were now.

    The store's own time can be set once only: OpenSSL does not overwrite it.
    """
    library = _library()
    try:
        parameters = library.SSL_CTX_get0_param(_pointer(context))
        library.X509_VERIFY_PARAM_set_time(parameters, int(now.timestamp()))
    except AttributeError:
        return False
    return True


def was_resumed(connection: SSL.Connection) -> bool:
    """Whether the handshake took up an earlier session, so that no certificate was judged in it."""
    return bool(_library().SSL_session_reused(connection._ssl))


def stapled_answer(connection: SSL.Connection) -> bytes:
    """Give the OCSP response that the server sent with its certificate; b"" for none.

    RFC 6066 section 8.
    """
    library, ffi = _library(), Binding.ffi
    place = ffi.new("unsigned char **")
    length = library.SSL_get_tlsext_status_ocsp_resp(connection._ssl, place)
    return bytes(ffi.buffer(place[0], length)) if length > 0 else b""


def _library() -> Any:
    return Binding.lib


def _pointer(context: SSL.Context) -> Any:
    return context._context
