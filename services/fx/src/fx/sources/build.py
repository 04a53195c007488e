"""From a rate source's spec to its terms and to the thing that answers."""

from fx.domain.rates import FOREVER, OnStale, PairTerms, SourceTerms
from fx.sources.base import RateSource
from fx.sources.http import HttpSource
from fx.sources.policy import FetchPolicy
from fx.sources.simulated import SimulatedSource
from fx.sources.static import StaticSource
from kurs.config.resources import FXRateSourceSpec
from kurs.config.resources.rate_source_types import HttpRates, SimulatedRates, StaticRates
from kurs.config.secrets import Secrets
from kurs.kernel.clock import MICROS


def terms_of(name: str, spec: FXRateSourceSpec) -> SourceTerms:
    """Return the rules that `spec` sets for the source called `name`."""
    default = None
    if spec.default_spread_bps is not None:
        default = PairTerms(spec.default_spread_bps, spec.max_age * MICROS)
    return SourceTerms(
        name=name,
        base=spec.base_currency,
        pairs={
            pair.quote: PairTerms(pair.spread_bps, spec.max_age_for(pair.quote) * MICROS)
            for pair in spec.pairs
        },
        default=default,
        priority=spec.priority,
        on_stale=OnStale(spec.on_stale),
        max_deviation_bps=spec.max_deviation_bps,
        effective_from=0 if spec.effective_from is None else spec.effective_from,
        effective_until=FOREVER if spec.effective_until is None else spec.effective_until,
        max_deviation_from_next_bps=spec.deviation_from_next_bps,
        publishes=spec.of_type.publishes,
    )


def source_of(spec: FXRateSourceSpec, policy: FetchPolicy, secrets: Secrets) -> RateSource:
    """Return the source that `spec` describes; asks nobody anything yet."""
    interval = spec.refresh_interval * MICROS
    match spec.of_type:
        case StaticRates() as static:
            return StaticSource(static.rates, as_of=static.as_of, refresh_interval=interval)
        case SimulatedRates() as simulated:
            return SimulatedSource(
                simulated.rates,
                seed=simulated.seed,
                volatility_bps=simulated.volatility_bps,
                step=simulated.step_seconds * MICROS,
                refresh_interval=interval,
            )
        case HttpRates() as http:
            return HttpSource(
                http,
                base=spec.base_currency,
                quotes=[pair.quote for pair in spec.pairs],
                refresh_interval=interval,
                allow_insecure=spec.allow_insecure,
                policy=policy,
                secrets=secrets,
            )
