"""Point a connection string at another database or schema."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from psycopg import conninfo

if TYPE_CHECKING:
    from collections.abc import Mapping


def connection_url(parameters: Mapping[str, object]) -> str:
    """
    Write libpq parameters as a URL.

    A URL and not the keyword form, because that is what settings of applications and
    other libraries expect. A socket directory goes into the query, where every reader
    of PostgreSQL URLs looks for it.
    """
    rest = {name: str(value) for name, value in parameters.items() if value is not None}
    user, password = rest.pop("user", ""), rest.pop("password", "")
    database, host = rest.pop("dbname", ""), rest.pop("host", "")
    authority = quote(user, safe="")
    if password:
        authority += f":{quote(password, safe='')}"
    if authority:
        authority += "@"
    if _is_plain_host(host):
        port = rest.pop("port", "")
        authority += f"[{host}]" if ":" in host else quote(host, safe="")
        authority += f":{port}" if port else ""
    elif host:
        rest = {"host": host, **rest}
    query = urlencode(rest, quote_via=quote, safe="/")
    path = quote(database, safe="")
    return f"postgresql://{authority}/{path}{'?' if query else ''}{query}"


def with_database(dsn: str, database: str, *, schema: str | None = None) -> str:
    """
    Return *dsn* for *database*, as a URL; *schema* becomes its whole search path.

    The search path travels in the connection's options, so it also holds for tools
    that are handed nothing but the string.
    """
    parameters: dict[str, object] = {**conninfo.conninfo_to_dict(dsn)}
    parameters["dbname"] = database
    if schema is not None:
        given = str(parameters.get("options") or "")
        parameters["options"] = f"{given} -csearch_path={schema}".strip()
    return connection_url(parameters)


def describe_address(dsn: str) -> str:
    """Say where *dsn* points, without user or password."""
    parameters = conninfo.conninfo_to_dict(dsn)
    host = parameters.get("host") or parameters.get("hostaddr") or "the default host"
    port = parameters.get("port")
    address = f"{host}:{port}" if port else str(host)
    database = parameters.get("dbname")
    return f"{address}, database {database}" if database else address


def _is_plain_host(host: str) -> bool:
    """Whether *host* is one network host: no socket directory, no list of hosts."""
    return bool(host) and not host.startswith(("/", "@")) and "," not in host
