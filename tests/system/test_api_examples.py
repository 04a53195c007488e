"""docs/api.md shows every public route as it really answers, and names what each refuses."""

import re
from pathlib import Path

from tests.system.api_examples import HEADING, PAGE, Player, player, settled

from kurs.edges import PUBLIC_ROUTES

AMOUNTS = {"amount_malformed", "amount_not_positive", "amount_too_precise", "amount_too_large"}
_PART = re.compile(r"^### `([A-Z]+ /\S*)`\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
_PROBLEM = re.compile(r'^4\d\d\n\n\{(?!.*"failure").*?"code": "(\w+)"', re.MULTILINE | re.DOTALL)


def parts() -> dict[str, str]:
    """Return what the page says of each route."""
    return dict(_PART.findall(PAGE.read_text("utf-8").partition(HEADING)[2]))


async def test_the_page_shows_what_the_gateway_answers(tmp_path: Path) -> None:
    """`python -m tests.system.api_examples` writes the page anew."""
    page = PAGE.read_text("utf-8")
    async with player(tmp_path / "kurs") as playing:
        played = await playing.play(page)

    assert settled(played).split("```") == settled(page).split("```")
    assert unsaid(playing) == []


def unsaid(playing: Player) -> list[str]:
    """Return the refusals that are shown of a route, and not named among its own."""
    return [
        f"{route}: {code}"
        for route, text in parts().items()
        for block in text.split("```http")
        for code in _PROBLEM.findall(block.partition("\n")[2])
        if code not in playing.everywhere | AMOUNTS and f"`{code}`" not in text
    ]


def test_every_public_route_is_shown() -> None:
    assert set(parts()) == {f"{route.method} {route.template}" for route in PUBLIC_ROUTES}
