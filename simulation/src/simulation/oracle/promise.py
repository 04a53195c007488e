"""What a world that broke its word is stopped by."""


class BrokenPromise(AssertionError):
    """A promise was broken: which one, and what was seen instead."""

    def __init__(self, promise: str, seen: str) -> None:
        super().__init__(promise, seen)
        self.promise = promise
        self.seen = seen

    def __str__(self) -> str:
        return f"{self.promise}: {self.seen}"
