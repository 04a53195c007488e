"""The running audit finds a ledger that was touched, though its sums are zero, and names it."""

from collections.abc import AsyncIterator

import pytest
import structlog
from structlog.testing import LogCapture
from tests.wallet.harness import WalletApp, pay, tamper

from kurs.data.database import Database
from kurs_testing.telemetry import RecordingTelemetry
from wallet.audit import Audit
from wallet.metrics import WalletMetrics

TIMES_TEN = "UPDATE postings SET amount = amount * 10 WHERE transfer_id = 'pay:demo:one'"
MENDED = "UPDATE postings SET amount = amount / 10 WHERE transfer_id = 'pay:demo:one'"


class Audited:
    """An audit of a wallet's ledger with two payments; what it logs and counts."""

    def __init__(self, wallet: WalletApp, database: Database) -> None:
        self.wallet = wallet
        telemetry = RecordingTelemetry("audit")
        self._database, self._metrics = database, WalletMetrics(telemetry)
        self._capture = LogCapture()
        self._logger = structlog.wrap_logger(None, processors=[self._capture])
        self._value = telemetry.registry.get_sample_value
        self.look_at(5_000)

    def look_at(self, transfers: int) -> None:
        """Begin with an audit whose look compares so many transfers."""
        self.audit = Audit(
            self._database, self.wallet.clock, self._metrics, self._logger, transfers=transfers
        )

    async def look(self, *, hours: float = 0) -> float | None:
        self.wallet.clock.advance(seconds=3600 * hours)
        await self.audit.run()
        return self._value("kurs_wallet_ledger_findings")

    @property
    def named(self) -> list[object]:
        return [entry["transfer_id"] for entry in self._capture.entries]


@pytest.fixture
async def audited(wallet: WalletApp, ledger_url: str) -> AsyncIterator[Audited]:
    await wallet.transfer(pay("pay:demo:one", "alice", "bob", 1_00))
    await wallet.transfer(pay("pay:demo:two", "alice", "bob", 1_00))
    database = Database.open(ledger_url)
    yield Audited(wallet, database)
    await database.close()


async def test_both_legs_times_ten_are_found_within_the_hour_and_named(
    audited: Audited, ledger_url: str
) -> None:
    assert await audited.look() == 0
    await tamper(ledger_url, TIMES_TEN)
    assert await audited.audit.run() == {"USD": 0}
    assert await audited.look(hours=1) == 4
    assert set(audited.named) == {"pay:demo:one", None}
    await tamper(ledger_url, MENDED)
    assert await audited.look(hours=1) == 0


async def test_a_record_that_was_touched_is_found_at_the_next_look(
    audited: Audited, ledger_url: str
) -> None:
    assert await audited.look() == 0
    await tamper(
        ledger_url, "UPDATE transfers SET context = '{}' WHERE transfer_id = 'pay:demo:two'"
    )
    assert await audited.look() == 1
    assert audited.named == ["pay:demo:two"]
    assert await audited.look() == 1
    assert audited.named == ["pay:demo:two"]
    await tamper(
        ledger_url, "UPDATE transfers SET context = NULL WHERE transfer_id = 'pay:demo:two'"
    )
    await audited.look()
    assert await audited.look() == 0


async def test_an_end_that_was_cut_off_between_two_looks_is_found(
    audited: Audited, ledger_url: str
) -> None:
    assert await audited.look() == 0
    last = "SELECT max(sequence) FROM links"
    await tamper(
        ledger_url,
        "CREATE TABLE kept_links AS SELECT * FROM links",
        "CREATE TABLE kept_chains AS SELECT * FROM chains",
        "CREATE TABLE kept AS SELECT * FROM transfers WHERE transfer_id = 'pay:demo:two'",
        f"DELETE FROM links WHERE sequence = ({last})",
        f"UPDATE chains SET sequence = ({last}), hash = (SELECT hash FROM links WHERE sequence = "
        f"({last})) WHERE sequence > 0",
        "DELETE FROM transfers WHERE transfer_id = 'pay:demo:two'",
    )
    assert await audited.look() == 1
    await tamper(
        ledger_url,
        "DELETE FROM links",
        "INSERT INTO links SELECT * FROM kept_links",
        "DELETE FROM chains",
        "INSERT INTO chains SELECT * FROM kept_chains",
        "INSERT INTO transfers SELECT * FROM kept",
        "DROP TABLE kept_links",
        "DROP TABLE kept_chains",
        "DROP TABLE kept",
    )


async def test_a_long_chain_is_walked_a_part_at_each_look(
    audited: Audited, ledger_url: str
) -> None:
    audited.look_at(1)
    await audited.wallet.transfer(*[pay(f"pay:demo:{i}", "alice", "bob", 1) for i in range(240)])
    await audited.wallet.transfer(pay("pay:demo:last", "alice", "bob", 1))
    await tamper(
        ledger_url, "UPDATE transfers SET context = '{}' WHERE transfer_id = 'pay:demo:last'"
    )
    looks = [await audited.look() for _ in range(3)]
    assert (looks[0], looks[-1]) == (0, 1)
    await tamper(
        ledger_url, "UPDATE transfers SET context = NULL WHERE transfer_id = 'pay:demo:last'"
    )
