"""Secrets at rest: sealed under a key file that only the unit's owner reads."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mibagent.errors import StateError

_KEY_OCTETS = 32
_NONCE_OCTETS = 12


class Sealer:
    """AES-256-GCM with a random nonce before each sealed text."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    @classmethod
    def of_file(cls, path: Path) -> Sealer:
        """Take the key of a file, made with mode 0600 when there is none. Raises StateError."""
        try:
            if not path.exists():
                _make_key(path)
            key = path.read_bytes()
        except OSError as error:
            raise StateError(f"the key file {path} can't be used: {error.strerror}") from None
        if len(key) != _KEY_OCTETS:
            raise StateError(f"the key file {path} has {len(key)} octets, not {_KEY_OCTETS}")
        return cls(key)

    def seal(self, plain: bytes, about: str) -> bytes:
        """Give the sealed text; `about` must be the same to open it."""
        nonce = os.urandom(_NONCE_OCTETS)
        return nonce + self._cipher.encrypt(nonce, plain, about.encode())

    def open(self, sealed: bytes, about: str) -> bytes:
        """Give what was sealed. Raises StateError when it was sealed with another key."""
        try:
            return self._cipher.decrypt(
                sealed[:_NONCE_OCTETS], sealed[_NONCE_OCTETS:], about.encode())
        except (InvalidTag, ValueError):
            raise StateError(
                f"the secret of {about} does not open: the key file is not the one of this state"
            ) from None


def _make_key(path: Path) -> None:
    """Put a whole key in place or none: a half-written one would close the state for good."""
    handle, temporary = tempfile.mkstemp(prefix=".key-", dir=path.parent)    # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(os.urandom(_KEY_OCTETS))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        Path(temporary).unlink(missing_ok=True)
