"""
The documentation is whole: names, pages and links, checked without building it.

`nox -s docs` builds it and sees more; what is here fails at once.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections import Counter
from pathlib import Path

import pytest

from runledger_test_support import plugin

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
API = sorted((DOCS / "reference" / "api").glob("*.rst"))
NOT_PAGES = {"_build", "_ext", "changelog.d"}
LISTED = re.compile(r"^\.\. api:: (\S+)\n\n((?:   \w+\n)+)", re.MULTILINE)
SPELLED = re.compile(r"^\.\. py:(?:data|type):: (\w+)", re.MULTILINE)
MODULE = re.compile(r"^\.\. py:(?:current)?module:: (\S+)", re.MULTILINE)
TOCTREE = re.compile(r"^```\{toctree\}\n(.*?)^```", re.MULTILINE | re.DOTALL)
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def public_names():
    """Load the table that the site itself is built with."""
    spec = importlib.util.spec_from_file_location(
        "public_names", DOCS / "_ext" / "public_names.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def documented_names():
    for page in API:
        text = page.read_text(encoding="utf-8")
        for listed in LISTED.finditer(text):
            yield from (f"{listed[1]}.{name}" for name in listed[2].split())
        for spelled in SPELLED.finditer(text):
            modules = [each[1] for each in MODULE.finditer(text, 0, spelled.start())]
            yield f"{modules[-1]}.{spelled[1]}"


def pages():
    found = [*DOCS.rglob("*.md"), *DOCS.rglob("*.rst")]
    return sorted(each for each in found if NOT_PAGES.isdisjoint(each.parts))


def markdown():
    beside = [ROOT / "README.md", ROOT / "llms.txt", *ROOT.glob("packages/*/README.md")]
    return [*beside, *(each for each in pages() if each.suffix == ".md")]


def anchors(page):
    """Return the anchors of a page's headings, as GitHub and MyST make them."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in headings
    }


def test_every_public_name_is_on_exactly_one_page():
    counted = Counter(documented_names())
    expected = set(public_names().public_names())

    assert expected - set(counted) == set(), "on no page"
    assert set(counted) - expected == set(), "on a page, and not public"
    assert [name for name, count in counted.items() if count > 1] == []


def test_every_page_is_in_exactly_one_table_of_contents():
    found = Counter()
    for page in pages():
        if page.suffix != ".md":
            continue
        for body in TOCTREE.findall(page.read_text(encoding="utf-8")):
            lines = [line for line in body.splitlines() if line and line[0] != ":"]
            for line in lines:
                name = re.sub(r".*<(.+)>", r"\1", line)
                matches = [*page.parent.glob(f"{name}.md")]
                matches += page.parent.glob(f"{name}.rst")
                assert matches, f"{page.name} lists {name}, which is not there"
                found.update(each.resolve() for each in matches)
    index = (DOCS / "index.md").resolve()

    assert {each.resolve() for each in pages()} - {index} == set(found)
    assert [str(each) for each, count in found.items() if count > 1] == []


@pytest.mark.parametrize(
    "page", markdown(), ids=lambda path: str(path.relative_to(ROOT))
)
def test_every_link_leads_somewhere(page):
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for link in LINK.findall(text):
        if "://" in link or link.startswith("mailto:"):
            continue
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        assert target.exists(), link
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), link


def test_api_pages_hold_no_python_that_nobody_runs():
    for page in API:
        assert "code-block" not in page.read_text(encoding="utf-8"), page.name


def test_every_fixture_is_described():
    text = (DOCS / "reference" / "api" / "test-support.rst").read_text("utf-8")
    fixtures = {
        name
        for name, value in inspect.getmembers(plugin)
        if type(value).__name__ == "FixtureFunctionDefinition"
    }

    assert fixtures
    assert fixtures == set(re.findall(r"\* - ``(\w+)``", text))


def test_every_table_view_and_type_of_the_schema_is_described():
    made = re.compile(
        r"^CREATE (?:UNLOGGED )?(?:TABLE|VIEW|TYPE) (?:IF NOT EXISTS )?(\w+)",
        re.MULTILINE,
    )
    files = (ROOT / "migrations").glob("*.sql")
    expected = {name for file in files for name in made.findall(file.read_text())}
    text = (DOCS / "reference" / "schema.md").read_text(encoding="utf-8")

    assert expected == set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))
