"""What risk refuses with a problem document.

NotConfigured 503      no risk document has been loaded yet
DecisionConflict 409   the payment id was decided on for other inputs
DecisionNotFound 404   no decision with this id, or it belongs to another merchant
"""

from kurs.kernel.errors import Conflict, NotFound, Unavailable


class NotConfigured(Unavailable):
    """Without a document nobody knows the limits, so nothing is approved."""

    code = "not_configured"
    title = "No risk configuration"


class DecisionConflict(Conflict):
    """The payment id already has a decision, on other inputs."""

    code = "decision_conflict"
    title = "Decided on other inputs"


class DecisionNotFound(NotFound):
    """There is no such decision for this merchant."""

    code = "decision_not_found"
    title = "No such decision"
