"""What callers ask of the ledger, what it keeps, and what it answers."""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct

from kurs.contracts.wallet import Code
from kurs.quotes.token import Quote


class Kind(StrEnum):
    """What a transfer does."""

    POST = "post"
    HOLD = "hold"
    CAPTURE = "capture"
    VOID = "void"
    CANCEL = "cancel"
    DEPOSIT = "deposit"
    EXPIRY = "expiry"
    ARCHIVE = "archive"


class Posting(NamedTuple):
    """One leg: `amount` in minor units, positive credits the account, negative debits it."""

    account_id: str
    currency: str
    amount: int


class HoldTerms(NamedTuple):
    """What a hold sets aside: `amount` in minor units, until `expires_at` in microseconds."""

    account_id: str
    currency: str
    amount: int
    expires_at: int


class Transfer(Struct, kw_only=True):
    """One request to the ledger.

    `content` is the canonical JSON of everything that makes two requests the same; `context` is
    the caller's own JSON, and `actor` who asked (`merchant/key`): both are kept and given back,
    never compared. Postings sum to zero per currency.
    `quote` is signed by fx, which whoever made the transfer has verified.
    """

    transfer_id: str
    kind: Kind
    merchant: str
    content: str
    postings: Sequence[Posting] = ()
    hold: HoldTerms | None = None
    hold_id: str | None = None
    quote_id: str | None = None
    quote: Quote | None = None
    reverses: str | None = None
    config_revision: str | None = None
    context: str | None = None
    actor: str | None = None

    @property
    def burns_id(self) -> bool:
        """Tell whether a refusal is kept, so that the id can never have another outcome.

        A deposit that names a wrong account can be corrected under its id, and an expiry that came
        too late has nothing to say.
        """
        return self.kind is not Kind.DEPOSIT and self.kind is not Kind.EXPIRY


DEPOSIT = "dep:"
"""How the id of a deposit's transfer begins; its merchant and the deposit's own id follow."""
EXPIRY = "expire:"
"""How the id of a hold's expiry begins; the hold's follows."""
ARCHIVE = "archive:"
"""How the id of what stands for an archive begins; its name follows. It moves nothing."""


class Record(NamedTuple):
    """A stored transfer; the fields are the columns of `transfers`, in order."""

    transfer_id: str
    kind: str
    merchant: str
    status: str
    code: str | None
    message: str | None
    field: str | None
    content: str
    quote_id: str | None
    """Set only when the transfer was applied: a refused one does not consume its quote."""
    reverses: str | None
    hold_id: str | None
    config_revision: str | None
    context: str | None
    created_at: int
    actor: str | None = None
    """Who asked, `merchant/key`; earlier releases stored none."""


class Outcome(NamedTuple):
    """The answer to one transfer; `record` is what is stored under its id, if anything is.

    `kind` is a `Kind` and `status` a `TransferStatus`, or the word of a later release.
    """

    transfer_id: str
    kind: str
    status: str
    replayed: bool
    created_at: int
    record: Record | None
    code: str | None = None
    message: str | None = None
    field: str | None = None


class Refusal(Exception):
    """A business refusal, raised by a rule and turned into an Outcome by the evaluation."""

    def __init__(self, code: Code, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field
