"""Signed heads: read back as they were signed, out of any text, and refused from another's hand."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from wallet.domain.heads import (
    Head,
    find_heads,
    published,
    read_private_key,
    read_public_key,
    sign_head,
)

KEY = Ed25519PrivateKey.generate()
HEAD = Head(5, {-1: (2, "old"), 3: (7, "new")})


def test_a_head_is_found_in_a_log_as_it_was_signed() -> None:
    line = f'{{"event": "ledger head", "head": "{sign_head(KEY, HEAD)}"}}'

    assert list(find_heads(line, [KEY.public_key()])) == [HEAD]
    assert list(find_heads("no head here", [KEY.public_key()])) == []


def test_a_head_of_another_hand_is_refused_where_a_key_is_given() -> None:
    word = sign_head(Ed25519PrivateKey.generate(), HEAD)

    with pytest.raises(ValueError, match="not signed by the given key"):
        list(find_heads(word, [KEY.public_key()]))
    assert list(find_heads(word, [])) == [HEAD]


def test_of_two_heads_of_one_link_the_first_counts() -> None:
    known = published([HEAD, Head(6, {3: (7, "forged"), 4: (1, "x")})])

    assert known == {(-1, 2): "old", (3, 7): "new", (4, 1): "x"}


def test_keys_are_read_from_their_files(tmp_path: Path) -> None:
    private, public = tmp_path / "private.pem", tmp_path / "public.pem"
    pkcs8 = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    private.write_bytes(pkcs8)
    public.write_bytes(
        KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )

    assert read_private_key(private).private_bytes_raw() == KEY.private_bytes_raw()
    for file in (private, public):
        assert read_public_key(file).public_bytes_raw() == KEY.public_key().public_bytes_raw()


def test_keys_of_another_kind_are_refused(tmp_path: Path) -> None:
    other = generate_private_key(SECP256R1())
    private, public = tmp_path / "private.pem", tmp_path / "public.pem"
    private.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(
        other.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )

    with pytest.raises(ValueError, match="holds no Ed25519 key: openssl"):
        read_private_key(private)
    with pytest.raises(ValueError, match="holds no Ed25519 key"):
        read_public_key(public)
