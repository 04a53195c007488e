"""The paths of a JSON source: JMESPath expressions (https://jmespath.org) that stay small.

An expression of a few hundred characters can copy an answer thousands of times over, each step
copying what the one before it made. How many times is read from the expression alone. It can also
nest so deep that no parser comes to its end, so its operators are counted before it is parsed.
"""

import re
from collections.abc import Mapping
from math import prod
from typing import Any

import jmespath

from kurs.config.resources.scalars import wrong

MAX_COPIES = 32
"""How many times over an expression may hold what it was given."""
MAX_OPERATORS = 100
"""How many characters may be operators: at most so deep can an expression nest."""
OPERATORS = r"!&(.*<=>?\[{|"
"""What an expression can nest by, as within the brackets of a regular expression."""
_OPERATOR = re.compile(f"[{OPERATORS}]")
_ADDING = frozenset({"multi_select_list", "multi_select_dict"})
# Text within text: a quote becomes two characters, a character beyond ASCII six.
_ESCAPED = 6


def check_rates_path(path: str) -> str:
    """Return `path`; raises a finding when it is no JMESPath expression, or one that grows."""
    if len(_OPERATOR.findall(path)) > MAX_OPERATORS:
        raise wrong(
            f"more than {MAX_OPERATORS} of its characters are operators",
            'select the object of rates once, such as "rates"',
        )
    try:
        parsed = jmespath.compile(expression_for(path, "USD", "IDR")).parsed
    except Exception as error:
        # Not only JMESPathError: a path that ends within a quoted name is an IndexError.
        reason = next(iter(str(error).splitlines()), type(error).__name__)
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
