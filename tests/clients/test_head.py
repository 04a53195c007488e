"""Whatever can be read with GET answers HEAD with the same head, and no body."""

import httpx
import pytest

from devstack.stack import Stack


@pytest.mark.parametrize("path", ["/rates", "/payments", "/accounts/ann", "/accounts/nobody", "/"])
def test_head_is_the_head_of_get(gateway: Stack, path: str) -> None:
    key = {"Authorization": f"Bearer {gateway.api_key()}"}
    with httpx.Client(base_url=gateway.url("api-gateway"), headers=key) as client:
        head, got = client.head(path), client.get(path)
        assert (head.status_code, head.content) == (got.status_code, b"")
        for name in ("content-type", "content-length"):
            assert head.headers.get(name) == got.headers.get(name)
