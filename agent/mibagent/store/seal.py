"""Secrets at rest: sealed under a key file that only the unit's owner reads."""

from __future__ import annotations

import os
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
                handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
                with os.fdopen(handle, "wb") as file:
                    file.write(os.urandom(_KEY_OCTETS))
                    file.flush()
                    os.fsync(file.fileno())
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
        """Give what was sealed. Raises StateError when the key is not the one it was sealed with."""
        try:
            return self._cipher.decrypt(
                sealed[:_NONCE_OCTETS], sealed[_NONCE_OCTETS:], about.encode())
        except (InvalidTag, ValueError):
            raise StateError(
                f"the secret of {about} does not open: the key file is not the one of this state"
            ) from None
