"""The console's files as files: no markup from data, nothing foreign, all of it announced."""

import re
from pathlib import Path

import pytest

import api_gateway
from api_gateway.console_page import ConsolePage

CONSOLE = Path(api_gateway.__file__).parent / "console"
MODULES = sorted(CONSOLE.glob("*.js"))
PAGE = ConsolePage().html.decode()
MARKUP_SINKS = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc"
)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_no_module_makes_markup_from_text(module: Path) -> None:
    assert not MARKUP_SINKS.search(module.read_text("utf-8"))


@pytest.mark.parametrize("file", sorted(CONSOLE.iterdir()), ids=lambda path: path.name)
def test_nothing_is_loaded_from_elsewhere(file: Path) -> None:
    addresses = re.findall(r"(?:https?:)?//[a-z][^\s\"')]*", file.read_text("utf-8"))

    assert set(addresses) <= {"http://www.w3.org/2000/svg"}


def test_the_page_has_no_inline_script_or_style() -> None:
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", PAGE)


def test_every_part_has_its_place_in_the_page() -> None:
    parts = {file.stem for file in CONSOLE.glob("*.html")} - {"index"}
    places = re.findall(r"<!-- (\w+) -->", (CONSOLE / "index.html").read_text("utf-8"))

    assert sorted(places) == sorted({*parts, "modules"})
    assert "<!--" not in PAGE


def test_every_module_is_loaded_at_once() -> None:
    preloaded = set(re.findall(r'modulepreload" href="/console/([a-z]+\.js)"', PAGE))

    assert preloaded == {module.name for module in MODULES} - {
        "console.js",
        "theme.js",
        "worker.js",
    }


def test_every_label_and_description_names_an_element() -> None:
    names = re.findall(r'(?:for|list|aria-labelledby|aria-describedby)="([^"]+)"', PAGE)
    ids = re.findall(r'\sid="([^"]+)"', PAGE)

    assert len(ids) == len(set(ids))
    assert {name for group in names for name in group.split()} <= set(ids)
