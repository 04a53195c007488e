"""What the fleet of fx accepted last from its rate sources, so that it survives the pods.

A rate that jumps is held against the last good one. A pod that begins has none, and would take what
all others refuse. So each pod tells what it accepted (`ResourceReport.accepted`), the operator
keeps the newest of each in the file `accepted.json` beside the document, and a pod begins with it.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from kurs.config.resources.scalars import Currency, Moment

ACCEPTED_FILE = "accepted.json"
MAX_ACCEPTED_BYTES = 256 * 1024
"""Beside a document of a million bytes this has room in a ConfigMap's mebibyte, and little more."""


class AcceptedRate(BaseModel):
    """A mid rate, as a decimal, and the moment when it was true."""

    model_config = ConfigDict(frozen=True)

    mid: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,13}(\.[0-9]{1,30})?$")]
    as_of: Moment


class AcceptedRates(BaseModel):
    """The last good rates of a source, by quote currency, against its base."""

    model_config = ConfigDict(frozen=True)

    base: Currency
    rates: Annotated[dict[Currency, AcceptedRate], Field(max_length=200)]


class Accepted(BaseModel):
    """The whole file: the last good rates by the name of their source."""

    model_config = ConfigDict(frozen=True)

    sources: dict[str, AcceptedRates] = {}
