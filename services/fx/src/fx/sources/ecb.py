"""The European Central Bank's daily reference rates.

The file is a GESMES envelope with one `Cube` per day, which holds a `Cube` per currency:
`<Cube time="2026-01-30"><Cube currency="USD" rate="1.0837"/>...</Cube>`. Rates are units of the
currency for one euro. https://www.ecb.europa.eu/stats/policy_and_exchange_rates/
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from fx.domain.rates import Observation
from fx.sources.base import malformed
from fx.sources.moments import day

_CUBE = "{http://www.ecb.int/vocabulary/2002-08-01/eurofxref}Cube"


def parse(body: bytes) -> Mapping[str, Observation]:
    """Return the rates of the latest day in the file; raises SourceError.

    They are dated at the beginning of their day in UTC. The bank fixes them in the afternoon, so
    an age counted from here is never too low.
    """
    try:
        root = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        raise malformed("the answer is not XML that may be read") from None
    days = [cube for cube in root.iter(_CUBE) if "time" in cube.attrib]
    if not days:
        raise malformed("the answer holds no day of rates")
    if len({cube.attrib["time"] for cube in days}) < len(days):
        raise malformed("a day of rates occurs more than once")
    latest = max(days, key=lambda cube: str(cube.attrib["time"]))
    as_of = _start_of(str(latest.attrib["time"]))
    cubes = [cube for cube in latest.iter(_CUBE) if cube is not latest]
    rates = {
        str(cube.attrib.get("currency")): Observation(_number(cube.attrib.get("rate")), as_of)
        for cube in cubes
    }
    if not rates:
        raise malformed("the latest day holds no rates")
    if len(rates) < len(cubes):
        raise malformed("the latest day holds a currency more than once")
    return rates


def _start_of(text: str) -> int:
    try:
        return day(text)
    except ValueError:
        raise malformed("the day of the rates is not a date") from None


def _number(text: str | None) -> Decimal:
    try:
        return Decimal(text or "")
    except InvalidOperation:
        return Decimal("NaN")
