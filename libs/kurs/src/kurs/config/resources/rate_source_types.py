"""The types of rate sources: what the spec of each says beside what all of them say.

Whatever depends on the type is told here by its part, so that nobody asks a spec which one it is.
What the operator keeps of an approval is no spec and has no part: there the type itself is stored.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, NamedTuple, get_args

from pydantic import Field, StringConstraints, field_validator, model_validator

from kurs.config.resources.rates_path import check_rates_path
from kurs.config.resources.scalars import Currency, Moment, Rate, SecretKey, StrictModel, wrong
from kurs.config.resources.source_url import check_source_url, takes_secret

SourceType = Literal["Static", "HTTP", "Simulated"]
"""Each type has its part of the spec, under its name in small letters."""
Rates = Annotated[Mapping[Currency, Rate], Field(min_length=1, max_length=200)]
Path = Annotated[str, StringConstraints(min_length=1, max_length=512)]


class Format(NamedTuple):
    """What a format of the type HTTP has of its own; the rest the spec says by paths."""

    base: str | None = None
    """The currency that all its rates are against."""
    has_paths: bool = True


FormatName = Literal["ECB", "JSON"]
FORMATS: Mapping[FormatName, Format] = {"ECB": Format("EUR", has_paths=False), "JSON": Format()}
"""All that formats differ in, for the models and for what the API server judges by."""

# Set by the HTTP client itself; a secret there would break the request or be sent twice.
_RESERVED_HEADERS = {"host", "content-length", "transfer-encoding", "connection", "te", "upgrade"}


class TypedRates(StrictModel):
    """The part of one type. What it says of itself here suits rates that somebody wrote down."""

    publishes: ClassVar[bool] = False
    """Whether it tells what others made, which judges other sources and is judged itself."""

    @property
    def inline(self) -> Mapping[str, Rate] | None:
        """The rates that stand in the spec, or None."""
        return None

    @property
    def dated(self) -> bool:
        """Whether rates say when they were true."""
        return False

    @property
    def checks_base(self) -> bool:
        """Whether rates against another base are refused."""
        return False

    @property
    def provider(self) -> object:
        """Who is asked, by value; None if nobody is."""
        return None

    def check(self, base_currency: str, *, allow_insecure: bool) -> None:
        """Raise unless it goes with the rest of the spec."""


class StaticRates(TypedRates):
    """Rates that stand in the resource itself.

    `asOf` says when they were true, and their age is counted from it. Without it they are held to
    be true for as long as they stand here.
    """

    rates: Rates
    """Decimal strings by quote currency."""
    as_of: Moment | None = None
    """When the rates were true; absent, they are held to be true now."""

    @property
    def inline(self) -> Mapping[str, Rate]:
        """The rates that stand in the spec."""
        return self.rates

    @property
    def dated(self) -> bool:
        """Whether rates say when they were true."""
        return self.as_of is not None


class HttpRates(TypedRates):
    """Rates that are fetched.

    `format` ECB reads the daily XML of the European Central Bank. JSON reads the answer with the
    JMESPath expression `ratesPath`. One without placeholders gives an object of quote to rate. One
    with `{quote}` (and `{base}`) is evaluated once per listed pair with the codes put in, and gives
    that pair's rate: `data.{quote}.mid`. `asOfPath` leads to the moment when the rates were true
    (a date, a moment with an offset, a Unix time); without it they are held to be of the moment of
    the fetch. `basePath` leads to the currency that the answer is about. The secret's value
    takes the place of `${secret}` in the query of `url`; without this placeholder it is sent as
    `header`, Authorization by default.
    """

    publishes = True

    url: Annotated[str, StringConstraints(min_length=8, max_length=2048)]
    """Absolute address, without credentials; ${secret} in its query stands for the value of
    secretRef."""
    format: FormatName
    """ECB: the daily XML of the European Central Bank. JSON: read by ratesPath."""
    rates_path: Path | None = None
    """JMESPath to an object of quote to rate; with {quote} and {base} in it, to the rate of one
    pair."""
    as_of_path: Path | None = None
    """JMESPath to when the rates were true: a date, a moment with an offset, or a Unix time;
    with {quote} in it, of one pair. Absent, rates are held to be of the moment of the fetch,
    however old the provider's are."""
    base_path: Path | None = None
    """JMESPath to the currency that the answer is about; another than baseCurrency is refused.
    Without it only the base's own rate tells, which must be 1."""
    timeout_seconds: Annotated[int, Field(strict=True, ge=1, le=30)] = 5
    """How long an answer may take."""
    secret_ref: SecretKey | None = None
    """The Secret's key whose value is sent as header or in the query; it is mounted into the
    pods of fx, goes to the hosts that its operator named for it, and appears in no status and
    no log."""
    header: (
        Annotated[str, StringConstraints(max_length=64, pattern=r"^[A-Za-z][A-Za-z0-9-]*$")] | None
    ) = None
    """Header that carries the secret; Authorization when absent."""

    @property
    def dated(self) -> bool:
        """Whether rates say when they were true."""
        return not self._format.has_paths or self.as_of_path is not None

    @property
    def checks_base(self) -> bool:
        """Whether rates against another base are refused."""
        return not self._format.has_paths or self.base_path is not None

    @property
    def provider(self) -> tuple[str, SecretKey | None]:
        """Who is asked, and as whom."""
        return (self.url, self.secret_ref)

    def check(self, base_currency: str, *, allow_insecure: bool) -> None:
        """Raise unless the way is safe, and the base is the one that the format has."""
        if not self.url.lower().startswith("https://") and not allow_insecure:
            hint = "use https, or set allowInsecure: true for a test"
            raise wrong("rates over plain http can be forged on the way", hint, "http.url")
        base = self._format.base
        if base not in (None, base_currency):
            said = f"the {self.format} publishes against {base}"
            raise wrong(said, f"write {base}", "baseCurrency")

    @property
    def _format(self) -> Format:
        return FORMATS[self.format]

    @field_validator("url")
    @classmethod
    def _safe(cls, url: str) -> str:
        return check_source_url(url)

    @field_validator("rates_path", "as_of_path", "base_path")
    @classmethod
    def _readable(cls, path: str | None) -> str | None:
        return None if path is None else check_rates_path(path)

    @field_validator("header")
    @classmethod
    def _not_reserved(cls, header: str | None) -> str | None:
        if header is not None and header.lower() in _RESERVED_HEADERS:
            raise wrong(f"{header} is set by the HTTP client", "name another header")
        return header

    @model_validator(mode="after")
    def _fits_the_format(self) -> "HttpRates":
        if self._format.has_paths and self.rates_path is None:
            raise wrong(
                f"{self.format} needs a path", 'add ratesPath, such as "rates"', "ratesPath"
            )
        paths = {
            "ratesPath": self.rates_path,
            "asOfPath": self.as_of_path,
            "basePath": self.base_path,
        }
        for field, path in paths.items():
            if not self._format.has_paths and path is not None:
                said = f"the {self.format} format has no path"
                others = " or ".join(name for name, other in FORMATS.items() if other.has_paths)
                raise wrong(said, f"remove it or use format {others}", field)
        if self.header is not None and self.secret_ref is None:
            raise wrong("no secret is sent in it", "add secretRef or remove header", "header")
        if takes_secret(self.url) and self.secret_ref is None:
            raise wrong("no secret is named for its placeholder", "add secretRef", "url")
        if takes_secret(self.url) and self.header is not None:
            raise wrong(
                "the secret goes into the query", "remove header or the placeholder", "header"
            )
        return self


