"""The listener of a laptop takes what is signed, and says what is missing or out of order."""

import json
import subprocess
import sys
from pathlib import Path

from devstack.destinations import write_destination
from devstack.webhook_listener import NAME, Check, make_secret
from kurs.config.resources import parse_resource
from kurs.kernel.clock import SystemClock
from webhooks.domain.signing import read_secrets, signed_headers


def test_it_says_what_came_again_what_is_missing_and_what_came_too_late(tmp_path: Path) -> None:
    secret = make_secret(tmp_path)
    check = Check(secret)

    def come(sequence: int, before: int | None, payment: str = "p1") -> str:
        event = {"previous_sequence": before, "sequence": sequence, "payment_id": payment}
        body = json.dumps({**event, "type": "payment.captured"}).encode()
        proof = signed_headers([secret], f"evt_{sequence}", body, SystemClock().now())
        status, line = check.line(body, proof)
        assert status == 204
        return line

    assert come(5, 3) == "5 payment.captured p1"
    assert come(5, 3).endswith(", again, 3 has not come yet")
    assert come(9, 7) == "9 payment.captured p1, 7 has not come yet"
    assert "OUT OF ORDER" in come(7, 5)
    assert come(8, 7, "p2") == "8 payment.captured p2"
    assert check.line(b"{}", {})[0] == 401
    made = {"deposit": {"deposit_id": "d-1"}, "payment_id": None, "previous_sequence": 9}
    body = json.dumps({**made, "sequence": 10, "type": "deposit.succeeded"}).encode()
    proof = signed_headers([secret], "evt_10", body, SystemClock().now())
    assert check.line(body, proof) == (204, "10 deposit.succeeded deposit d-1")
    test = b'{"previous_sequence":null,"id":"evt_t","type":"destination.test","sequence":null}'
    proof = signed_headers([secret], "evt_t", test, SystemClock().now())
    assert check.line(test, proof) == (204, "test event evt_t")


def test_its_destination_and_secret_are_such_as_webhooks_takes(tmp_path: Path) -> None:
    secret = make_secret(tmp_path)
    assert make_secret(tmp_path) == secret
    assert read_secrets(secret) == [secret]
    url = "http://127.0.0.1:8099/"
    file = write_destination(tmp_path, NAME, merchant="demo", url=url, secret=NAME)
    spec = parse_resource(json.loads(file.read_text())).spec
    assert spec.wants("demo", "payment.captured")


def test_what_it_writes_is_its_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    command = [sys.executable, "-m", "devstack.webhook_listener", "--folder", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, umask=0o022) as listener:
        assert listener.stdout is not None
        assert b"listening" in listener.stdout.readline()
        modes = {path: path.stat().st_mode & 0o077 for path in (folder, *folder.rglob("*"))}
        listener.terminate()

    # A stack goes on sending to a destination that stays.
    assert listener.returncode == 0
    assert not (folder / "destinations" / "listener.yaml").exists()
    assert modes[folder / "destinations" / "listener.yaml"] == 0
    assert set(modes.values()) == {0}
