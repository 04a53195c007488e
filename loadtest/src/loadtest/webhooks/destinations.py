"""The destinations that a measurement has, and the secret that signs for all of them."""

from collections.abc import Mapping
from typing import NamedTuple

from devstack.destinations import write_destination
from devstack.topology import RunFolder

_NAME = "hooks"
_SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="  # noqa: S105 (of a bench's own)


class Sent(NamedTuple):
    """Whose events go to which address."""

    merchant: str
    url: str


def replace_destinations(folder: RunFolder, sent: Mapping[str, Sent]) -> None:
    """Let a stack have these destinations, by name, and no others."""
    secret = folder.path / "secrets" / _NAME / "secret"
    secret.parent.mkdir(parents=True, exist_ok=True)
    secret.write_text(_SECRET)
    for file in folder.destinations.glob("*.yaml"):
        file.unlink()
    for name, (merchant, url) in sent.items():
        write_destination(folder.destinations, name, merchant=merchant, url=url, secret=_NAME)
