"""Finds how far payments and we know the same events, after it was set back and has gone on."""

from functools import partial

from kurs.data.database import Database
from webhooks.domain.cursor import Cursor
from webhooks.feed_client import FeedClient
from webhooks.store import intake


async def common_past(database: Database, feed: FeedClient, read: Cursor, newest: int) -> Cursor:
    """Return where to go on from, `newest` being the newest sequence of payments.

    It is the newest event that we keep and that payments knows by the same id. Until it was set
    back the two agree on all, from then on nothing agrees: so a few looks find it. Where we keep
    none that agrees, it is before the first that we keep; where payments does not say what it has
    (a release before), its newest.
    """
    agreed, beyond = Cursor(0), read.sequence + 1
    first: int | None = None
    while True:
        between = partial(intake.middle, after=agreed.sequence, before=beyond)
        kept = await database.read(between)
        if kept is None:
            break
        there = (await feed.page(kept.sequence, limit=1, wait_seconds=0)).after_id
        if there is None:
            return Cursor(min(newest, read.sequence))
        if there == kept.event_id:
            agreed = kept
        else:
            beyond = first = kept.sequence
    if agreed.sequence:
        return agreed
    return Cursor(min(newest, read.sequence if first is None else first - 1))
