"""What webhooks refuses with a problem document.

DestinationNotFound 404   no destination of that name, or it belongs to another merchant
DeliveryNotFound 404      no such delivery, or it is not kept any more
ReplayUnderWay 409        what was asked for again before is not all taken
"""

from kurs.kernel.errors import Conflict, FieldError, NotFound


class DestinationNotFound(NotFound):
    """There is no such destination of this merchant."""

    code = "destination_not_found"
    title = "No such destination"


class DeliveryNotFound(NotFound):
    """There is no such delivery of this merchant, or it is not kept any more."""

    code = "delivery_not_found"
    title = "No such delivery"


class ReplayUnderWay(Conflict):
    """The destination has not taken all that was asked for again before."""

    code = "replay_under_way"
    title = "A replay is under way"

    def __init__(self, events: int, until: int | None) -> None:
        said = f"{events} events up to sequence {until} are still sent again"
        hint = f"ask for what comes after {until} once they are taken"
        super().__init__(said, errors=[FieldError("after", said, hint)])
