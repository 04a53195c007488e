"""The payment file: what is written is read again, and what is no payment file is refused."""

from pathlib import Path

import pytest

from loadtest.rows import HEADER, PaymentFileError, Row, read_rows, write_rows

ROW = Row("PAY-000001", "IDR", "188.52", "ACC_SRC_5081", "ACC_DST_1228")


def test_the_file_is_the_documented_text(tmp_path: Path) -> None:
    path = tmp_path / "new" / "payments.csv"

    assert write_rows(path, [ROW]) == 1
    assert path.read_text() == (
        "payment_id,currency,amount,source_account,destination_account\n"
        "PAY-000001,IDR,188.52,ACC_SRC_5081,ACC_DST_1228\n"
    )
    assert read_rows(path) == [ROW]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "line 1: the header must be payment_id,"),
        ("a,b\n", "line 1: the header must be payment_id,"),
        (f"{','.join(HEADER)}\nP-1,IDR,1\n", "line 2: 5 non-empty fields"),
        (f"{','.join(HEADER)}\nP-1,,1,A,B\n", "line 2: 5 non-empty fields"),
        (f"{','.join(HEADER)}\nP-1,IDR,1,A,B\nP-1,IDR,1,A,B\n", "line 3: payment P-1 occurs twice"),
    ],
    ids=["empty", "other header", "too few fields", "an empty field", "a payment twice"],
)
def test_what_is_no_payment_file_is_refused_by_line(
    tmp_path: Path, text: str, complaint: str
) -> None:
    path = tmp_path / "payments.csv"
    path.write_text(text)

    with pytest.raises(PaymentFileError, match=complaint):
        read_rows(path)
