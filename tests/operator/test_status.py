"""The statuses, over every mixture of pods: none says more than the pods did."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kurs.config.resources import SourceRef
from kurs_operator.conditions import ConditionType
from kurs_operator.fleet import Ack, Answer, Fleet, Pod
from kurs_operator.judged import Judged
from kurs_operator.ruling import Identity, Reason, Ruling
from kurs_operator.status import notes, status_of

NOW = 1_767_225_600_000_000
IDENTITY = Identity("RiskThreshold", "kurs", "limits", "uid", 3)

generations = st.sampled_from([None, 1, 2, 3])
asked = st.sampled_from([0, NOW - 5, NOW + 5])
errors = st.none() | st.just("refused")


@st.composite
def fleets(draw: st.DrawFn) -> Fleet:
    pods, acks = [], {}
    for number in range(draw(st.integers(0, 14))):
        pod = Pod(f"uid-{number}", f"risk-{number:02}", "risk", "10.0.0.1:8084", True, "")
        pods.append(pod)
        if draw(st.booleans()):
            generation = draw(generations)
            sources = (
                (SourceRef(kind="RiskThreshold", name="limits", uid="uid", generation=generation),)
                if generation is not None
                else ()
            )
            answer = Answer(revision="0" * 16, sources=sources, error=draw(errors))
            acks[pod.uid] = Ack.of(answer, draw(asked))
    return Fleet(tuple(pods), acks, since=NOW)


rulings = st.sampled_from(list(Reason)).map(lambda reason: Ruling(IDENTITY, reason, "because"))


def runs_it(fleet: Fleet, pod: Pod) -> bool:
    ack = fleet.acks.get(pod.uid)
    return bool(ack and ack.asked_at and any(s.generation == 3 for s in ack.answer.sources))


def runs_none(fleet: Fleet, pod: Pod) -> bool:
    ack = fleet.acks.get(pod.uid)
    return bool(ack and ack.asked_at >= fleet.since and not ack.answer.sources)


@given(rulings, fleets())
def test_a_first_ready_means_that_every_counted_pod_said_so(ruling: Ruling, fleet: Fleet):
    status = status_of(Judged(ruling, "r", None), fleet, NOW)

    ready = status.condition(ConditionType.READY)
    proof = runs_it if ruling.in_document else runs_none
    all_do = bool(fleet.pods) and all(proof(fleet, pod) for pod in fleet.pods)
    assert ready is not None
    assert (ready.status == "True") == (ruling.accepted and all_do)


@given(rulings, fleets(), fleets())
def test_a_kept_ready_is_contradicted_by_no_pod(ruling: Ruling, first: Fleet, then: Fleet):
    before = status_of(Judged(ruling, "r", None), first, NOW)
    after = status_of(Judged(ruling, "r", before), then, NOW + 1)

    ready = after.condition(ConditionType.READY)
    assert ready is not None
    if ready.status == "True" and ruling.in_document:
        said = [pod for pod in then.pods if pod.uid in then.acks and then.acks[pod.uid].asked_at]
        assert all(runs_it(then, pod) for pod in said)


@given(rulings, fleets())
def test_every_status_is_bounded_and_whole(ruling: Ruling, fleet: Fleet):
    status = status_of(Judged(ruling, "r", None), fleet, NOW)

    assert status.observed_generation == 3
    assert all(c.observed_generation == 3 for c in status.conditions)
    assert len({c.type for c in status.conditions}) == len(status.conditions)
    assert type(status).model_validate(status.model_dump(mode="json", by_alias=True)) == status
    if status.propagation:
        assert len(status.propagation.lagging) <= 10
        counted = status.propagation
        assert 0 <= counted.applied <= counted.desired
        assert counted.rejected <= counted.desired - counted.applied


@given(rulings, fleets())
def test_what_does_not_change_is_told_once(ruling: Ruling, fleet: Fleet):
    first = status_of(Judged(ruling, "r", None), fleet, NOW)
    again = status_of(Judged(ruling, "r", first), fleet, NOW + 7_000_000)

    assert again == first
    assert notes(first, again) == []


@given(rulings, fleets())
def test_stalled_and_reconciling_stand_only_while_they_are_true(ruling: Ruling, fleet: Fleet):
    status = status_of(Judged(ruling, "r", None), fleet, NOW)

    ready = status.condition(ConditionType.READY)
    under_way = status.condition(ConditionType.RECONCILING)
    stalled = status.condition(ConditionType.STALLED)
    assert not (under_way and stalled)
    assert all(c is None or c.status == "True" for c in (under_way, stalled))
    if ready and ready.status == "True":
        assert under_way is None
        assert stalled is None


@pytest.mark.parametrize(("count", "told"), [(1, "1/1 risk pod"), (2, "2/2 risk pods")])
def test_one_pod_is_not_told_as_several(count: int, told: str):
    source = SourceRef(kind="RiskThreshold", name="limits", uid="uid", generation=3)
    pods = [Pod(f"uid-{n}", f"risk-{n}", "risk", "10.0.0.1:8084", True, "") for n in range(count)]
    acks = {p.uid: Ack.of(Answer(revision="0" * 16, sources=(source,)), NOW) for p in pods}
    ruling = Ruling(IDENTITY, Reason.ACCEPTED, "")

    status = status_of(Judged(ruling, "r", None), Fleet(tuple(pods), acks, since=NOW), NOW)

    ready = status.condition(ConditionType.READY)
    assert ready is not None
    assert ready.message.endswith(told)
