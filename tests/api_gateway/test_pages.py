"""What browsers get: the console, the API page, and the policy that they come with."""

from html.parser import HTMLParser

import pytest
from pydantic import ValidationError
from tests.api_gateway.harness import Gateway, MakeGateway, problem

from api_gateway.api_page import render_page
from api_gateway.pages import console_policy
from api_gateway.settings import GatewaySettings


class Page(HTMLParser):
    """Collects what a page consists of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        named = dict(attributes)
        if tag not in ("meta", "link", "input"):
            self.open.append(tag)
        assert tag != "script" or named["src"]
        assert not [n for n in named if n.startswith("on") or n == "style"]
        if named.get("id"):
            self.ids.append(str(named["id"]))
        target = str(named.get("href") or named.get("src") or "")
        (self.links if tag == "a" else self.loaded).append(target)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


async def test_the_api_page_needs_nothing_from_afar(gateway: Gateway) -> None:
    answer = await gateway.get("/docs", key=None)

    page = Page(answer.body.decode())
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert [target for target in page.loaded if target] == ["/docs/docs.css", "/docs/docs.js"]
    assert (await gateway.get("/docs/docs.css", key=None)).status == 200
    assert "Make a payment" in page.text
    assert "Needs a key with the role review." in page.text
    assert len(page.ids) == len(set(page.ids))
    inner = {target[1:] for target in page.links if target.startswith("#")}
    assert inner <= set(page.ids)
    assert "post-payments" in inner


def test_what_services_write_cannot_become_markup() -> None:
    evil = '<script>alert(1)</script>"onload="x'
    schema = {"type": "object", "description": evil, "properties": {evil: {"pattern": evil}}}
    operation = {
        "summary": evil,
        "description": f"`{evil}` {evil}",
        "tags": [evil],
        "parameters": [{"name": evil, "in": evil, "schema": {"enum": [evil]}}],
        "requestBody": {"content": {evil: {"schema": {"$ref": f"#/{evil}"}}}},
        "responses": {"200": {"description": evil, "content": {evil: {"schema": schema}}}},
    }
    document = {
        "info": {"title": evil, "version": evil, "description": evil},
        "paths": {f"/{evil}": {"get": operation}},
        "components": {"schemas": {evil: schema}},
    }

    page = Page(render_page(document))

    assert page.text.count("<script>") > 10


@pytest.mark.parametrize("path", ["/", "/docs", "/console/console.js", "/openapi.json"])
async def test_pages_come_with_a_strict_policy_and_are_revalidated(
    gateway: Gateway, path: str
) -> None:
    answer = await gateway.get(path, key=None)

    assert answer.status == 200
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; base-uri 'none'; frame-ancestors 'none'")
    assert "unsafe" not in policy
    assert "*" not in policy
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-content-type-options"] == "nosniff"
    again = await gateway.get(path, key=None, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status, again.body) == (304, b"")


async def test_the_console_learns_where_grafana_is(make_gateway: MakeGateway) -> None:
    gateway = make_gateway(grafana_url="https://grafana.example.com:3000/d/kurs?kiosk")
    async with gateway.transport:
        configuration = await gateway.get("/console/config.json", key=None)
        page = await gateway.get("/", key=None)

    assert configuration.json()["grafana_url"] == "https://grafana.example.com:3000/d/kurs?kiosk"
    assert "frame-src https://grafana.example.com:3000" in page.headers["content-security-policy"]


def test_without_grafana_nothing_may_be_framed() -> None:
    assert "frame-src 'none'" in console_policy("")


@pytest.mark.parametrize("name", ["GRAFANA_URL", "KURS_GRAFANA_URL"])
def test_grafana_is_set_by_either_variable(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:3000")

    assert GatewaySettings().grafana_url == "http://127.0.0.1:3000"


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "grafana.example.com",
        "https://a; script-src *",
        "https://a b",
        "https://user:pass@a",
        "//a",
    ],
)
def test_an_address_that_would_open_the_policy_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        GatewaySettings(grafana_url=url)


@pytest.mark.parametrize("path", ["/console/nothing.js", "/docs/nothing", "/app.py"])
async def test_what_is_not_there_is_a_problem_document(gateway: Gateway, path: str) -> None:
    problem(await gateway.get(path, key=None), 404, "not_found")


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/console/config.json"])
async def test_pages_are_only_read(gateway: Gateway, path: str) -> None:
    problem(await gateway.post(path, key=None), 405, "method_not_allowed")


@pytest.mark.parametrize(
    ("tried", "page"),
    [
        ("/console", "/"),
        ("/console/", "/"),
        ("/console/index.html", "/"),
        ("/index.html", "/"),
        ("/docs/", "/docs"),
    ],
)
async def test_what_people_try_leads_to_the_page(gateway: Gateway, tried: str, page: str) -> None:
    answer = await gateway.get(tried, key=None, headers={"Host": "elsewhere.test"})

    assert (answer.status, answer.headers["location"]) == (308, page)
    assert (await gateway.get(page, key=None)).status == 200


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/console/console.js", "/healthz"])
async def test_pages_and_probes_answer_head(gateway: Gateway, path: str) -> None:
    assert (await gateway.send("HEAD", path, key=None)).status == 200
