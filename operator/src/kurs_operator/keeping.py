"""Keeps the ledger's signed heads in a ConfigMap: evidence where the ledger's database is not."""

from typing import Annotated, Protocol

from pydantic import ConfigDict, StringConstraints, ValidationError

from kurs.calls import Deadline, ServiceClient, TransportError
from kurs.contracts.wallet_reads import HeadAnswer
from kurs.kernel.clock import MICROS, Clock, from_rfc3339
from kurs.telemetry import Telemetry
from kurs_operator.cluster import ClusterFault
from kurs_operator.conditions import Stamp
from kurs_operator.heads import LONGEST_WORD, WORD, KeptHead, history, read_heads
from kurs_operator.metrics import OperatorMetrics

KEEP_SECONDS = 60.0
"""How often the wallet is asked, which signs a head as often."""
MAX_SKEW_MINUTES = 5
"""How far a head's moment may lie from the operator's clock, and behind the newest one before."""
_MAX_SKEW = MAX_SKEW_MINUTES * 60 * MICROS
_TIMEOUT_SECONDS = 5.0
_PATH = "/internal/head"


class PublishedHead(HeadAnswer):
    """The wallet's answer, held to its form: the operator does not rest on the wallet's word."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    at: Stamp | None = None
    head: Annotated[str, StringConstraints(max_length=LONGEST_WORD, pattern=f"^{WORD}$")] | None = (
        None
    )


class HeadsPort(Protocol):
    """The ConfigMap of the heads; raises ClusterFault."""

    async def ledger_heads(self) -> str:
        """Return the text that it holds."""
        ...

    async def keep_ledger_heads(self, text: str) -> None:
        """Let it hold another text."""
        ...


class NoHead(Exception):
    """The wallet gave no signed head; the message says why."""


class HeadKeeper:
    """Adds the newest head to those that are kept. What fails is told, and tried the next time.

    What it was given itself stands before what it found in the ConfigMap, which it cannot verify.
    """

    def __init__(
        self,
        wallet: ServiceClient,
        cluster: HeadsPort,
        *,
        clock: Clock,
        metrics: OperatorMetrics,
        telemetry: Telemetry,
    ) -> None:
        self._wallet = wallet
        self._cluster = cluster
        self._clock = clock
        self._metrics = metrics
        self._logger = telemetry.logger
        self._kept = ""
        self._own: frozenset[KeptHead] = frozenset()
        self._newest_at: int | None = None
        self._failure: str | None = None

    async def keep(self) -> None:
        """Ask for the newest head, and keep it; raises nothing that was foreseen."""
        try:
            head = await self._newest()
            now = self._clock.now()
            self._check_moment(head, now)
            there = await self._cluster.ledger_heads()
            if self._kept and there != self._kept:
                self._logger.warning("ledger heads were edited, and are put back")
            # Whoever edits the ConfigMap could date a head before the true one of its slot.
            sources = (self._own, read_heads(self._kept), read_heads(there))
            text = history(sources, head, now)
            if text != there:
                await self._cluster.keep_ledger_heads(text)
        except NoHead as error:
            self._failed("unreachable", error)
        except ClusterFault as error:
            self._failed("unwritten", error)
        else:
            self._done(head, text)

    async def _newest(self) -> KeptHead:
        deadline = Deadline.after(_TIMEOUT_SECONDS)
        try:
            answer = await self._wallet.request("GET", _PATH, deadline=deadline, retryable=True)
        except TransportError as error:
            raise NoHead(str(error)) from error
        if answer.status != 200:
            raise NoHead(f"the wallet answered {answer.status}")
        try:
            published = PublishedHead.model_validate_json(answer.body)
            at = None if published.at is None else from_rfc3339(published.at)
        except (ValidationError, OverflowError):
            raise NoHead("the wallet answered what is no head") from None
        if at is None or published.head is None:
            raise NoHead("the wallet has signed no head: it has just started, or has no key")
        return KeptHead(at, published.head)

    def _check_moment(self, head: KeptHead, now: int) -> None:
        """Refuse a moment that cannot be the present; raises NoHead.

        The wallet states it, and the operator cannot verify what is signed.
        """
        # No numbers in the words: each kind of failure is said once.
        if abs(now - head.at) > _MAX_SKEW:
            raise NoHead(f"its moment is over {MAX_SKEW_MINUTES} minutes from the operator's clock")
        if self._newest_at is not None and head.at < self._newest_at - _MAX_SKEW:
            raise NoHead(f"its moment is over {MAX_SKEW_MINUTES} minutes before the newest kept")

    def _done(self, head: KeptHead, text: str) -> None:
        if self._failure is not None:
            self._logger.info("ledger heads are kept again")
        self._kept, self._failure = text, None
        self._own = (self._own | {head}) & frozenset(read_heads(text))
        self._newest_at = head.at if self._newest_at is None else max(head.at, self._newest_at)
        self._metrics.heads.labels("kept").inc()
        self._metrics.head_at.set(head.at / MICROS)

    def _failed(self, result: str, error: Exception) -> None:
        """Count each failure, and say each kind of it once."""
        self._metrics.heads.labels(result).inc()
        if self._failure != str(error):
            self._logger.warning("ledger heads are not kept", error=str(error))
        self._failure = str(error)
