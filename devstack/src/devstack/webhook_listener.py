"""`make webhook-listen`: a receiver on this machine, which verifies and prints what comes.

It makes a destination of the stack that runs, and takes it away when it ends.
"""

import argparse
import base64
import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

from api_gateway.keys import DEV_MERCHANT
from devstack.destinations import write_destination
from devstack.interrupts import Interrupted, raise_on_signals
from devstack.ports import LOOPBACK
from kurs.kernel.files import own_what_is_made

NAME = "listener"
TEST = "destination.test"
_MAX_BODY = 1_048_576
_WAITING = 128


class Check:
    """What a receiver can say of what came: verified, which gaps, and whether in order."""

    def __init__(self, secret: str) -> None:
        self._webhook = Webhook(secret)
        self._came: set[int] = set()
        self._last: dict[str, int] = {}

    def line(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
        """Return what to answer, and the line to print."""
        try:
            event: dict[str, Any] = self._webhook.verify(body, dict(headers))
        except (WebhookVerificationError, ValueError) as error:
            return 401, f"refused: {error}"
        if event["type"] == TEST:
            return 204, f"test event {event['id']}"
        return 204, f"{event['sequence']} {event['type']} {_about(event)}{self._says(event)}"

    def _says(self, event: Mapping[str, Any]) -> str:
        sequence, before, about = event["sequence"], event["previous_sequence"], _about(event)
        notes = []
        if sequence in self._came:
            notes.append("again")
        elif self._last.get(about, 0) > sequence:
            notes.append("OUT OF ORDER")
        if self._came and before is not None and before not in self._came:
            notes.append(f"{before} has not come yet")
        self._came.add(sequence)
        self._last[about] = max(sequence, self._last.get(about, 0))
        return "".join(f", {note}" for note in notes)


def _about(event: Mapping[str, Any]) -> str:
    """Return what an event is about: events of one payment come in order, deposits in any."""
    made = event.get("deposit")
    return f"deposit {made['deposit_id']}" if made else str(event["payment_id"])


def serve(check: Check, port: int) -> HTTPServer:
    """Return a server that answers by `check` and prints its lines."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = min(int(self.headers.get("content-length", 0)), _MAX_BODY)
            status, line = check.line(self.rfile.read(length), dict(self.headers.items()))
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Print nothing of its own."""

    server = HTTPServer((LOOPBACK, port), Handler)
    # By itself it lets 5 wait: the others of a round of events would be dropped, and come late.
    server.socket.listen(_WAITING)
    return server


def make_secret(folder: Path) -> str:
    """Return the secret of the listener, made anew unless it is there; only its owner reads it."""
    file = folder / NAME / "secret"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        text = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), "w") as opened:
            opened.write(text)
    return file.read_text("ascii").strip()


def main(arguments: Sequence[str] | None = None) -> int:
    """Listen until interrupted, by Ctrl-C or any signal that asks to end."""
    parser = argparse.ArgumentParser(prog="make webhook-listen", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("var"), help="of the stack (var)")
    parser.add_argument("--port", type=int, default=0, help="to listen on; 0: any that is free")
    parser.add_argument("--merchant", default=DEV_MERCHANT, help="whose events")
    options = parser.parse_args(arguments)
    raise_on_signals()
    server = serve(Check(make_secret(options.folder / "secrets")), options.port)
    folder = options.folder / "destinations"
    folder.mkdir(parents=True, exist_ok=True)
    url = f"http://{LOOPBACK}:{server.server_port}/"
    try:
        write_destination(folder, NAME, merchant=options.merchant, url=url, secret=NAME)
        sys.stdout.write(f"listening on port {server.server_port}; Ctrl-C ends it\n")
        sys.stdout.flush()
        server.serve_forever()
    except Interrupted:
        return 0
    finally:
        (folder / f"{NAME}.yaml").unlink(missing_ok=True)
        server.server_close()
    return 0


if __name__ == "__main__":
    own_what_is_made()
    sys.exit(main())
