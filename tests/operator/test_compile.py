"""compile: a function of the set of resources and of `now`, which loses no resource."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.operator.builders import NOW, destination, rate_source, threshold

from kurs.config.resources import FxDocument, RiskDocument
from kurs_operator.compile import Compilation, compile_resources
from kurs_operator.fitting import MAX_DOCUMENT_BYTES
from kurs_operator.ruling import Reason

MOMENTS = ("2025-12-01T00:00:00Z", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z")
QUOTES = ("IDR", "SGD", "JPY")
CODES = ("AED", "AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "IDR", "INR")

names = st.sampled_from(["ecb", "desk", "desk-2", "pegged"])
metadata = st.fixed_dictionaries(
    {},
    optional={
        "creationTimestamp": st.sampled_from(MOMENTS),
        "generation": st.integers(min_value=1, max_value=9),
        "uid": st.sampled_from(["u-1", "u-2", "u-3"]),
        "namespace": st.sampled_from(["kurs", "kurs-staging"]),
    },
)
timing = {
    "priority": st.sampled_from([0, 100, 200]),
    "suspend": st.booleans(),
    "effectiveFrom": st.none() | st.sampled_from(MOMENTS[1:]),
    "effectiveUntil": st.none() | st.sampled_from(MOMENTS[2:]),
}
pairs = st.lists(st.sampled_from(QUOTES), min_size=1, max_size=3, unique=True).map(
    lambda quotes: [{"quote": quote, "spreadBps": 10} for quote in quotes]
)
rate_sources = st.builds(
    rate_source,
    names,
    metadata=metadata,
    baseCurrency=st.sampled_from(["USD", "EUR"]),
    static=st.just({"rates": dict.fromkeys(QUOTES, "2.5")}),
    pairs=pairs,
    **timing,
)
thresholds = st.builds(
    threshold,
    names,
    metadata=metadata,
    mode=st.sampled_from(["Enforce", "Shadow"]),
    scope=st.sampled_from([{}, {"currencies": ["IDR"]}, {"currencies": ["IDR", "USD"]}]),
    newAccount=st.none() | st.just({"maxAge": "24h", "points": 20}),
    **timing,
)
broken = st.sampled_from(
    [
        rate_source(defaultSpreadBps=5000),
        threshold(mode="Observe"),
        {"kind": "Secret", "metadata": {"name": "rates"}},
        {"metadata": None},
        {},
    ]
)
resources = st.lists(rate_sources | thresholds | broken, max_size=10)


def rulings(compilation: Compilation) -> dict[str, Reason]:
    return {str(ruling.identity): ruling.reason for ruling in compilation.rulings}


def names_in(document: FxDocument | RiskDocument) -> list[str]:
    return [source.name for source in document.sources]


@given(resources, st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(contents: list[Any], random: Any):
    shuffled = random.sample(contents, len(contents))

    assert compile_resources(shuffled, now=NOW) == compile_resources(contents, now=NOW)


@given(resources)
def test_every_resource_gets_one_ruling(contents: list[Any]):
    compilation = compile_resources(contents, now=NOW)

    assert len(compilation.rulings) == len(contents)
    assert all(ruling.message for ruling in compilation.rulings)


@given(resources)
def test_what_stands_in_a_document_is_what_the_verdicts_say(contents: list[Any]):
    compilation = compile_resources(contents, now=NOW)

    told = [v.identity for v in compilation.rulings if v.in_document]
    listed = [
        (s.kind, s.name, s.uid, s.generation)
        for document in compilation.documents.values()
        for s in document.sources
    ]
    assert sorted(listed) == sorted((i.kind, i.name, i.uid, i.generation) for i in told)


@given(resources)
def test_documents_can_be_read_by_the_services(contents: list[Any]):
    compilation = compile_resources(contents, now=NOW)

    assert FxDocument.model_validate_json(compilation.fx.to_json()) == compilation.fx
    assert RiskDocument.model_validate_json(compilation.risk.to_json()) == compilation.risk


@given(resources)
def test_a_loser_does_not_change_what_the_others_get(contents: list[Any]):
    compilation = compile_resources(contents, now=NOW)
    kept = {v.identity for v in compilation.rulings if v.reason is not Reason.CONFLICTED}
    refused = len(compilation.rulings) - len(kept)

    assert refused <= max(len(contents) - 1, 0)
    for ruling in compilation.rulings:
        if ruling.reason is Reason.CONFLICTED:
            assert ruling.winner is not None
            assert ruling.winner in ruling.message


@given(resources)
def test_a_suspended_resource_is_in_no_document(contents: list[Any]):
    for content in contents:
        content.setdefault("spec", {})["suspend"] = True

    compilation = compile_resources(contents, now=NOW)

    assert all(not document.sources for document in compilation.documents.values())


@given(resources)
def test_nothing_changes_before_the_announced_moment(contents: list[Any]):
    compilation = compile_resources(contents, now=NOW)
    if compilation.next_change is not None:
        assert compilation.next_change > NOW
        later = compile_resources(contents, now=compilation.next_change - 1)
        assert later == compilation


def test_the_same_content_has_the_same_revision_whatever_its_generation():
    first = compile_resources([rate_source(metadata={"generation": 1, "uid": "a"})], now=NOW)
    again = compile_resources([rate_source(metadata={"generation": 9, "uid": "b"})], now=NOW)

    assert first.fx.revision == again.fx.revision
    assert again.fx.sources[0].generation == 9


def test_an_edit_of_a_spread_changes_only_the_revision_of_fx():
    before = compile_resources([rate_source(), threshold()], now=NOW)
    edited = rate_source(pairs=[{"quote": "IDR", "spreadBps": 26}])
    after = compile_resources([edited, threshold()], now=NOW)

    assert before.fx != after.fx
    assert before.risk == after.risk


def test_nothing_gives_empty_documents():
    compilation = compile_resources([], now=NOW)

    assert set(compilation.documents) == {"fx", "risk", "webhooks"}
    assert compilation.rulings == ()
    assert compilation.next_change is None


def test_destinations_are_in_their_document_the_suspended_ones_too():
    # Their events wait in webhooks, which has to know of them.
    resources = [destination("orders"), destination("books", suspend=True), rate_source("desk")]
    compilation = compile_resources(resources, now=NOW)

    sent = [(p.name, p.spec.suspend) for p in compilation.webhooks.payload.destinations]
    assert sent == [("books", True), ("orders", False)]
    assert {source.kind for source in compilation.webhooks.sources} == {"EventDestination"}
    assert names_in(compilation.fx) == ["desk"]
    assert not compilation.refused


def test_of_destinations_a_bad_one_is_refused_alone_and_a_name_is_taken_once():
    twice = [destination("orders", timeout="9s"), destination("orders")]
    compilation = compile_resources([*twice, destination("bad", url="http://x")], now=NOW)

    reasons = {(r.identity.name, r.reason) for r in compilation.refused}
    assert reasons == {("bad", Reason.INVALID), ("orders", Reason.CONFLICTED)}
    assert [part.name for part in compilation.webhooks.payload.destinations] == ["orders"]


def test_of_destinations_those_that_do_not_fit_are_left_out():
    long = "https://shop.example.org/" + "a" * 2000
    compilation = compile_resources(
        [destination(f"d-{n:04}", url=long) for n in range(500)], now=NOW
    )

    assert len(compilation.webhooks.to_json()) <= MAX_DOCUMENT_BYTES
    left_out = {r.identity.name for r in compilation.refused if r.reason is Reason.TOO_LARGE}
    assert "d-0499" in left_out
    assert "d-0000" not in left_out


def test_an_invalid_resource_is_told_its_fields_and_leaves_the_others_alone():
    compilation = compile_resources([rate_source("good"), rate_source("bad", priority=-1)], now=NOW)

    [refused] = compilation.refused
    assert (refused.reason, refused.identity.name) == (Reason.INVALID, "bad")
    assert refused.errors[0].field == "spec.priority"
    assert names_in(compilation.fx) == ["good"]


@pytest.mark.parametrize(
    ("window", "reason", "present"),
    [
        ({"effectiveFrom": "2026-01-01T00:00:00Z"}, Reason.ACCEPTED, True),
        ({"effectiveFrom": "2026-01-01T00:00:00.000001Z"}, Reason.NOT_YET_EFFECTIVE, True),
        ({"effectiveUntil": "2026-01-01T00:00:00.000001Z"}, Reason.ACCEPTED, True),
        ({"effectiveUntil": "2026-01-01T00:00:00Z"}, Reason.EXPIRED, False),
        ({"effectiveFrom": "2026-02-01T00:00:00Z", "suspend": True}, Reason.SUSPENDED, False),
    ],
)
def test_a_window_includes_its_start_and_not_its_end(
    window: dict[str, Any], reason: Reason, present: bool
):
    compilation = compile_resources([threshold(**window)], now=NOW)

    assert rulings(compilation) == {"RiskThreshold/limits": reason}
    assert (names_in(compilation.risk) == ["limits"]) is present
    assert compilation.refused == ()


def test_the_next_change_is_the_nearest_boundary():
    day = 86_400_000_000
    contents = [
        threshold("a", effectiveFrom="2026-01-03T00:00:00Z", effectiveUntil="2026-01-05T00:00:00Z"),
        threshold("b", effectiveUntil="2026-01-02T00:00:00Z", mode="Shadow"),
        threshold("c", effectiveFrom="2026-01-01T12:00:00Z", suspend=True),
    ]

    moments = []
    now = NOW
    while (change := compile_resources(contents, now=now).next_change) is not None:
        moments.append((change - NOW) // day)
        now = change

    assert moments == [1, 2, 4]


def test_documents_list_the_highest_priority_first_then_by_name():
    contents = [
        threshold("b", mode="Shadow"),
        threshold("a", mode="Shadow"),
        threshold("urgent", mode="Shadow", priority=900),
    ]

    assert names_in(compile_resources(contents, now=NOW).risk) == ["urgent", "a", "b"]


def test_a_source_is_told_which_ones_are_asked_before_it():
    contents = [
        rate_source("first", priority=300),
        rate_source("spare", priority=200, baseCurrency="IDR", static={"rates": {"USD": "0.1"}},
                    pairs=[{"quote": "USD", "spreadBps": 1}]),
        rate_source("last", priority=100),
        rate_source("apart", baseCurrency="EUR"),
        rate_source("coming", priority=400, effectiveFrom="2026-02-01T00:00:00Z"),
    ]  # fmt: skip

    messages = {v.identity.name: v.message for v in compile_resources(contents, now=NOW).rulings}

    assert messages["first"] == messages["apart"] == "in force"
    assert messages["spare"] == "in force, asked after first where they quote the same pair"
    assert "asked after first, spare where" in messages["last"]
    assert messages["coming"].startswith("comes into force")


def blocklists(count: int, **spec: Any) -> list[dict[str, Any]]:
    """Return thresholds of which seven fit into a document and eight do not."""
    accounts = [[f"ACC_{n:02}_{i:04}".ljust(64, "x") for i in range(2000)] for n in range(count)]
    return [
        threshold(f"list-{n}", perPayment=None, blocklist={"accounts": blocked}, **spec)
        for n, blocked in enumerate(accounts)
    ]


def test_what_does_not_fit_into_a_config_map_is_refused_alone_the_last_in_rank_first():
    contents = [
        *blocklists(8),
        threshold("first", priority=900),
        threshold("last", priority=1, mode="Shadow"),
    ]

    compilation = compile_resources([*contents, rate_source()], now=NOW)

    assert len(compilation.risk.to_json()) <= MAX_DOCUMENT_BYTES
    assert names_in(compilation.risk) == ["first", *(f"list-{n}" for n in range(6))]
    assert names_in(compilation.fx) == ["desk"]
    out = {v.identity.name: v.reason for v in compilation.refused}
    assert out == dict.fromkeys(("list-6", "list-7", "last"), Reason.TOO_LARGE)
    assert "delete or suspend" in compilation.refused[0].message


def test_a_thousand_resources_of_which_few_fit_compile_in_bounded_work():
    contents = blocklists(40)
    contents += [threshold(f"t-{i}", mode="Shadow", priority=i % 1000) for i in range(960)]

    compilation = compile_resources(contents, now=NOW)

    assert len(compilation.risk.to_json()) <= MAX_DOCUMENT_BYTES
    assert len(compilation.rulings) == 1000


def test_two_hundred_resources_compile_together():
    contents = [threshold(f"t-{i}", mode="Shadow", priority=i) for i in range(100)]
    contents += [rate_source(f"s-{i}", priority=i) for i in range(100)]

    compilation = compile_resources(contents, now=NOW)

    assert compilation.refused == ()
    assert len(names_in(compilation.fx)) == len(names_in(compilation.risk)) == 100


def test_twins_that_differ_only_in_their_uid_are_told_apart_in_any_order():
    twins = [rate_source(metadata={"uid": uid}) for uid in ("u-2", "u-1")]

    assert compile_resources(twins, now=NOW) == compile_resources(twins[::-1], now=NOW)


def windowed(name: str, priority: int, *seconds: int, **spec: Any) -> dict[str, Any]:
    """Return a threshold with a velocity rule for each window."""
    rules = [
        {"name": f"w{second}", "window": f"{second}s", "maxCount": 9, "action": "Review"}
        for second in seconds
    ]
    return threshold(name, priority=priority, perPayment=None, velocity=rules, **spec)


def test_a_threshold_with_one_window_too_many_stays_out_and_the_others_in_force() -> None:
    many = [
        windowed(f"t{n}", 200, *range(20 * n + 1, 20 * n + 21), scope={"currencies": [currency]})
        for n, currency in enumerate(("IDR", "USD", "EUR", "SGD", "JPY"))
    ]
    late = windowed("late", 100, 5, 101)
    fits = windowed("fits", 50, 7, 100)

    compiled = compile_resources([late, *many, fits], now=NOW)

    assert {t.name for t in compiled.risk.payload.thresholds} == {
        "t0",
        "t1",
        "t2",
        "t3",
        "t4",
        "fits",
    }
    (refused,) = compiled.refused
    assert (refused.identity.name, refused.reason) == ("late", Reason.TOO_LARGE)
    assert "windows of 101 lengths, more than 100" in refused.message


def test_fx_is_told_of_the_exposure_that_thresholds_in_force_allow() -> None:
    bound = {"currency": "USD", "maxMinor": 100}
    scope = {"corridors": [{"from": "USD", "to": "IDR"}]}
    contents = [
        rate_source(),
        threshold("everywhere", exposure=bound, perPayment=None, priority=7),
        threshold("corridor", exposure=bound, scope=scope, onMissingData="Decline"),
        threshold("trial", exposure=bound, mode="Shadow"),
        threshold("asleep", exposure=bound, suspend=True),
        threshold("loser", exposure=bound, priority=1),
        threshold("without"),
    ]
    compiled = compile_resources(contents, now=NOW)

    told = compiled.fx.payload.open_quotes
    assert told is not None
    assert [limit.name for limit in told] == ["corridor", "everywhere"]
    assert told[0].scope.corridors[0].destination == "IDR"
    assert (told[0].exposure.max_minor, told[0].on_missing_data) == (100, "Decline")
    assert names_in(compiled.fx) == ["desk"]
    assert compile_resources(contents[::-1], now=NOW).fx.revision == compiled.fx.revision


def test_without_exposure_the_document_of_fx_is_that_of_the_release_before() -> None:
    compiled = compile_resources([rate_source(), threshold()], now=NOW)

    assert "openQuotes" not in compiled.fx.to_json()


def test_scopes_take_no_room_from_rates() -> None:
    corridors = [{"from": a, "to": b} for a in CODES for b in CODES if a != b]
    bound = {"currency": "USD", "maxMinor": 1}
    contents = [
        threshold(f"t{n}", exposure=bound, perPayment=None, scope={"corridors": corridors[n:]})
        for n in range(40)
    ]
    compiled = compile_resources([rate_source(), *contents], now=NOW)

    assert len(compiled.fx.payload.open_quotes or ()) < len(contents)
    assert names_in(compiled.fx) == ["desk"]
