"""Write docs/reference/configuration.md from the settings of the runtime."""

from __future__ import annotations

import inspect
import re
import sys
from typing import TYPE_CHECKING, Any

import attrs
from rendered_page import table, write_or_check

from runledger_runtime import JobsConfig, WakeUpMode

if TYPE_CHECKING:
    from collections.abc import Mapping

INTRODUCTION = """\
# Configuration

<!-- Written by scripts/render_configuration.py. Change JobsConfig instead. -->

The settings of one worker process. `JobsConfig.from_env()` reads them from environment
variables, and is what a Supervisor without a config uses;
`JobsConfig(lease_ttl_seconds=30)` sets them in Python, by keyword.

A variable that is unset or blank leaves the default. One that does not parse is the
error `config.invalid_value`, which names the variable and the value. A number below the
least becomes the least{clamped}.
In Python, a number outside of its limits is an error when the process starts, and what
is least may be lower.

"""

HEADS = ("Variable", "Default", "Unit", "Least", "Most")
UNITS = {"ms": "milliseconds", "seconds": "seconds", "hours": "hours"}
# These have no limits and so no metadata.
VARIABLES = {"worker_id": "JOBS_WORKER_ID", "wake_up": "JOBS_WAKEUP"}
# How the docstring names the variable at the end of a description.
VARIABLE_NOTE = re.compile(
    r"\s*``JOBS_[A-Z_]+``"
    r"(?:: ``notify`` or ``poll``\.|, there at least \d+\.|\.|;)\s*"
)


def main() -> int:
    """Write or check the page."""
    return write_or_check("reference/configuration.md", page(), description=__doc__)


def page() -> str:
    """Return the whole page."""
    fields = attrs.fields(JobsConfig)
    descriptions = described(JobsConfig)
    parts = [INTRODUCTION.replace("{clamped}", clamped(fields))]
    parts.append(table(HEADS, (row(field) for field in fields)))
    for field in fields:
        parts.append(f"\n## {variable_of(field)}\n\n{descriptions[field.name]}\n\n")
        parts.append(f"In Python: {in_python(field)}.\n")
    return "".join(parts)


def row(field: attrs.Attribute[Any]) -> tuple[str, ...]:
    """Return what the environment may say."""
    limits = field.metadata
    variable = variable_of(field)
    if not limits:
        modes = " or ".join(f"`{mode}`" for mode in WakeUpMode)
        unit = modes if field.name == "wake_up" else "text, at most 512 bytes"
        return (linked(variable), default_of(field), unit, "", "")
    return (
        linked(variable),
        default_of(field),
        unit_of(field.name),
        str(limits["lowest_from_env"]),
        str(limits["maximum"]),
    )


def in_python(field: attrs.Attribute[Any]) -> str:
    """Return the name and the limits in Python."""
    name, limits = f"`{field.name}`", field.metadata
    if not limits:
        return name
    return f"{name}, from {limits['minimum']} to {limits['maximum']}"


def variable_of(field: attrs.Attribute[Any]) -> str:
    """Return the name of the environment variable."""
    return str(field.metadata.get("variable") or VARIABLES[field.name])


def linked(variable: str) -> str:
    """Return a link to the variable's section on this page."""
    return f"[`{variable}`](#{variable.lower()})"


def default_of(field: attrs.Attribute[Any]) -> str:
    """Return the default as it is written in the environment."""
    if isinstance(field.default, WakeUpMode):
        return f"`{field.default}`"
    return str(field.default) if isinstance(field.default, int) else "a new id"


def unit_of(name: str) -> str:
    """Return the unit that ends the name of a setting."""
    return UNITS.get(name.rpartition("_")[2], "count")


def clamped(fields: tuple[attrs.Attribute[Any], ...]) -> str:
    """Return the exceptions to the rule that a number too large is an error."""
    above = [
        f"a `{variable_of(field)}` above {field.metadata['maximum']} becomes that"
        for field in fields
        if field.metadata.get("highest_from_env")
    ]
    return "".join(f", and {each}" for each in above)


def described(settings: type) -> Mapping[str, str]:
    """Return the description of each setting, as the docstring has it."""
    text = inspect.cleandoc(settings.__doc__ or "").partition("Args:\n")[2]
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in inspect.cleandoc(text).splitlines():
        start = re.match(r"(\w+): (.*)", line)
        if start:
            lines = found[start[1]] = [start[2]]
        else:
            lines.append(line.strip())
    return {name: sentences(" ".join(lines)) for name, lines in found.items()}


def sentences(text: str) -> str:
    """Return a description as sentences of Markdown, without the variable's name."""
    kept = VARIABLE_NOTE.sub(" ", text).strip().replace("``", "`")
    parts = re.split(r"(?<=\.) ", kept)
    return " ".join(part[:1].upper() + part[1:] for part in parts)


if __name__ == "__main__":
    sys.exit(main())
