"""One batch request: items that are read, applied and answered each on its own."""

from pydantic_core import to_json

from kurs.contracts.batch import Misfit, expires_monotonic, read_items
from kurs.contracts.wallet import TransferItem
from kurs.quotes.token import InvalidToken, QuoteVerifier
from wallet import answers
from wallet.directory import AccountDirectory
from wallet.domain.transfers import Kind
from wallet.ledger import Ledger, Submission
from wallet.schemas import batch

_KINDS = frozenset(kind.value for kind in Kind)


class BatchTransfers:
    """Answers `POST /transfers/batch`."""

    def __init__(self, ledger: Ledger, directory: AccountDirectory, quotes: QuoteVerifier) -> None:
        self._ledger = ledger
        self._directory = directory
        self._quotes = quotes

    async def answer(self, body: bytes, arrived: float) -> bytes:
        """Return the answer's body; `arrived` is the monotonic moment of arrival, in seconds.

        Raises MalformedJson or Unprocessable when the body is no batch at all, and what
        Ledger.submit raises.
        """
        read = read_items(batch.BATCH, batch.ITEM, body, tags=_KINDS)
        await self._directory.name_as_stored(i for i in read if not isinstance(i, Misfit))
        items = [i if isinstance(i, Misfit) else self._submission(i, arrived) for i in read]
        fit = [item for item in items if isinstance(item, Submission)]
        outcomes = iter(await self._ledger.submit(fit))
        results = [
            answers.unreadable(item)
            if isinstance(item, Misfit)
            else answers.transfer_result(next(outcomes))
            for item in items
        ]
        return to_json({"results": results})

    def _submission(self, item: TransferItem, arrived: float) -> Submission | Misfit:
        try:
            transfer = batch.to_transfer(item, self._quotes.verify)
        except InvalidToken as error:
            # Nothing is kept of it: keys that are out of step may be in step the next time.
            return Misfit({"transfer_id": item["transfer_id"]}, "quote", str(error))
        expires = expires_monotonic(item.get("deadline_ms"), arrived)
        return Submission(transfer, expires, item.get("traceparent"), item.get("baggage"))
