"""What the fleet accepted last: told by each process, and what a new one begins with."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from fx.domain.guard import MAX_FUTURE
from fx.domain.rates import Observation, SourceRates
from kurs.config.accepted import (
    ACCEPTED_FILE,
    MAX_ACCEPTED_BYTES,
    Accepted,
    AcceptedRate,
    AcceptedRates,
)
from kurs.telemetry import Telemetry

Remembered = Mapping[tuple[str, str], Mapping[str, Observation]]
"""Observations by the name and the base of their source."""


def told(rates: SourceRates) -> AcceptedRates | None:
    """Return what is to be remembered of a source: of one that publishes and measures jumps."""
    if not rates.terms.publishes or rates.terms.max_deviation_bps is None:
        return None
    mids = {
        quote: AcceptedRate.model_construct(mid=f"{seen.mid:f}", as_of=seen.as_of)
        for quote, seen in rates.observed.items()
    }
    return AcceptedRates.model_construct(base=rates.terms.base, rates=mids)


def remembered(folder: Path, now: int, telemetry: Telemetry) -> Remembered:
    """Return what `folder` holds; nothing when there is none, or none that can be read."""
    try:
        with (folder / ACCEPTED_FILE).open("rb") as file:
            known = Accepted.model_validate_json(file.read(MAX_ACCEPTED_BYTES + 1))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        # Then this process takes each first answer as it comes, as the first one of all does.
        telemetry.logger.warning("accepted rates cannot be read", error=type(error).__name__)
        return {}
    return {
        (name, source.base): {
            quote: Observation(Decimal(rate.mid), rate.as_of)
            for quote, rate in source.rates.items()
            if rate.as_of <= now + MAX_FUTURE and Decimal(rate.mid)
        }
        for name, source in known.sources.items()
    }
