"""
Turn what pages write as code into links.

Prose says ``enqueue_job`` or ``job.not_found`` and need not say where that is: a
literal that is the name of something public, or an error code, becomes a link.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from docutils import nodes
from elsewhere import ADDRESSES
from public_names import by_own_address, by_short_name, public_names
from sphinx import addnodes

from runledger_core import CODES

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

ERROR_PAGE = "error-codes"
_NO_LINKS_INSIDE = (
    addnodes.desc_signature,
    addnodes.pending_xref,
    nodes.reference,
    nodes.title,
)


def link_literals(app: Sphinx, doctree: nodes.document) -> None:
    """Make links of literals, and targets of the codes on their own page."""
    targets = _make_targets(app, doctree)
    for literal in list(doctree.findall(nodes.literal)):
        if literal in targets or _is_inside(literal, _NO_LINKS_INSIDE):
            continue
        text = literal.astext()
        if text in CODES:
            _link(literal, "std", "errcode", text)
            continue
        own = _own_entries(literal)
        full_name = _full_name(text.removesuffix("()").lstrip("@"), own)
        if full_name is not None and full_name not in own:
            _link(literal, "py", "obj", full_name)


def keep_repository_links(app: Sphinx, doctree: nodes.document) -> None:
    """Leave links to files that are no pages, such as a README, as plain text."""
    page = Path(app.env.doc2path(app.env.docname))
    places = (app.srcdir, page.parent, app.srcdir.parent)
    for reference in list(doctree.findall(addnodes.pending_xref)):
        target = reference.get("reftarget", "").partition("#")[0]
        if reference.get("refdomain") == "doc" and target not in app.env.found_docs:
            name = f"{target}.md"
        elif reference.get("reftype") == "myst" and target.endswith(".md"):
            name = target
        else:
            continue
        if any((place / name).is_file() for place in places):
            reference.replace_self(reference.children)


def _make_targets(app: Sphinx, doctree: nodes.document) -> set[nodes.literal]:
    if app.env.docname != ERROR_PAGE:
        return set()
    standard = app.env.domains.standard_domain
    seen: set[str] = set()
    targets = set()
    for row in doctree.findall(nodes.row):
        for literal in row[0].findall(nodes.literal):
            code = literal.astext()
            if code in CODES:
                targets.add(literal)
            if code in CODES and code not in seen:
                seen.add(code)
                anchor = f"code-{code.replace('.', '-').replace('_', '-')}"
                literal["ids"].append(anchor)
                standard.note_object("errcode", code, anchor, location=literal)
    return targets


def _link(literal: nodes.literal, domain: str, kind: str, target: str) -> None:
    reference = addnodes.pending_xref(
        "", refdomain=domain, reftype=kind, reftarget=target, refexplicit=True
    )
    literal.replace_self(reference)
    reference += literal


def _full_name(name: str, own_entries: set[str]) -> str | None:
    """Return what a name stands for; inside of a class first one of its methods."""
    for entry in own_entries:
        for owner in (entry, entry.rpartition(".")[0]):
            found = by_short_name().get(f"{owner.rpartition('.')[2]}.{name}")
            if found is not None:
                return found
    return name if name in public_names() else by_short_name().get(name)


def _is_inside(node: nodes.Node, kinds: tuple[type[nodes.Node], ...]) -> bool:
    parent = node.parent
    while parent is not None:
        if isinstance(parent, kinds):
            return True
        parent = parent.parent
    return False


def _own_entries(node: nodes.Node) -> set[str]:
    """Return the names of the entries that a node stands in."""
    names: set[str] = set()
    parent = node.parent
    while parent is not None:
        if isinstance(parent, addnodes.desc):
            # Its own, not those of the methods below it.
            for child in parent.children:
                if isinstance(child, addnodes.desc_signature):
                    names.update(child["ids"])
        parent = parent.parent
    return names


def resolve_type(
    app: Sphinx,
    env: BuildEnvironment,
    node: addnodes.pending_xref,
    contnode: nodes.TextElement,
) -> nodes.reference | None:
    """Find what a signature names, in another layer of ours or elsewhere."""
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"].lstrip("~.")
    last = target.rpartition(".")[2]
    full_name = by_own_address().get(target) or by_short_name().get(last)
    if full_name is not None and full_name != target:
        python = env.domains.python_domain
        found = python.resolve_xref(
            env, node["refdoc"], app.builder, "obj", full_name, node, contnode
        )
        if found is not None:
            return found
    address = ADDRESSES.get(last)
    if address is None:
        return None
    return nodes.reference("", "", contnode, refuri=address, internal=False)


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx what is here."""
    app.add_object_type("errcode", "errcode", objname="error code")
    app.connect("doctree-read", keep_repository_links)
    app.connect("doctree-read", link_literals)
    app.connect("missing-reference", resolve_type)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
