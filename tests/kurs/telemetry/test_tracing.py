"""The sampling decision is made once and follows a payment over headers, items and batches."""

import pytest
from opentelemetry.trace import format_trace_id, get_current_span, use_span

from kurs.telemetry import Telemetry, extract, inject
from kurs.telemetry.tracing import format_traceparent, parse_traceparent, unsampled_span
from kurs_testing.telemetry import RecordingTelemetry

TRACE = "0af7651916cd43dd8448eb211c80319c"
SAMPLED = f"00-{TRACE}-b7ad6b7169203331-01"
UNSAMPLED = f"00-{TRACE}-b7ad6b7169203331-00"


@pytest.fixture
def telemetry() -> Telemetry:
    return RecordingTelemetry("wallet")


@pytest.mark.parametrize("text", [SAMPLED, UNSAMPLED])
def test_a_traceparent_survives_parsing_and_formatting(text: str) -> None:
    context = parse_traceparent(text)

    assert context is not None
    assert context.is_remote
    assert format_traceparent(context) == text


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "00",
        SAMPLED[:-1],
        SAMPLED + "-00",
        f"ff-{TRACE}-b7ad6b7169203331-01",
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[:-1]}g-b7ad6b7169203331-01",
        f"00-+{TRACE[1:]}-b7ad6b7169203331-01",
        f"00-{TRACE[:-2]}_1-b7ad6b7169203331-01",
        f"00_{TRACE}-b7ad6b7169203331-01",
        f"0x-{TRACE}-b7ad6b7169203331-01",
        "ü" * 55,
        f"00-{TRACE.upper()}-b7ad6b7169203331-01",
    ],
)
def test_a_malformed_traceparent_is_no_context(text: str | None) -> None:
    assert parse_traceparent(text) is None


def test_headers_that_cannot_be_read_are_no_line_of_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    long = parse_traceparent(SAMPLED, ["a=" + "x" * 5_000])

    assert parse_traceparent(f"01-{TRACE}-b7ad6b7169203331-01-{'x' * 5_000}") is None
    assert long is not None
    assert not long.trace_state
    assert caplog.records == []


def test_a_later_version_may_have_more_fields() -> None:
    assert parse_traceparent(f"01-{TRACE}-b7ad6b7169203331-01-more") is not None


def test_what_other_systems_put_into_the_state_is_read_from_one_header_or_several() -> None:
    parent = f"00-{TRACE}-b7ad6b7169203331-01"

    context = parse_traceparent(parent, ["rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "third=x"])
    broken = parse_traceparent(parent, ["rojo=1,=,no equals sign"])

    assert context is not None
    assert context.trace_state.to_header() == "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE,third=x"
    assert broken is not None
    assert f"{broken.trace_id:032x}" == TRACE


def test_inject_and_extract_carry_a_sampled_trace(telemetry: Telemetry) -> None:
    with telemetry.tracer.start_as_current_span("payment") as span:
        carried = inject()
    child = telemetry.tracer.start_span("later", extract(carried))

    assert child.get_span_context().trace_id == span.get_span_context().trace_id
    assert child.is_recording()


def test_an_unsampled_trace_is_carried_as_nothing_and_stays_unsampled(
    telemetry: Telemetry,
) -> None:
    with use_span(unsampled_span()):
        assert inject() is None
    child = telemetry.tracer.start_span("later", extract(None))

    assert not child.is_recording()


def test_an_unsampled_trace_that_is_known_by_its_id_keeps_it(telemetry: Telemetry) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    child = telemetry.tracer.start_span("later", extract(None, trace))

    assert not child.is_recording()
    assert f"{child.get_span_context().trace_id:032x}" == trace


def test_there_is_nothing_to_inject_without_a_span() -> None:
    assert inject() is None


def test_a_batch_has_its_own_trace_and_links_to_its_sampled_members(telemetry: Telemetry) -> None:
    with telemetry.batch_span("transfers", [None, SAMPLED, UNSAMPLED, "garbage"]) as span:
        assert get_current_span() is span

    (batch,) = telemetry.spans()
    assert batch.name == "transfers"
    assert batch.parent is None
    assert [format_trace_id(link.context.trace_id) for link in batch.links] == [TRACE]
    assert format_trace_id(batch.context.trace_id) != TRACE


def test_a_batch_is_recorded_whatever_the_ratio_when_a_member_is_sampled() -> None:
    telemetry = RecordingTelemetry("wallet", trace_ratio=0.0)
    with telemetry.batch_span("transfers", [SAMPLED]):
        pass

    assert len(telemetry.spans()) == 1


def test_a_batch_of_unsampled_members_records_nothing_and_keeps_others_from_sampling(
    telemetry: Telemetry,
) -> None:
    with telemetry.batch_span("transfers", [None, UNSAMPLED]) as span:
        assert span.get_span_context().is_valid
        telemetry.tracer.start_span("inside").end()

    assert telemetry.spans() == ()


def test_a_batch_does_not_hang_on_the_span_of_whoever_started_it(telemetry: Telemetry) -> None:
    with (
        telemetry.tracer.start_as_current_span("first submitter"),
        telemetry.batch_span("transfers", [SAMPLED]),
    ):
        pass

    assert telemetry.spans()[0].parent is None


def test_an_item_continues_its_own_trace_and_links_to_the_batch(telemetry: Telemetry) -> None:
    with (
        telemetry.batch_span("transfers", [SAMPLED]) as batch,
        telemetry.item_span("transfer", SAMPLED),
    ):
        pass

    item = telemetry.spans()[0]
    assert item.name == "transfer"
    assert format_trace_id(item.context.trace_id) == TRACE
    assert [link.context.span_id for link in item.links] == [batch.get_span_context().span_id]


@pytest.mark.parametrize("traceparent", [None, UNSAMPLED, "garbage"])
def test_an_unsampled_item_records_nothing(telemetry: Telemetry, traceparent: str | None) -> None:
    telemetry.item_span("transfer", traceparent).end()

    assert telemetry.spans() == ()


def test_spans_name_their_service(telemetry: Telemetry) -> None:
    telemetry.tracer.start_span("x").end()

    assert telemetry.spans()[0].resource.attributes["service.name"] == "wallet"


@pytest.mark.parametrize("ratio", [-0.1, 1.1])
def test_a_ratio_outside_zero_to_one_is_refused(ratio: float) -> None:
    with pytest.raises(ValueError, match="range"):
        RecordingTelemetry("fx", trace_ratio=ratio)
