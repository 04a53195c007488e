"""What the wallet counts. No account, merchant or payment is ever a label."""

from collections import Counter
from collections.abc import Iterable, Mapping

from kurs.kernel.clock import MICROS
from kurs.kernel.money import exponent
from kurs.telemetry import Telemetry
from wallet.domain.heads import Head
from wallet.domain.transfers import Outcome


class WalletMetrics:
    """The wallet's own instruments; batches and transactions are reported by `kurs`."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._transfers = telemetry.counter(
            "kurs_wallet_transfers_total",
            "Transfers answered, by kind, status (replayed: the stored result again) and code",
            ("kind", "status", "code"),
        )
        self._imbalance = telemetry.gauge(
            "kurs_wallet_ledger_imbalance",
            "Sum of all postings of a currency in minor units; anything but 0 is lost money",
            ("currency",),
        )
        self._positions = telemetry.gauge(
            "kurs_wallet_house_position",
            "Balance of an account of the house in major units",
            ("account", "currency"),
        )
        self._holds = telemetry.gauge("kurs_wallet_holds_open", "Holds not yet closed or released")
        self._overdrawn = telemetry.gauge(
            "kurs_wallet_customers_below_limit",
            "Balances of customers below zero or their overdraft; anything but 0 is a fault",
        )
        self._audited = telemetry.gauge(
            "kurs_wallet_ledger_audit_timestamp_seconds",
            "When the ledger was last summed up; the process' start before the first time",
        )

        self.findings = telemetry.gauge(
            "kurs_wallet_ledger_findings",
            "What the audit found that is not as it was committed; anything but 0 was touched",
        )
        self.unlinked = telemetry.gauge(
            "kurs_wallet_ledger_unlinked_transfers",
            "Transfers from before there were hash chains that are not sealed yet",
        )
        self.partitions_ahead = telemetry.gauge(
            "kurs_wallet_partitions_ahead",
            "Partitions of a table behind the one that is written: 2 on PostgreSQL, all well",
            ("table",),
        )
        self._add_heads(telemetry)

    def _add_heads(self, telemetry: Telemetry) -> None:
        self._head_sequence = telemetry.gauge(
            "kurs_wallet_ledger_head_sequence",
            "Number of the last link of a hash chain",
            ("chain",),
        )
        self._head_fingerprint = telemetry.gauge(
            "kurs_wallet_ledger_head_fingerprint",
            "The first 48 bits of the hash of a chain's last link, as a number",
            ("chain",),
        )
        self._head_at = telemetry.gauge(
            "kurs_wallet_ledger_head_timestamp_seconds", "When the ledger's head was last published"
        )

    def count(self, outcomes: Iterable[Outcome]) -> None:
        """Count the answers of a batch."""
        totals = Counter(
            ("replayed" if o.replayed and o.status != "conflict" else o.status, o.kind, o.code)
            for o in outcomes
        )
        for (status, kind, code), number in totals.items():
            self._transfers.labels(str(kind), str(status), code or "").inc(number)

    def audit_begins(self, now: int) -> None:
        """Let the age of the last audit count from `now`, in microseconds, until there is one."""
        self._audited.set(now / MICROS)

    def report_head(self, head: Head) -> None:
        """Publish where the hash chains end."""
        for chain, (sequence, hash_) in head.tips.items():
            self._head_sequence.labels(str(chain)).set(sequence)
            self._head_fingerprint.labels(str(chain)).set(int(hash_[:12], 16))
        self._head_at.set(head.at / MICROS)

    def report_audit(
        self,
        now: int,
        sums: Mapping[str, int],
        positions: Iterable[tuple[str, str, int]],
        holds: int,
        overdrawn: int,
    ) -> None:
        """Publish what an audit found; amounts in minor units, `now` in microseconds."""
        for currency, total in sums.items():
            self._imbalance.labels(currency).set(total)
        for account, currency, minor in positions:
            self._positions.labels(account, currency).set(minor / 10 ** exponent(currency))
        self._holds.set(holds)
        self._overdrawn.set(overdrawn)
        self._audited.set(now / MICROS)
