"""Amounts in the browser: exact from string to screen, whatever their size."""

from typing import Any

import pytest
from tests.browser.console_page import ConsolePage

CASES = [
    ("formatAmount('1234567.50')", "1,234,567.50"),
    ("formatAmount('9223372036854775807')", "9,223,372,036,854,775,807"),
    ("formatAmount('92233720368547758.07')", "92,233,720,368,547,758.07"),
    ("formatAmount('-3.000')", "-3.000"),
    ("formatAmount('0')", "0"),
    ("formatAmount('not a number')", "not a number"),
    ("money('0.10', 'USD')", "0.10\u00a0USD"),
    ("formatRate('16250.123456789')", "16,250.123"),
    ("formatRate('0.000061528')", "0.000061528"),
    ("formatSpread(45)", "0.45\u00a0%"),
    ("subtract('0.30', '0.10')", "0.20"),
    ("subtract('92233720368547758.07', '0.08')", "92233720368547757.99"),
    ("subtract('1000', '999')", "1"),
    ("subtract('0.10', '0.30')", "-0.20"),
    ("isZero('0.000')", True),
    ("isZero('-0.01')", False),
    ("share('3063467.39', '100.00', '188.52')", "1625009.22"),
    ("share('100', '1.00', '3')", "33"),
    ("share('5.000', '0.00', '0.00')", "5.000"),
    ("amountProblem('1.5', 'JPY', 0)", "JPY has 0 decimals at most."),
    ("amountProblem('1.505', 'BHD', 3)", ""),
    ("amountProblem('12.500', 'USD', 2)", ""),
    ("amountProblem('12.505', 'XXX')", ""),
    ("amountProblem('1e5', 'USD', 2)", "Digits with a point for decimals, for example 188.52."),
    ("amountProblem('0.00', 'USD', 2)", "The amount must be above zero."),
]


@pytest.fixture
def shown(page: ConsolePage) -> ConsolePage:
    """The console's page, from which its modules can be imported."""
    page.open()
    return page


def test_amounts_are_exact(shown: ConsolePage) -> None:
    results: dict[str, Any] = {}
    for expression, _ in CASES:
        results[expression] = shown.page.evaluate(
            f"import('/console/money.js').then((money) => money.{expression})"
        )

    assert results == dict(CASES)


def test_events_are_read_from_any_pieces(shown: ConsolePage) -> None:
    script = """
    async () => {
      const { createParser } = await import("/console/sse.js");
      const text = ": hello\\n\\nid: 7\\nevent: payment\\ndata: {\\ndata: }\\n\\n"
        + "id: 8\\r\\ndata:x\\r\\n\\r\\n";
      const whole = [], pieces = [];
      createParser((event) => whole.push(event))(text);
      const parse = createParser((event) => pieces.push(event));
      for (const letter of text) parse(letter);
      return [whole, pieces];
    }
    """
    whole, pieces = shown.page.evaluate(script)

    assert whole == [
        {"id": "7", "type": "payment", "data": "{\n}"},
        {"id": "8", "type": "", "data": "x"},
    ]
    assert pieces == whole
