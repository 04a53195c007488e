"""The `ratesPath` of a JSON source: a JMESPath expression (https://jmespath.org) that stays small.

An expression of a few hundred characters can copy an answer thousands of times over, each step
copying what the one before it made. How many times is read from the expression alone.
"""

from collections.abc import Mapping
from math import prod
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from kurs.resources.scalars import wrong

MAX_COPIES = 32
"""How many times over an expression may hold what it was given."""
_ADDING = frozenset({"multi_select_list", "multi_select_dict"})
# Text within text: a quote becomes two characters, a character beyond ASCII six.
_ESCAPED = 6


def check_rates_path(path: str) -> str:
    """Return `path`; raises a finding when it is no JMESPath expression, or one that grows."""
    try:
        parsed = jmespath.compile(expression_for(path, "USD", "IDR")).parsed
    except JMESPathError as error:
        reason = str(error).splitlines()[0]
        raise wrong(
            f"not a JMESPath expression: {reason}", 'see jmespath.org; such as "rates"'
        ) from None
    if copies(parsed) > MAX_COPIES:
        raise wrong(
            f"its result could hold the answer more than {MAX_COPIES} times over",
            'select the object of rates once, such as "rates"',
        )
    return path


def expression_for(rates_path: str, base: str, quote: str) -> str:
    """Return `rates_path` with its `{base}` and `{quote}` placeholders filled in."""
    return rates_path.replace("{base}", base).replace("{quote}", quote)


def copies(node: Mapping[str, Any]) -> int:
    """Return how many times over the result of a parsed expression can hold its input, at most."""
    children = [child for child in node["children"] if isinstance(child, dict)]
    if node["type"] in _ADDING:
        return sum(map(copies, children))
    if node["type"] == "function_expression":
        applied = prod(copies(child) for child in children if child["type"] == "expref")
        taken = sum(copies(child) for child in children if child["type"] != "expref")
        return applied * taken * (_ESCAPED if node["value"] == "to_string" else 1)
    return prod(map(copies, children))
