"""Issuing and revoking keys, and what a key's text tells."""

import json
import re
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api_gateway.key_entry import KeyEntry, read_entries, render_entries
from api_gateway.key_text import MalformedKey, checksum, digest, key_id_of, new_key
from api_gateway.keys import DEV_RATE, RefusedCommand, ensure_dev_key, issue, main
from kurs.kernel.roles import ROLES


def test_a_key_says_what_it_is_and_has_enough_randomness() -> None:
    key_id, text = new_key("live")

    match = re.fullmatch(r"kurs_live_([a-z0-9]+)_([0-9a-f]+)_([0-9a-f]{8})", text)
    assert match is not None
    assert match[1] == key_id == key_id_of(text)
    assert len(match[2]) * 4 >= 128
    assert len({new_key("live")[1] for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[:-1],
        lambda text: text + "0",
        lambda text: text.replace("_live_", "_test_"),
        lambda text: text[:30] + ("0" if text[30] != "0" else "1") + text[31:],
        lambda text: text.upper(),
        lambda text: "sk_" + text,
        lambda text: text + "\n",
        lambda _: "",
        lambda _: "kurs_live_é_" + "a" * 40 + "_00000000",
    ],
)
def test_a_mistyped_key_fails_by_its_form_or_checksum(spoil) -> None:
    _, text = new_key("live")

    with pytest.raises(MalformedKey) as caught:
        key_id_of(spoil(text))

    assert text.split("_")[3] not in str(caught.value)


def test_only_a_digest_is_stored() -> None:
    text, entry = issue([], merchant="shop", roles=["read", "pay"])

    stored = json.dumps(entry.model_dump())
    assert text.split("_")[3] not in stored
    assert entry.sha256 == digest(text)
    assert entry.roles == ("pay", "read")


def test_a_merchant_has_any_number_of_keys_with_names_of_their_own() -> None:
    entries: list[KeyEntry] = []
    for number in range(5):
        entries.append(issue(entries, merchant="shop", roles=["pay"], name=f"till {number}")[1])
    issue(entries, merchant="other", roles=["pay"], name="till 1")

    with pytest.raises(RefusedCommand, match="shop has a key named 'till 1' already"):
        issue(entries, merchant="shop", roles=["pay"], name="till 1")


@pytest.mark.parametrize(
    ("merchant", "roles", "environment", "said"),
    [
        ("shop", ["pay", "root"], "live", "unknown role 'root'"),
        ("shop", [], "live", "no role given"),
        ("a shop", ["pay"], "live", "a merchant id is"),
        ("", ["pay"], "live", "a merchant id is"),
        ("shop\r\nX-Kurs-Roles: operate", ["pay"], "live", "a merchant id is"),
        ("shop", ["pay"], "Live_1", "an environment is"),
    ],
)
def test_a_wrong_request_for_a_key_is_refused_in_words(
    merchant: str, roles: list[str], environment: str, said: str
) -> None:
    with pytest.raises(RefusedCommand, match=said):
        issue([], merchant=merchant, roles=roles, environment=environment)


def test_the_command_prints_a_key_once_and_stores_its_entry(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "var" / "api-keys.json"

    assert main(["issue", "--merchant", "shop", "--roles", "pay, read", "--file", str(file)]) == 0

    printed = capsys.readouterr().out
    texts = re.findall(r"kurs_live_\S+", printed)
    assert len(texts) == 1
    entries = read_entries(file)
    assert [(e.merchant, e.roles, e.sha256) for e in entries] == [
        ("shop", ("pay", "read"), digest(texts[0]))
    ]
    assert texts[0] not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.joinpath("var").iterdir()) == [file]


def test_the_command_without_a_file_prints_the_entry_to_store(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["issue", "--merchant", "shop", "--roles", "pay"]) == 0

    lines = capsys.readouterr().out.splitlines()
    entry = KeyEntry.model_validate_json(lines[-1])
    assert entry.sha256 == digest(lines[1])


def test_a_key_has_a_name_an_end_and_networks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "api-keys.json"
    command = ["issue", "--merchant", "shop", "--roles", "pay,audit", "--file", str(file)]
    terms = ["--name", "web shop", "--not-after", "2037-01-31T00:00:00Z", "--addresses"]

    assert main([*command, *terms, "203.0.113.0/24, 2001:db8::/32", "--rate", "5/second"]) == 0

    assert "audit count only while KURS_PLATFORM_MERCHANTS" in capsys.readouterr().out
    (entry,) = read_entries(file)
    assert entry.addresses == ("203.0.113.0/24", "2001:db8::/32")
    assert entry.not_after is not None
    assert main(["list", "--file", str(file)]) == 0
    shown = capsys.readouterr().out
    for part in (entry.id, "shop", "web shop", "pay,audit", "5/second", "2037-01-31", "2001:db8::"):
        assert part in shown
    assert entry.sha256 not in shown


