"""The problems of fx: each refusal of the domain with its HTTP status."""

from collections.abc import Mapping

from fx.domain.refusals import Refusal
from kurs.kernel.errors import FieldError, Problem, TooManyRequests, Unavailable, Unprocessable


class SameCurrency(Unprocessable):
    """Source and destination are one currency."""

    code = "same_currency"
    title = "Nothing to convert"


class PairNotSupported(Unprocessable):
    """No rate source knows the pair."""

    code = "pair_not_supported"
    title = "Unknown pair"


class AmountTooSmall(Unprocessable):
    """The amount converts to nothing."""

    code = "amount_too_small"
    title = "Amount too small"


class AmountTooLarge(Unprocessable):
    """The other side of the conversion does not fit."""

    code = "amount_too_large"
    title = "Amount too large"


class StaleRate(Unavailable):
    """The rates that are there are too old to sell at."""

    code = "stale_rate"
    title = "Rate too old"


class ExposureExceeded(TooManyRequests):
    """More would be quoted to the merchant at once than it may have open."""

    code = "exposure_exceeded"
    title = "Too much quoted at once"


class NoRates(Unavailable):
    """There is no configuration yet."""

    code = "no_rates"
    title = "No rates yet"


_BY_CODE: Mapping[str, type[Problem]] = {
    problem.code: problem
    for problem in (
        SameCurrency,
        PairNotSupported,
        AmountTooSmall,
        AmountTooLarge,
        StaleRate,
        ExposureExceeded,
    )
}


def refusal_problem(refusal: Refusal, fields: Mapping[str, str]) -> Problem:
    """Return the problem of a refusal; `fields` gives a route's own names of quote fields."""
    name = fields.get(refusal.field, refusal.field)
    errors = [FieldError(name, refusal.message, refusal.hint)] if name else []
    return _BY_CODE[refusal.code](refusal.message, errors=errors)
