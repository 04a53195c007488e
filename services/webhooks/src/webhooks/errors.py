"""What webhooks refuses with a problem document.

DestinationNotFound 404   no destination of that name, or it belongs to another merchant
DeliveryNotFound 404      no such delivery, or it is not kept any more
"""

from kurs.kernel.errors import NotFound


class DestinationNotFound(NotFound):
    """There is no such destination of this merchant."""

    code = "destination_not_found"
    title = "No such destination"


class DeliveryNotFound(NotFound):
    """There is no such delivery of this merchant, or it is not kept any more."""

    code = "delivery_not_found"
    title = "No such delivery"
