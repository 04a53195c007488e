"""The one rule for texts that others chose: nothing in them that a reader cannot see.

Control characters break lines of logs and terminals; format characters (Unicode category Cf, such
as the turns of direction of UAX #9) make a text read as another one; private and unassigned code
points, separators of lines and halves of surrogate pairs mean nothing.
"""

from unicodedata import category

UNSEEN = "it holds a control, format or unassigned character"
UNSEEN_HINT = "send visible characters and spaces only, without line breaks"


def is_visible(text: str) -> bool:
    """Tell whether a text holds only visible characters and spaces (also those of category Zs)."""
    return text.isprintable() or all(c.isprintable() or category(c) == "Zs" for c in set(text))
