"""What a comment above a value says: `@schema` keywords, then its meaning after `--`.

The notation is that of helm-values-schema-json (`# @schema minimum:1; maximum:10`) and helm-docs
(`# -- What it is for.`), both of which may go on in further lines. A keyword is any of JSON
Schema's, what it holds is YAML.
"""

from collections.abc import Iterable
from typing import Any

import yaml

Keywords = dict[str, Any]


def read_comment(lines: Iterable[str]) -> tuple[Keywords, str]:
    """Return the keywords and the meaning that the comment lines above a value give it.

    Raises ValueError for a keyword that cannot be read.
    """
    schema: list[str] = []
    meaning: list[str] = []
    chosen: list[str] = []
    for line in lines:
        text = line.strip().removeprefix("#").strip()
        if text.startswith("@schema "):
            chosen, text = schema, "; " + text.removeprefix("@schema ")
        elif text.startswith("-- "):
            chosen, text = meaning, text.removeprefix("-- ")
        chosen.append(text)
    return _keywords(" ".join(schema)), " ".join(meaning)


def _keywords(text: str) -> Keywords:
    found: Keywords = {}
    for part in filter(None, map(str.strip, text.split(";"))):
        name, colon, value = part.partition(":")
        try:
            found[name.strip()] = yaml.safe_load(value) if colon else True
        except yaml.YAMLError as error:
            raise ValueError(f"@schema {part}: {error}") from None
    return found
