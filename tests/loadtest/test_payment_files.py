"""One text, one reading: replay and k6 read the same rows, or refuse the same line alike."""

import json
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from loadtest.rows import HEADER, PaymentFileError, description, read_rows

K6 = Path(__file__).parents[2] / "loadtest" / "k6"
HEAD = ",".join(HEADER)
GOOD = "P-1,IDR,188.52,ACC_SRC_1,shop/ACC_DST_1"
PAID = ["P-1", "IDR", "188.52", "ACC_SRC_1", "shop/ACC_DST_1"]
QUOTED = '"P-1","IDR","188.52","ACC_SRC_1","shop/ACC_DST_1"'
_READ = """
import { readFileSync } from "node:fs";
import { readRows } from "./rows.mjs";
const known = JSON.parse(readFileSync("payment_file.json", "utf-8"));
const said = JSON.parse(readFileSync(0, "utf-8")).map((hex) => {
  try {
    return readRows(Buffer.from(hex, "hex").toString("utf-8"), known).map(Object.values);
  } catch (error) {
    return error.message;
  }
});
console.log(JSON.stringify(said));
"""


def line(**fields: str) -> bytes:
    row = dict(zip(HEADER, PAID, strict=True)) | fields
    return f"{HEAD}\n{','.join(row.values())}\n".encode()


NO_DECIMAL = "is no decimal such as 1234.56"
NO_CURRENCY = "is no currency that can be paid in"
MOST = "92233720368547758.07"
ALIKE: dict[str, tuple[bytes, list[list[str]] | str]] = {
    "plain": (f"{HEAD}\n{GOOD}\n".encode(), [PAID]),
    "no last line end": (f"{HEAD}\n{GOOD}".encode(), [PAID]),
    "byte order mark and CRLF": (f"\ufeff{HEAD}\r\n{GOOD}\r\n".encode(), [PAID]),
    "CR alone": (f"{HEAD}\r{GOOD}\r".encode(), [PAID]),
    "quotes and a blank last line": (f"{HEAD}\n{QUOTED}\n\n".encode(), [PAID]),
    "blank lines": (f"{HEAD}\n\n  \n{GOOD}\n\t\n".encode(), [PAID]),
    "no rows": (f"{HEAD}\n".encode(), []),
    "empty": (b"", f"line 1: the header must be {HEAD}"),
    "another header": (b"a,b\n", f"line 1: the header must be {HEAD}"),
    "semicolons": (
        b"payment_id;currency;amount\nPAY-1;EUR;12,50\n",
        "line 1: its fields are separated by semicolons; save the file with commas",
    ),
    "tabs": (
        b"payment_id\tcurrency\n",
        "line 1: its fields are separated by tabs; save the file with commas",
    ),
    "thousands set apart": (
        line(amount='"1,234.56"'),
        "line 2: amount 1,234.56 is no decimal such as 1234.56",
    ),
    "thousands in the second row": (
        f'{HEAD}\n{GOOD}\n\n"P-2","USD","1,234.56","A","B"\n'.encode(),
        "line 4: amount 1,234.56 is no decimal such as 1234.56",
    ),
    "decimal comma": (line(amount='"12,50"'), "line 2: amount 12,50 is no decimal such as 1234.56"),
    "too few fields": (f"{HEAD}\nP-1,IDR,1\n".encode(), "line 2: 5 non-empty fields are needed"),
    "too many fields": (
        f"{HEAD}\n{GOOD},more\n".encode(),
        "line 2: 5 non-empty fields are needed",
    ),
    "an empty field": (line(currency=""), "line 2: 5 non-empty fields are needed"),
    "an open quote": (
        line(payment_id='"P-1'),
        "line 2: a quote stands within a field, or is not closed on its line",
    ),
    "a quote within": (
        line(payment_id='P"1'),
        "line 2: a quote stands within a field, or is not closed on its line",
    ),
    "a line end within quotes": (
        line(payment_id='"P\n1"'),
        "line 2: a quote stands within a field, or is not closed on its line",
    ),
    "a doubled quote": (line(payment_id='"P""1"'), 'line 2: payment_id P"1 is no id of a payment'),
    "no UTF-8": (line().replace(b"ACC_SRC", b"ACC_\xe9"), "line 2: it is no UTF-8 text"),
    "a space before": (line(currency=" IDR"), f"line 2: currency  IDR {NO_CURRENCY}"),
    "no currency": (line(currency="XAU"), f"line 2: currency XAU {NO_CURRENCY}"),
    "small letters": (line(currency="idr"), f"line 2: currency idr {NO_CURRENCY}"),
    "too precise": (
        line(currency="JPY", amount="188.52"),
        "line 2: amount 188.52 has more decimals than its currency",
    ),
    "zeros behind": (line(currency="JPY", amount="188.00"), [["P-1", "JPY", "188.00", *PAID[3:]]]),
    "zero": (line(amount="0.00"), "line 2: amount 0.00 is not above zero"),
    "negative": (line(amount="-1"), "line 2: amount -1 is not above zero"),
    "the largest": (line(amount=MOST), [["P-1", "IDR", MOST, *PAID[3:]]]),
    "one beyond": (
        line(amount="92233720368547758.08"),
        "line 2: amount 92233720368547758.08 is too large",
    ),
    "far beyond": (line(amount="9" * 25), f"line 2: amount {'9' * 25} is too large"),
    "a byte order mark as a line": (
        f"{HEAD}\n\ufeff\n".encode(), "line 2: 5 non-empty fields are needed"
    ),
    "other digits": (line(amount="\u0661\u0662"), f"line 2: amount \u0661\u0662 {NO_DECIMAL}"),
    "a reserved id": (line(payment_id="events"), "line 2: payment_id events is no id of a payment"),
    "an account of the house": (
        line(source_account="house:world"),
        "line 2: source_account house:world is no name of an account",
    ),
    "a payment twice": (f"{HEAD}\n{GOOD}\n{QUOTED}\n".encode(), "line 3: payment P-1 occurs twice"),
}  # fmt: skip


