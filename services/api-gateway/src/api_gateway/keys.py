"""Issues, lists and revokes API keys.

    python -m api_gateway.keys issue --merchant shop --roles pay,read --file var/api-keys.json
    python -m api_gateway.keys list --file var/api-keys.json
    python -m api_gateway.keys revoke --id 26601dbde9c3 --file var/api-keys.json

A key's text is printed once, to standard output, and kept nowhere but in `var/api-key` on a
developer's machine (`ensure_dev_key`). To rotate a key issue another with the same roles, hand it
out, and revoke the old one when nobody uses it any more; a merchant may have any number of keys.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from api_gateway.folder_lock import locked
from api_gateway.key_entry import (
    OPERATE,
    InvalidKeysFile,
    KeyEntry,
    read_entries,
    render_entries,
    render_entry,
)
from api_gateway.key_text import digest, new_key
from kurs.kernel.files import OWNER_ONLY, read_whole, replace_file
from kurs.kernel.roles import PLATFORM_ROLES, ROLES

DEV_MERCHANT = "demo"
DEV_ENVIRONMENT = "dev"
DEV_RATE = "100000/second"
"""More than a machine can do, so that a replay or a benchmark with this key measures it."""

_EXPLANATIONS = {
    "merchant": "a merchant id is 1 to 64 letters, digits, '.', '_' and '-', such as shop",
    "name": "a name is 1 to 64 letters, digits, spaces, '.', '_' and '-', such as web shop 2027",
    "rate": "a rate is a number of requests in a time, such as 500/second",
    "not_after": "an end is a time like 2027-06-30T00:00:00Z, or a number of days like 90d",
    "addresses": "addresses are networks, such as 203.0.113.0/24,2001:db8::/32",
}
_COLUMNS = ("id", "merchant", "name", "roles", "rate", "not after", "addresses")


class RefusedCommand(ValueError):
    """The command cannot be done; the message says why and what to do."""


def issue(
    entries: Sequence[KeyEntry],
    *,
    merchant: str,
    roles: Sequence[str],
    environment: str = "live",
    **terms: Any,
) -> tuple[str, KeyEntry]:
    """Return the text of a new key and the entry to store for it.

    `terms` are the optional members of KeyEntry. Raises RefusedCommand for an unknown role, for a
    merchant id or a term that cannot be one, and for a name that the merchant's keys have already.
    """
    unknown = [role for role in roles if role not in ROLES]
    if unknown or not roles:
        named = f"unknown role '{unknown[0]}'" if unknown else "no role given"
        hint = "; operate is now review, treasury and audit" if OPERATE in unknown else ""
        raise RefusedCommand(f"{named}; roles are {', '.join(ROLES)}{hint}")
    name = terms.get("name")
    if name and any(e.merchant == merchant and e.name == name for e in entries):
        raise RefusedCommand(f"{merchant} has a key named '{name}' already; give another name")
    try:
        key_id, text = new_key(environment)
        entry = KeyEntry.model_validate(
            {
                "id": key_id,
                "merchant": merchant,
                "roles": [role for role in ROLES if role in roles],
                "sha256": digest(text),
                **terms,
            }
        )
    except ValidationError as error:
        raise RefusedCommand(_EXPLANATIONS[str(error.errors()[0]["loc"][0])]) from None
    except ValueError as error:
        raise RefusedCommand(str(error)) from None
    return text, entry


def revoke(entries: Sequence[KeyEntry], key_id: str) -> list[KeyEntry]:
    """Return the entries without that key; raises RefusedCommand when it is not among them."""
    left = [entry for entry in entries if entry.id != key_id]
    if len(left) == len(entries):
        raise RefusedCommand(f"there is no key {key_id} in the file; `list` shows those that are")
    return left


def ensure_dev_key(folder: Path) -> Path:
    """Make `folder/api-key` (mode 600) and `folder/api-keys.json` fit each other; return the first.

    The key is of merchant `demo`, has every role and a rate that nothing reaches. A key that is
    there stays, and gets what it lacks of these; entries of other merchants are kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    key_file, keys_file = folder / "api-key", folder / "api-keys.json"
    with locked(folder):
        entries = _entries_or_none(keys_file)
        present = _entry_of(key_file, entries)
        if present is None:
            entries = [entry for entry in entries if entry.merchant != DEV_MERCHANT]
            text, present = issue(
                entries, merchant=DEV_MERCHANT, roles=ROLES, environment=DEV_ENVIRONMENT
            )
            replace_file(key_file, text + "\n", OWNER_ONLY)
        wanted = present.model_copy(update={"roles": ROLES, "rate": DEV_RATE})
        if wanted not in entries:
            kept = [entry for entry in entries if entry.id != wanted.id]
            replace_file(keys_file, render_entries([*kept, wanted]), OWNER_ONLY)
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
    terms = {
        "merchant": options.merchant,
        "roles": _items(options.roles),
        "environment": options.env,
        "rate": options.rate,
        "name": options.name,
        "not_after": _end(options.not_after) if options.not_after else None,
        "addresses": _items(options.addresses) if options.addresses else None,
    }
    if options.file is None:
        text, entry = issue([], **terms)
        stored = "store this entry in the gateway's keys file (KURS_API_KEYS_FILE):"
    else:
        options.file.parent.mkdir(parents=True, exist_ok=True)
        with locked(options.file.parent):
            entries = _entries_or_none(options.file)
            text, entry = issue(entries, **terms)
            replace_file(options.file, render_entries([*entries, entry]), OWNER_ONLY)
        stored = f"stored in {options.file}:"
    lines = ["The new key, shown only now:", text, "", *_notes(entry), stored, render_entry(entry)]
    sys.stdout.write("\n".join(lines) + "\n")


