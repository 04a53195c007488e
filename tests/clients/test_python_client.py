"""A Python client, generated from the document, pays, is refused, refunds and pages."""

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from devstack.stack import Stack

pytest.importorskip("openapi_python_client", reason="make setup")


@pytest.fixture(scope="module")
def package(document_file: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("python")
    name = "kurs_generated_client"
    config = folder / "config.yaml"
    config.write_text(f"package_name_override: {name}\npost_hooks: []\n", "utf-8")
    done = subprocess.run(
        [
            Path(sys.executable).with_name("openapi-python-client"), "generate", "--meta", "none",
            "--path", document_file, "--output-path", folder / name, "--config", config,
            "--fail-on-warning",
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    return name


def load(package: str, name: str) -> ModuleType:
    return importlib.import_module(f"{package}.{name}")


@pytest.fixture
def client(package: str, gateway: Stack) -> Iterator[Any]:
    made = load(package, "client").AuthenticatedClient
    with made(base_url=gateway.url("api-gateway"), token=gateway.api_key()) as client:
        yield client


def test_it_pays_is_refused_refunds_and_pages(package: str, client: Any) -> None:
    models = load(package, "models")

    def pay(payment_id: str, amount: str) -> Any:
        body = models.PaymentRequest(
            payment_id=payment_id, amount=amount, currency="USD",
            source_account="ann", destination_account="ben",
        )  # fmt: skip
        return load(package, "api.payments.make_payment").sync(client=client, body=body)

    paid = pay("py-1", "10.00")
    assert isinstance(paid, models.PaymentAnswer)
    assert (paid.status, paid.created_at.tzinfo is not None) == ("CAPTURED", True)

    refused = pay("py-2", "60.00")
    assert isinstance(refused, models.PaymentAnswer)
    assert refused.failure.code == "insufficient_funds"
    unreadable = pay("py-3", "-1")
    assert isinstance(unreadable, models.Problem)
    assert (unreadable.code, unreadable.errors[0].field) == (
        "amount_not_positive",
        "amount",
    )

    refund = load(package, "api.payments.refund_payment").sync(
        "py-1", client=client, body=models.RefundRequest(amount="2.50"), idempotency_key="py-r1"
    )
    assert (refund.status, refund.payment.refunded_amount) == ("SUCCEEDED", "2.50")

    listing = load(package, "api.payments.list_payments")
    seen: list[str] = []
    page = listing.sync(client=client, account="ann", limit=1)
    while True:
        seen += [payment.payment_id for payment in page.items]
        if page.next_cursor is None:
            break
        page = listing.sync(client=client, account="ann", limit=1, cursor=page.next_cursor)
    assert {"py-1", "py-2"} <= set(seen)
    assert len(seen) == len(set(seen))

    told = load(package, "api.payments.explain_payment").sync("py-1", client=client)
    assert [move.type_ for move in told.events][-1] == "refund.succeeded"
