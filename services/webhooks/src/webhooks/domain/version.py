"""What tells one version of a destination from another."""

from typing import NamedTuple


class Version(NamedTuple):
    """A destination as it was written: the fingerprint of all that it says, and its merchant."""

    fingerprint: str
    merchant: str
