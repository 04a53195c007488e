"""Figures over time of the fake gateway, shaped by the code that shapes the real ones."""

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from kurs.kernel.clock import SystemClock
from payments.domain.figures import SPANS, Corridors, Period, Seen, Worth, corridor
from payments.figures.answers import figures_answer
from payments.figures.counting import PeriodFigures

PAID = Seen("demo", 0, "USD", "IDR", 0.03, failed=False, captured=125_000, spread=0)
FAILED = Seen("demo", 0, "JPY", "", 0.2, failed=True, captured=0, spread=0)


class FakeFigures:
    """Figures that rise and fall; `waiting` events are not counted yet."""

    def __init__(self) -> None:
        self.waiting = 0

    def routes(self) -> list[Route]:
        """Return the one route."""
        return [Route("/figures", self._figures)]

    async def _figures(self, request: Request) -> JSONResponse:
        period = Period(request.query_params["period"])
        everybody = request.query_params.get("of") == "all"
        now = SystemClock().now()
        starts = SPANS[period].starts(now)
        spans = {s: _sums(number, 2 if everybody else 1) for number, s in enumerate(starts)}
        told = PeriodFigures(period, "USD", now, spans, self.waiting)
        answer = figures_answer(told, "all" if everybody else "merchant")
        return JSONResponse(answer.model_dump(mode="json"))


def _sums(number: int, times: int) -> Corridors:
    made: Corridors = {}
    for _ in range((1 + number % 7) * times):
        corridor(made, "USD/IDR").see(PAID, Worth(125_000, 562))
    corridor(made, "JPY/").see(FAILED, Worth(0, 0))
    return made
