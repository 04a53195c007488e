"""The one statement of the error shape; every test of an error goes through it."""

from typing import Any

from kurs.calls import Response
from kurs.kernel.errors import PROBLEM_MEDIA_TYPE, ProblemDocument


def assert_problem(
    response: Response, *, status: int | None = None, code: str | None = None, case: str = ""
) -> dict[str, Any]:
    """Assert that a response is a 4xx problem document and return its members.

    `status` and `code` narrow it; `case` is shown when it fails.
    """
    shown = f"{case}: {response.status} {response.body[:300]!r}"
    assert 400 <= response.status < 500, shown
    assert response.headers["content-type"] == PROBLEM_MEDIA_TYPE, shown
    members: dict[str, Any] = response.json()
    document = ProblemDocument.model_validate(members)
    assert document.status == response.status, shown
    assert document.type == f"urn:kurs:problem:{document.code}", shown
    assert document.detail, shown
    assert status is None or response.status == status, shown
    assert code is None or document.code == code, shown
    return members
