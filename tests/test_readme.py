"""README and its twin say the same; what the docs write as shell is, and names what is there."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")))
_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ ", re.MULTILINE)
_ARROW = re.compile(r"^ +(\w+).*?-->(?:\|[^|]*\|)? (\w+)", re.MULTILINE)
_PORT = re.compile(r"\b[389]\d{3}\b")
_LINK = re.compile(r"\]\(([^)]+)\)")
NOT_IN_TWINS = {"README.md", "README.id.md"}


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def shell(page: str) -> list[str]:
    """Return a page's blocks of shell, and those that name no language."""
    return [block for language, block in _FENCED.findall(page) if language in ("", "bash", "sh")]


def commands(block: str) -> list[str]:
    """Return the commands of a block, without what is said beside them."""
    return [line for raw in block.splitlines() if (line := raw.split("  #")[0].rstrip())]


def without_comments(block: str) -> str:
    return "\n".join(line for line in commands(block) if not line.startswith("#"))


def blocks() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for number, block in enumerate(shell(page.read_text("utf-8"))):
            yield f"{page.relative_to(ROOT)}-{number}", block


def test_the_twins_have_the_same_parts_links_and_commands() -> None:
    english, indonesian = read("README.md"), read("README.id.md")
    for pattern in (_HEADING, re.compile(r"^\| ", re.MULTILINE), re.compile(r"^- \*\*", re.M)):
        assert len(pattern.findall(english)) == len(pattern.findall(indonesian)), pattern.pattern
    pictures = [_ARROW.findall(page) for page in (english, indonesian)]
    assert pictures[0] == pictures[1]
    assert len(pictures[0]) >= 12
    ports = [sorted(_PORT.findall(page)) for page in (english, indonesian)]
    assert ports[0] == ports[1]
    links = [set(_LINK.findall(page)) - NOT_IN_TWINS for page in (english, indonesian)]
    assert links[0] == links[1]
    pairs = zip_longest(shell(english), shell(indonesian), fillvalue="")
    for one, other in pairs:
        assert without_comments(one) == without_comments(other)


@pytest.mark.parametrize(("name", "block"), list(blocks()), ids=lambda value: value[:40])
def test_blocks_are_shell_and_name_what_is_there(name: str, block: str) -> None:
    done = subprocess.run(
        [shutil.which("bash") or "bash", "-n"], input=block, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.skip("a picture, no shell")
    targets = set(re.findall(r"^([a-z][a-z-]*(?: [a-z][a-z-]*)*):", read("Makefile"), re.M))
    known = {target for line in targets for target in line.split()}
    for line in commands(block):
        made = re.match(r"make ((?:[a-z][a-z-]* ?)+)(?![a-z-]*=)", line)
        if made:
            assert set(made[1].split()) <= known, f"{name}: {line}"
        for file in re.findall(
            r"(?:-f |\bk6 run )((?:k8s|charts|loadtest|observability)/\S+?)[\"\s]?$", line
        ):
            assert (ROOT / file).exists(), f"{name}: {line}"
