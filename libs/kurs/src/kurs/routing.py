"""Routes that read JSON strictly, and direct ones: those that the framework hardly touches."""

import json
from collections.abc import Callable
from decimal import Decimal
from inspect import signature
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from kurs.errors import (
    BadRequest,
    FieldError,
    MalformedJson,
    PayloadTooLarge,
    Unprocessable,
    problem_responses,
)


class StrictJsonRequest(Request):
    """A request whose JSON numbers become Decimal, never a float; NaN and Infinity are refused."""

    async def json(self) -> Any:
        """Read the body; raises json.JSONDecodeError, which becomes a `malformed_json` problem."""
        if not hasattr(self, "_json"):
            self._json = strict_json(await self.body())
        return self._json


class JsonRoute(APIRoute):
    """A route that reads its body strictly.

    An endpoint that takes the request and nothing else is direct: `kurs.layers` calls it without
    FastAPI's handling of routes, dependencies, parameters and bodies, which costs more than what
    such a route does. It reads its input itself, documents it by `openapi_extra`, and returns a
    Response.
    """

    @property
    def is_direct(self) -> bool:
        """Whether the endpoint takes the request and nothing else, under one path."""
        return "{" not in self.path and list(signature(self.endpoint).parameters) == ["request"]

    def get_route_handler(self) -> Callable[[Request], Any]:
        """Return a handler whose request is a StrictJsonRequest."""
        handle = super().get_route_handler()

        async def strict(request: Request) -> Response:
            strictly = StrictJsonRequest(request.scope, request.receive)
            _refuse_repeats(request)
            if request.method != "GET" and (await strictly.body()).strip() == b"null":
                # The framework would take it for no body.
                hint = "send an object, or no body where none is needed"
                raise Unprocessable("check body", errors=[FieldError("body", "it is null", hint)])
            response: Response = await handle(strictly)
            return response

        return strict


def strict_json(body: bytes) -> Any:
    """Return what a JSON text holds, its numbers as Decimal.

    Raises json.JSONDecodeError with what is wrong, also for NaN, for what is no text, for nesting
    without end and for a number of thousands of digits.
    """
    try:
        return _DECODER.decode(body.decode(json.detect_encoding(body)))
    except RecursionError:
        raise json.JSONDecodeError("it is nested too deeply", "", 0) from None
    except json.JSONDecodeError:
        raise
    except UnicodeDecodeError:
        raise json.JSONDecodeError("it is no UTF-8 text", "", 0) from None
    except ValueError:
        raise json.JSONDecodeError("a number has too many digits", "", 0) from None


def _refuse_repeats(request: Request) -> None:
    """Raise Unprocessable for a query parameter that is given twice: two readers may differ."""
    names = [name for name, _ in request.query_params.multi_items()]
    if len(set(names)) < len(names):
        repeated = sorted({name for name in names if names.count(name) > 1})
        errors = [
            FieldError(name, "it is given more than once", "give it once") for name in repeated
        ]
        raise Unprocessable("check " + ", ".join(repeated), errors=errors)


def router(**options: Any) -> APIRouter:
    """Return a router whose routes read JSON strictly and document the common problems."""
    common = problem_responses(BadRequest, MalformedJson, PayloadTooLarge, Unprocessable)
    responses = {**common, **options.pop("responses", {})}
    return APIRouter(route_class=JsonRoute, responses=responses, **options)


def _refuse_constant(name: str) -> Any:
    raise json.JSONDecodeError(f"{name} is not JSON", name, 0)


# `json.loads` with these arguments would make a decoder for every text.
_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_refuse_constant)
