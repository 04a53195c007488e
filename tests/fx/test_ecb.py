"""The European Central Bank's file."""

from decimal import Decimal

import pytest

from fx.sources import SourceError, SourceFault, ecb
from kurs.kernel.clock import from_rfc3339

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01"
 xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
 <gesmes:subject>Reference rates</gesmes:subject><Cube>"""
TAIL = "</Cube></gesmes:Envelope>"


def file_of(*days: str) -> bytes:
    return (HEAD + "".join(days) + TAIL).encode()


def day(date: str, **rates: str) -> str:
    cubes = "".join(f"<Cube currency='{c}' rate='{r}'/>" for c, r in rates.items())
    return f"<Cube time='{date}'>{cubes}</Cube>"


def test_the_rates_of_the_day_are_read_and_dated() -> None:
    rates = ecb.parse(file_of(day("2026-10-30", USD="1.1172", IDR="20275.17")))

    assert {c: seen.mid for c, seen in rates.items()} == {
        "USD": Decimal("1.1172"),
        "IDR": Decimal("20275.17"),
    }
    assert {seen.as_of for seen in rates.values()} == {from_rfc3339("2026-10-30T00:00:00Z")}


def test_of_several_days_the_latest_counts() -> None:
    rates = ecb.parse(file_of(day("2026-10-29", USD="1.1"), day("2026-10-30", USD="1.2")))

    assert rates["USD"].mid == Decimal("1.2")


def test_a_number_that_is_none_spoils_its_currency_alone() -> None:
    rates = ecb.parse(file_of(day("2026-10-30", USD="1.1", IDR="n/a")))

    assert rates["USD"].mid == Decimal("1.1")
    assert rates["IDR"].mid.is_nan()


BOMB = b"""<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY c "&a;&a;&a;&a;">]>
<b>&c;</b>"""
OUTSIDE = (
    b"""<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a SYSTEM "file:///etc/passwd">]><b>&a;</b>"""
)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not xml",
        b"<html><body>Service unavailable</body></html>",
        b"\xff\xfe\x00",
        b'<?xml version="1.0" encoding="no-such-code"?><a/>',
        file_of(),
        file_of(day("2026-10-30")),
        file_of(day("yesterday", USD="1.1")),
        file_of(day("2026-02-30", USD="1.1")),
        BOMB,
        OUTSIDE,
    ],
    ids=[
        "empty", "text", "html", "bytes", "unknown-encoding", "no-day", "no-rates", "no-date",
        "no-such-day", "entity-bomb", "external-entity",
    ],
)  # fmt: skip
def test_anything_else_is_malformed(body: bytes) -> None:
    with pytest.raises(SourceError) as error:
        ecb.parse(body)

    assert error.value.fault is SourceFault.MALFORMED


def test_a_currency_or_a_day_that_occurs_twice_is_refused() -> None:
    currency = day("2026-10-30", USD="1.1").replace(
        "</Cube>", "<Cube currency='USD' rate='9'/></Cube>"
    )
    for twice in (
        file_of(currency),
        file_of(day("2026-10-30", USD="1.1"), day("2026-10-30", USD="9")),
    ):
        with pytest.raises(SourceError) as error:
            ecb.parse(twice)
        assert error.value.fault is SourceFault.MALFORMED
