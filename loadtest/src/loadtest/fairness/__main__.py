"""`python -m loadtest.fairness`: one merchant's p95 alone, and under each flood of another.

Nothing here judges a time. It exits with 1 if a payment of the calm merchant was not captured.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table

from api_gateway.key_entry import render_entries
from api_gateway.keys import issue
from devstack import Stack, StackError
from devstack.interrupts import Interrupted, raise_on_signals, run_interruptible
from devstack.topology import GATEWAY, RunFolder
from loadtest.arguments import amount_in, count_from
from loadtest.client import GatewayClient, GatewayError
from loadtest.fairness.floods import ACCOUNTS
from loadtest.fairness.measure import FLOODS, Calm, Case, Times, measure


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    chosen = _parser().parse_args(arguments)
    raise_on_signals()
    console = Console(stderr=chosen.json)
    try:
        with TemporaryDirectory(prefix="kurs-fairness-") as folder:
            # The stack adds its own key to those that are there.
            flood_key = _flood_key(Path(folder))
            with Stack(folder=Path(folder), database=chosen.database) as stack:
                cases = run_interruptible(_cases(console, stack, flood_key, chosen))
    except (StackError, GatewayError, OSError) as error:
        print(f"fairness: {error}", file=sys.stderr)
        return 2
    except Interrupted as interrupted:
        print("fairness: interrupted; everything is stopped", file=sys.stderr)
        return interrupted.exit_code
    if chosen.json:
        print(json.dumps([_document(case) for case in cases], indent=2))
    else:
        console.print(_table(cases))
    wrong = [text for case in cases for text in (*case.alone.wrong, *case.under.wrong)]
    if wrong:
        print(f"fairness: {len(wrong)} payments failed, the first: {wrong[0]}", file=sys.stderr)
    return 1 if wrong else 0


def _flood_key(folder: Path) -> str:
    """Return a new key of another merchant, with the rate that merchants have."""
    text, entry = issue([], merchant="flood", roles=("pay", "read"))
    RunFolder(folder).api_keys.write_text(render_entries([entry]), "utf-8")
    return text


async def _cases(
    console: Console, stack: Stack, flood_key: str, chosen: argparse.Namespace
) -> list[Case]:
    gateway, cases = stack.url(GATEWAY), []
    async with (
        GatewayClient(gateway, stack.api_key(), chosen.clients) as client,
        GatewayClient(gateway, flood_key, 1) as flooder,
    ):
        calm = Calm(client, chosen.clients)
        await calm.prepare()
        await flooder.post("/accounts", [{"account_id": name} for name in ACCOUNTS])
        await calm.pay(chosen.warm_up, Times())
        for kind in chosen.floods:
            console.print(f"{kind}: {FLOODS[kind]}", highlight=False)
            cases.append(
                await measure(
                    calm, kind, gateway, flood_key, turns=chosen.turns, seconds=chosen.seconds
                )
            )
    return cases


def _table(cases: Sequence[Case]) -> Table:
    table = Table("flood", "p50 alone", "p95 alone", "p50", "p95", "ratio", "answers a second")
    for case in cases:
        alone, under = case.alone.latency(), case.under.latency()
        answers = ", ".join(f"{status}: {rate:.0f}" for status, rate in case.answers.items())
        times = (f"{ms:.1f}" for ms in (alone.p50, alone.p95, under.p50, under.p95))
        table.add_row(case.flood, *times, f"{case.ratio:.2f}", answers)
    return table


def _document(case: Case) -> dict[str, Any]:
    return {
        "flood": case.flood,
        "alone_ms": asdict(case.alone.latency()),
        "under_ms": asdict(case.under.latency()),
        "payments": len(case.alone.seconds) + len(case.under.seconds),
        "ratio": round(case.ratio, 2),
        "flood_answers_per_second": dict(case.answers),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m loadtest.fairness", description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--floods", type=_floods, default=list(FLOODS), help=",".join(FLOODS))
    parser.add_argument(
        "--clients", type=count_from(1), default=4, help="of the calm merchant (default 4)"
    )
    parser.add_argument(
        "--turns", type=count_from(1), default=3, help="alone and under each (default 3)"
    )
    parser.add_argument("--seconds", type=amount_in, default=5.0, help="a turn (default 5)")
    parser.add_argument("--warm-up", type=amount_in, default=3.0, help="seconds (default 3)")
    parser.add_argument("--json", action="store_true")
    return parser


def _floods(text: str) -> list[str]:
    kinds = text.split(",")
    if unknown := set(kinds) - set(FLOODS):
        raise argparse.ArgumentTypeError(f"{unknown.pop()!r} is none of {', '.join(FLOODS)}")
    return kinds


if __name__ == "__main__":
    sys.exit(main())
