"""A contract for import-linter: what starts with an underscore stays at home."""

from __future__ import annotations

from typing import TYPE_CHECKING

from importlinter import Contract, ContractCheck, output

if TYPE_CHECKING:
    from grimp import ImportGraph


class PrivateModulesContract(Contract):
    """
    No distribution imports a private module of another one.

    The contracts that come with import-linter name modules one by one; this one goes
    by the underscore, so that a new module needs no entry.
    """

    type_name = "private"

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Collect the imports that cross a border into a private module."""
        del verbose
        found = [
            (importer, imported)
            for importer in sorted(graph.modules)
            for imported in sorted(graph.find_modules_directly_imported_by(importer))
            if _root(importer) != _root(imported) and _is_private(imported)
        ]
        return ContractCheck(kept=not found, metadata={"found": found})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Show each import that must go."""
        for importer, imported in check.metadata["found"]:
            output.print_error(f"{importer} imports {imported}, which is private")


def _root(module: str) -> str:
    return module.partition(".")[0]


def _is_private(module: str) -> bool:
    return any(
        part.startswith("_") and not part.startswith("__") for part in module.split(".")
    )
