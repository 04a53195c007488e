"""What kopf watches, and the little that it does with it: wake the queue.

No handler changes an object, and none is of the kinds that leave finalizers or annotations behind
(`on.delete`, daemons, timers, `on.update`): uninstalling never hangs on them.
"""

from collections.abc import Callable, Hashable
from typing import Any

import kopf

from kurs_operator.cache import Change
from kurs_operator.cluster import GROUP, NAME, PLURALS, VERSION
from kurs_operator.connection import login
from kurs_operator.documents import SERVICES
from kurs_operator.fleet import COMPONENT, PART_OF

REQUEST_SECONDS = 30
RECONNECT_SECONDS = 0.5
# By itself kopf waits up to 21 s, for which an edit right after an outage would go unseen.
RETRY_SECONDS = (1.0, *[2.0] * 30)


def registry(wake: Callable[[Hashable], None]) -> kopf.OperatorRegistry:
    """Return the handlers; `wake` must be safe to call from kopf's thread."""
    made = kopf.OperatorRegistry()

    def changed(resource: kopf.Resource, name: str | None, **_: Any) -> None:
        kind = resource.kind or resource.plural
        wake(Change(kind, name or ""))

    def configure(settings: kopf.OperatorSettings, **_: Any) -> None:
        settings.scanning.disabled = True
        settings.posting.enabled = False
        settings.networking.request_timeout = REQUEST_SECONDS
        settings.networking.error_backoffs = RETRY_SECONDS
        settings.watching.reconnect_backoff = RECONNECT_SECONDS
        services = ",".join(SERVICES)
        settings.watching.label_selectors["pods"] = f"{PART_OF}=kurs,{COMPONENT} in ({services})"
        settings.watching.label_selectors["configmaps"] = f"app.kubernetes.io/managed-by={NAME}"

    kopf.on.startup(registry=made)(configure)
    kopf.on.login(registry=made)(login)
    for plural in PLURALS.values():
        kopf.on.event(GROUP, VERSION, plural, registry=made)(changed)
    kopf.on.event("", "v1", "configmaps", registry=made)(changed)
    kopf.on.event("", "v1", "pods", registry=made)(changed)
    return made
