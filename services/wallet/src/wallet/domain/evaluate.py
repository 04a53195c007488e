"""Decides a batch of transfers in memory, in order; each is applied whole or not at all.

A later transfer sees what the earlier ones of its batch did, and an id that occurs twice in a batch
is a replay the second time.
"""

from collections.abc import Callable, Sequence

from kurs.contracts.wallet import Code, TransferStatus
from wallet.domain import postings as rules
from wallet.domain.content import first_difference
from wallet.domain.conversions import check_captured, check_quoted, check_unquoted
from wallet.domain.holds import check_open, open_hold
from wallet.domain.reversals import Reversals
from wallet.domain.transfers import Kind, Outcome, Record, Refusal, Transfer
from wallet.domain.view import Changes, Hold, HoldState, View


class Evaluation:
    """One batch over one view at one moment (`now`, microseconds since the epoch)."""

    def __init__(self, view: View, now: int) -> None:
        self.changes = Changes()
        self._view = view
        self._now = now
        self._reversals = Reversals(view)
        self._plans: dict[Kind, Callable[[Transfer], None]] = {
            Kind.POST: self._post,
            Kind.DEPOSIT: self._deposit,
            Kind.HOLD: self._hold,
            Kind.CAPTURE: self._capture,
            Kind.VOID: self._void,
            Kind.EXPIRY: self._expire,
            Kind.CANCEL: self._cancel,
        }

    def run(self, transfers: Sequence[Transfer]) -> list[Outcome]:
        """Return one outcome per transfer and collect `changes`."""
        return [self._evaluate(transfer) for transfer in transfers]

    def _evaluate(self, transfer: Transfer) -> Outcome:
        known = self._view.transfers.get(transfer.transfer_id)
        if known is not None:
            return answer_again(transfer, known)
        try:
            if transfer.quote_id is not None:
                self._check_quote(transfer.quote_id)
            self._plans[transfer.kind](transfer)
        except Refusal as refusal:
            return self._refuse(transfer, refusal)
        if transfer.quote_id is not None:
            self._view.used_quotes.add(transfer.quote_id)
        record = self._keep(transfer, TransferStatus.APPLIED, None)
        if transfer.reverses is not None:
            self._reversals.record(transfer)
        return Outcome(
            transfer.transfer_id, transfer.kind, TransferStatus.APPLIED, False, self._now, record
        )

    def _refuse(self, transfer: Transfer, refusal: Refusal) -> Outcome:
        record, status = None, TransferStatus.REFUSED
        if transfer.burns_id:
            record = self._keep(transfer, status, refusal)
        elif transfer.kind is Kind.EXPIRY:
            status = TransferStatus.SKIPPED
        return Outcome(
            transfer.transfer_id, transfer.kind, status, False, self._now, record,
            refusal.code.value, refusal.message, refusal.field,
        )  # fmt: skip

    def _keep(self, transfer: Transfer, status: TransferStatus, refusal: Refusal | None) -> Record:
        applied = refusal is None
        record = Record(
            transfer.transfer_id, transfer.kind.value, transfer.merchant, status.value,
            refusal.code.value if refusal else None,
            refusal.message if refusal else None,
            refusal.field if refusal else None,
            transfer.content,
            transfer.quote_id if applied else None,
            transfer.reverses, transfer.hold_id, transfer.config_revision, transfer.context,
            self._now, transfer.actor,
        )  # fmt: skip
        self._view.transfers[transfer.transfer_id] = record
        self.changes.transfers.append(record)
        return record

    def _check_quote(self, quote_id: str) -> None:
        if quote_id in self._view.used_quotes:
            message = f"quote {quote_id} was already used; ask for a new one"
            raise Refusal(Code.QUOTE_ALREADY_USED, message, "quote_id")

    def _post(self, transfer: Transfer) -> None:
        moves = rules.plan(transfer, self._view)
        if transfer.reverses is not None:
            self._reversals.check(transfer, self._now)
        elif transfer.quote is not None:
            check_quoted(transfer, self._now)
        else:
            check_unquoted(transfer)
        rules.check(moves)
        self._book(transfer, moves)

    def _deposit(self, transfer: Transfer) -> None:
        moves = rules.plan(transfer, self._view)
        _, arriving = transfer.postings
        self._view.rooms[arriving.currency].take(arriving.amount)
        rules.check(moves)
        self._book(transfer, moves)

    def _book(self, transfer: Transfer, moves: rules.Moves) -> None:
        for balance, amount in moves.items():
            balance.post(amount)
        self.changes.touched.update(moves)
        transfer_id = transfer.transfer_id
        self.changes.postings.extend((transfer_id, p) for p in transfer.postings if p.amount)

    def _hold(self, transfer: Transfer) -> None:
        hold = open_hold(transfer, self._view, self._now)
        self._view.holds[hold.hold_id] = hold
        self.changes.opened_holds.append(hold)
        self._weigh(hold, hold.amount)

    def _capture(self, transfer: Transfer) -> None:
        hold = check_open(transfer, self._view, self._now)
        moves = rules.plan(transfer, self._view)
        balance = self._view.balances[hold.key]
        rules.check_capture(hold, -moves.get(balance, 0))
        if transfer.quote is not None:
            check_captured(transfer, hold, self._view.transfers.get(hold.hold_id))
        else:
            check_unquoted(transfer)
        rules.check(moves, released=(balance, hold.amount))
        self._close(hold, HoldState.CAPTURED, transfer)
        self._book(transfer, moves)

    def _void(self, transfer: Transfer) -> None:
        self._close(check_open(transfer, self._view, self._now), HoldState.VOIDED, transfer)

    def _expire(self, transfer: Transfer) -> None:
        hold = self._view.holds.get(transfer.hold_id or "")
        if hold is None or hold.state != HoldState.HELD or hold.expires_at > self._now:
            raise Refusal(Code.NOT_DUE, f"hold {transfer.hold_id} is closed or not yet due")
        self._close(hold, HoldState.EXPIRED, transfer)

    def _cancel(self, transfer: Transfer) -> None:
        """Nothing moves: the record alone keeps the id from being used."""

    def _close(self, hold: Hold, state: HoldState, transfer: Transfer) -> None:
        hold.state = state
        hold.closed_by = transfer.transfer_id
        self.changes.closed_holds.append(hold)
        self._weigh(hold, -hold.amount)

    def _weigh(self, hold: Hold, amount: int) -> None:
        balance = self._view.balances[hold.key]
        balance.hold(amount)
        self.changes.touched.add(balance)


def answer_again(transfer: Transfer, known: Record) -> Outcome:
    """Answer a transfer whose id is taken: the stored result, or a conflict naming the field."""
    if known.kind == Kind.CANCEL and transfer.kind is not Kind.CANCEL:
        return Outcome(
            transfer.transfer_id, transfer.kind, TransferStatus.REFUSED, True, known.created_at,
            known, Code.CANCELLED.value, "the transfer was cancelled before it was made",
        )  # fmt: skip
    differs = first_difference(known.content, transfer.content)
    if differs is not None:
        return Outcome(
            transfer.transfer_id, transfer.kind, TransferStatus.CONFLICT, True, known.created_at,
            known, Code.ID_REUSED.value, f"the id was used before with another {differs}", differs,
        )  # fmt: skip
    return stored_outcome(known)


def stored_outcome(record: Record) -> Outcome:
    """Return the outcome that a stored transfer had, in its own words: a later release has more."""
    return Outcome(
        record.transfer_id, record.kind, record.status, True, record.created_at,
        record, record.code, record.message, record.field,
    )  # fmt: skip
