"""The comparison in turns for real and short, and a gateway that pays without one of its parts."""

import sqlite3
from pathlib import Path

import httpx
import pytest
from tests.loadtest.measured import measured

from devstack import Stack, StackError
from devstack.topology import GATEWAY, WALLET
from loadtest.bench.load import PythonDriver
from loadtest.bench.systems import Gateway
from loadtest.dummygen import generate
from loadtest.turns.hosted import HostedStack, Variant
from loadtest.turns.without import PARTS, Left, run_by

LEFT_OUT = [left for part in PARTS.values() for left in part]


@pytest.mark.parametrize("left", LEFT_OUT, ids=lambda left: f"{left.name} {left.services}")
def test_each_function_that_is_left_out_is_there(left: Left) -> None:
    holder, name = left.find()

    assert callable(getattr(holder, name))


def test_a_name_that_is_gone_is_an_error() -> None:
    with pytest.raises(AttributeError, match="nowhere"):
        Left("kurs.edges.mac:Signer.nowhere", print).find()


def test_a_checkout_without_an_environment_says_what_to_do(tmp_path: Path) -> None:
    stack = HostedStack(Variant("bare", tmp_path), "sqlite", {})

    with pytest.raises(StackError, match="run `make setup` there"), stack:
        pass


@pytest.mark.crash
def test_a_payment_goes_through_without_trust() -> None:
    rows = generate(20, 7, failing=False)
    stack = Stack(run_by=run_by("trust"))
    with Gateway("without trust", stack, rows) as system:
        load = PythonDriver(rows).drive(system.gateway, system.api_key(), 4, 0.5, "run")
        # Nobody has to prove an edge, and the wallet remembers no chain.
        unsigned = httpx.get(f"{stack.url(WALLET)}/chains")
        with sqlite3.connect(stack.database_url(WALLET).removeprefix("sqlite:///")) as ledger:
            moved, linked = (
                ledger.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                for table in ("transfers", "links")
            )

    assert load.payments > 0
    assert load.wrong == 0, load.first_wrong
    assert unsigned.status_code == 200
    assert moved >= load.payments
    assert linked == 0


@pytest.mark.crash
def test_a_stack_without_parts_left_out_asks_for_trust() -> None:
    with Stack() as stack:
        assert httpx.get(f"{stack.url(WALLET)}/chains").status_code == 401
        assert httpx.get(f"{stack.url(GATEWAY)}/healthz").status_code == 200


@pytest.mark.crash
def test_two_checkouts_are_paid_in_turns_at_a_rate() -> None:
    found = measured(
        "loadtest.turns",
        *("--without", "destinations", "--rate", "40"),
        *("--turns", "2", "--rounds", "2", "--seconds", "1", "--rest", "0.5"),
    )

    assert found["pairs"] == 2
    assert set(found["difference_us"]) > {"all", "payments", "wallet", "webhooks"}
    for side in (found["this"], found["other"]):
        assert [0 < load["payments"] <= 41 for load in side["loads"]] == [True, True]
        assert [load["wrong"] for load in side["loads"]] == [0, 0]
        assert sum(side["spent_seconds"][0].values()) > 0
