"""The one error of this package: a sentence that says what is wrong and what to do."""


class StackError(Exception):
    """The stack cannot start or go on; the message is meant to be shown as it is."""
