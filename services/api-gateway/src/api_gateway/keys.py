"""Issues and revokes API keys: `python -m api_gateway.keys issue --merchant shop --roles pay,read`.

A key's text is printed once, to standard output, and kept nowhere but in `var/api-key` on a
developer's machine (`ensure_dev_key`).
"""

import argparse
import fcntl
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from api_gateway.key_text import digest, new_key
from api_gateway.keystore import (
    KEYS_PER_MERCHANT,
    InvalidKeysFile,
    KeyEntry,
    read_entries,
    render_entries,
)
from kurs.roles import ROLES

DEV_MERCHANT = "demo"
DEV_ENVIRONMENT = "dev"
DEV_RATE = "100000/second"
"""More than a machine can do, so that a replay or a benchmark with this key measures it."""
_OWNER_ONLY = 0o600


class RefusedCommand(ValueError):
    """The command cannot be done; the message says why and what to do."""


def issue(
    entries: Sequence[KeyEntry],
    *,
    merchant: str,
    roles: Sequence[str],
    environment: str = "live",
    rate: str | None = None,
) -> tuple[str, KeyEntry]:
    """Return the text of a new key and the entry to store for it.

    Raises RefusedCommand for an unknown role, a merchant id or a rate that cannot be one, and a
    merchant that has two live keys already.
    """
    live = [entry.id for entry in entries if entry.merchant == merchant]
    if len(live) >= KEYS_PER_MERCHANT:
        raise RefusedCommand(
            f"{merchant} has {len(live)} live keys ({', '.join(live)}) and may have "
            f"{KEYS_PER_MERCHANT}; revoke the old one first: revoke --id {live[0]}"
        )
    unknown = [role for role in roles if role not in ROLES]
    if unknown or not roles:
        named = f"unknown role '{unknown[0]}'" if unknown else "no role given"
        raise RefusedCommand(f"{named}; roles are {', '.join(ROLES)}")
    try:
        key_id, text = new_key(environment)
        entry = KeyEntry.model_validate(
            {
                "id": key_id,
                "merchant": merchant,
                "roles": [role for role in ROLES if role in roles],
                "sha256": digest(text),
                "rate": rate,
            }
        )
    except ValidationError as error:
        if any(found["loc"] == ("rate",) for found in error.errors()):
            raise RefusedCommand("a rate is a number of requests in a time: 500/second") from None
        raise RefusedCommand(
            "a merchant id is 1 to 64 letters, digits, '.', '_' and '-', such as shop"
        ) from None
    except ValueError as error:
        raise RefusedCommand(str(error)) from None
    return text, entry


def revoke(entries: Sequence[KeyEntry], key_id: str) -> list[KeyEntry]:
    """Return the entries without that key; raises RefusedCommand when it is not among them."""
    left = [entry for entry in entries if entry.id != key_id]
    if len(left) == len(entries):
        raise RefusedCommand(f"there is no key {key_id} in the file")
    return left


def ensure_dev_key(folder: Path) -> Path:
    """Make `folder/api-key` (mode 600) and `folder/api-keys.json` fit each other; return the first.

    The key is of merchant `demo`, has every role and a rate that nothing reaches. A key that is
    there stays, and gets what it lacks of these; entries of other merchants are kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    key_file, keys_file = folder / "api-key", folder / "api-keys.json"
    with _locked(folder):
        entries = _entries_or_none(keys_file)
        present = _entry_of(key_file, entries)
        if present is None:
            entries = [entry for entry in entries if entry.merchant != DEV_MERCHANT]
            text, present = issue(
                entries, merchant=DEV_MERCHANT, roles=ROLES, environment=DEV_ENVIRONMENT
            )
            _write_owner_only(key_file, text + "\n")
        wanted = present.model_copy(update={"roles": ROLES, "rate": DEV_RATE})
        if wanted not in entries:
            kept = [entry for entry in entries if entry.id != wanted.id]
            _write_owner_only(keys_file, render_entries([*kept, wanted]))
    return key_file


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], None] = options.run
    try:
        command(options)
    except (RefusedCommand, InvalidKeysFile) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _issue_command(options: argparse.Namespace) -> None:
    roles = [role.strip() for role in options.roles.split(",") if role.strip()]
    terms = {
        "merchant": options.merchant,
        "roles": roles,
        "environment": options.env,
        "rate": options.rate,
    }
    if options.file is None:
        text, entry = issue([], **terms)
        stored = "store this entry in the gateway's keys file (KURS_API_KEYS_FILE):"
    else:
        options.file.parent.mkdir(parents=True, exist_ok=True)
        with _locked(options.file.parent):
            entries = _entries_or_none(options.file)
            text, entry = issue(entries, **terms)
            _write_owner_only(options.file, render_entries([*entries, entry]))
        stored = f"stored in {options.file}:"
    line = json.dumps(entry.model_dump(exclude_none=True))
    sys.stdout.write(f"The new key, shown only now:\n{text}\n\n{stored}\n{line}\n")


def _revoke_command(options: argparse.Namespace) -> None:
    with _locked(options.file.parent):
        left = revoke(read_entries(options.file), options.id)
        _write_owner_only(options.file, render_entries(left))
    sys.stdout.write(f"revoked {options.id}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m api_gateway.keys", description=__doc__)
    commands = parser.add_subparsers(required=True)
    issuing = commands.add_parser("issue", help="make a key and print it once")
    issuing.add_argument("--merchant", required=True)
    issuing.add_argument("--roles", required=True, help=f"comma separated: {','.join(ROLES)}")
    issuing.add_argument("--env", default="live", help="a word in the key's text, such as live")
    issuing.add_argument("--rate", help="its own rate, such as 500/second; else the gateway's")
    issuing.add_argument("--file", type=Path, help="the keys file to add the entry to")
    issuing.set_defaults(run=_issue_command)
    revoking = commands.add_parser("revoke", help="take a key out of the file")
    revoking.add_argument("--id", required=True)
    revoking.add_argument("--file", type=Path, required=True)
    revoking.set_defaults(run=_revoke_command)
    return parser


def _entries_or_none(path: Path) -> list[KeyEntry]:
    return read_entries(path) if path.exists() else []


def _entry_of(key_file: Path, entries: Sequence[KeyEntry]) -> KeyEntry | None:
    try:
        text = key_file.read_text("ascii").strip()
    except (OSError, ValueError):
        return None
    return next((entry for entry in entries if entry.sha256 == digest(text)), None)


def _write_owner_only(path: Path, text: str) -> None:
    # mkstemp makes the file with mode 600, and a rename is seen whole or not at all.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        temporary.chmod(_OWNER_ONLY)
        temporary.replace(path)
    except BaseException:
        temporary.unlink()
        raise


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    # Two commands at once would each write the list without the other's key.
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


if __name__ == "__main__":
    sys.exit(main())
