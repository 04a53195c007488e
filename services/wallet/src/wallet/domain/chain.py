"""The hash chain over transfers: what is hashed, byte for byte.

Each committed batch adds one link to the chain of its stripe. A link lists its transfers with the
digest of each, so that a record that was touched is named and not only its batch:

- a transfer's digest is the SHA-256 of a JSON object of its columns, NULL ones left out, in the
  order of their names (so a column that a later release adds leaves old digests as they are). The
  column `content` holds the postings that were asked for, so the digest stands for them, too, as
  long as postings and content are compared;
- a link's hash is the SHA-256 of `chain:sequence:previous hash:SHA-256 of its entries`, in ASCII.

All digests are lower hexadecimal. JSON is UTF-8 without blanks, with the shortest escapes.
"""

import json
from collections.abc import Iterable
from hashlib import sha256
from operator import itemgetter

from msgspec import defstruct
from msgspec.json import encode

from wallet.domain.transfers import Record

HISTORY = -1
"""The chain of the transfers that were made before there were links; see `python -m wallet seal`.

It is there only where such transfers are. Its last link, an empty one, closes it: from then on a
transfer without a link was not made by the wallet."""

_NAMES = tuple(sorted(Record._fields))
_in_order = itemgetter(*map(Record._fields.index, _NAMES))
# Writing a Struct leaves NULL columns out, in half of the time of a dictionary without them.
_Columns = defstruct("_Columns", [(name, object, None) for name in _NAMES], omit_defaults=True)


def transfer_digest(record: Record) -> str:
    """Return the digest of a stored transfer."""
    return sha256(encode(_Columns(*_in_order(record)))).hexdigest()


def write_entries(records: Iterable[Record]) -> str:
    """Return what a link lists: JSON of `[[transfer id, digest], …]`."""
    return encode([(record.transfer_id, transfer_digest(record)) for record in records]).decode()


def read_entries(entries: str) -> dict[str, str]:
    """Return the digest of each transfer that a link lists; raises ValueError for other text."""
    try:
        return {str(transfer_id): str(digest) for transfer_id, digest in json.loads(entries)}
    except TypeError as error:
        raise ValueError("no list of transfers and digests") from error


def entries_digest(entries: str) -> str:
    """Return the digest of what a link lists."""
    return sha256(entries.encode()).hexdigest()


def link_hash(chain: int, sequence: int, previous: str, digest: str) -> str:
    """Return the hash of a link from the hash of the one before it and its entries' digest."""
    return sha256(f"{chain}:{sequence}:{previous}:{digest}".encode()).hexdigest()
