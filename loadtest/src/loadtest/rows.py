"""The payment file: a CSV of payments to make, read and written in one place.

payment_id,currency,amount,source_account,destination_account
PAY-000001,IDR,188.52,ACC_SRC_5081,ACC_DST_1228
"""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass
from pathlib import Path

HEADER = ("payment_id", "currency", "amount", "source_account", "destination_account")
MAX_ROWS = 1_000_000


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
    """Read a payment file; raises PaymentFileError for anything else, and OSError."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(_parse(csv.reader(file), path))


def _parse(lines: Iterator[list[str]], path: Path) -> Iterator[Row]:
    header = tuple(next(lines, ()))
    if header != HEADER:
        raise PaymentFileError(f"{path}, line 1: the header must be {','.join(HEADER)}")
    seen: set[str] = set()
    for number, fields in enumerate(lines, 2):
        if len(fields) != len(HEADER) or not all(fields):
            raise PaymentFileError(
                f"{path}, line {number}: {len(HEADER)} non-empty fields are needed"
            )
        if fields[0] in seen:
            raise PaymentFileError(f"{path}, line {number}: payment {fields[0]} occurs twice")
        if len(seen) == MAX_ROWS:
            raise PaymentFileError(f"{path}: more than {MAX_ROWS} payments; split the file")
        seen.add(fields[0])
        yield Row(*fields)
