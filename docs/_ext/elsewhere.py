"""Know where the documentation of other projects' types is."""

from __future__ import annotations

_PYTHON = "https://docs.python.org/3/library"
_PSYCOPG = "https://www.psycopg.org/psycopg3/docs/api"
_TRIO = "https://trio.readthedocs.io/en/stable"

# By the name that stands in our signatures.
ADDRESSES = {
    "Attribute": "https://www.attrs.org/en/stable/api.html#attrs.Attribute",
    "Any": f"{_PYTHON}/typing.html#typing.Any",
    "Protocol": f"{_PYTHON}/typing.html#typing.Protocol",
    "Generic": f"{_PYTHON}/typing.html#typing.Generic",
    "Literal": f"{_PYTHON}/typing.html#typing.Literal",
    "Self": f"{_PYTHON}/typing.html#typing.Self",
    "AbstractSet": f"{_PYTHON}/collections.abc.html#collections.abc.Set",
    "Decimal": f"{_PYTHON}/decimal.html#decimal.Decimal",
    "Path": f"{_PYTHON}/pathlib.html#pathlib.Path",
    "Traversable": f"{_PYTHON}/importlib.resources.abc.html",
    "UUID": f"{_PYTHON}/uuid.html#uuid.UUID",
    "date": f"{_PYTHON}/datetime.html#datetime.date",
    "datetime": f"{_PYTHON}/datetime.html#datetime.datetime",
    "timedelta": f"{_PYTHON}/datetime.html#datetime.timedelta",
    "StrEnum": f"{_PYTHON}/enum.html#enum.StrEnum",
    "IntEnum": f"{_PYTHON}/enum.html#enum.IntEnum",
    "LoggerAdapter": f"{_PYTHON}/logging.html#logging.LoggerAdapter",
    "Random": f"{_PYTHON}/random.html#random.Random",
    "AbstractContextManager": (
        f"{_PYTHON}/contextlib.html#contextlib.AbstractContextManager"
    ),
    "AbstractAsyncContextManager": (
        f"{_PYTHON}/contextlib.html#contextlib.AbstractAsyncContextManager"
    ),
    "Popen": f"{_PYTHON}/subprocess.html#subprocess.Popen",
    "Connection": f"{_PSYCOPG}/connections.html#psycopg.Connection",
    "AsyncConnection": f"{_PSYCOPG}/connections.html#psycopg.AsyncConnection",
    "ConnectionPool": f"{_PSYCOPG}/pool.html#psycopg_pool.ConnectionPool",
    "AsyncConnectionPool": f"{_PSYCOPG}/pool.html#psycopg_pool.AsyncConnectionPool",
    "Error": f"{_PSYCOPG}/errors.html#psycopg.Error",
    "TaskStatus": f"{_TRIO}/reference-core.html#trio.TaskStatus",
    "CancelScope": f"{_TRIO}/reference-core.html#trio.CancelScope",
    "TracerProvider": "https://opentelemetry-python.readthedocs.io/en/latest/api/trace.html",
    "MeterProvider": "https://opentelemetry-python.readthedocs.io/en/latest/api/metrics.html",
}
_ABSTRACT = (
    "AsyncIterator", "Awaitable", "Callable", "Collection", "Coroutine", "Generator",
    "Iterable", "Iterator", "Mapping", "MutableMapping", "Sequence", "Set",
)  # fmt: skip
ADDRESSES |= {
    name: f"{_PYTHON}/collections.abc.html#collections.abc.{name}" for name in _ABSTRACT
}
_BUILT_IN = ("bool", "bytes", "dict", "float", "frozenset", "int", "list", "object",
             "set", "str", "tuple", "type")  # fmt: skip
ADDRESSES |= {
    name: f"{_PYTHON}/functions.html#{name}"
    if name in ("object", "type")
    else f"{_PYTHON}/stdtypes.html#{name}"
    for name in _BUILT_IN
}
ADDRESSES["None"] = f"{_PYTHON}/constants.html#None"
_EXCEPTIONS = (
    "BaseException", "BaseExceptionGroup", "Exception", "KeyError", "OSError",
    "RuntimeError", "TimeoutError", "TypeError", "ValueError",
)  # fmt: skip
ADDRESSES |= {name: f"{_PYTHON}/exceptions.html#{name}" for name in _EXCEPTIONS}
