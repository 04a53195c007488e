"""The text of an API key: `kurs_<env>_<id>_<secret>_<crc32>`.

The prefix lets a secret scanner find a leaked key, the id lets the gateway look it up without a
search, and the checksum lets it refuse a mistyped or cut-off key before any look-up. The secret
has 192 random bits, so a plain SHA-256 of the text is a sufficient store: slow password hashes
protect guessable secrets, which this is not.
"""

import hashlib
import re
import secrets
import zlib

PREFIX = "kurs"
ENVIRONMENT_PATTERN = r"[a-z0-9]{1,16}"
KEY_ID_PATTERN = r"[a-z0-9]{1,32}"
_ID_BYTES = 6
_SECRET_BYTES = 24

_FORM = re.compile(
    rf"{PREFIX}_({ENVIRONMENT_PATTERN})_({KEY_ID_PATTERN})_[A-Za-z0-9]{{22,128}}_([0-9a-f]{{8}})"
)


class MalformedKey(ValueError):
    """The text is not a key, or its checksum does not fit. The message never quotes the text."""


def new_key(environment: str) -> tuple[str, str]:
    """Return the id and the text of a new key for an environment such as `live` or `dev`.

    Raises ValueError for an environment that is not 1 to 16 lower-case letters and digits.
    """
    if not re.fullmatch(ENVIRONMENT_PATTERN, environment):
        raise ValueError("an environment is 1 to 16 lower-case letters and digits, such as live")
    key_id = secrets.token_hex(_ID_BYTES)
    body = f"{PREFIX}_{environment}_{key_id}_{secrets.token_hex(_SECRET_BYTES)}"
    return key_id, f"{body}_{checksum(body)}"


def checksum(body: str) -> str:
    """Return the CRC-32 of the text before the last underscore, as 8 hexadecimal digits."""
    return f"{zlib.crc32(body.encode()):08x}"


def key_id_of(text: str) -> str:
    """Return the id within a key's text; raises MalformedKey."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise MalformedKey(f"an API key looks like {PREFIX}_<env>_<id>_<secret>_<checksum>")
    if checksum(text[:-9]) != match[3]:
        raise MalformedKey("the key's checksum does not fit: it is mistyped or cut off")
    return match[2]


def environment_of(text: str) -> str:
    """Return the environment that a key's text names; raises MalformedKey."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise MalformedKey("it has not the form of a key")
    return match[1]


def digest(text: str) -> str:
    """Return what is stored of a key: the SHA-256 of its text, hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()
