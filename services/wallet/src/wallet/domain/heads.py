"""Signed heads: where every chain stood at a moment, to be kept where the ledger's database is not.

A head is one word, `kurs-head.<payload>.<signature>`, both in base64url without padding: so it can
be cut out of a log, a ConfigMap or a mail. The payload is JSON, `{"at": microseconds, "heads":
{chain: [sequence, hash]}}`, the signature Ed25519 (RFC 8032) over the payload's bytes.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from pydantic_core import to_json

_WORD = re.compile(r"kurs-head\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")


class Head(NamedTuple):
    """Sequence and hash of each chain's last link; `at` in microseconds."""

    at: int
    tips: Mapping[int, tuple[int, str]]


def sign_head(key: Ed25519PrivateKey, head: Head) -> str:
    """Return a head as a signed word."""
    payload = to_json({"at": head.at, "heads": {str(c): tip for c, tip in head.tips.items()}})
    return f"kurs-head.{_encode(payload)}.{_encode(key.sign(payload))}"


def find_heads(text: str, keys: Sequence[Ed25519PublicKey]) -> Iterator[Head]:
    """Return all heads in a text, whatever stands around them.

    With `keys` each must be signed by one of them. Raises ValueError for one that is not.
    """
    for word in _WORD.finditer(text):
        payload = _decode(word[1])
        if keys and not any(_is_signed(key, _decode(word[2]), payload) for key in keys):
            raise ValueError(f"a head is not signed by the given key: {word[0][:40]}…")
        content = json.loads(payload)
        yield Head(content["at"], {int(c): (tip[0], tip[1]) for c, tip in content["heads"].items()})


def read_private_key(file: Path) -> Ed25519PrivateKey:
    """Return the key in a PEM file (PKCS 8); raises ValueError and OSError."""
    key = load_pem_private_key(file.read_bytes(), None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(f"{file} holds no Ed25519 key: openssl genpkey -algorithm ed25519")
    return key


def read_public_key(file: Path) -> Ed25519PublicKey:
    """Return the public key in a PEM file, or that of a private one; raises as the other."""
    pem = file.read_bytes()
    if b"PRIVATE KEY" in pem:
        return read_private_key(file).public_key()
    key = load_pem_public_key(pem)
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError(f"{file} holds no Ed25519 key")
    return key


def published(heads: Iterable[Head]) -> dict[tuple[int, int], str]:
    """Return the hash that was published of each chain and sequence; the first head counts."""
    known: dict[tuple[int, int], str] = {}
    for head in heads:
        for chain, (sequence, hash_) in head.tips.items():
            known.setdefault((chain, sequence), hash_)
    return known


def _is_signed(key: Ed25519PublicKey, signature: bytes, payload: bytes) -> bool:
    try:
        key.verify(signature, payload)
    except InvalidSignature:
        return False
    return True


def _encode(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _decode(value: str) -> bytes:
    return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
