"""FXRateSource and RiskThreshold: the one truth about their specs and the compiled documents.

The operator, the local mode, fx and risk all read these models; the CRDs are held to them.
"""

from kurs.config.resources.document import (
    FILE_NAME,
    SCHEMA_VERSION,
    ConfiguredSource,
    ConfiguredThreshold,
    Document,
    FxDocument,
    FxPayload,
    LastEdit,
    OpenQuotesLimit,
    RiskDocument,
    RiskPayload,
    SourceRef,
    digest_of,
    revision_of,
)
from kurs.config.resources.envelope import (
    API_VERSION,
    KINDS,
    FXRateSource,
    InvalidResource,
    Metadata,
    Resource,
    RiskThreshold,
    describe,
    parse_resource,
    reading,
)
from kurs.config.resources.event_destination import (
    MAX_TIMEOUT_SECONDS,
    EventDestination,
    EventDestinationSpec,
    parse_destination,
)
from kurs.config.resources.findings import explain
from kurs.config.resources.fx_rate_source import FXRateSourceSpec, OnStale, Pair
from kurs.config.resources.rate_source_types import SourceType
from kurs.config.resources.rates_path import expression_for
from kurs.config.resources.risk_threshold import (
    MAX_WINDOWS,
    Action,
    Blocklist,
    Corridor,
    Mode,
    NewAccount,
    OnMissingData,
    PerPayment,
    RiskThresholdSpec,
    Scope,
    Score,
    Velocity,
)
from kurs.config.resources.scalars import SecretKey
from kurs.config.resources.source_url import PLACEHOLDER, is_plain_host, takes_secret

__all__ = [
    "API_VERSION",
    "FILE_NAME",
    "KINDS",
    "MAX_TIMEOUT_SECONDS",
    "MAX_WINDOWS",
    "PLACEHOLDER",
    "SCHEMA_VERSION",
    "Action",
    "Blocklist",
    "ConfiguredSource",
    "ConfiguredThreshold",
    "Corridor",
    "Document",
    "EventDestination",
    "EventDestinationSpec",
    "FXRateSource",
    "FXRateSourceSpec",
    "FxDocument",
    "FxPayload",
    "InvalidResource",
    "LastEdit",
    "Metadata",
    "Mode",
    "NewAccount",
    "OnMissingData",
    "OnStale",
    "OpenQuotesLimit",
    "Pair",
    "PerPayment",
    "Resource",
    "RiskDocument",
    "RiskPayload",
    "RiskThreshold",
    "RiskThresholdSpec",
    "Scope",
    "Score",
    "SecretKey",
    "SourceRef",
    "SourceType",
    "Velocity",
    "describe",
    "digest_of",
    "explain",
    "expression_for",
    "is_plain_host",
    "parse_destination",
    "parse_resource",
    "reading",
    "revision_of",
    "takes_secret",
]
