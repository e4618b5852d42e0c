"""The uuidv7() that servers before PostgreSQL 18 get, run on any server."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

pytestmark = pytest.mark.db

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NATIVE_SINCE = 180000


@pytest.fixture
def make_ids(connection, migration_files):
    """Make ids in one statement with the fallback, which gets another name here."""
    baseline = migration_files[1].read_text("utf-8")
    (body,) = re.findall(
        r"CREATE FUNCTION uuidv7\(\).*?;(?=\s+END IF)", baseline, re.DOTALL
    )
    connection.execute(body.replace("uuidv7()", "fallback_uuidv7()", 1))

    def make_ids(count):
        return connection.execute(
            "SELECT clock_timestamp(), fallback_uuidv7(), clock_timestamp()"
            " FROM generate_series(1, %s)",
            [count],
        ).fetchall()

    return make_ids


def time_of(identifier) -> datetime:
    """Read the time: 48 bits of milliseconds, then 12 bits of the millisecond."""
    milliseconds = identifier.int >> 80
    fraction = (identifier.int >> 64) & 0xFFF
    microseconds = milliseconds * 1000 + -(-fraction * 1000 // 4096)
    return EPOCH + timedelta(microseconds=microseconds)


def test_version_and_variant_are_right(make_ids):
    for _, identifier, _ in make_ids(1000):
        assert identifier.version == 7
        assert identifier.variant == "specified in RFC 4122"


def test_the_time_is_the_server_s_to_the_microsecond(make_ids):
    for before, identifier, after in make_ids(1000):
        assert before <= time_of(identifier) <= after


def test_time_never_runs_backwards_in_a_statement(make_ids):
    times = [identifier.int >> 64 for _, identifier, _ in make_ids(20_000)]

    assert sorted(times) == times


def test_the_tail_is_random(make_ids):
    tails = {identifier.int & (1 << 62) - 1 for _, identifier, _ in make_ids(1000)}

    assert len(tails) == 1000
    # Each of the 62 bits is set in some and clear in others.
    assert all(0 < sum(tail >> bit & 1 for tail in tails) < 1000 for bit in range(62))


def test_the_schema_has_its_own_only_where_the_server_has_none(shared_connection):
    homes = shared_connection.execute(
        "SELECT pronamespace::regnamespace::text FROM pg_proc WHERE proname = 'uuidv7'"
        " AND pronargs = 0"
    ).fetchall()

    is_native = shared_connection.info.server_version >= NATIVE_SINCE
    assert homes == [("pg_catalog" if is_native else "ledger",)]


def test_jobs_made_one_after_the_other_sort_that_way(insert):
    jobs = [insert("job_queue") for _ in range(50)]

    assert sorted(jobs) == jobs
    assert {7} == {job.version for job in jobs}
