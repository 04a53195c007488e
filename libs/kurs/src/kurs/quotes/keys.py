"""The keys of quotes: fx holds private ones and signs, whoever takes a quote holds public ones.

Ed25519 (RFC 8032). Both files are PEM blocks one after the other (RFC 7468): `PRIVATE KEY` in
fx's, newest first, of which the first signs; `PUBLIC KEY`, or the `CERTIFICATE` of one, in the
others', in any order and number. A key is named by the first bytes of the SHA-256 of its 32 bytes.
"""

import os
import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from cryptography.x509 import load_pem_x509_certificate

from kurs.kernel.settings import CannotRun

KEY_ID_BYTES = 8
SIGNATURE_BYTES = 64

Key = TypeVar("Key")

_BLOCK = re.compile(rb"-----BEGIN ([A-Z ]+)-----.+?-----END \1-----", re.DOTALL)
_REMEMBERED = 4096


class SigningKey:
    """The private key that new quotes are signed with."""

    def __init__(self, pem: bytes) -> None:
        """Take the first key of a file; raises ValueError when there is none, or one is wrong."""
        private, *_ = _read(pem, {b"PRIVATE KEY": _private})
        self._private = private
        self.key_id = key_id(private.public_key())

    def sign(self, message: bytes) -> bytes:
        """Return the signature, 64 bytes."""
        return self._private.sign(message)


class VerifyKeys:
    """The public keys that quotes are believed with, and what they confirmed lately."""

    def __init__(self, pem: bytes) -> None:
        """Take every key of a file; raises ValueError when there is none, or one is wrong."""
        readers: dict[bytes, Callable[[bytes], object]] = {
            b"PUBLIC KEY": load_pem_public_key,
            b"CERTIFICATE": _certified,
        }
        self._keys = {key_id(key): key for key in map(_ed25519, _read(pem, readers))}
        self._confirmed: set[tuple[bytes, bytes, bytes]] = set()

    def confirms(self, name: bytes, signature: bytes, message: bytes) -> bool:
        """Tell whether the key with this id signed `message`. A repeated question costs little."""
        asked = (name, signature, message)
        if asked in self._confirmed:
            return True
        key = self._keys.get(name)
        if key is None:
            return False
        try:
            key.verify(signature, message)
        except InvalidSignature:
            return False
        if len(self._confirmed) >= _REMEMBERED:
            self._confirmed.clear()
        self._confirmed.add(asked)
        return True


def key_id(key: Ed25519PublicKey) -> bytes:
    """Return the name of a key in tokens."""
    return sha256(key.public_bytes_raw()).digest()[:KEY_ID_BYTES]


def new_key_pair() -> tuple[str, str]:
    """Return a new private and its public key, each as the text of a file."""
    private = Ed25519PrivateKey.generate()
    public = private.public_key()
    return (
        private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
    )


def ensure_key_files(signing: Path, verify: Path) -> None:
    """Make both files with a new pair of keys, the private one for its owner only.

    Those that are there are kept; the public one is written last, and stands for both.
    """
    if verify.exists():
        return
    private, public = new_key_pair()
    signing.unlink(missing_ok=True)
    with os.fdopen(os.open(signing, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(private)
    verify.write_text(public, "ascii")


def named(path: Path | None, variable: str) -> Path:
    """Return the path that a setting gives; raises CannotRun when it gives none."""
    if path is None:
        raise CannotRun(f"no keys of quotes: set {variable}")
    return path


def _read(pem: bytes, readers: dict[bytes, Callable[[bytes], Key]]) -> list[Key]:
    # No message may quote the file: it holds private keys.
    kinds = [(match[1], match[0]) for match in _BLOCK.finditer(pem)]
    wanted = " or ".join(kind.decode() for kind in readers)
    if not kinds:
        raise ValueError(f"there is no PEM block {wanted}")
    try:
        return [readers[kind](block) for kind, block in kinds]
    except KeyError as unknown:
        raise ValueError(f"a PEM block is {unknown.args[0].decode()}, not {wanted}") from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("a PEM block is no Ed25519 key") from None


def _private(block: bytes) -> Ed25519PrivateKey:
    key = load_pem_private_key(block, None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError
    return key


def _certified(block: bytes) -> object:
    return load_pem_x509_certificate(block).public_key()


def _ed25519(key: object) -> Ed25519PublicKey:
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("a key is not of Ed25519")
    return key