def _revoke_command(options: argparse.Namespace) -> None:
    with locked(options.file.parent):
        left = revoke(read_entries(options.file), options.id)
        replace_file(options.file, render_entries(left), OWNER_ONLY)
    sys.stdout.write(f"revoked {options.id}\n")


def _list_command(options: argparse.Namespace) -> None:
    rows = [_COLUMNS, *(_row(entry) for entry in read_entries(options.file))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    for row in rows:
        line = "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True))
        sys.stdout.write(line.rstrip() + "\n")


def _row(entry: KeyEntry) -> tuple[str, ...]:
    end = entry.not_after
    over = " (expired)" if end is not None and end <= datetime.now(UTC) else ""
    return (
        *(entry.id, entry.merchant, entry.name or "-", ",".join(entry.roles), entry.rate or "-"),
        f"{end.isoformat()}{over}" if end is not None else "-",
        ",".join(entry.addresses or ("-",)),
    )


def _notes(entry: KeyEntry) -> Iterator[str]:
    if roles := [role for role in entry.roles if role in PLATFORM_ROLES]:
        yield (
            f"{' and '.join(roles)} count only while KURS_PLATFORM_MERCHANTS of the gateway "
            f"names {entry.merchant}\n"
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m api_gateway.keys",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True)
    issuing = commands.add_parser("issue", help="make a key and print it once")
    issuing.add_argument("--merchant", required=True)
    issuing.add_argument("--roles", required=True, help=f"comma separated: {','.join(ROLES)}")
    issuing.add_argument("--name", help="what the key is for, to know it by: 'web shop'")
    issuing.add_argument("--not-after", help="when it ends: 2027-06-30T00:00:00Z, or 90d from now")
    issuing.add_argument("--addresses", help="networks it may come from: 203.0.113.0/24,...")
    issuing.add_argument("--rate", help="its own rate: 500/second; else it shares its merchant's")
    issuing.add_argument("--env", default="live", help="a word in the key's text, such as live")
    issuing.add_argument("--file", type=Path, help="the keys file to add the entry to")
    issuing.set_defaults(run=_issue_command)
    revoking = commands.add_parser("revoke", help="take a key out of the file")
    revoking.add_argument("--id", required=True)
    revoking.add_argument("--file", type=Path, required=True)
    revoking.set_defaults(run=_revoke_command)
    listing = commands.add_parser("list", help="show the keys of the file, without digests")
    listing.add_argument("--file", type=Path, required=True)
    listing.set_defaults(run=_list_command)
    return parser


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def _end(text: str) -> str:
    if text.endswith("d") and text[:-1].isdigit() and len(text) < 6:
        return (datetime.now(UTC).replace(microsecond=0) + timedelta(int(text[:-1]))).isoformat()
    return text


def _entries_or_none(path: Path) -> list[KeyEntry]:
    return read_entries(path) if path.exists() else []


def _entry_of(key_file: Path, entries: Sequence[KeyEntry]) -> KeyEntry | None:
    try:
        text = read_whole(key_file).decode("ascii").strip()
    except (OSError, ValueError):
        return None
    return next((entry for entry in entries if entry.sha256 == digest(text)), None)


if __name__ == "__main__":
    sys.exit(main())
