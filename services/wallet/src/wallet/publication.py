"""Publishes where the hash chains end, signed, so that it is kept where the database is not."""

from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from structlog.typing import FilteringBoundLogger

from kurs.data.database import Database
from kurs.kernel.clock import Clock
from wallet.domain.heads import Head, sign_head
from wallet.metrics import WalletMetrics
from wallet.store.chain import read_tips


class SignedHead(NamedTuple):
    """A head as a signed word, and when it was true (microseconds)."""

    at: int
    word: str


class HeadPublisher:
    """Says the head of the ledger in the log and in metrics; without a key it is not signed.

    `latest` is the signed one that was published last, for whoever asks; None before the first.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        metrics: WalletMetrics,
        logger: FilteringBoundLogger,
        key: Ed25519PrivateKey | None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self._log = logger
        self._key = key
        self.latest: SignedHead | None = None

    async def publish(self) -> str | None:
        """Publish the head as it is now; return it as a signed word, None without a key."""
        tips = await self._database.read(read_tips)
        head = Head(self._clock.now(), {t.chain: (t.sequence, t.hash) for t in tips if t.sequence})
        word = None if self._key is None else sign_head(self._key, head)
        if word is not None:
            self.latest = SignedHead(head.at, word)
        self._metrics.report_head(head)
        self._log.info("ledger head", head=word, tips={str(c): tip for c, tip in head.tips.items()})
        return word
