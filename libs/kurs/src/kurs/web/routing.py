"""Routes that read JSON strictly."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from kurs.kernel.decoder import decode
from kurs.kernel.errors import (
    BadRequest,
    FieldError,
    MalformedJson,
    PayloadTooLarge,
    Unprocessable,
    problem_responses,
)
from kurs.kernel.texts import UNSEEN, UNSEEN_HINT, is_visible

_MAX_PARAMETERS = 32


class _ReadRequest(Request):
    """A request whose body was read already; the framework takes `content` for its JSON."""

    content: Any = None

    async def json(self) -> Any:
        """Return what `kurs.kernel.decoder` read."""
        return self.content


class JsonRoute(APIRoute):
    """A route that reads its body strictly."""

    def get_route_handler(self) -> Callable[[Request], Any]:
        """Return a handler whose request is bounded and decoded before the framework sees it."""
        handle = super().get_route_handler()
        has_body = self.body_field is not None

        async def strict(request: Request) -> Response:
            check_parameters(request)
            read = _ReadRequest(request.scope, request.receive)
            if has_body and (body := await read.body()):
                read.content = decode(body)
                if read.content is None:
                    # The framework would take it for no body.
                    hint = "send an object, or no body where none is needed"
                    raise _unfit("body", "it is null", hint)
            response: Response = await handle(read)
            return response

        return strict


def check_parameters(request: Request) -> None:
    """Raise Unprocessable for a query parameter that is given twice: two readers may differ.

    Also for more of them than any route has, and for texts that hold what cannot be seen.
    """
    parameters = request.query_params.multi_items()
    if len(parameters) > _MAX_PARAMETERS:
        raise _unfit("query", f"it has more than {_MAX_PARAMETERS} parameters", "send fewer")
    seen = set()
    for name, value in parameters:
        if name in seen:
            raise _unfit(name, "it is given more than once", "give it once")
        if not is_visible(name) or not is_visible(value):
            raise _unfit(name, UNSEEN, UNSEEN_HINT)
        seen.add(name)


def _unfit(field: str, message: str, hint: str) -> Unprocessable:
    return Unprocessable(f"check {field}", errors=[FieldError(field, message, hint)])


def router(**options: Any) -> APIRouter:
    """Return a router whose routes read JSON strictly and document the common problems."""
    common = problem_responses(BadRequest, MalformedJson, PayloadTooLarge, Unprocessable)
    responses = {**common, **options.pop("responses", {})}
    return APIRouter(route_class=JsonRoute, responses=responses, **options)