def by_replay(folder: Path, content: bytes) -> list[list[str]] | str:
    path = folder / "payments.csv"
    path.write_bytes(content)
    try:
        return [[getattr(row, name) for name in HEADER] for row in read_rows(path)]
    except PaymentFileError as error:
        return str(error).removeprefix(f"{path}, ")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("k6")
    (folder / "rows.mjs").write_text((K6 / "rows.js").read_text("utf-8"), "utf-8")
    (folder / "payment_file.json").write_text((K6 / "payment_file.json").read_text("utf-8"))
    (folder / "read.mjs").write_text(_READ)
    return folder


def by_k6(folder: Path, contents: list[bytes]) -> list[Any]:
    node = shutil.which("node")
    if node is None:
        pytest.skip(
            "node is not on PATH, which runs k6's reader: Debian's nodejs, or https://nodejs.org"
        )
    done = subprocess.run(
        [node, "read.mjs"],
        cwd=folder,
        input=json.dumps([content.hex() for content in contents]),
        capture_output=True,
        text=True,
        check=True,
    )
    answers: list[Any] = json.loads(done.stdout)
    return answers


@pytest.mark.parametrize("name", ALIKE)
def test_replay_reads_it_so(name: str, tmp_path: Path) -> None:
    content, right = ALIKE[name]

    assert by_replay(tmp_path, content) == right


def test_k6_reads_the_same(folder: Path) -> None:
    answers = by_k6(folder, [content for content, _ in ALIKE.values()])

    assert dict(zip(ALIKE, answers, strict=True)) == {
        name: right for name, (_, right) in ALIKE.items()
    }


_PIECES = [
    "P-1",
    "P-2",
    "IDR",
    "JPY",
    "1.5",
    "1,5",
    "0",
    "A",
    '"',
    '""',
    ",",
    ",",
    ";",
    "\n",
    "\r\n",
]
_PIECES += [" ", "é", "\ufeff"]


def test_no_text_is_read_in_two_ways(folder: Path) -> None:
    chance = random.Random(7)
    texts = ["".join(chance.choices(_PIECES, k=chance.randrange(16))) for _ in range(3_000)]
    contents = [f"{HEAD}\nP-0,IDR,1,A,B\n{text}".encode() for text in texts]

    assert by_k6(folder, contents) == [by_replay(folder, content) for content in contents]


def test_what_the_reader_of_k6_knows_is_what_is_so() -> None:
    """`python -m loadtest.rows > loadtest/k6/payment_file.json` writes it."""
    known = json.loads((K6 / "payment_file.json").read_text("utf-8"))

    assert known == json.loads(json.dumps(description()))
