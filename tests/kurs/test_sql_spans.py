"""What a trace shows of SQL, on both databases, and that nobody listens otherwise."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode, use_span
from sqlalchemy import BigInteger, Column, Connection, MetaData, String, Table, select, text
from sqlalchemy.exc import DBAPIError

from kurs.data.bulk import insert_rows, update_rows
from kurs.data.database import Database
from kurs.data.writer import Writer
from kurs.telemetry import Telemetry
from kurs.telemetry.tracing import SAMPLED_ROOT, format_traceparent, unsampled_span
from kurs_testing.telemetry import RecordingTelemetry

metadata = MetaData()
notes = Table("notes", metadata, Column("id", String, primary_key=True), Column("n", BigInteger))


@pytest.fixture
def telemetry() -> Telemetry:
    return RecordingTelemetry("wallet")


@pytest.fixture
async def database(database_url: str, telemetry: Telemetry) -> AsyncIterator[Database]:
    database = Database.open(database_url, telemetry)
    await database.write(metadata.create_all)
    yield database
    await database.close()


def work(connection: Connection) -> None:
    insert_rows(connection, notes, ("id", "n"), [("a", 1), ("b", 2)])
    update_rows(connection, notes, ("id",), ("n",), [("a", 3)])
    connection.execute(select(notes).where(notes.c.id == "secret-id")).all()


def attributes(span: ReadableSpan) -> Mapping[str, Any]:
    return span.attributes or {}


async def test_a_transaction_has_its_statements_under_it(
    database: Database, telemetry: Telemetry
) -> None:
    with telemetry.tracer.start_as_current_span("request", SAMPLED_ROOT) as request:
        await database.write(work)

    *statements, transaction, _ = telemetry.spans()
    assert transaction.name == "write transaction"
    assert transaction.parent is not None
    assert transaction.parent.span_id == request.get_span_context().span_id
    summaries = ["INSERT notes", "UPDATE notes", "SELECT notes"]
    assert [span.name for span in statements] == summaries
    assert attributes(transaction)["db.query.summary"] == " ".join(summaries)
    assert attributes(transaction)["kurs.db.statements"] == 3
    for span in statements:
        assert span.parent is not None
        assert span.parent.span_id == transaction.context.span_id
        assert attributes(span)["db.system.name"] == database.dialect
        assert attributes(span)["db.collection.name"] == "notes"
    assert [attributes(span)["db.operation.name"] for span in statements] == [
        "INSERT",
        "UPDATE",
        "SELECT",
    ]
    assert "secret-id" not in str([dict(attributes(span)) for span in telemetry.spans()])


async def test_a_statement_that_fails_is_an_error(database: Database, telemetry: Telemetry) -> None:
    def fail(connection: Connection) -> None:
        connection.execute(text("SELECT nothing FROM nowhere"))

    with (
        telemetry.tracer.start_as_current_span("request", SAMPLED_ROOT),
        pytest.raises(DBAPIError),
    ):
        await database.read(fail)

    statement, transaction, _ = telemetry.spans()
    assert statement.name == "SELECT nowhere"
    assert statement.status.status_code is StatusCode.ERROR
    assert transaction.status.status_code is StatusCode.ERROR


async def test_a_transaction_that_is_not_sampled_is_not_listened_to(
    database: Database, telemetry: Telemetry
) -> None:
    def heard(connection: Connection) -> list[bool]:
        names = ("before_cursor_execute", "after_cursor_execute")
        return [bool(getattr(connection.dispatch, name)) for name in names]

    with telemetry.tracer.start_as_current_span("request", SAMPLED_ROOT):
        assert await database.write(heard) == [True, True]
    with use_span(unsampled_span()):
        assert await database.write(heard) == [False, False]


async def test_a_shared_transaction_links_to_those_that_are_sampled(
    database: Database, telemetry: Telemetry
) -> None:
    with telemetry.tracer.start_as_current_span("payment", SAMPLED_ROOT) as payment:
        context = payment.get_span_context()
    sampled = format_traceparent(context)
    writer: Writer[str | None, None] = Writer(
        database,
        lambda connection, ops: [connection.execute(select(notes)).all() and None for _ in ops],
        name="ledger",
        member=lambda op: op,
    )

    await writer.submit_many([sampled, None])

    (shared,) = (span for span in telemetry.spans() if span.name == "wallet transaction")
    assert [link.context.span_id for link in shared.links] == [context.span_id]
    assert shared.parent is None
    assert attributes(shared)["kurs.batch.size"] == 2
    assert {"write transaction", "SELECT notes"} < {span.name for span in telemetry.spans()}