def test_an_end_may_be_a_number_of_days(tmp_path: Path) -> None:
    file = tmp_path / "api-keys.json"
    command = ["issue", "--merchant", "shop", "--roles", "pay", "--file", str(file)]

    assert main([*command, "--not-after", "90d"]) == 0

    (entry,) = read_entries(file)
    assert entry.not_after is not None
    assert 89 <= (entry.not_after - datetime.now(UTC)).days <= 90


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--not-after", "tomorrow", "an end is a time like"),
        ("--not-after", "2037-01-31T00:00:00", "an end is a time like"),
        ("--addresses", "203.0.113.0/33", "addresses are networks"),
        ("--addresses", "203.0.113.7/24", "addresses are networks"),
        ("--name", "a\nb", "a name is"),
        ("--roles", "operate", "operate is now review, treasury and audit"),
    ],
)
def test_a_wrong_term_is_refused_in_words(
    capsys: pytest.CaptureFixture[str], option: str, value: str, said: str
) -> None:
    assert main(["issue", "--merchant", "shop", "--roles", "pay", option, value]) == 1

    assert said in capsys.readouterr().err


def test_a_revoked_key_is_gone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "api-keys.json"
    command = ["issue", "--merchant", "shop", "--roles", "pay", "--file", str(file)]
    main(command)
    main(command)
    old, new = (entry.id for entry in read_entries(file))

    assert main(["revoke", "--id", old, "--file", str(file)]) == 0
    assert [entry.id for entry in read_entries(file)] == [new]
    assert main(["revoke", "--id", "nobody", "--file", str(file)]) == 1
    assert "there is no key nobody" in capsys.readouterr().err


def test_a_broken_file_is_named_and_not_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "api-keys.json"
    file.write_text('[{"id": "k1"}]')

    assert main(["issue", "--merchant", "shop", "--roles", "pay", "--file", str(file)]) == 1

    assert "api-keys.json: 0.merchant: Field required" in capsys.readouterr().err
    assert file.read_text() == '[{"id": "k1"}]'


def test_the_development_key_is_made_once_and_fits_its_file(tmp_path: Path) -> None:
    folder = tmp_path / "var"

    key_file = ensure_dev_key(folder)
    text = key_file.read_text().strip()
    ensure_dev_key(folder)

    assert key_file == folder / "api-key"
    assert key_file.read_text().strip() == text
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    (entry,) = read_entries(folder / "api-keys.json")
    assert (entry.merchant, entry.roles, entry.sha256, entry.rate) == (
        "demo",
        ROLES,
        digest(text),
        DEV_RATE,
    )


def test_a_development_key_of_before_stays_and_gets_its_rate(tmp_path: Path) -> None:
    text, entry = issue([], merchant="demo", roles=["pay"], environment="dev")
    tmp_path.joinpath("api-key").write_text(text + "\n")
    tmp_path.joinpath("api-keys.json").write_text(render_entries([entry]))

    assert ensure_dev_key(tmp_path).read_text() == text + "\n"

    (found,) = read_entries(tmp_path / "api-keys.json")
    assert found == entry.model_copy(update={"roles": ROLES, "rate": DEV_RATE})


def test_a_rate_is_stored_and_a_wrong_one_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "api-keys.json"
    command = ["issue", "--merchant", "shop", "--roles", "pay", "--file", str(file), "--rate"]

    assert main([*command, "500/second"]) == 0
    assert main([*command, "many"]) == 1

    assert "a rate is a number of requests in a time" in capsys.readouterr().err
    assert [entry.rate for entry in read_entries(file)] == ["500/second"]


def test_a_development_key_that_lost_its_other_half_is_replaced(tmp_path: Path) -> None:
    main(["issue", "--merchant", "shop", "--roles", "pay", "--file", f"{tmp_path}/api-keys.json"])
    text = ensure_dev_key(tmp_path).read_text()
    (tmp_path / "api-key").unlink()

    renewed = ensure_dev_key(tmp_path).read_text()

    assert renewed != text
    merchants = [entry.merchant for entry in read_entries(tmp_path / "api-keys.json")]
    assert merchants == ["shop", "demo"]


def test_the_checksum_is_the_crc32_of_what_stands_before_it() -> None:
    assert checksum("123456789") == "cbf43926"


@pytest.mark.parametrize("command", ["issue --merchant shop --roles pay", "list", "revoke --id x"])
def test_a_file_without_an_end_is_told_in_a_line(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command.split(), "--file", "/dev/full"]) == 1
    assert capsys.readouterr() == ("", "/dev/full: File too large\n")
