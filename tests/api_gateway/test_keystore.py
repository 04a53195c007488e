"""The keys file while the gateway runs: rotation, revocation, broken edits."""

import asyncio
import json
from pathlib import Path

import pytest
from tests.api_gateway.harness import Gateway, MakeGateway, problem, until

from api_gateway.key_entry import InvalidKeysFile, read_entries
from api_gateway.keystore import KeyStore


async def test_a_new_key_works_without_a_restart_beside_the_old_one(gateway: Gateway) -> None:
    new = gateway.add_key("shop", "read")

    await _until(gateway, new, 200)
    assert (await gateway.get("/rates")).status == 200


async def test_a_revoked_key_stops_working_without_a_restart(gateway: Gateway) -> None:
    other = gateway.add_key("other", "read")
    await _until(gateway, other, 200)

    gateway.entries.pop()
    gateway.write_keys()

    await _until(gateway, other, 401)
    problem(await gateway.get("/rates", key=other), 401, "key_invalid")


async def test_a_broken_edit_keeps_the_keys_and_is_counted_once(gateway: Gateway) -> None:
    gateway.keys_file.write_text('[{"id": "x"')
    await until(lambda: gateway.keys.error)
    await asyncio.sleep(0.05)

    assert (await gateway.get("/rates")).status == 200
    metrics = (await gateway.get("/metrics", key=None)).body.decode()
    assert "kurs_gateway_keys_reload_failures_total 1.0" in metrics
    assert "kurs_gateway_keys 1.0" in metrics


async def test_a_file_that_disappears_keeps_the_keys(gateway: Gateway) -> None:
    gateway.keys_file.unlink()
    await until(lambda: gateway.keys.error)

    assert (await gateway.get("/rates")).status == 200
    assert (await gateway.get("/readyz", key=None)).status == 200


async def test_a_repaired_file_counts_again(gateway: Gateway) -> None:
    gateway.keys_file.write_text("broken")
    await until(lambda: gateway.keys.error)

    other = gateway.add_key("other", "read")

    await _until(gateway, other, 200)
    assert gateway.keys.error == ""


async def test_without_a_keys_file_the_gateway_is_not_ready(make_gateway: MakeGateway) -> None:
    gateway = make_gateway()
    gateway.keys_file.unlink()
    async with gateway.transport:
        refused = await gateway.get("/rates")
        problem(refused, 503, "keys_unavailable")
        assert refused.headers["retry-after"] == "1"
        ready = await gateway.get("/readyz", key=None)
        assert (ready.status, ready.json()["checks"]["keys"]) == (503, False)
        assert (await gateway.get("/healthz", key=None)).status == 200

        gateway.write_keys()

        await _until(gateway, gateway.key, 200)
        assert (await gateway.get("/readyz", key=None)).status == 200


def test_an_empty_list_is_a_good_file(tmp_path: Path) -> None:
    file = tmp_path / "api-keys.json"
    file.write_text("[]")
    store = KeyStore(file)

    assert store.reload_if_changed()
    assert (store.loaded, len(store)) == (True, 0)


def test_a_swapped_symbolic_link_is_another_file(tmp_path: Path) -> None:
    for name, content in (("one", "[]"), ("two", "[]")):
        (tmp_path / name).write_text(content)
    link = tmp_path / "api-keys.json"
    link.symlink_to(tmp_path / "one")
    store = KeyStore(link)
    store.reload_if_changed()

    (tmp_path / "next").symlink_to(tmp_path / "two")
    (tmp_path / "next").rename(link)

    assert store.reload_if_changed()
    assert not store.reload_if_changed()


GOOD = {"id": "k1", "merchant": "shop", "roles": ["pay"], "sha256": "0" * 64}


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"keys": []}, "the file: "),
        ([{**GOOD, "roles": ["root"]}], "0.roles.0: "),
        ([{**GOOD, "roles": []}], "0.roles: "),
        ([{**GOOD, "sha256": "0" * 63}], "0.sha256: "),
        ([{**GOOD, "merchant": "a\nb"}], "0.merchant: "),
        ([{**GOOD, "id": "K_1"}], "0.id: "),
        ([{**GOOD, "rolls": []}], "0.rolls: "),
        ([{**GOOD, "rate": "many"}], "0.rate: "),
        ([{**GOOD, "not_after": "2027-01-01"}], "0.not_after: "),
        ([{**GOOD, "addresses": ["10.0.0.0/33"]}], "0.addresses.0: "),
        ([{**GOOD, "name": "a\nb"}], "0.name: "),
        ([GOOD, GOOD], "the key id k1 occurs twice"),
    ],
)
def test_a_wrong_file_is_refused_naming_the_place(
    tmp_path: Path, entries: object, said: str
) -> None:
    file = tmp_path / "api-keys.json"
    file.write_text(json.dumps(entries))

    with pytest.raises(InvalidKeysFile, match=said):
        read_entries(file)


async def _until(gateway: Gateway, key: str, status: int) -> None:
    async with asyncio.timeout(60):
        while (await gateway.get("/rates", key=key)).status != status:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
