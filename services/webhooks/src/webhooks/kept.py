"""The last good document, kept in the database for replicas that start without one."""

from functools import partial

from kurs.data.database import Database
from webhooks.store import kept


class KeptDocument:
    """Keeps a document where every replica finds it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, content: bytes) -> None:
        """Keep a good document, before it holds; raises DatabaseUnavailable."""
        await self._database.write(partial(kept.keep, content=content.decode()))

    async def last(self) -> bytes | None:
        """Return what was kept last, None for nothing; raises DatabaseUnavailable."""
        content = await self._database.read(kept.last)
        return None if content is None else content.encode()
