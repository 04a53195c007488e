"""How a service is put together: its parts, their order, when it is ready, how it ends."""

from kurs.service.composition import Joined, Service

__all__ = ["Joined", "Service"]
