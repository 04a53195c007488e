"""Load: a number of clients, each paying again as soon as it is answered, or at a given rate."""

import asyncio
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Protocol

import aiohttp

from devstack.interrupts import run_interruptible
from loadtest.measures import Latency, latency
from loadtest.pace import Pace
from loadtest.rows import Row, write_rows

_REQUEST_SECONDS = 30.0
_SCRIPT = Path(__file__).resolve().parents[3] / "k6" / "payment_load_from_csv.js"


class LoadError(Exception):
    """The load cannot be driven; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Load:
    """What was driven: payments answered, those not CAPTURED among them, over how long."""

    payments: int
    wrong: int
    seconds: float
    latency: Latency
    first_wrong: str = ""


class Driver(Protocol):
    """Drives load at a gateway; `run` makes the payment ids unique."""

    name: str

    def drive(self, gateway: str, key: str, clients: int, seconds: float, run: str) -> Load:
        """Pay with `clients` clients for `seconds`; raises LoadError."""


def choose_driver(wanted: str, rows: Sequence[Row]) -> Driver:
    """Return the driver `k6` or `python`; `auto` is k6 if it is installed. Raises LoadError."""
    k6 = shutil.which("k6")
    if wanted == "python" or (wanted == "auto" and k6 is None):
        return PythonDriver(rows)
    if k6 is None:
        raise LoadError("k6 is not installed: install it, or use `--driver python`")
    return K6Driver(k6, rows)


class PythonDriver:
    """The bounded asyncio client of this package, in this process.

    With `rate` so many payments begin a second, however soon others are answered, as long as a
    client is free.
    """

    name = "python"

    def __init__(self, rows: Sequence[Row], rate: float | None = None) -> None:
        self._rate = rate
        self._bodies = [
            {
                "amount": row.amount,
                "currency": row.currency,
                "source_account": row.source_account,
                "destination_account": row.destination_account,
            }
            for row in rows
        ]

    def drive(self, gateway: str, key: str, clients: int, seconds: float, run: str) -> Load:
        """Pay; see Driver."""
        return run_interruptible(self._drive(gateway, key, clients, seconds, run))

    async def _drive(self, gateway: str, key: str, clients: int, seconds: float, run: str) -> Load:
        numbers = count()
        times: list[float] = []
        wrong: list[str] = []
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        pace = None if self._rate is None else Pace(self._rate)
        started = time.perf_counter()

        async def begins() -> bool:
            if pace is not None:
                await pace.turn()
            return time.perf_counter() - started < seconds

        async def client(session: aiohttp.ClientSession) -> None:
            while await begins():
                number = next(numbers)
                body = {"payment_id": f"{run}-{number}", **self._bodies[number % len(self._bodies)]}
                sent = time.perf_counter()
                answer = await _post(session, f"{gateway}/payments", json.dumps(body).encode())
                times.append(time.perf_counter() - sent)
                if answer != "CAPTURED":
                    wrong.append(answer)

        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=clients),
            timeout=aiohttp.ClientTimeout(total=_REQUEST_SECONDS),
            headers=headers,
        ) as session:
            await asyncio.gather(*(client(session) for _ in range(clients)))
        spent = time.perf_counter() - started
        return Load(len(times), len(wrong), spent, latency(times), next(iter(wrong), ""))


class K6Driver:
    """k6 with the script of this repository, as a process of its own."""

    name = "k6"

    def __init__(self, program: str, rows: Sequence[Row]) -> None:
        self._program = program
        self._rows = rows

    def drive(self, gateway: str, key: str, clients: int, seconds: float, run: str) -> Load:
        """Pay; see Driver. The key travels in the environment, not on the command line."""
        with tempfile.TemporaryDirectory(prefix="kurs-k6-") as folder:
            csv, summary = Path(folder, "payments.csv"), Path(folder, "summary.json")
            write_rows(csv, self._rows)
            variables = {
                "GATEWAY": gateway,
                "API_KEY": key,
                "CSV_PATH": str(csv),
                "VUS": str(clients),
                "DURATION": f"{seconds:g}s",
                "RUN": run,
                "SUMMARY_PATH": str(summary),
                "K6_NO_USAGE_REPORT": "true",
            }
            output = self._run(variables, seconds)
            if not summary.exists():
                raise LoadError(f"k6 gave no summary; the end of its output:\n{output[-2000:]}")
            return read_k6_summary(summary.read_text("utf-8"), output)

    def _run(self, variables: dict[str, str], seconds: float) -> str:
        try:
            finished = subprocess.run(
                [self._program, "run", "--quiet", "--no-color", str(_SCRIPT)],
                env={**os.environ, **variables},
                capture_output=True,
                text=True,
                timeout=seconds + 120,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise LoadError(f"k6 did not end within {error.timeout:g} s") from error
        return finished.stdout + finished.stderr


def read_k6_summary(text: str, output: str = "") -> Load:
    """Return the load that the script's JSON summary tells of; raises LoadError for other text."""
    try:
        figures = json.loads(text)
        times = figures["latency_ms"]
        wrong = int(figures["wrong"]) + int(figures["unresolved"])
        return Load(
            int(figures["payments"]),
            wrong,
            float(figures["seconds"]),
            Latency(float(times["p50"]), float(times["p95"]), float(times["p99"])),
            _first_complaint(output) if wrong else "",
        )
    except (ValueError, KeyError, TypeError) as error:
        raise LoadError(f"k6's summary is not understood: {error!r}") from error


def _first_complaint(output: str) -> str:
    return next((line for line in output.splitlines() if "expected" in line), output[-200:])


async def _post(session: aiohttp.ClientSession, url: str, body: bytes) -> str:
    try:
        async with session.post(url, data=body) as response:
            raw = await response.read()
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return f"no answer ({type(error).__name__})"
    if response.status != 200:
        return f"{response.status} {raw[:200].decode(errors='replace')}"
    return str(json.loads(raw)["status"])
