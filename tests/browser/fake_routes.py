"""The HTTP face of the fake gateway: the routes that the console calls, and the console itself."""

import json
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from tests.browser.fake_gateway import KEY, FakeGateway, zero

import api_gateway
from api_gateway.console_page import ConsolePage
from api_gateway.pages import console_policy
from kurs.kernel.currencies import currencies
from payments.domain.failure import FailureCode

CONSOLE = Path(api_gateway.__file__).parent / "console"
# Stricter than the gateway: any use of innerHTML and its like would be a violation here.
STRICTER = "; require-trusted-types-for 'script'"


def create_app(gateway: FakeGateway) -> ASGIApp:
    """Join the routes to the state; everything but the console's files asks for the key."""
    routes = Routes(gateway)
    app = Starlette(
        routes=[
            Route("/", routes.page),
            Route("/console/config.json", routes.config),
            Route("/console/{name}", routes.file),
            Route("/grafana/d/kurs-payments", routes.grafana),
            Route("/whoami", routes.whoami),
            Route("/currencies", routes.currencies),
            Route("/rates", routes.rates),
            Route("/thresholds", routes.thresholds),
            Route("/quotes", routes.quotes, methods=["POST"]),
            Route("/payments/events", routes.events),
            Route("/payments", routes.pay, methods=["POST"]),
            Route("/payments", routes.listed),
            Route("/payments.csv", routes.exported),
            Route("/payments/{payment_id}", routes.payment),
            Route("/payments/{payment_id}/explain", routes.explained),
            Route("/payments/{payment_id}/{action}", routes.act, methods=["POST"]),
            Route("/balance/{account_id}", routes.balance),
            Route("/accounts", routes.open_account, methods=["POST"]),
            Route("/accounts", routes.accounts),
            Route("/accounts/{account_id}/statement.csv", routes.statement),
            Route("/accounts/{account_id}/entries", routes.entries),
            Route("/accounts/{account_id}", routes.account),
            Route("/deposits", routes.deposit, methods=["POST"]),
            Route("/ledger/trial-balance", routes.trial_balance),
            *gateway.webhooks.routes(),
            *gateway.figures.routes(),
        ]
    )
    return Guard(app, gateway)


class Guard:
    """Asks for the key and keeps what was sent, so that a test can read it."""

    def __init__(self, app: ASGIApp, gateway: FakeGateway) -> None:
        self.app = app
        self.gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 401."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        request = Request(scope)
        path = request.url.path
        free = path == "/" or path.startswith(("/console/", "/grafana"))
        wrong = request.headers.get("authorization") != f"Bearer {KEY}" or self.gateway.revoked
        if wrong and not free:
            answer = problem(401, "key_refused", "This API key is not accepted.")
            return await answer(scope, receive, send)
        await self.gateway.thaw(path)
        if path in self.gateway.broken:
            answer = problem(504, "upstream_timeout", self.gateway.broken[path])
            return await answer(scope, receive, send)
        return await self.app(scope, receive, send)


