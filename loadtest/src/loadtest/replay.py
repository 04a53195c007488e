"""The `replay` command: sends a payment file through the gateway and checks every outcome."""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from devstack.interrupts import Interrupted, run_interruptible
from kurs.kernel.clock import MICROS, SystemClock
from loadtest.arguments import amount_to, count_from
from loadtest.client import GatewayClient, GatewayError, Result
from loadtest.life import live
from loadtest.pace import Pace
from loadtest.preparation import ONCE, Funding, prepare
from loadtest.progress import track
from loadtest.report import print_summary, verdict
from loadtest.rows import Row, read_rows, renamed
from loadtest.summary import Summary, summarise

MAX_CONCURRENCY = 1000
MAX_TIMES = 100_000
MAX_RATE = 10_000
concurrency_in = count_from(1, MAX_CONCURRENCY)
"""Reads how many requests may be under way at a time."""
rate_in = amount_to(MAX_RATE)
"""Reads how many payments begin a second."""
_FOREVER_RATE = 5.0
_FOREVER = (
    "Paying {rate:g} a second until Ctrl-C: holds, captures, voids, refunds and reviews, too."
)


async def replay(
    client: GatewayClient,
    rows: Sequence[Row],
    concurrency: int,
    on_result: Callable[[Result], None] = lambda _: None,
    pace: Pace | None = None,
) -> Summary:
    """Pay every row, `concurrency` at a time in the order of the file, and return the account.

    With a `pace` they begin at it.
    """
    waiting = iter(rows)
    results: list[Result] = []

    async def work() -> None:
        for row in waiting:
            if pace is not None:
                await pace.turn()
            result = await client.pay(row)
            results.append(result)
            on_result(result)

    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(concurrency)))
    return summarise(results, time.perf_counter() - started)


async def prepare_and_replay(
    console: Console,
    client: GatewayClient,
    rows: Sequence[Row],
    *,
    concurrency: int,
    preparing: bool,
    funding: Funding = ONCE,
    pace: Pace | None = None,
) -> Summary:
    """Open and fund the accounts if asked to, then replay, both with progress on `console`."""
    if preparing:
        await prepare_with_progress(console, client, rows, funding)
    with track(console, "Paying", total=len(rows)) as progress:
        return await replay(client, rows, concurrency, lambda _: progress.step(), pace)


async def prepare_with_progress(
    console: Console, client: GatewayClient, rows: Sequence[Row], funding: Funding
) -> None:
    """Open and fund the accounts of `rows`."""
    with track(console, "Opening and funding accounts") as progress:
        await prepare(client, rows, funding, on_progress=progress.at)


def _key_in(file: Path) -> str:
    """Return the API key that a file holds; raises OSError, ValueError and GatewayError."""
    try:
        return file.read_text("ascii").strip()
    except FileNotFoundError:
        raise GatewayError(
            f"no API key in {file}: `make dev` leaves its own there; name another by --key-file"
        ) from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns 0 only if every payment ended as its row says it must."""
    chosen = _parser().parse_args(arguments)
    # With --json, standard output is the document's alone.
    console = Console(stderr=chosen.json)
    try:
        rows = read_rows(chosen.csv)
        rows = rows if chosen.forever else renamed(rows, chosen.run)
        key = _key_in(chosen.key_file)
        summary = run_interruptible(_run(console, chosen, rows, key))
    except (OSError, ValueError, GatewayError) as error:
        print(f"replay: {error}", file=sys.stderr)
        return 2
    except Interrupted as interrupted:
        goes_on = "" if chosen.forever else "; the same command goes on where it stopped"
        print(f"replay: interrupted{goes_on}", file=sys.stderr)
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
        if rows:
            # Each payment would look for it for a minute.
            await client.reach()
        if chosen.forever:
            await _live(console, client, rows, chosen)
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
            pace=Pace(chosen.rate) if chosen.rate else None,
        )


async def _live(
    console: Console, client: GatewayClient, rows: Sequence[Row], chosen: argparse.Namespace
) -> None:
    rate = chosen.rate or _FOREVER_RATE
    # Each start pays anew.
    run = chosen.run or f"L{SystemClock().now() // MICROS:x}-"
    console.print(_FOREVER.format(rate=rate), highlight=False, soft_wrap=True)
    await live(client, rows, rate=rate, run=run)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="replay", description=__doc__)
    parser.add_argument("csv", type=Path, help="a file written by dummygen, or one like it")
    parser.add_argument("--gateway", default="http://127.0.0.1:8080", help="base URL")
    parser.add_argument("--concurrency", type=concurrency_in, default=32, help="requests at a time")
    parser.add_argument("--key-file", type=Path, default=Path("var/api-key"), help="the API key")
    parser.add_argument("--prepare", action="store_true", help="open and fund the accounts first")
    parser.add_argument("--prepare-only", action="store_true", help="do that, and pay nothing")
    parser.add_argument(
        "--times", type=count_from(1, MAX_TIMES), default=1, help="fund for so many runs"
    )
    parser.add_argument("--run", default="", help="prefix of the payment ids: pay the file anew")
    parser.add_argument("--rate", type=rate_in, help="begin so many payments a second")
    parser.add_argument(
        "--forever",
        action="store_true",
        help="live as a shop does until Ctrl-C, with holds, refunds and reviews (--rate 5)",
    )
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
