"""A service's configuration: followed while it runs, and needed for its readiness."""

from collections.abc import Callable
from pathlib import Path

from kurs.config.documents import DocumentMemory, DocumentT, DocumentWatcher
from kurs.service.composition import Service, SettingsT


def follow_document(
    service: Service[SettingsT],
    folder: Path,
    model: type[DocumentT],
    *subscribers: Callable[[DocumentT], None],
    memory: DocumentMemory | None = None,
) -> DocumentWatcher[DocumentT]:
    """Return the watcher of the document in `folder`, which tells `subscribers` of each good one.

    The service is ready once it has had one; `memory` keeps it for replicas that start later.
    """
    watcher = service.add(
        DocumentWatcher(
            folder, model, telemetry=service.telemetry, clock=service.clock, memory=memory
        )
    )
    service.at_end(watcher.close)
    for subscriber in subscribers:
        watcher.subscribe(subscriber)
    service.at_start(watcher.start)
    service.needs("configuration", lambda: watcher.ready)
    return watcher