class SimulatedRates(TypedRates):
    """A seeded random walk around given mids: one step of about `volatilityBps` per `stepSeconds`.

    The same seed gives the same walk on every replica.
    """

    rates: Rates
    """Mids to walk around, decimal strings by quote currency."""
    seed: Annotated[int, Field(strict=True, ge=0, le=2**53 - 1)] = 0
    """The same seed gives the same walk on every replica."""
    volatility_bps: Annotated[int, Field(strict=True, ge=0, le=1000)] = 5
    """About how far one step goes, in hundredths of a percent."""
    step_seconds: Annotated[int, Field(strict=True, ge=1, le=3600)] = 1
    """Seconds between steps."""

    @property
    def inline(self) -> Mapping[str, Rate]:
        """The rates that stand in the spec."""
        return self.rates

    @property
    def dated(self) -> bool:
        """Whether rates say when they were true: each is of its step."""
        return True


PARTS: Mapping[SourceType, type[TypedRates]] = {
    "Static": StaticRates,
    "HTTP": HttpRates,
    "Simulated": SimulatedRates,
}


class OfOneType(StrictModel):
    """The part of the spec that differs by type: exactly the one that `type` names."""

    type: SourceType
    """Which part is present, `static` for Static and so on; it stays."""
    static: StaticRates | None = None
    """Rates that stand in this resource."""
    http: HttpRates | None = None
    """Rates that are fetched."""
    simulated: SimulatedRates | None = None
    """A seeded random walk; not for real money."""

    @property
    def of_type(self) -> StaticRates | HttpRates | SimulatedRates:
        """The part of its type."""
        return next(p for p in (self.static, self.http, self.simulated) if p is not None)

    @model_validator(mode="after")
    def _one_source_of_its_type(self) -> "OfOneType":
        given = {name: getattr(self, name.lower()) for name in get_args(SourceType)}
        field = self.type.lower()
        if given[self.type] is None:
            raise wrong(f"type {self.type} needs it", f"add spec.{field}", field)
        for other, part in given.items():
            if part is not None and other != self.type:
                hint = f"remove it or set type to {other}"
                raise wrong(f"type {self.type} does not take it", hint, other.lower())
        return self
