"""How a destination does after what was tried there, and what that is called."""

import pytest

from kurs.kernel.clock import MICROS
from webhooks.domain.backoff import MANY
from webhooks.domain.delivery import Delivery, DeliveryAttempt
from webhooks.domain.health import Health, Standing, Tried, after_round, ready_or_why, reason_of

NOW = 1_800_000_000_000_000
DAY = 86_400
WELL = Health(0, None, 0, None, None, None, None, None)


def tried(*attempts: DeliveryAttempt) -> list[Tried]:
    return [
        Tried(Delivery("orders", n, None, "e", "p", "{}", 0, 0, 0), attempt, NOW, NOW)
        for n, attempt in enumerate(attempts, 1)
    ]


def after(before: Health, *attempts: DeliveryAttempt) -> Health:
    return after_round(before, tried(*attempts), NOW, 3 * DAY)


def test_what_was_taken_makes_a_destination_well() -> None:
    ill = Health(5, NOW - DAY, NOW, None, "answered 500", NOW - 1, 7, NOW - DAY)
    assert after(ill, DeliveryAttempt(200)) == Health(
        0, None, 0, None, "answered 500", NOW - 1, 7, NOW
    )
    assert after(WELL, DeliveryAttempt(200), DeliveryAttempt(204)).delivered_sequence == 2


def test_one_that_is_taken_and_one_that_is_not_are_no_failure_of_the_destination() -> None:
    found = after(WELL, DeliveryAttempt(400), DeliveryAttempt(200))
    assert (found.failures, found.failing_since, found.last_error) == (0, None, "answered 400")
    assert found.retry_at == NOW


def test_failures_in_a_row_are_counted_and_dated_from_the_first() -> None:
    first = after(WELL, DeliveryAttempt(500))
    assert (first.failures, first.failing_since, first.retry_at) == (1, NOW, NOW)
    assert first.delivered_sequence is None
    second = after(
        first._replace(failing_since=NOW - DAY), DeliveryAttempt(None, "cannot be reached")
    )
    assert (second.failures, second.failing_since) == (2, NOW - DAY)
    assert second.last_error == "cannot be reached"


def test_it_is_probed_after_many_rounds_of_which_nothing_was_taken() -> None:
    once, before = after(WELL, DeliveryAttempt(500)), WELL._replace(failures=MANY - 1)
    assert not WELL.is_probed
    assert not once.is_probed
    assert after(before, DeliveryAttempt(500)).is_probed
    assert not after(before, DeliveryAttempt(500), DeliveryAttempt(200)).is_probed


@pytest.mark.parametrize("status", [400, 404, 413, 422, 451])
def test_who_refuses_an_event_is_not_probed_for_it(status: int) -> None:
    before = WELL._replace(failures=MANY - 1)
    assert not after(before, DeliveryAttempt(status)).is_probed


@pytest.mark.parametrize("status", [401, 403, 405, 408, 425, 429, 500, 503])
def test_who_takes_nothing_now_is_probed(status: int) -> None:
    before = WELL._replace(failures=MANY - 1)
    assert after(before, DeliveryAttempt(status)).is_probed


@pytest.mark.parametrize(("days", "longest"), [(2, 60), (4, 3600)])
def test_who_fails_for_days_is_asked_once_an_hour(days: int, longest: int) -> None:
    before = WELL._replace(failures=MANY + 30, failing_since=NOW - days * DAY * MICROS)
    rest = (after(before, DeliveryAttempt(500)).retry_at - NOW) / MICROS
    assert 0.8 * longest <= rest <= 1.2 * longest


def test_the_longest_wish_of_a_round_is_obeyed() -> None:
    found = after(
        WELL,
        DeliveryAttempt(429, retry_after=30.0),
        DeliveryAttempt(503, retry_after=90.0),
        DeliveryAttempt(429),
    )
    assert found.retry_at == NOW + 90 * MICROS


def test_410_ends_it() -> None:
    assert after(WELL, DeliveryAttempt(410)).gone_at == NOW
    assert after(WELL, DeliveryAttempt(404)).gone_at is None


def test_nothing_tried_changes_nothing() -> None:
    known = WELL._replace(delivered_sequence=7, delivered_at=NOW - 1)
    assert after(known) == known


@pytest.mark.parametrize(
    ("suspended", "standing", "word", "says"),
    [
        (False, None, "Unknown", "no replica"),
        (True, Standing(waiting=4), "Suspended", "4 events wait"),
        (False, Standing(gone_at=NOW), "Gone", "410"),
        (False, Standing(waiting=4), "Delivering", "nothing that it was sent"),
        (False, Standing(failures=1, waiting=1), "Retrying", "it did not take an event"),
        (False, Standing(failures=1), "Delivering", "nothing that it was sent"),
        (False, Standing(first_failed_at=NOW - 1, last_error="x"), "Retrying", "x"),
        (
            False,
            Standing(first_failed_at=NOW - 4 * DAY * MICROS, last_error="x"),
            "Failing",
            "x; events wait since",
        ),
    ],
)
def test_how_it_does_is_a_word_and_a_sentence(
    suspended: bool, standing: Standing | None, word: str, says: str
) -> None:
    found, sentence = reason_of(suspended, standing, NOW, 3 * DAY)
    assert found == word
    assert says in sentence


FINE = ("Delivering", "nothing that it was sent waits to be sent again")
LONG_AGO = NOW - 31 * MICROS


@pytest.mark.parametrize(
    ("standing", "hindrance", "read_at", "word"),
    [
        (Standing(), "", NOW, "Delivering"),
        (Standing(), "its secret is not there", NOW, "Refused"),
        (Standing(), "", LONG_AGO, "FeedUnread"),
        (Standing(), "", None, "FeedUnread"),
        (Standing(due_at=LONG_AGO), "", NOW, "Waiting"),
        (Standing(due_at=LONG_AGO, delivered_at=LONG_AGO), "", NOW, "Waiting"),
        # A backlog that goes down, a replay, and one that is sent just now.
        (Standing(due_at=LONG_AGO, delivered_at=NOW), "", NOW, "Delivering"),
        (Standing(due_at=NOW, delivered_at=LONG_AGO), "", NOW, "Delivering"),
    ],
)
def test_it_is_not_called_well_while_nothing_gets_there(
    standing: Standing, hindrance: str, read_at: int | None, word: str
) -> None:
    found, _ = ready_or_why(FINE, standing, NOW, hindrance=hindrance, feed_read_at=read_at)  # type: ignore[arg-type]
    assert found == word


def test_what_is_known_of_the_receiver_comes_first_but_for_what_is_ours_to_mend() -> None:
    for word, hindered in (("Gone", "Gone"), ("Suspended", "Suspended"), ("Retrying", "Refused")):
        found, _ = ready_or_why(
            (word, ""),  # type: ignore[arg-type]
            Standing(),
            NOW,
            hindrance="its secret is not there",
            feed_read_at=None,
        )
        assert found == hindered


@pytest.mark.parametrize(
    ("waiting", "told"),
    [(0, "0 events wait"), (1, "1 event waits"), (3, "3 events wait"),
     (1_001, "more than 1000 events wait")],
)  # fmt: skip
def test_how_many_events_wait_is_a_sentence(waiting: int, told: str) -> None:
    assert reason_of(True, Standing(waiting=waiting), NOW, 1)[1] == f"spec.suspend is set; {told}"
