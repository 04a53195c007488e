"""One run of the demo: funds the payers, starts the load, watches it, counts the money."""

import asyncio
import base64
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from kurs.kernel.money import parse_amount
from loadtest.client import GatewayClient, GatewayError
from loadtest.hpa_demo import job
from loadtest.hpa_demo.kubectl import DemoError, Kubectl
from loadtest.hpa_demo.plan import Plan
from loadtest.hpa_demo.series import (
    Limits,
    Pace,
    Sample,
    limits_in,
    load_in,
    milliseconds_in,
    services_in,
)
from loadtest.hpa_demo.verdict import SHOWCASE, Counts, counts_in, is_at_rest, scale_needed
from loadtest.preparation import prepare
from loadtest.summary import unbalanced

_SAMPLE_SECONDS = 2.0
_REQUESTS = 8
_TRIES = 3
Show = Callable[[str, Sample], None]


@dataclass(frozen=True, slots=True)
class Setting:
    """Where the load comes from: an image of k6, and the Secret that holds an API key."""

    image: str
    secret: str
    key: str
    cooldown_seconds: float


async def autoscalers(kubectl: Kubectl, at_least: int) -> dict[str, Limits]:
    """Return the autoscalers of payments and the gateway; raises DemoError if they cannot do it."""
    found = limits_in(await kubectl.get("horizontalpodautoscalers"))
    limits = {name: found[name] for name in (SHOWCASE, job.GATEWAY) if name in found}
    needed = scale_needed(limits[SHOWCASE], at_least) if SHOWCASE in limits else at_least
    if SHOWCASE not in limits or limits[SHOWCASE].most < needed:
        raise DemoError(
            f"{SHOWCASE} has no autoscaler that goes up to {needed} pods in namespace "
            f"{kubectl.namespace}: install with HELM_ARGS='-f k8s/hpa-demo.yaml'"
        )
    return limits


async def api_key(kubectl: Kubectl, setting: Setting) -> str:
    """Return the API key; raises DemoError."""
    held = (await kubectl.get("secret", setting.secret)).get("data", {})
    if setting.key not in held:
        raise DemoError(f"the Secret {setting.secret} has no key {setting.key}")
    return base64.b64decode(held[setting.key]).decode()


async def fund(kubectl: Kubectl, plan: Plan, key: str) -> None:
    """Open the accounts of the plan and fund its payers."""
    async with (
        kubectl.port_forward(f"service/{job.GATEWAY}", job.GATEWAY_PORT) as gateway,
        GatewayClient(gateway, key, _REQUESTS) as client,
    ):
        await prepare(client, plan.rows(), plan.funding())


async def audit(kubectl: Kubectl, plan: Plan, key: str) -> tuple[Mapping[str, int], list[str]]:
    """Return what the payers have left (minor units by currency), and currencies out of balance."""
    for tries in range(1, _TRIES + 1):
        try:
            return await _audit(kubectl, plan, key)
        except (GatewayError, OSError) as error:
            # The pod behind the port-forward may be one that is on its way out.
            if tries == _TRIES:
                raise DemoError(f"the balances cannot be read: {error}") from error
    raise AssertionError("unreachable")


async def load(
    kubectl: Kubectl, plan: Plan, setting: Setting, limits: Mapping[str, Limits], show: Show
) -> tuple[list[Sample], Counts]:
    """Run the load and watch until the services are back at rest, or the cooldown is over.

    Whatever happens, the Job is removed.
    """
    try:
        await job.start(kubectl, plan, setting.image, setting.secret, setting.key)
        return await _Watch(kubectl, plan, limits, show).run(setting.cooldown_seconds)
    finally:
        await job.remove(kubectl, plan)


class _Watch:
    def __init__(
        self, kubectl: Kubectl, plan: Plan, limits: Mapping[str, Limits], show: Show
    ) -> None:
        self._kubectl, self._plan, self._limits, self._show = kubectl, plan, limits, show
        self._pace = Pace()
        self._samples: list[Sample] = []
        self._begun: float | None = None

    async def run(self, cooldown_seconds: float) -> tuple[list[Sample], Counts]:
        await self._until_it_pays()
        self._begun = time.monotonic()
        follower = asyncio.create_task(self._follow())
        try:
            await self._sample("load", until=lambda state: state != "running")
            counts = await self._counts()
            deadline = time.monotonic() + cooldown_seconds
            await self._sample("scaling in", until=lambda _: self._is_over(deadline))
        finally:
            follower.cancel()
            with suppress(asyncio.CancelledError):
                await follower
        return self._samples, counts

    async def _until_it_pays(self) -> None:
        name = f"job/{self._plan.run}"
        deadline = time.monotonic() + job.GRACE_SECONDS
        while time.monotonic() < deadline:
            status = (await self._kubectl.get(name))["status"]
            if status.get("ready") or status.get("succeeded") or status.get("failed"):
                return
            await asyncio.sleep(1)
        said = await self._kubectl.run("describe", "pods", "-l", f"job-name={self._plan.run}")
        raise DemoError(f"the load does not start:\n{said[-1500:]}")

    async def _follow(self) -> None:
        # A stream may break, e.g. when the log is rotated: what was missed is missing in the
        # picture only, since the verdict rests on the counts of the load itself.
        since: tuple[str, ...] = ()
        while True:
            async for line in self._kubectl.follow("logs", "-f", f"job/{self._plan.run}", *since):
                took = milliseconds_in(line)
                if took is not None:
                    self._pace.add(time.monotonic(), took)
            since = ("--since=1s",)
            await asyncio.sleep(1)

    async def _sample(self, phase: str, until: Callable[[str], bool]) -> None:
        while True:
            names = [f"{kind}/{n}" for kind in ("deployment", "hpa") for n in self._limits]
            job_name = f"job/{self._plan.run}"
            items = (await self._kubectl.get(*names, job_name, "--ignore-not-found"))["items"]
            now = time.monotonic()
            second = now - (self._begun or now)
            wanted = self._plan.wanted(second) if phase == "load" else 0
            sample = Sample(second, services_in(items), wanted, *self._pace.figures(now))
            self._samples.append(sample)
            self._show(phase, sample)
            if until(load_in(items)):
                return
            await asyncio.sleep(_SAMPLE_SECONDS)

    def _is_over(self, deadline: float) -> bool:
        return is_at_rest(self._samples[-1], self._limits) or time.monotonic() > deadline

    async def _counts(self) -> Counts:
        log = await self._kubectl.run("logs", f"job/{self._plan.run}", "--tail=20")
        counts = counts_in(log)
        if counts is None:
            raise DemoError(f"the load did not end well; the end of its log:\n{log}")
        return counts


async def _audit(kubectl: Kubectl, plan: Plan, key: str) -> tuple[Mapping[str, int], list[str]]:
    left: defaultdict[str, int] = defaultdict(int)
    async with (
        kubectl.port_forward(f"service/{job.GATEWAY}", job.GATEWAY_PORT) as gateway,
        GatewayClient(gateway, key, _REQUESTS) as client,
    ):
        for account in sorted({row.source_account for row in plan.rows()}):
            for balance in (await client.get(f"/balance/{account}")).document["balances"]:
                currency = balance["currency"]
                left[currency] += parse_amount(balance["available"], currency)
        return left, unbalanced((await client.get("/ledger/trial-balance")).document)
