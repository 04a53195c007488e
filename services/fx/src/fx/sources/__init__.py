"""Where rates come from: static lists, a simulation, and feeds over HTTP, behind one interface."""

from fx.sources.base import RateSource, SourceError, SourceFault

__all__ = ["RateSource", "SourceError", "SourceFault"]
