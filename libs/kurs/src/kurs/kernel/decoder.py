"""The one decoder of JSON that others wrote: bounded before anything computes with it.

A number stays its own text unless it is a short whole one, so that 1e999999999 costs nothing. Two
readers must not differ about a body: a name that occurs twice, another encoding than UTF-8, NaN and
Infinity are refused. What one body may hold is bounded, because what the framework finds wrong in
it costs as much as what it holds.
"""

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from json import JSONDecodeError, JSONDecoder
from typing import Any

from kurs.kernel.errors import FieldError, MalformedJson, Unprocessable
from kurs.kernel.texts import UNSEEN, UNSEEN_HINT, is_visible
from kurs.kernel.validation import malformed

MAX_NUMBER = 40
"""The most characters of a number, and the largest magnitude of its exponent."""
MAX_DEPTH = 32
MAX_MEMBERS = 64
"""The most members of one object."""
MAX_VALUES = 30_000
"""The most values in one body; 1,000 accounts with three overdrafts each are half of it."""
MAX_BATCH_VALUES = 40_000
"""The most values in one batch between services; 200 items of 100 are half of it."""
_MAX_DIGITS = 1_000
_MAX_LIST = 1_000
_SHOWN = 64


class Number:
    """A number as it was written, which is no whole number of at most 40 digits."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    @property
    def is_bounded(self) -> bool:
        """Whether it is short and its exponent small, so that it may be computed with."""
        exponent = self.text.lower().partition("e")[2]
        return len(self.text) <= MAX_NUMBER and (not exponent or abs(int(exponent)) <= MAX_NUMBER)

    def plain(self) -> str:
        """Return a bounded number without an exponent: 1.50 as it is, 2e3 as 2000."""
        return f"{Decimal(self.text):f}" if "e" in self.text.lower() else self.text


def decode(body: bytes) -> Any:
    """Return what a JSON text holds; whole numbers are int, other ones Number.

    Raises MalformedJson, and Unprocessable naming the field that is out of bounds.
    """
    try:
        text = body.decode()
        if text.count(",") + text.count("[") + text.count("{") > MAX_VALUES:
            raise malformed(f"it holds more than {MAX_VALUES} values")
        content = _DECODER.decode(text)
        _check(content, 0)
    except UnicodeDecodeError:
        raise malformed("it is no UTF-8 text") from None
    except JSONDecodeError as error:
        raise malformed(error.msg) from None
    except RecursionError:
        raise malformed("it is nested too deeply") from None
    except _Unfit as unfit:
        field = ".".join(reversed(unfit.path)) or "body"
        errors = [FieldError(field, unfit.message, unfit.hint)]
        raise Unprocessable(f"check {field}", errors=errors) from None
    return content


def bound_batch(body: bytes) -> None:
    """Refuse a body of another service whose reading by pydantic would take long.

    That reader computes no exponents, knows no depth beyond 200 and stops at 4,300 digits, which
    are slow already. No text between services holds 1,000 digits in a row: strings need no care.
    Costs 0.4 µs an item (`decode` would double the reading). Raises MalformedJson.
    """
    values = len(body.translate(None, _NO_STRUCTURE))
    if values > MAX_BATCH_VALUES:
        raise malformed(f"it holds more than {MAX_BATCH_VALUES} values")
    if values > MAX_MEMBERS * body.count(b"{") + _MAX_LIST:
        raise malformed(f"it holds an object of more than {MAX_MEMBERS} members")
    if _LONG in body.translate(_DIGITS):
        raise malformed(f"it holds more than {_MAX_DIGITS} digits in a row")


class _Unfit(ValueError):
    """A value is out of bounds; `path` leads from it to the body."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.path: list[str] = []


def _check(value: Any, depth: int) -> None:
    kind = type(value)
    if kind is str and not is_visible(value):
        raise _Unfit(UNSEEN, UNSEEN_HINT)
    if kind is dict:
        if len(value) > MAX_MEMBERS:
            raise _Unfit(f"it has more than {MAX_MEMBERS} members", "send fewer members")
        if not is_visible("".join(value)):
            raise _Unfit(f"a name in it is not plain: {UNSEEN}", UNSEEN_HINT)
        _check_each(value.items(), depth)
    elif kind is list:
        _check_each(enumerate(value), depth)
    elif kind is Number and not value.is_bounded:
        limits = f"a number has at most {MAX_NUMBER} characters and an exponent within {MAX_NUMBER}"
        raise _Unfit(limits, 'send a decimal string such as "188.52"')


def _check_each(members: Iterable[tuple[Any, Any]], depth: int) -> None:
    if depth >= MAX_DEPTH:
        raise _Unfit(f"it is nested more than {MAX_DEPTH} deep", "send fewer levels")
    at: Any = ""
    try:
        for at, member in members:  # noqa: B007 (read when a member is unfit)
            # Most values are plain texts; a call for each would double the cost of a payment's.
            if type(member) is not str or not member.isprintable():
                _check(member, depth + 1)
    except _Unfit as unfit:
        unfit.path.append(str(at)[:_SHOWN])
        raise


def _integer(text: str) -> int | Number:
    return int(text) if len(text) <= MAX_NUMBER else Number(text)


def unique_members(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON; raises MalformedJson naming a member that occurs twice.

    Every reader of what others wrote takes it as `object_pairs_hook`.
    """
    made = dict(members)
    if len(made) < len(members):
        raise _repeated(name for name, _ in members)
    return made


def _repeated(names: Iterable[str]) -> MalformedJson:
    name = Counter(names).most_common(1)[0][0][:_SHOWN]
    errors = [FieldError(name, "it occurs more than once", "give each member once")]
    return MalformedJson(f"the member {name!r} occurs more than once", errors=errors)


def _refuse_constant(name: str) -> Any:
    raise JSONDecodeError(f"{name} is not JSON", name, 0)


# `json.loads` with these arguments would make a decoder for every text.
_DECODER = JSONDecoder(
    parse_float=Number,
    parse_int=_integer,
    parse_constant=_refuse_constant,
    object_pairs_hook=unique_members,
)
_DIGITS = bytes(ord("0") if chr(byte).isdigit() and byte < 128 else ord("x") for byte in range(256))
_LONG = b"0" * (_MAX_DIGITS + 1)
_NO_STRUCTURE = bytes(byte for byte in range(256) if byte not in b"[{,")
