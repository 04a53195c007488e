"""The `replay` command: sends a payment file through the gateway and checks every outcome."""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from devstack.interrupts import Interrupted, run_interruptible
from loadtest.client import GatewayClient, GatewayError, Result
from loadtest.preparation import ONCE, Funding, prepare
from loadtest.progress import track
from loadtest.report import print_summary, verdict
from loadtest.rows import PaymentFileError, Row, is_payment_id, read_rows
from loadtest.summary import Summary, summarise

MAX_CONCURRENCY = 1000
MAX_TIMES = 100_000


async def replay(
    client: GatewayClient,
    rows: Sequence[Row],
    concurrency: int,
    on_result: Callable[[Result], None] = lambda _: None,
) -> Summary:
    """Pay every row, `concurrency` at a time in the order of the file, and return the account."""
    waiting = iter(rows)
    results: list[Result] = []

    async def work() -> None:
        for row in waiting:
            result = await client.pay(row)
            results.append(result)
            on_result(result)

    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(concurrency)))
    return summarise(results, time.perf_counter() - started)


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


async def prepare_and_replay(
    console: Console,
    client: GatewayClient,
    rows: Sequence[Row],
    *,
    concurrency: int,
    preparing: bool,
    funding: Funding = ONCE,
) -> Summary:
    """Open and fund the accounts if asked to, then replay, both with progress on `console`."""
    if preparing:
        await prepare_with_progress(console, client, rows, funding)
    with track(console, "Paying", total=len(rows)) as progress:
        return await replay(client, rows, concurrency, lambda _: progress.step())


async def prepare_with_progress(
    console: Console, client: GatewayClient, rows: Sequence[Row], funding: Funding
) -> None:
    """Open and fund the accounts of `rows`."""
    with track(console, "Opening and funding accounts") as progress:
        await prepare(client, rows, funding, on_progress=progress.at)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns 0 only if every payment ended as its row says it must."""
    chosen = _parser().parse_args(arguments)
    # With --json, standard output is the document's alone.
    console = Console(stderr=chosen.json)
    try:
        rows = renamed(read_rows(chosen.csv), chosen.run)
        key = chosen.key_file.read_text("ascii").strip()
        summary = run_interruptible(_run(console, chosen, rows, key))
    except (OSError, ValueError, GatewayError) as error:
        print(f"replay: {error}", file=sys.stderr)
        return 2
    except Interrupted as interrupted:
        print("replay: interrupted; the same command goes on where it stopped", file=sys.stderr)
        return interrupted.exit_code
    if summary is None:
        return 0
    if chosen.json:
        print(json.dumps(summary.document(), indent=2))
    else:
        print_summary(console, summary)
    complaint = verdict(summary)
    if complaint:
        print(f"replay: {complaint}", file=sys.stderr)
    return 1 if complaint else 0


async def _run(
    console: Console, chosen: argparse.Namespace, rows: Sequence[Row], key: str
) -> Summary | None:
    funding = Funding(chosen.run, chosen.times)
    async with GatewayClient(chosen.gateway, key, chosen.concurrency) as client:
        if chosen.prepare_only:
            await prepare_with_progress(console, client, rows, funding)
            return None
        return await prepare_and_replay(
            console,
            client,
            rows,
            concurrency=chosen.concurrency,
            preparing=chosen.prepare,
            funding=funding,
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="replay", description=__doc__)
    parser.add_argument("csv", type=Path, help="a file written by dummygen, or one like it")
    parser.add_argument("--gateway", default="http://127.0.0.1:8080", help="base URL")
    parser.add_argument("--concurrency", type=concurrency_in, default=32, help="requests at a time")
    parser.add_argument("--key-file", type=Path, default=Path("var/api-key"), help="the API key")
    parser.add_argument("--prepare", action="store_true", help="open and fund the accounts first")
    parser.add_argument("--prepare-only", action="store_true", help="do that, and pay nothing")
    parser.add_argument("--times", type=_times, default=1, help="fund for so many runs")
    parser.add_argument("--run", default="", help="prefix of the payment ids: pay the file anew")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    return parser


def _times(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= MAX_TIMES:
        raise argparse.ArgumentTypeError(f"a number from 1 to {MAX_TIMES}")
    return int(text)


def concurrency_in(text: str) -> int:
    """Read how many requests may be under way at a time, from 1 to 1000; for argparse."""
    if not text.isdigit() or not 1 <= int(text) <= MAX_CONCURRENCY:
        raise argparse.ArgumentTypeError(f"a number from 1 to {MAX_CONCURRENCY}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
