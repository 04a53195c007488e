"""What `kubectl explain` says: of a kind what stands here, of a field what its model says there.

A test demands a text for every field of a spec.
"""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from inspect import getsource
from itertools import pairwise

from kurs.config.resources.scalars import StrictModel

KINDS: Mapping[str, str] = {
    "FXRateSource": "Where exchange rates come from, what may be quoted, and until when.",
    "RiskThreshold": "From where on a payment is reviewed or declined.",
    "EventDestination": "Where a merchant's events are sent, which of them, and what signs them.",
}


@cache
def field_texts() -> Mapping[str, str]:
    """Return the texts of fields, by model and the field's name in YAML."""
    return {
        f"{model.__name__}.{model.model_fields[name].alias}": text
        for model in _models(StrictModel)
        for part in model.__mro__
        if issubclass(part, StrictModel)
        for name, text in _below_fields(part)
        if name in model.model_fields
    }


def _models(base: type[StrictModel]) -> Iterator[type[StrictModel]]:
    for model in base.__subclasses__():
        yield model
        yield from _models(model)


def _below_fields(model: type[StrictModel]) -> Iterator[tuple[str, str]]:
    """Yield what a model defines itself, fields above all, with the text below each that has one.

    From the source and only here: pydantic would read it at the start of every service.
    """
    [definition] = ast.parse(getsource(model)).body
    assert isinstance(definition, ast.ClassDef)
    for field, below in pairwise(definition.body):
        if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr):
            assert isinstance(field.target, ast.Name)
            text = ast.literal_eval(below.value)
            yield field.target.id, " ".join(text.split())
