"""Faults planted into the shipped code, one at a time, to see that the simulator finds them.

A mutant replaces a piece of a module's text while it is imported; nothing on disk changes. A piece
that is no longer there is an error: a mutant has to follow the code.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from dataclasses import dataclass
from types import ModuleType


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault: in `module`, `old` becomes `new`."""

    module: str
    old: str
    new: str


MUTANTS: dict[str, Mutant] = {
    "a takeover fails without burning the id": Mutant(
        "payments.flow.steps",
        "        if started.fresh:\n            return failed(",
        "        if True:\n            return failed(",
    ),
    "an outcome is adopted without its rate": Mutant(
        "payments.domain.adoption",
        "exchange=None if exchange is None else read_rate(exchange),",
        "exchange=None,",
    ),
    "an adopted hold forgets when it ends": Mutant(
        "payments.domain.adoption",
        'hold_expires_at=_moment(context["hold_expires_at"]),',
        "hold_expires_at=None,",
    ),
    "a slow driver is not fenced off": Mutant(
        "payments.store.writes",
        'keys = ("uid", "version")\n    rows = [_changes(finish) for finish in latest.values()]',
        'keys = ("uid",)\n    rows = [(r[0], *r[2:]) for r in map(_changes, latest.values())]',
    ),
    "other content under a used key is the same request": Mutant(
        "payments.domain.beginning",
        "    if earlier.fingerprint != repeated.fingerprint:\n        return KeyUsed()\n",
        "",
    ),
    "an outcome that changes nothing of the status has no event": Mutant(
        "payments.store.event_order",
        "    return finish.operation.kind == Kind.REFUND or finish.after.status",
        "    return finish.after.status",
    ),
    "refunds may exceed what is left": Mutant(
        "payments.domain.beginning", "    if amount > left:", "    if False:"
    ),
    "an operation may begin beside another one": Mutant(
        "payments.domain.beginning",
        "    if payment.active_operation is not None:\n        return InProgress()\n",
        "",
    ),
    "what still runs is taken over by a repeat": Mutant(
        "payments.domain.beginning",
        "earlier.lease_until > repeated.created_at and not own",
        "False",
    ),
    "a follower skips an event": Mutant(
        "payments.store.events",
        "events.c.sequence > sequence, ",
        "events.c.sequence > sequence + (sequence % 7 == 6), ",
    ),
    "overdue holds are left as they are": Mutant(
        "payments.store.reads",
        "payments.c.hold_expires_at < now,",
        "payments.c.hold_expires_at < 0,",
    ),
    "a hold is captured after its end": Mutant(
        "wallet.domain.holds",
        " or (hold.state == HoldState.HELD and hold.expires_at <= now)",
        "",
    ),
    "a closed hold is captured once more": Mutant(
        "wallet.domain.holds", "    if hold.state != HoldState.HELD:", "    if False:"
    ),
    "what is held can be spent": Mutant(
        "wallet.domain.view",
        "return self.posted - self.held + self.overdraft",
        "return self.posted + self.overdraft",
    ),
    "a debit is not held to the balance": Mutant(
        "wallet.domain.postings",
        "            if balance.available + free + amount < 0:",
        "            if False:",
    ),
    "a capture releases nothing": Mutant(
        "wallet.domain.evaluate",
        "        self._weigh(hold, -hold.amount)",
        "        self._weigh(hold, 0)",
    ),
    "a used id is used again": Mutant(
        "wallet.domain.evaluate",
        "    if known.kind == Kind.CANCEL and transfer.kind is not Kind.CANCEL:",
        "    if False:",
    ),
    "reversals are not counted": Mutant(
        "wallet.domain.reversals",
        "            left[key] = left.get(key, 0) - amount\n\n    def _check",
        "            pass\n\n    def _check",
    ),
    "an answer goes out before its commit": Mutant(
        "payments.flow.records",
        "            await self._commits.write([f for _, f in recording], "
        "[d.trace for d, _ in recording])",
        "            [None for task in [__import__('asyncio').ensure_future(self._commits.write(\n"
        "                [f for _, f in recording], [d.trace for d, _ in recording]\n"
        "            ))] for _ in recording]",
    ),
    "a retry goes under a new id": Mutant(
        "payments.flow.steps",
        "            (drive, step.item)\n",
        "            (drive, {**step.item, 'transfer_id': step.item['transfer_id']\n"
        "                + f':{drive.deadline.expires_monotonic:.0f}'})\n",
    ),
    "a takeover does not raise the lease": Mutant(
        "payments.store.leases",
        ".values(lease_until=until, attempts=op.attempts + 1, **also)",
        ".values(attempts=op.attempts + 1, **also)",
    ),
    "a part is captured as the whole": Mutant(
        "payments.domain.transfers",
        '        "postings": _wire(capture_postings(payment, operation.amount)),',
        '        "postings": _wire(capture_postings(payment, payment.amount)),',
    ),
    "a quote is used twice": Mutant(
        "wallet.domain.evaluate",
        "        if quote_id in self._view.used_quotes:",
        "        if False:",
    ),
    "what arrives is rounded up": Mutant(
        "fx.domain.pricing",
        "        return convert(source_minor, source, destination, rate, Rounding.DOWN)",
        "        return convert(source_minor, source, destination, rate, Rounding.UP)",
    ),
    "a refund is rounded down": Mutant(
        "kurs.quotes.legs",
        "            -(-self.destination * source // self.source),",
        "            self.destination * source // self.source,",
    ),
    "one spread is taken for two trades": Mutant(
        "fx.domain.table",
        "        first.spread_bps + second.spread_bps,",
        "        first.spread_bps,",
    ),
    "a rate that is too old is sold": Mutant(
        "fx.domain.table", "            if now <= candidate.usable_until:", "            if True:"
    ),
    "a stripe is written as another one's": Mutant(
        "wallet.store.batch",
        "        own = stripe if b.overdraft is None else 0",
        "        own = 0",
    ),
    "a deposit's id counts with its amount only": Mutant(
        "wallet.service",
        'transfer_id=f"{DEPOSIT}{merchant}:{deposit.deposit_id}",',
        'transfer_id=f"{DEPOSIT}{merchant}:{deposit.deposit_id}:{amount}",',
    ),
    "velocity forgets who asked before": Mutant(
        "risk.domain.batch",
        "            self._used[account, currency] = Use(attempts + 1, total + amount)",
        "            self._used[account, currency] = Use(1, amount)",
    ),
    "velocity counts one more than it may": Mutant(
        "risk.domain.rules", "    if count <= maximum:", "    if count <= maximum + 1:"
    ),
    "a repeated attempt is counted again": Mutant(
        "risk.domain.batch",
        "            return Scored(stored, None) if field is None else",
        "            self._count(attempt.counter_key, attempt.currency, attempt.amount_minor)\n"
        "            return Scored(stored, None) if field is None else",
    ),
    "an event names the one before it for everybody": Mutant(
        "webhooks.store.intake",
        "            place = (name, event.sequence, event.payment_id, last[name])",
        "            place = (name, event.sequence, event.payment_id, event.sequence - 1)",
    ),
    "an event is taken whatever is answered": Mutant(
        "webhooks.domain.delivery",
        "        return self.status is not None and 200 <= self.status < 300",
        "        return self.status is not None",
    ),
    "what failed once holds its payment no more": Mutant(
        "webhooks.store.sending",
        "            earlier.c.state == State.WAITING.value,",
        "            (earlier.c.state == State.WAITING.value) & (earlier.c.attempts == 0),",
    ),
    "who takes the feed over begins at its end": Mutant(
        "webhooks.intake",
        "        if cursor is None:\n"
        "            end = await self._feed.end()\n"
        "            start = Cursor(end.next_after, end.next_id)\n",
        "        if cursor is None or self._read_at is None:\n"
        "            end = await self._feed.end()\n"
        "            self._was_read()\n"
        "            start = Cursor(end.next_after, end.next_id)\n"
        "            if cursor is not None:\n"
        "                await self._go_on(cursor, start)\n",
    ),
    "a delivery that is sent again has another body": Mutant(
        "webhooks.domain.delivery",
        '        before = "null" if self.previous is None else str(self.previous)',
        '        before = "null" if self.previous is None or self.attempts else str(self.previous)',
    ),
}


class _Planter(importlib.abc.MetaPathFinder):
    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(
        self,
        name: str,
        path: object = None,  # noqa: ARG002 - the protocol of a finder
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> importlib.machinery.ModuleSpec | None:
        """Return the spec of the mutated module, None for every other."""
        if name != self._mutant.module:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        spec.loader = _Loader(name, spec.origin, self._mutant)
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, name: str, path: str, mutant: Mutant) -> None:
        super().__init__(name, path)
        self._mutant = mutant

    def get_code(self, fullname: str) -> object:  # type: ignore[override]  # always from the text
        """Compile the mutated text; raises ValueError when the piece is not there once."""
        text = self.get_data(self.path).decode()
        if text.count(self._mutant.old) != 1:
            raise ValueError(f"{fullname} has not exactly one {self._mutant.old!r}")
        return compile(text.replace(self._mutant.old, self._mutant.new), self.path, "exec")


def plant(name: str) -> None:
    """Let the mutant of that name grow when its module is imported; raises KeyError.

    Raises ValueError when it was imported before: nothing would grow.
    """
    if MUTANTS[name].module in sys.modules:
        raise ValueError(f"{MUTANTS[name].module} is there already")
    sys.meta_path.insert(0, _Planter(MUTANTS[name]))
