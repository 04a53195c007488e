"""The payment file: a CSV of payments to make, read and written in one place.

payment_id,currency,amount,source_account,destination_account
PAY-000001,IDR,188.52,ACC_SRC_5081,ACC_DST_1228

One payment a line; fields may be quoted, a byte order mark, CRLF and blank lines mean nothing. What
the gateway could not read is refused before anything is paid. k6 has a reader of its own
(`loadtest/k6/rows.js`), by the description in `payment_file.json` beside it, which
`python -m loadtest.rows` writes; a test holds both to the same files.
"""

import csv
import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from itertools import product
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from kurs.kernel.ids import ACCOUNT_REF_PATTERN, CALLER_ID_PATTERN, RESERVED_PAYMENT_IDS
from kurs.kernel.money import InvalidAmount, exponent, is_known, parse_amount

HEADER = ("payment_id", "currency", "amount", "source_account", "destination_account")
MAX_ROWS = 1_000_000
_FIELD = re.compile(r'"((?:[^"]|"")*)"|([^",]*)')
_BYTE_ORDER_MARK = "\ufeff"
_UNREADABLE = "\ufffd"
_LINE_ENDS = re.compile(r"\r\n|\n|\r")
_PAYMENT_ID, _ACCOUNT = re.compile(CALLER_ID_PATTERN), re.compile(ACCOUNT_REF_PATTERN)
_WRONG_AMOUNTS = {
    "amount_malformed": "is no decimal such as 1234.56",
    "amount_not_positive": "is not above zero",
    "amount_too_precise": "has more decimals than its currency",
    "amount_too_large": "is too large",
}


class PaymentFileError(ValueError):
    """The file is not a payment file; the message names the line and what is wrong."""


@dataclass(frozen=True, slots=True)
class Row:
    """One payment to make; `amount` is text in major units, as it goes over the wire."""

    payment_id: str
    currency: str
    amount: str
    source_account: str
    destination_account: str


def write_rows(path: Path, rows: Iterable[Row]) -> int:
    """Write a payment file with LF line ends and return how many rows it has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        for count, row in enumerate(rows, 1):  # noqa: B007
            writer.writerow(astuple(row))
    return count


def read_rows(path: Path) -> list[Row]:
    """Read a payment file whole; raises PaymentFileError for anything else, and OSError."""
    try:
        return list(_parse(path.read_bytes().decode(errors="replace")))
    except PaymentFileError as error:
        raise PaymentFileError(f"{path}, {error}") from None


def renamed(rows: Sequence[Row], run: str) -> list[Row]:
    """Return the rows as new payments, whose ids begin with `run` (or as they are).

    Raises PaymentFileError for a prefix by which one gets no id of a payment.
    """
    if not run:
        return list(rows)
    new = [replace(row, payment_id=f"{run}-{row.payment_id}") for row in rows]
    for row in new:
        if not is_payment_id(row.payment_id):
            raise PaymentFileError(f"--run {run}: {row.payment_id} is no id of a payment")
    return new


def description() -> dict[str, Any]:
    """Return what a reader needs to know of payments, for the one that k6 has."""
    codes = ("".join(letters) for letters in product(ascii_uppercase, repeat=3))
    return {
        "header": HEADER,
        "max_rows": MAX_ROWS,
        "payment_id": CALLER_ID_PATTERN,
        "reserved_payment_ids": sorted(RESERVED_PAYMENT_IDS),
        "account": ACCOUNT_REF_PATTERN,
        "wrong_amounts": _WRONG_AMOUNTS,
        "decimals": {code: exponent(code) for code in codes if is_known(code)},
    }


def _parse(text: str) -> Iterator[Row]:
    header, *lines = _LINE_ENDS.split(text.removeprefix(_BYTE_ORDER_MARK))
    _check_header(header)
    seen: set[str] = set()
    for number, line in enumerate(lines, 2):
        if not line.strip(" \t"):
            continue
        row = _row(number, line)
        if row.payment_id in seen:
            raise _wrong(number, f"payment {row.payment_id} occurs twice")
        if len(seen) == MAX_ROWS:
            raise _wrong(number, f"more than {MAX_ROWS} payments; split the file")
        seen.add(row.payment_id)
        yield row


def _check_header(line: str) -> None:
    fields = _split(line)
    if fields is not None and tuple(fields) == HEADER:
        return
    for name, separator in (("semicolons", ";"), ("tabs", "\t")):
        if separator in line:
            raise _wrong(1, f"its fields are separated by {name}; save the file with commas")
    raise _wrong(1, f"the header must be {','.join(HEADER)}")


def _row(number: int, line: str) -> Row:
    if _UNREADABLE in line:
        raise _wrong(number, "it is no UTF-8 text")
    fields = _split(line)
    if fields is None:
        raise _wrong(number, "a quote stands within a field, or is not closed on its line")
    if len(fields) != len(HEADER) or not all(fields):
        raise _wrong(number, f"{len(HEADER)} non-empty fields are needed")
    row = Row(*fields)
    _check(number, row)
    return row


def is_payment_id(text: str) -> bool:
    """Tell whether a payment may have this id."""
    return _PAYMENT_ID.fullmatch(text) is not None and text not in RESERVED_PAYMENT_IDS


def _check(number: int, row: Row) -> None:
    if not is_payment_id(row.payment_id):
        raise _wrong(number, f"payment_id {row.payment_id} is no id of a payment")
    if not is_known(row.currency):
        raise _wrong(number, f"currency {row.currency} is no currency that can be paid in")
    try:
        parse_amount(row.amount, row.currency)
    except InvalidAmount as error:
        raise _wrong(number, f"amount {row.amount} {_WRONG_AMOUNTS[error.code]}") from None
    for name in ("source_account", "destination_account"):
        if not _ACCOUNT.fullmatch(getattr(row, name)):
            raise _wrong(number, f"{name} {getattr(row, name)} is no name of an account")


def _split(line: str) -> list[str] | None:
    """Return the fields of a line, None when its quotes make no sense."""
    fields, at = [], 0
    while True:
        found = _FIELD.match(line, at)
        assert found is not None, "an empty field matches, too"
        quoted, plain = found.groups()
        fields.append(plain if quoted is None else quoted.replace('""', '"'))
        at = found.end()
        if at == len(line):
            return fields
        if line[at] != ",":
            return None
        at += 1


def _wrong(number: int, what: str) -> PaymentFileError:
    return PaymentFileError(f"line {number}: {what}")


if __name__ == "__main__":
    sys.stdout.write(json.dumps(description(), indent=1) + "\n")
