"""The id of an event: by it one is told from another that a restored database puts in its place."""

from hashlib import sha256


def event_id(uid: str, sequence: int, to_status: str, cause: str, at: int) -> str:
    """Return the id of an event; all of it is what the events' own row says, and never changes."""
    told = "\x1f".join((uid, str(sequence), to_status, cause, str(at)))
    return f"evt_{sha256(told.encode()).hexdigest()[:32]}"
