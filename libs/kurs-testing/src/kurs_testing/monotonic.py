"""A monotonic clock that stands still until it is told to move."""


class ManualMonotonic:
    """Stands in for `monotonic` where a part takes its clock as an argument."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Return the seconds that it shows."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Move on."""
        self.now += seconds
