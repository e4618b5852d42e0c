"""The examples of the documentation run, in the order in which they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
NOT_PAGES = {"_build", "_ext", "changelog.d"}
FENCE = re.compile(
    r"^(?P<mark><!-- not run: .+ -->\n)?```(?P<language>[^\n`]*)\n(?P<body>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
# Others could hold Python that nobody runs.
LANGUAGES = {"", "console", "ini", "mermaid", "python", "sh", "sql", "text", "toml"}


def pages():
    found = sorted(DOCS.rglob("*.md"))
    return [each for each in found if NOT_PAGES.isdisjoint(each.parts)]


def examples(page):
    text = page.read_text(encoding="utf-8")
    for fence in FENCE.finditer(text):
        if fence["language"] == "python" and not fence["mark"]:
            # Blank lines ahead, so that a traceback names the page's own line.
            yield "\n" * text.count("\n", 0, fence.start("body")) + fence["body"]


@pytest.mark.db
@pytest.mark.parametrize(
    "page",
    [each for each in pages() if any(examples(each))],
    ids=lambda path: path.relative_to(DOCS).with_suffix("").as_posix(),
)
def test_a_pages_examples_run(page, runledger_empty_database, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", runledger_empty_database)
    names = {"dsn": runledger_empty_database, "__name__": page.stem}

    for source in examples(page):
        exec(compile(source, page.name, "exec"), names)  # noqa: S102

    assert len(names) > 2


@pytest.mark.parametrize(
    "page", pages(), ids=lambda path: path.relative_to(DOCS).as_posix()
)
def test_no_page_has_python_in_another_form(page):
    text = page.read_text(encoding="utf-8")
    languages = {fence["language"] for fence in FENCE.finditer(text)}
    directives = {each for each in languages if each.startswith("{")}

    assert languages - directives <= LANGUAGES
    assert {each.split()[0] for each in directives} <= {"{include}", "{toctree}"}
    assert text.count("```") == 2 * len(FENCE.findall(text)), "a fence is indented"
