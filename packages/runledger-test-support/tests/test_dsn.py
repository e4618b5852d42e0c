"""Connection strings."""

from __future__ import annotations

import pytest
from psycopg import conninfo

from runledger_test_support._dsn import (
    connection_url,
    describe_address,
    with_database,
)

PARAMETERS = [
    {"host": "/run/a b", "user": "postgres", "dbname": "postgres"},
    {"host": "/run/x", "port": "6000", "user": "p", "dbname": "d"},
    {"host": "db.example", "port": "5433", "user": "u:@/", "password": "p@/?#%"},
    {"host": "::1", "user": "u", "dbname": "weird/näme"},
    {"host": "a,b", "port": "1,2", "dbname": "d", "target_session_attrs": "any"},
    {"dbname": "d", "options": "-csearch_path=x -cwork_mem=8MB"},
    {"host": "h", "sslmode": "require", "application_name": "a&b=c"},
]


@pytest.mark.parametrize("parameters", PARAMETERS)
def test_a_url_means_the_same_to_libpq_as_its_parameters(parameters):
    assert parameters == conninfo.conninfo_to_dict(connection_url(parameters))


@pytest.mark.parametrize(
    "dsn",
    ["postgresql://u:p@h:1/old?sslmode=require", "user=u password=p host=h port=1"],
    ids=["url", "keywords"],
)
def test_another_database_keeps_the_rest(dsn):
    parameters = conninfo.conninfo_to_dict(with_database(dsn, "new"))

    assert {**conninfo.conninfo_to_dict(dsn), "dbname": "new"} == parameters


def test_a_schema_is_added_to_the_options_there_are():
    dsn = with_database("postgresql:///a?options=-cwork_mem%3D8MB", "b", schema="s")

    assert conninfo.conninfo_to_dict(dsn)["options"] == "-cwork_mem=8MB -csearch_path=s"


@pytest.mark.parametrize(
    ("dsn", "expected"),
    [
        ("postgresql://u:p@h:1/d", "h:1, database d"),
        ("postgresql:///d", "the default host, database d"),
        ("postgresql://u@/?host=/run/x", "/run/x"),
    ],
)
def test_an_address_is_described_without_user_and_password(dsn, expected):
    assert expected == describe_address(dsn)
