"""Issuing and revoking keys, and what a key's text tells."""

import json
import re
import stat
from pathlib import Path

import pytest

from api_gateway.key_text import MalformedKey, checksum, digest, key_id_of, new_key
from api_gateway.keys import DEV_RATE, RefusedCommand, ensure_dev_key, issue, main
from api_gateway.keystore import KeyEntry, read_entries, render_entries
from kurs.roles import ROLES


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


def test_a_merchant_has_at_most_two_live_keys() -> None:
    _, first = issue([], merchant="shop", roles=["pay"])
    _, second = issue([first], merchant="shop", roles=["pay"])
    issue([first, second], merchant="other", roles=["pay"])

    with pytest.raises(RefusedCommand, match=r"shop has 2 live keys .* revoke the old one first"):
        issue([first, second], merchant="shop", roles=["pay"])


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


def test_the_command_refuses_a_third_key_and_leaves_the_file_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "api-keys.json"
    command = ["issue", "--merchant", "shop", "--roles", "pay", "--file", str(file)]
    assert [main(command), main(command)] == [0, 0]
    before = file.read_bytes()
    capsys.readouterr()

    assert main(command) == 1

    captured = capsys.readouterr()
    assert captured.out == ""
    assert "shop has 2 live keys" in captured.err
    assert file.read_bytes() == before


def test_a_revoked_key_is_gone_and_makes_room(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "api-keys.json"
    command = ["issue", "--merchant", "shop", "--roles", "pay", "--file", str(file)]
    main(command)
    main(command)
    old, new = (entry.id for entry in read_entries(file))

    assert main(["revoke", "--id", old, "--file", str(file)]) == 0
    assert [entry.id for entry in read_entries(file)] == [new]
    assert main(command) == 0
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
        ("pay", "read", "operate"),
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
