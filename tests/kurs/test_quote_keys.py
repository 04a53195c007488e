"""The keys of quotes: what a file may hold, and that a rotation is never noticed."""

import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from tests.kurs.test_quote_token import QUOTE

from kurs.kernel.settings import CannotRun
from kurs.quotes.keys import SigningKey, VerifyKeys, ensure_key_files, new_key_pair
from kurs.quotes.token import InvalidToken, QuoteSigner, QuoteVerifier
from kurs_testing.telemetry import RecordingTelemetry

OTHER_CURVE = generate_private_key(SECP256R1())


def _confirmed(private: str, public: str) -> bool:
    key = SigningKey(private.encode())
    return VerifyKeys(public.encode()).confirms(key.key_id, key.sign(b"said"), b"said")


def test_the_first_private_key_signs_and_every_public_key_is_believed() -> None:
    (old, old_public), (new, new_public) = new_key_pair(), new_key_pair()

    assert _confirmed(new + old, new_public)
    assert not _confirmed(new + old, old_public)
    assert _confirmed(old, new_public + "a comment\n" + old_public)


def test_a_certificate_stands_for_its_key() -> None:
    """Helm makes no public key of a private one, but it makes certificates."""
    private, _ = new_key_pair()
    key = load_pem_private_key(private.encode(), None)
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "quotes")])
    made = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, made, made + timedelta(days=1))
        .sign(key, None)
        .public_bytes(Encoding.PEM)
    )

    assert _confirmed(private, certificate.decode())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there is no PEM block"),
        ("0123456789abcdef" * 4, "there is no PEM block"),
        (OTHER_CURVE.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(), "no Ed25519 key"),
        (OTHER_CURVE.private_bytes(
            Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode(), "not P"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "no Ed25519 key"),
        (new_key_pair()[1], "is PUBLIC KEY, not PRIVATE KEY"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_private_key_says_so_and_quotes_nothing(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as refused:
        SigningKey(text.encode())

    assert not text or text not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        new_key_pair()[0],
        OTHER_CURVE.public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        .decode(),
    ],
)
def test_a_file_that_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"PEM block|Ed25519"):
        VerifyKeys(text.encode())


def test_without_keys_nothing_starts(tmp_path: Path) -> None:
    telemetry = RecordingTelemetry("fx")

    for make in (QuoteSigner, QuoteVerifier):
        with pytest.raises(CannotRun, match=r"set KURS_QUOTE_\w+_KEYS_FILE"):
            make(None, telemetry)
        with pytest.raises(CannotRun, match="absent"):
            make(tmp_path / "absent", telemetry)


def test_files_are_made_once_and_the_private_one_is_its_owners(tmp_path: Path) -> None:
    files = tmp_path / "signing.pem", tmp_path / "verify.pem"
    ensure_key_files(*files)
    made = [file.read_bytes() for file in files]
    ensure_key_files(*files)

    assert [file.read_bytes() for file in files] == made
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o600


class Rotation:
    """Key files as a Secret's volume shows them, and a second that passes when a test says so."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr("kurs.config.renewed_file.monotonic", lambda: self.now)
        self._folder = folder
        self._written = 0

    def file(self, name: str, *texts: str) -> Path:
        self._written += 1
        behind = self._folder / f"{self._written}"
        behind.write_text("".join(texts))
        link = self._folder / "new"
        link.symlink_to(behind)
        link.rename(self._folder / name)
        self.now += 1
        return self._folder / name


@pytest.fixture
def rotation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rotation:
    return Rotation(tmp_path, monkeypatch)


def test_verifiers_first_then_the_signer_and_no_quote_is_refused(rotation: Rotation) -> None:
    telemetry = RecordingTelemetry("fx")
    (old, old_public), (new, new_public) = new_key_pair(), new_key_pair()
    signer = QuoteSigner(rotation.file("signing", old), telemetry)
    verifier = QuoteVerifier(rotation.file("verify", old_public), telemetry)
    earlier = signer.sign([QUOTE])[0]

    steps: list[Callable[[], Path]] = [
        lambda: rotation.file("verify", old_public, new_public),
        lambda: rotation.file("signing", new, old),
    ]
    for step in steps:
        step()
        assert verifier.verify(signer.sign([QUOTE])[0]) == QUOTE
        assert verifier.verify(earlier) == QUOTE

    rotation.file("verify", new_public)
    assert verifier.verify(signer.sign([QUOTE])[0]) == QUOTE
    with pytest.raises(InvalidToken):
        verifier.verify(earlier)  # though it was believed, and remembered, before


def test_a_file_that_became_unreadable_leaves_the_last_keys_in_force(
    rotation: Rotation, tmp_path: Path
) -> None:
    telemetry = RecordingTelemetry("fx")
    private, public = new_key_pair()
    signer = QuoteSigner(rotation.file("signing", private), telemetry)
    verifier = QuoteVerifier(rotation.file("verify", public), telemetry)

    rotation.file("signing", "no key")
    (tmp_path / "verify").unlink()
    rotation.now += 1
    assert verifier.verify(signer.sign([QUOTE])[0]) == QUOTE

    fresh, fresh_public = new_key_pair()
    rotation.file("signing", fresh)
    rotation.file("verify", fresh_public)
    assert verifier.verify(signer.sign([QUOTE])[0]) == QUOTE
