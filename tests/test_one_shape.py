"""Every service has the same shape: whoever knows one finds his way in the next."""

import ast
import inspect
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute
from pydantic import BaseModel

from kurs.kernel.settings import ServiceSettings
from kurs.kernel.validation import RequestModel
from kurs.web.routing import JsonRoute

ROOT = Path(__file__).parents[1]
SERVICES = ("payments", "wallet", "fx", "risk", "webhooks")
EVERY = {
    "__main__": "its commands",
    "app": "what it is made of",
    "settings": "what can be set",
    "metrics": "what it counts",
    "errors": "the problems that it tells",
    "routes": "what merchants reach through the gateway",
    "service": "its use cases",
    "schemas": "requests and answers",
    "answers": "how answers are shaped",
    "domain": "rules that know of nothing else",
}
WITH_DATABASE = {"store": "all SQL", "migrations": "how its tables came to be"}
ASKED_BY_SERVICES = {"service_routes": "what services reach"}
CALLED_BY_SERVICES = {**ASKED_BY_SERVICES, "batches": "a batch and its items"}
HAVE = {
    "payments": {
        **EVERY,
        **WITH_DATABASE,
        **CALLED_BY_SERVICES,
        "reading": "what merchants only read",
    },
    "webhooks": {**EVERY, **WITH_DATABASE},
    "wallet": {**EVERY, **WITH_DATABASE, **CALLED_BY_SERVICES},
    "risk": {**EVERY, **WITH_DATABASE, **CALLED_BY_SERVICES},
    "fx": {**EVERY, **CALLED_BY_SERVICES},
}
# The gateway forwards: what is a service to others is its proxy, and it has no domain.
GATEWAY = {"__main__", "app", "settings", "metrics", "errors"}
UNITS = ("_seconds", "_days", "_ratio", "_bps", "_minor", "_bytes", "_per_second")
COUNTED = {
    "port",
    "connections",
    "bodies",
    "streams",
    "requests",
    "attempts",
    "accounts",
    "transfers",
}
"""A number of these is told by the thing: its unit is one."""


def package(service: str) -> Path:
    (folder,) = ROOT.glob(f"services/*/src/{service}")
    return folder


def modules(service: str) -> set[str]:
    return {path.stem for path in package(service).iterdir() if path.name != "__pycache__"}


def routers(service: str) -> Iterator[tuple[ModuleType, APIRouter]]:
    for name in ("routes", "service_routes"):
        if name in HAVE[service]:
            module = import_module(f"{service}.{name}")
            yield module, getattr(module, name)
    if "reading" in HAVE[service]:
        module = import_module(f"{service}.reading.routes")
        yield module, module.read_routes


def json_routes(service: str) -> Iterator[APIRoute]:
    for _, router in routers(service):
        for route in router.routes:
            if isinstance(route, JsonRoute):
                yield route


@pytest.mark.parametrize("service", SERVICES)
def test_the_same_modules_have_the_same_names(service: str) -> None:
    assert set(HAVE[service]) <= modules(service)
    assert modules("api_gateway") >= GATEWAY


@pytest.mark.parametrize("service", SERVICES)
def test_every_file_begins_with_what_it_owns(service: str) -> None:
    for file in package(service).rglob("*.py"):
        if "versions" not in file.parts:
            assert ast.get_docstring(ast.parse(file.read_text("utf-8"))), file


def test_every_module_stands_in_a_layer() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    whole = {
        name
        for contract in contracts
        if contract["type"] == "layers" and contract.get("exhaustive")
        for name in contract["containers"]
    }

    assert {"kurs", "api_gateway", *SERVICES} <= whole


@pytest.mark.parametrize("service", [*SERVICES, "api_gateway"])
def test_an_app_is_made_of_settings_and_what_joins_it(service: str) -> None:
    parameters = inspect.signature(import_module(f"{service}.app").create_app).parameters
    assert list(parameters) == ["settings", "joined"]


@pytest.mark.parametrize("service", SERVICES)
def test_handlers_are_functions_of_their_module(service: str) -> None:
    found = 0
    for module, router in routers(service):
        for route in router.routes:
            if isinstance(route, APIRoute):
                found += 1
                assert getattr(module, route.endpoint.__name__) is route.endpoint
    assert found > 2


@pytest.mark.parametrize("service", SERVICES)
def test_requests_and_answers_are_named_as_such(service: str) -> None:
    for route in json_routes(service):
        for model in _models(route.response_model):
            assert model.__name__.endswith(("Answer", "Result")), (route.path, model)
        if route.body_field is not None:
            for model in _models(route.body_field.field_info.annotation):
                assert model.__name__.endswith("Request"), (route.path, model)
                assert issubclass(model, RequestModel), (route.path, model)


@pytest.mark.parametrize("service", SERVICES)
def test_use_cases_return_what_they_know_and_routes_shape_it(service: str) -> None:
    module = import_module(f"{service}.service")
    models = {k for k in vars(module).values() if isinstance(k, type) and issubclass(k, BaseModel)}

    assert not hasattr(module, "answers")
    assert not [model for model in models if model.__name__.endswith(("Answer", "Result"))]


@pytest.mark.parametrize("service", [*SERVICES, "api_gateway", "kurs_operator"])
def test_settings_that_are_numbers_tell_their_unit(service: str) -> None:
    module = import_module(f"{service}.settings")
    (settings,) = (
        kind
        for kind in vars(module).values()
        if isinstance(kind, type)
        and issubclass(kind, ServiceSettings)
        and kind.__module__ == module.__name__
    )
    for name, field in settings.model_fields.items():
        if {int, float} & set(_plain(field.annotation)):
            assert name.endswith(UNITS) or COUNTED & set(name.split("_")), name


@pytest.mark.parametrize("service", [s for s in SERVICES if "service_routes" in HAVE[s]])
def test_what_services_are_told_is_of_the_contracts(service: str) -> None:
    router = import_module(f"{service}.service_routes").service_routes
    told = {m for r in router.routes if isinstance(r, APIRoute) for m in _classes(r.response_model)}
    assert told
    for model in told:
        # Or it is a list of what is.
        parts = {p for name in get_type_hints(model).values() for p in _classes(name)}
        assert _is_of_a_contract(model) or (parts and all(map(_is_of_a_contract, parts))), model


def _is_of_a_contract(kind: type) -> bool:
    return kind.__module__.startswith("kurs.contracts.")


def _classes(annotation: Any) -> Iterator[type]:
    """Yield the classes that an annotation is made of, but for those of the language."""
    if isinstance(annotation, type) and annotation.__module__ != "builtins":
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _classes(argument)


def _plain(annotation: Any) -> Iterator[type]:
    """Yield the types of the language that an annotation is made of."""
    if annotation in (int, float):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _plain(argument)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _models(argument)
