"""`python -m wallet verify` and `seal`: what they say, and the code that they end with."""

import asyncio
import io
import os
import shutil
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.wallet.harness import owners, pay, tamper, wallet_app

from kurs.data.database import Database
from kurs.data.migrations import migrate
from kurs.kernel.clock import from_rfc3339
from kurs_testing.clock import ManualClock
from kurs_testing.telemetry import RecordingTelemetry
from kurs_testing.waiting import eventually
from wallet.commands import seal_command, verify_command
from wallet.domain.heads import find_heads, read_private_key
from wallet.metrics import WalletMetrics
from wallet.migrations import VERSIONS
from wallet.publication import HeadPublisher
from wallet.settings import WalletSettings

COMMANDS = {"verify": verify_command, "seal": seal_command}


def run(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command in this process: to start one takes longer than all that it does."""
    said, complained, code = io.StringIO(), io.StringIO(), 0
    with redirect_stdout(said), redirect_stderr(complained):
        try:
            COMMANDS[arguments[0]](WalletSettings(database_url=url), arguments[1:])
        except SystemExit as left:
            code = int(left.code or 0)
    return subprocess.CompletedProcess(arguments, code, said.getvalue(), complained.getvalue())


def run_alone(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("KURS_")}
    return subprocess.run(
        [sys.executable, "-m", "wallet", *arguments],
        env={**environment, "KURS_DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )


async def verify(url: str, *arguments: str) -> tuple[int, str]:
    """Return the exit code of a verification and what it says."""
    done = await asyncio.to_thread(run, url, "verify", *arguments)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
async def ledger(ledger_url: str) -> str:
    async with wallet_app(ledger_url) as wallet:
        await wallet.open("alice", "bob")
        await wallet.deposit("alice", "100.00")
        await wallet.transfer(pay("pay:demo:one", "alice", "bob", 10_00))
        await wallet.transfer(pay("pay:demo:two", "alice", "bob", 10_00))
    return ledger_url


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return make_key(tmp_path / "ledger-key.pem")


def make_key(file: Path) -> Path:
    private = Ed25519PrivateKey.generate()
    file.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return file


async def publish(url: str, key: Path | None) -> str | None:
    database = Database.open(url)
    telemetry = RecordingTelemetry("heads")
    private = None if key is None else read_private_key(key)
    publisher = HeadPublisher(
        database, ManualClock(), WalletMetrics(telemetry), telemetry.logger, private
    )
    try:
        word = await publisher.publish()
    finally:
        await database.close()
    samples = {s.name: s for m in telemetry.registry.collect() for s in m.samples}
    assert samples["kurs_wallet_ledger_head_sequence"].value == 3
    assert samples["kurs_wallet_ledger_head_fingerprint"].value > 0
    assert samples["kurs_wallet_ledger_head_timestamp_seconds"].value > 0
    return word


async def test_a_service_may_ask_for_the_head_that_was_signed_last(ledger: str, key: Path) -> None:
    async with wallet_app(ledger, ledger_signing_key_file=key) as wallet:

        async def asked() -> bool:
            answer = await wallet.client.get("/internal/head")
            return bool(answer.json()["head"])

        await eventually(asked)
        answer = (await wallet.client.get("/internal/head")).json()

    (head,) = find_heads(answer["head"], [read_private_key(key).public_key()])
    assert [sequence for sequence, _ in head.tips.values()] == [3]
    assert from_rfc3339(answer["at"]) == head.at


async def test_a_ledger_that_nobody_touched(ledger: str) -> None:
    done = await asyncio.to_thread(run_alone, ledger, "verify")
    assert (done.returncode, done.stdout.splitlines()[1:]) == (0, ["Nothing was touched."])
    assert "3 transfers in 3 links" in done.stdout


async def test_the_first_transfer_that_was_touched_is_named(ledger: str) -> None:
    await tamper(ledger, "UPDATE postings SET amount = amount * 10 WHERE transfer_id LIKE 'pay:%'")
    code, said = await verify(ledger)
    assert code == 1
    assert said.splitlines()[1] == "TOUCHED: the first transfer is pay:demo:one."
    assert "the balance of demo/alice is" in said


async def test_a_cut_end_is_found_by_a_published_head_and_a_false_head_is_refused(
    ledger: str, key: Path, tmp_path: Path
) -> None:
    word = await publish(ledger, key)
    log = tmp_path / "log.json"
    log.write_text(f'{{"event":"ledger head","head":"{word}"}}\n')
    assert (await verify(ledger, "--head", str(log), "--key", str(key)))[0] == 0

    other = make_key(tmp_path / "other.pem")
    code, said = await verify(ledger, "--head", str(log), "--key", str(other))
    assert (code, "not signed by the given key" in said) == (2, True)

    await tamper(
        ledger,
        "DELETE FROM transfers WHERE transfer_id = 'pay:demo:two'",
        "DELETE FROM postings WHERE transfer_id = 'pay:demo:two'",
        "UPDATE balances SET posted = posted + 1000 WHERE account_id = 'demo/alice'",
        "UPDATE balances SET posted = posted - 1000 WHERE account_id = 'demo/bob'",
        "DELETE FROM links WHERE sequence = 3",
        "UPDATE chains SET sequence = 2, hash = (SELECT hash FROM links WHERE sequence = 2) "
        "WHERE sequence = 3",
    )
    assert (await verify(ledger))[0] == 0
    code, said = await verify(ledger, "--head", str(log))
    assert (code, "its end was cut off" in said) == (1, True)
    assert "signatures of the heads were not checked" in said


async def test_without_a_key_a_head_is_published_unsigned(ledger: str) -> None:
    assert await publish(ledger, None) is None


async def test_what_cannot_be_verified_is_said(ledger: str, tmp_path: Path) -> None:
    code, said = await verify(f"sqlite:///{tmp_path / 'none.db'}")
    assert (code, "run `python -m <service> migrate` first" in said) == (2, True)
    (tmp_path / "empty").write_text("nothing")
    code, said = await verify(ledger, "--head", str(tmp_path / "empty"))
    assert (code, "has no head in it" in said) == (2, True)


async def test_transfers_from_before_the_chains_are_sealed_once(
    database_url: str, tmp_path: Path
) -> None:
    folder = tmp_path / "before"
    folder.mkdir()
    shutil.copy(VERSIONS / "0001_initial.py", folder)
    await asyncio.to_thread(migrate, database_url, folder)
    await tamper(
        database_url,
        "INSERT INTO transfers (transfer_id, kind, merchant, status, content, created_at) "
        "VALUES ('old', 'cancel', 'demo', 'applied', '{}', 1)",
    )
    await asyncio.to_thread(migrate, database_url, VERSIONS)
    async with wallet_app(database_url) as wallet:
        await wallet.open("alice")
        await wallet.deposit("alice", "1.00")
    code, said = await verify(database_url)
    assert (code, "1 transfers are from before there were links" in said) == (0, True)

    for expected in (1, 0):
        done = await asyncio.to_thread(run, database_url, "seal")
        assert (done.returncode, done.stdout[:9]) == (0, f"Sealed: {expected}"), done.stderr
    code, said = await verify(database_url)
    assert (code, "2 transfers in 3 links" in said) == (0, True)
    await tamper(database_url, "UPDATE transfers SET merchant = 'x' WHERE transfer_id = 'old'")
    code, said = await verify(database_url)
    assert (code, "the first transfer is old." in said) == (1, True)
    await tamper(
        database_url,
        "UPDATE transfers SET merchant = 'demo' WHERE transfer_id = 'old'",
        "INSERT INTO transfers (transfer_id, kind, merchant, status, content, created_at) "
        "VALUES ('forged', 'cancel', 'demo', 'applied', '{}', 1)",
    )
    code, said = await verify(database_url)
    assert (code, "the first transfer is forged." in said) == (1, True)
    done = await asyncio.to_thread(run, database_url, "seal", "--again")
    assert (done.returncode, done.stdout[:9]) == (0, "Sealed: 1"), done.stderr
    assert (await verify(database_url))[0] == 0


async def test_what_a_rollback_left_is_sealed_in_a_ledger_that_began_with_chains(
    ledger: str,
) -> None:
    await tamper(
        ledger,
        "INSERT INTO transfers (transfer_id, kind, merchant, status, content, created_at) "
        "VALUES ('old', 'cancel', 'demo', 'applied', '{}', 1)",
    )
    assert (await verify(ledger))[0] == 1
    assert (await asyncio.to_thread(run, ledger, "seal")).stdout[:9] == "Sealed: 0"
    done = await asyncio.to_thread(run, owners(ledger), "seal", "--again")
    assert (done.returncode, done.stdout[:9]) == (0, "Sealed: 1"), done.stderr
    assert (await verify(ledger))[0] == 0
