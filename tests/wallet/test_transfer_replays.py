"""POST /transfers/batch: replays, conflicts, deadlines, and what a batch costs."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, event
from tests.wallet.harness import (
    WalletApp,
    cancel,
    capture,
    count_rows,
    fx,
    hold,
    pay,
    qualify,
    void,
    wallet_app,
)

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Statements:
    """The SQL that any engine of this process executes, the audit's beside a batch's."""

    def __init__(self) -> None:
        self._seen: list[tuple[Connection, str]] = []

    def note(self, connection: Connection, _: object, statement: str, *__: object) -> None:
        self._seen.append((connection, statement))

    def clear(self) -> None:
        self._seen.clear()

    @property
    def of_batches(self) -> list[str]:
        """What the transactions that stored transfers executed."""
        storing = {id(c) for c, statement in self._seen if "INSERT INTO transfers" in statement}
        own = (statement for c, statement in self._seen if id(c) in storing)
        return [statement for statement in own if not statement.startswith("BEGIN")]


@pytest.fixture
def statements() -> Iterator[Statements]:
    seen = Statements()
    event.listen(Engine, "before_cursor_execute", seen.note)
    yield seen
    event.remove(Engine, "before_cursor_execute", seen.note)


async def test_who_asked_is_kept_and_makes_no_other_transfer(small_wallet: WalletApp) -> None:
    for actor in ("demo/k1", "demo/k2", None):
        (result,) = await small_wallet.transfer({**cancel("x"), "actor": actor})
        assert result["status"] == "applied"
    assert result["stored"]["actor"] == "demo/k1"


async def test_every_kind_is_replayed_with_what_is_stored(wallet: WalletApp) -> None:
    items = [
        pay("p", "alice", "bob", 5_00, quote_id="q", config_revision="r7", context={"a": [1, "é"]}),
        hold("h", "alice", 10_00, wallet.clock, quote_id="q2"),
        capture("c", "h", "alice", "bob", 10_00),
        hold("h2", "alice", 10_00, wallet.clock),
        void("v", "h2"),
        cancel("x"),
    ]
    first = await wallet.transfer(*items)
    wallet.clock.advance(seconds=1)
    second = await wallet.transfer(*items)

    assert [r["status"] for r in first] == ["applied"] * 6
    for before, after in zip(first, second, strict=True):
        stored = after.pop("stored")
        assert stored["status"] == "applied"
        assert after == {**before, "replayed": True}
    assert await wallet.total("alice") == "85.00"


async def test_a_replay_tells_what_was_asked(wallet: WalletApp) -> None:
    item = pay("p", "alice", "bob", 5_00, quote_id="q", config_revision="r7", context={"a": 1.5})
    await wallet.transfer(item)
    (again,) = await wallet.transfer({**item, "context": {"other": True}})

    assert again["stored"] == {
        "kind": "post", "status": "applied", "code": None, "postings": qualify(item)["postings"],
        "quote_id": "q", "config_revision": "r7", "context": {"a": 1.5}, "actor": None,
    }  # fmt: skip


async def test_another_content_is_a_conflict_that_names_the_field(wallet: WalletApp) -> None:
    item = pay("p", "alice", "bob", 5_00)
    await wallet.transfer(item)
    (conflict,) = await wallet.transfer(pay("p", "alice", "bob", 6_00))

    stored = conflict.pop("stored")
    assert conflict == {
        "transfer_id": "pay:demo:p", "status": "conflict", "replayed": True,
        "code": "transfer_id_reused",
        "field": "postings.0.amount_minor", "created_at": wallet.clock.now(),
        "message": "the id was used before with another postings.0.amount_minor",
    }  # fmt: skip
    assert stored["postings"] == qualify(item)["postings"]
    assert await wallet.total("alice") == "95.00"


async def test_a_late_item_is_skipped_and_leaves_nothing(small_wallet: WalletApp) -> None:
    late = pay("late", "alice", "bob", 5_00, deadline_ms=0)
    on_time = pay("on-time", "alice", "bob", 5_00, deadline_ms=60_000)
    skipped, applied = await small_wallet.transfer(late, on_time)

    assert (skipped["status"], skipped["code"]) == ("skipped", "deadline_exceeded")
    assert applied["status"] == "applied"
    (now_applied,) = await small_wallet.transfer({**late, "deadline_ms": 60_000})
    assert (now_applied["status"], now_applied["replayed"]) == ("applied", False)


async def test_a_stored_transfer_can_be_read(small_wallet: WalletApp) -> None:
    (result,) = await small_wallet.transfer(pay("pay:demo:p1", "alice", "bob", 5_00))
    response = await small_wallet.client.get("/transfers/pay:demo:p1")
    answer = response.json()
    stored = answer.pop("stored")
    assert answer == {**result, "replayed": True}
    assert stored["kind"] == "post"


async def test_the_number_of_statements_does_not_grow_with_the_batch(
    wallet: WalletApp, statements: Statements
) -> None:
    await wallet.transfer(fx("warm", "alice", "bob", 1))
    counts = []
    for size in (1, 64):
        statements.clear()
        items = [
            fx(f"n{size}-{i}", "alice", "bob", 1, quote_id=f"q{size}-{i}") for i in range(size)
        ]
        results = await wallet.transfer(*items)
        assert {r["status"] for r in results} == {"applied"}
        counts.append(len(statements.of_batches))

    # What is written is one statement on PostgreSQL; on SQLite there are no round trips.
    assert counts == [expected := 3 if "postgresql" in wallet.url else 8, expected], (
        statements.of_batches
    )


async def test_every_kind_in_one_batch_takes_a_bounded_number_of_statements(
    wallet: WalletApp, statements: Statements
) -> None:
    await wallet.transfer(
        pay("p", "alice", "bob", 1), *[hold(f"h{i}", "alice", 1, wallet.clock) for i in range(20)]
    )
    statements.clear()
    results = await wallet.transfer(
        *[capture(f"c{i}", f"h{i}", "alice", "shop/carol", 1) for i in range(10)],
        *[void(f"v{i}", f"h{i + 10}") for i in range(10)],
        *[hold(f"n{i}", "alice", 1, wallet.clock) for i in range(10)],
        pay("r", "bob", "alice", 1, reverses="p"),
    )
    assert {r["status"] for r in results} == {"applied"}
    assert len(statements.of_batches) <= 15, statements.of_batches


async def test_a_sampled_item_has_a_span_in_its_own_trace(small_wallet: WalletApp) -> None:
    await small_wallet.transfer(
        pay("p", "alice", "bob", 1, traceparent=TRACEPARENT),
        pay("q", "alice", "bob", 1, traceparent="nonsense"),
        pay("r", "alice", "bob", 1),
    )
    spans = {span.name: span for span in small_wallet.telemetry.spans()}
    item, batch = spans["wallet transfer"], spans["wallet transaction"]
    assert item.context is not None
    assert f"{item.context.trace_id:032x}" == TRACEPARENT[3:35]
    assert dict(item.attributes or {})["kurs.transfer_id"] == "pay:demo:p"
    assert f"{batch.links[0].context.trace_id:032x}" == TRACEPARENT[3:35]


async def test_transfers_are_counted_by_kind_status_and_code(small_wallet: WalletApp) -> None:
    item = pay("p", "alice", "bob", 1)
    await small_wallet.transfer(item, item, pay("q", "alice", "bob", 999_99))
    series = 'kurs_wallet_transfers_total{{code="{}",kind="post",status="{}"}}'
    assert await small_wallet.metric(series.format("", "applied")) == 1
    assert await small_wallet.metric(series.format("", "replayed")) == 1
    assert await small_wallet.metric(series.format("insufficient_funds", "refused")) == 1


async def test_a_thousand_items_fit_in_one_batch(sqlite_ledger: str) -> None:
    async with wallet_app(sqlite_ledger) as wallet:
        await wallet.open("alice", "bob")
        await wallet.deposit("alice", "100.00")
        results = await wallet.transfer(*[pay(f"t{i}", "alice", "bob", 11) for i in range(1_000)])
        assert [r["status"] for r in results].count("applied") == 909
        assert await wallet.total("alice") == "0.01"
    assert (await count_rows(sqlite_ledger))["transfers"] == 1_001


async def test_everything_is_there_after_a_restart(ledger_url: str) -> None:
    item = {}
    async with wallet_app(ledger_url) as wallet:
        await wallet.open("alice", "bob")
        await wallet.deposit("alice", "100.00")
        item = hold("h", "alice", 10_00, wallet.clock)
        await wallet.transfer(item)
    async with wallet_app(ledger_url, clock=wallet.clock, instance="wallet-1") as wallet:
        (replayed,) = await wallet.transfer(item)
        assert (replayed["status"], replayed["replayed"]) == ("applied", True)
        assert (await wallet.line("alice"))["available"] == "90.00"
