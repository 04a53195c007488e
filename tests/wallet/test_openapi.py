"""The wallet's API document names every body, answer and problem."""

from typing import Any

from tests.wallet.harness import WalletApp


def references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(references(value) for value in node.values()))
    if isinstance(node, list):
        return set().union(*(references(value) for value in node))
    return set()


async def test_the_document_is_whole(small_wallet: WalletApp) -> None:
    for _ in range(2):
        document = (await small_wallet.client.get("/openapi.json")).json()
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert references(document) <= known
    body = document["paths"]["/transfers/batch"]["post"]["requestBody"]
    schema = body["content"]["application/json"]["schema"]
    assert (schema["title"], "items" in schema["properties"]) == ("TransferBatch", True)


async def test_every_route_documents_its_problems(small_wallet: WalletApp) -> None:
    document = (await small_wallet.client.get("/openapi.json")).json()
    for path in ("/accounts", "/deposits", "/transfers/batch"):
        responses = document["paths"][path]["post"]["responses"]
        assert {"200", "400", "413", "422", "503"} <= responses.keys(), path
        assert "application/problem+json" in responses["422"]["content"]
