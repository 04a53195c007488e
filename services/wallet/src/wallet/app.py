"""What the wallet is made of."""

import zlib
from typing import Unpack

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI

from kurs.data.limits import WHOLE_SECONDS
from kurs.data.long_reads import LongReads
from kurs.kernel.batching import BatchMetrics
from kurs.quotes.token import QuoteVerifier
from kurs.service import Joined, Service
from kurs.service.database import keep_database
from wallet.account_reads import AccountReads
from wallet.audit import Audit
from wallet.batches import BatchTransfers
from wallet.directory import AccountDirectory
from wallet.domain.heads import read_private_key
from wallet.expiry import release_expired
from wallet.ledger import Ledger
from wallet.ledger_reads import LedgerReads
from wallet.metrics import WalletMetrics
from wallet.migrations import VERSIONS
from wallet.opening import Budget
from wallet.partitions import keep_room
from wallet.publication import HeadPublisher
from wallet.routes import routes
from wallet.service import WalletService
from wallet.service_routes import service_routes
from wallet.settings import WalletSettings
from wallet.store.tables import STRIPES


def create_app(settings: WalletSettings, **joined: Unpack[Joined]) -> FastAPI:
    """Return the app; raises CannotRun without the keys of its edges."""
    service = Service("wallet", settings, **joined)
    metrics = WalletMetrics(service.telemetry)
    database = keep_database(service, VERSIONS)
    quotes = QuoteVerifier(settings.quote_verify_keys_file, service.telemetry)
    ledger = service.add(
        Ledger(
            database,
            clock=service.clock,
            stripe=stripe_of(settings.instance_name()),
            telemetry=service.telemetry,
            metrics=metrics,
            batch_metrics=BatchMetrics(service.telemetry.registry),
            ceilings=settings.ceilings(),
        )
    )
    service.at_end(ledger.close)
    directory = service.add(AccountDirectory(database))
    wallet = service.add(
        WalletService(
            database,
            ledger,
            directory,
            service.clock,
            service.telemetry.logger,
            settings.overdraft_max_minor,
            Budget(settings.accounts_max, settings.accounts_daily_max),
        )
    )
    heads = service.add(
        HeadPublisher(
            database, service.clock, metrics, service.telemetry.logger, _ledger_key(settings)
        )
    )
    _add_heartbeats(service, wallet, heads, metrics)
    service.add(BatchTransfers(ledger, directory, quotes))
    service.add(LedgerReads(database))
    service.add(AccountReads(wallet, LongReads(wallet.database)))
    return service.app(routes, service_routes)


def stripe_of(instance: str) -> int:
    """Return the stripe of the house's accounts that a process writes, by its name."""
    return zlib.crc32(instance.encode()) % STRIPES


def _ledger_key(settings: WalletSettings) -> Ed25519PrivateKey | None:
    file = settings.ledger_signing_key_file
    return None if file is None else read_private_key(file)


def _add_heartbeats(
    service: Service[WalletSettings],
    wallet: WalletService,
    heads: HeadPublisher,
    metrics: WalletMetrics,
) -> None:
    settings, database, clock = service.settings, wallet.database, service.clock
    audit = service.add(
        Audit(
            database,
            clock,
            metrics,
            service.telemetry.logger,
            whole_seconds=settings.audit_whole_seconds,
            transfers=settings.audit_transfers,
        )
    )
    service.beat(
        "hold expiry",
        lambda: release_expired(database, wallet.ledger, clock),
        seconds=settings.hold_expiry_seconds,
    )
    # One statement of it may read the whole ledger.
    silent = 2 * WHOLE_SECONDS
    service.beat("audit", audit.run, seconds=settings.audit_seconds, silent_seconds=silent)
    if database.dialect == "postgresql":
        service.beat("partitions", lambda: keep_room(database, metrics), seconds=60.0)
    service.beat("ledger head", heads.publish, seconds=settings.ledger_head_seconds)
