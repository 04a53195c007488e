"""Why no price can be given: a code of the contract, and the field to change."""

from kurs.contracts.fx import Code


class Refusal(Exception):
    """A question without a price; `field` is the field of the request to change, if one is."""

    def __init__(self, code: Code, message: str, *, field: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field
        self.hint = hint
