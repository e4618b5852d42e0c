"""Records that are made fast are like all others."""

from __future__ import annotations

import copy
from uuid import UUID

import attrs
import pytest

from runledger_core import JobCompletion, JobContext, Lease, fast_constructor

JOB_ID = UUID(int=1)

new_lease = fast_constructor(Lease)
new_context = fast_constructor(JobContext)


def test_a_record_made_fast_equals_one_made_by_its_class():
    fast = new_lease(JOB_ID, 1, 2, worker_id="w")
    lease = Lease(JOB_ID, 1, 2, "w")

    assert type(lease) is type(fast)
    assert lease == fast
    assert hash(lease) == hash(fast)
    assert repr(lease) == repr(fast)


def test_a_record_made_fast_is_frozen():
    fast = new_lease(JOB_ID, 1, 2, "w")

    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        fast.attempt = 3
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        del fast.attempt


def test_a_record_made_fast_can_be_copied_and_changed():
    fast = new_lease(JOB_ID, 1, 2, "w")

    assert fast == copy.copy(fast)
    assert Lease(JOB_ID, 1, 3, "w") == attrs.evolve(fast, attempt=3)


def test_defaults_are_those_of_the_class():
    values = {
        "job_id": JOB_ID,
        "run_number": 1,
        "attempt": 2,
        "max_attempts": 3,
        "organization_id": None,
        "worker_id": "w",
        "job_type": "test.job",
    }

    assert JobContext(**values) == new_context(**values)
    with pytest.raises(TypeError):
        new_context(job_id=JOB_ID)


def test_a_class_that_checks_its_values_is_refused():
    with pytest.raises(TypeError, match="JobCompletion"):
        fast_constructor(JobCompletion)
