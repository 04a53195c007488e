"""Merchants are told codes and rules, callers with the role `audit` also figures."""

from typing import Any

from kurs.contracts.reasons import SENTENCES
from kurs_testing.joined import PAYMENTS, RISK, JoinedGateway
from risk.domain import rules
from risk.domain.evaluation import THRESHOLD

MERCHANT = {"x-kurs-merchant": "demo", "x-kurs-roles": "pay,read,review"}
AUDITOR = {**MERCHANT, "x-kurs-roles": "read,audit"}


def test_every_rule_has_its_sentence() -> None:
    names = {t for n, t in vars(rules).items() if n.isupper() and isinstance(t, str)}
    assert len(names) > 5
    assert set(SENTENCES) == {*names, THRESHOLD}


async def test_only_an_auditor_is_told_the_limits(gateway: JoinedGateway, payment: Any) -> None:
    await gateway.open_and_fund("alice", USD="90000.00")
    await gateway.open_and_fund("bob")

    async def read(base: str, path: str, headers: dict[str, str]) -> Any:
        answer = await gateway.send(base, "GET", path, headers=headers)
        assert answer.status == 200, answer.body
        return answer.json()

    made = await gateway.send(
        PAYMENTS, "POST", "/payments", payment("far", amount="25000.00"), MERCHANT
    )
    repeated = await gateway.send(
        PAYMENTS, "POST", "/payments", payment("far", amount="25000.00"), MERCHANT
    )
    seen = [
        made.json(),
        repeated.json(),
        await read(PAYMENTS, "/payments/far", MERCHANT),
        (await read(PAYMENTS, "/payments", MERCHANT))["items"][0],
        await read(RISK, "/decisions/far", MERCHANT),
    ]

    assert made.json()["failure"] == {
        "code": "risk_declined",
        "message": "declined by risk; risk.reasons names the rules",
    }
    assert {"rule": "amount", "points": 100, "message": SENTENCES["amount"]} in seen[0]["risk"][
        "reasons"
    ]
    assert "config_revision" not in seen[0]["risk"]
    assert not any("20000" in str(answer) or "limits" in str(answer) for answer in seen)

    told = await read(PAYMENTS, "/payments/far", AUDITOR)
    decision = await read(RISK, "/decisions/far", AUDITOR)
    assert "above the decline limit 20000.00 USD of limits" in told["failure"]["message"]
    assert "20000.00 USD" in str(told["risk"]["reasons"])
    assert "20000.00 USD" in str(decision["reasons"])
    assert told["risk"]["config_revision"] == decision["config_revision"]
