"""What an operation waits for is news only when it is another than before."""

from payments.domain.operation import Waiting


def test_it_is_known_for_the_same_service_and_reason_since_whenever_it_is_set_aside() -> None:
    waiting = Waiting("fx", "no answer")

    assert not waiting.is_known(None)
    assert waiting.is_known(Waiting("fx", "no answer", set_aside_at=1))
    assert not waiting.is_known(Waiting("fx", "closed"))
    assert not waiting.is_known(Waiting("risk", "no answer"))
