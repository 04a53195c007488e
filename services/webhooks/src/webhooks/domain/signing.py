"""Signs by Standard Webhooks: HMAC-SHA256 over id, time and body, once for each secret in force."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook

from kurs.kernel.clock import MICROS

PREFIX = "whsec_"
_LEAST_BYTES = 24
_MOST_BYTES = 64
_MOST_SECRETS = 2


class SecretMalformed(Exception):
    """It is no secret of Standard Webhooks; the message never quotes it."""


def read_secrets(text: str) -> Sequence[str]:
    """Return the secrets of a text, `one` or `new,old`; raises SecretMalformed."""
    secrets = [part.strip() for part in text.split(",")]
    if len(secrets) > _MOST_SECRETS:
        raise SecretMalformed("it holds more than two secrets")
    for secret in secrets:
        try:
            key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if not secret.startswith(PREFIX) or not _LEAST_BYTES <= len(key) <= _MOST_BYTES:
            raise SecretMalformed(
                f"it is not {PREFIX} and base64 of {_LEAST_BYTES} to {_MOST_BYTES} bytes"
            )
    return secrets


def signed_headers(
    secrets: Sequence[str], event_id: str, body: bytes, now: int
) -> Mapping[str, str]:
    """Return the headers that prove a request; `now` is microseconds since the epoch."""
    seconds = now // MICROS
    moment, text = datetime.fromtimestamp(seconds, UTC), body.decode()
    signatures = [Webhook(secret).sign(event_id, moment, text) for secret in secrets]
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(signatures),
    }