class Routes:
    """The handlers, each a few lines over the state."""

    def __init__(self, gateway: FakeGateway) -> None:
        self.gateway = gateway

    async def page(self, _: Request) -> Response:
        """Answer the console's page under a strict policy."""
        return Response(ConsolePage().html, headers=self._headers(), media_type="text/html")

    async def file(self, request: Request) -> Response:
        """Answer a file of the console under the same policy."""
        file = CONSOLE / request.path_params["name"]
        if not file.is_file():
            return Response(status_code=404)
        return FileResponse(file, headers=self._headers())

    def _headers(self) -> dict[str, str]:
        policy = console_policy(self.gateway.grafana_url or "") + STRICTER
        return {"Content-Security-Policy": policy, "Cache-Control": "no-store"}

    async def config(self, _: Request) -> Response:
        """Answer what the console is told about its surroundings."""
        return JSONResponse({
            "grafana_url": self.gateway.grafana_url,
            "tempo_url": None,
            "failure_codes": [code.value for code in FailureCode],
        })  # fmt: skip

    async def grafana(self, _: Request) -> Response:
        """Answer a page that stands for a Grafana panel."""
        return Response("<!doctype html><title>panel</title><p>panel", media_type="text/html")

    async def whoami(self, _: Request) -> Response:
        """Answer whose key it is."""
        return JSONResponse({
            "merchant": "demo",
            "key_id": "8f3a91c05d7e",
            "key_name": "Console",
            "roles": sorted(self.gateway.roles),
            "environment": "test",
            "not_after": None,
        })  # fmt: skip

    async def currencies(self, _: Request) -> Response:
        """Answer the currencies and their decimals."""
        listed = [
            {"code": c.code, "decimals": c.decimals, "payable": c.payable, "name": c.name}
            for c in currencies()
        ]
        return JSONResponse({"currencies": listed})

    async def rates(self, _: Request) -> Response:
        """Answer the rates in force."""
        return JSONResponse(self.gateway.rates())

    async def thresholds(self, _: Request) -> Response:
        """Answer which limits are in force, to an operator's key."""
        edit = {"source": "limits", "by": "helm", "at": "2026-10-29T12:00:00Z"}
        general = {
            "name": "limits",
            "mode": "Enforce",
            "priority": 100,
            "scope": "every payment",
            "limits": [
                "A payment is at most 100,000.00 USD.",
                "Above 25,000.00 USD it waits for a person.",
            ],
            "effective_from": None,
            "effective_until": None,
        }  # fmt: skip
        trial = {
            **general,
            "name": "trial",
            "mode": "Shadow",
            "scope": "payments in IDR",
            "effective_from": "2026-12-01T00:00:00Z",
        }
        listed = {
            "thresholds": [general, trial],
            "config_revision": "0d9c41e7a2b85f36",
            "last_edit": edit,
        }
        return JSONResponse(listed)

    async def quotes(self, request: Request) -> Response:
        """Answer a quote."""
        body = await request.json()
        amount, source = body["source_amount"], body["source_currency"]
        return JSONResponse(self.gateway.quote(source, body["destination_currency"], amount))

    async def pay(self, request: Request) -> Response:
        """Make a payment; a lost answer is made and then answered 504."""
        body = await request.json()
        gateway = self.gateway
        gateway.requests.append(("POST", "/payments", dict(request.headers), body))
        if body["destination_account"] == "nobody$":
            errors = [{"field": "destination_account", "message": "No such id.", "hint": "a-z"}]
            return problem(422, "invalid_request", "The request is not valid.", errors)
        payment = gateway.pay(body, request.headers["idempotency-key"])
        if gateway.lost_answers:
            gateway.lost_answers -= 1
            return problem(504, "upstream_timeout", "payments did not answer in time.")
        failed = payment["status"] == "FAILED"
        return JSONResponse(payment, status_code=400 if failed else 200)

    async def listed(self, request: Request) -> Response:
        """Answer a page of the payments that match."""
        wanted = request.query_params
        found = self.gateway.matching(wanted)
        first, limit = int(wanted.get("cursor", 0)), int(wanted["limit"])
        end = first + limit
        following = str(end) if len(found) > end else None
        return JSONResponse({"items": found[first:end], "next_cursor": following})

    async def exported(self, request: Request) -> Response:
        """Answer the payments that match as CSV."""
        found = self.gateway.matching(request.query_params)
        lines = ["payment_id,amount", *(f"{p['payment_id']},{p['amount']}" for p in found)]
        headers = {"X-Kurs-Rows": str(len(found))}
        return Response("\r\n".join([*lines, ""]), headers=headers, media_type="text/csv")

    async def explained(self, request: Request) -> Response:
        """Answer a payment's story."""
        payment = self.gateway.payments.get(request.path_params["payment_id"])
        if payment is None:
            return problem(404, "payment_not_found", "There is no such payment.")
        return JSONResponse(self.gateway.story(payment))

    async def payment(self, request: Request) -> Response:
        """Answer one payment."""
        payment = self.gateway.payments.get(request.path_params["payment_id"])
        if payment is None:
            return problem(404, "payment_not_found", "There is no such payment.")
        return JSONResponse(payment)

    async def act(self, request: Request) -> Response:
        """Capture, void, refund, approve or refuse."""
        path = request.path_params
        sent = await request.body()
        body = json.loads(sent) if sent else None
        self.gateway.requests.append(("POST", request.url.path, dict(request.headers), body))
        payment = self.gateway.payments[path["payment_id"]]
        return JSONResponse(self.gateway.act(payment, path["action"], body or {}))

    async def events(self, request: Request) -> Response:
        """Answer the stream; it ends early when the test cuts it."""
        source = self.gateway.stream(request.headers.get("last-event-id"))
        return StreamingResponse(source, media_type="text/event-stream")

    async def balance(self, request: Request) -> Response:
        """Answer the balances of an account."""
        account = request.path_params["account_id"]
        if account not in self.gateway.accounts:
            return problem(404, "account_not_found", "There is no such account.")
        balances = [
            {"currency": code, "available": total, "held": zero(code), "total": total}
            for code, total in self.gateway.accounts[account].items()
        ]
        settles = self.gateway.settles.get(account)
        answer = {"account_id": account, "settlement_currency": settles, "balances": balances}
        return JSONResponse(answer)

    async def account(self, request: Request) -> Response:
        """Answer an account."""
        account = request.path_params["account_id"]
        if account not in self.gateway.accounts:
            return problem(404, "account_not_found", "There is no such account.")
        settles = self.gateway.settles.get(account)
        own = {"account_id": account, "settlement_currency": settles}
        return JSONResponse({**own, "payee_id": f"payee_{account:f>32}"})

    async def accounts(self, request: Request) -> Response:
        """Answer the accounts whose names begin so."""
        prefix = request.query_params.get("prefix", "")
        items = [
            {
                "account_id": name,
                "balances": [{"currency": c, "available": a} for c, a in held.items()],
            }
            for name, held in sorted(self.gateway.accounts.items())
            if name.startswith(prefix)
        ]
        return JSONResponse({"items": items, "next_cursor": None})

    async def statement(self, request: Request) -> Response:
        """Answer a statement that says which period it is of."""
        asked = request.query_params
        text = f"first,last\r\n{asked.get('created_after')},{asked.get('created_before')}\r\n"
        return Response(text, media_type="text/csv")

    async def entries(self, _: Request) -> Response:
        """Answer one page of two entries."""
        items = [
            {
                "entry_id": f"e{number}",
                "transfer_id": f"t{number}",
                "kind": "post",
                "currency": "USD",
                "amount": amount,
                "balance": "302290987.50" if number == 0 else "1000.00",
                "other_party": "ACC_DST_1228-of-bob" if number == 0 else None,
                "payment_id": "PAY-000001" if number == 0 else None,
                "created_at": "2026-11-24T06:25:29.123456Z",
            }
            for number, amount in enumerate(["-12.50", "1000.00"])
        ]
        return JSONResponse({"items": items, "next_cursor": None})

    async def open_account(self, request: Request) -> Response:
        """Open an account."""
        body = await request.json()
        self.gateway.accounts[body["account_id"]] = {}
        return JSONResponse(body, status_code=201)

    async def deposit(self, request: Request) -> Response:
        """Pay into an account."""
        body = await request.json()
        self.gateway.accounts[body["account_id"]][body["currency"]] = body["amount"]
        return JSONResponse(body, status_code=201)

    async def trial_balance(self, _: Request) -> Response:
        """Answer the sum of each currency."""
        currencies = [
            {"currency": code, "sum": total, "accounts": 1200, "postings": 1204820}
            for code, total in self.gateway.sums.items()
        ]
        return JSONResponse({"currencies": currencies})


def problem(
    status: int, code: str, detail: str, errors: list[dict[str, Any]] | None = None
) -> Response:
    """Return a problem document."""
    document = {
        "type": f"urn:kurs:problem:{code}",
        "title": detail,
        "status": status,
        "detail": detail,
        "code": code,
        "errors": errors or [],
    }
    body = json.dumps(document)
    return Response(body, status_code=status, media_type="application/problem+json")
