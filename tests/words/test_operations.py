"""What docs/operations.md says of what looks wrong and is not."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = " ".join((ROOT / "docs" / "operations.md").read_text("utf-8").split())


def test_how_old_a_rate_is_that_is_paid_with_is_not_told_by_the_column() -> None:
    """`LASTRATE` is as old as the status: the metric that tells is named, and there."""
    said = (
        "`LASTRATE` is written with the status, which pods are asked for every ten seconds or more"
    )
    assert said in PAGE
    assert "how old a rate is that is paid with says `kurs_fx_rate_age_seconds`" in PAGE
    metrics = (ROOT / "docs" / "metrics.md").read_text("utf-8")
    assert "`kurs_fx_rate_age_seconds`" in metrics


def test_an_installation_that_says_only_that_a_deadline_passed_is_explained() -> None:
    after = PAGE.partition('"context deadline exceeded" says only')[2].partition(
        "### Other people"
    )[0]
    assert "name it in `global.network.dns`" in after
    assert "Temporary failure in name resolution" in after
