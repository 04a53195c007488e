"""A transfer that the database cannot store fails alone, and says so."""

import pytest
from tests.wallet.harness import cancel
from tests.wallet.quotes import verify

from kurs.data.database import Database
from kurs.kernel.batching import BatchMetrics
from kurs_testing.clock import ManualClock
from kurs_testing.telemetry import RecordingTelemetry
from wallet.ledger import Ledger, Submission
from wallet.metrics import WalletMetrics
from wallet.schemas.batch import BATCH, to_transfer
from wallet.settings import WalletSettings


@pytest.mark.postgres
async def test_a_transfer_that_cannot_be_stored_leaves_its_neighbours_alone(
    postgres_ledger: str,
) -> None:
    """PostgreSQL keeps no NUL in a text; the routes let none in, so it comes in behind them."""
    telemetry = RecordingTelemetry("wallet")
    database = Database.open(postgres_ledger)
    ledger = Ledger(
        database,
        clock=ManualClock(),
        stripe=0,
        telemetry=telemetry,
        metrics=WalletMetrics(telemetry),
        batch_metrics=BatchMetrics(telemetry.registry),
        ceilings=WalletSettings().ceilings(),
    )
    items = BATCH.validate_python({"items": [cancel("a"), cancel("b"), cancel("c")]}).items
    transfers = [to_transfer(item, verify) for item in items]
    transfers[1].merchant = "nul\0"

    outcomes = await ledger.submit([Submission(transfer) for transfer in transfers])

    assert [(o.status, o.code) for o in outcomes] == [
        ("applied", None),
        ("skipped", "failed"),
        ("applied", None),
    ]
    await ledger.close()
    await database.close()
