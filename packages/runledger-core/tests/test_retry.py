"""Retry policies: windows that are pure, bounded and never shrink."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runledger_core import (
    Jitter,
    ReferenceRetryPolicy,
    RetryDelay,
    RetryPolicy,
    ValidationError,
)

ZERO_OFFSET = UUID(int=500)
attempts = st.integers(1, 2**31 - 1)
policies = st.builds(
    RetryPolicy,
    base_seconds=st.floats(0.001, 86_400),
    factor=st.floats(1, 100),
    cap_seconds=st.floats(0.001, 1_000_000),
    jitter=st.sampled_from(Jitter),
)


def window(policy: RetryDelay, attempt, *, job_id=ZERO_OFFSET, failure_code="x"):
    return policy.delay_window_ms(
        job_id=job_id, attempt=attempt, failure_code=failure_code
    )


def test_by_default_delays_double_from_ten_seconds_to_five_minutes():
    windows = [window(RetryPolicy(), attempt) for attempt in (1, 2, 3, 4, 5, 6, 100)]

    ceilings = [10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]
    assert [(0, ceiling) for ceiling in ceilings] == windows


def test_without_jitter_a_delay_is_exact():
    policy = RetryPolicy(base_seconds=1.5, factor=3, jitter=Jitter.NONE)

    assert window(policy, 1) == (1500, 1500)
    assert window(policy, 2) == (4500, 4500)


@given(policies, attempts, st.uuids())
def test_a_window_is_within_the_cap_and_fits_the_column(policy, attempt, job_id):
    shortest, longest = window(policy, attempt, job_id=job_id)

    assert 0 <= shortest <= longest < 2**31
    assert 1 <= longest <= policy.cap_seconds * 1000 + 1


@given(policies, attempts)
def test_a_later_attempt_never_waits_less(policy, attempt):
    assert window(policy, attempt)[1] <= window(policy, attempt + 1)[1]


@given(policies, attempts, st.uuids(), st.uuids())
def test_a_window_depends_on_no_hidden_state(policy, attempt, first, second):
    assert window(policy, attempt, job_id=first) == window(
        policy, attempt, job_id=second
    )


@pytest.mark.parametrize("policy_type", [RetryPolicy, ReferenceRetryPolicy])
def test_an_override_is_exact_and_only_for_its_code(policy_type):
    policy = policy_type(overrides={"mail.greylisted": 900})

    assert window(policy, 7, failure_code="mail.greylisted") == (900_000, 900_000)
    assert window(policy_type(), 7) == window(policy, 7)


def test_a_delay_is_rounded_up_so_that_it_is_never_none():
    policy = RetryPolicy(overrides={"a": 0.0001})

    assert window(policy, 1, failure_code="a") == (1, 1)


def test_changing_the_overrides_afterwards_does_not_change_the_policy():
    overrides = {"a": 1.0}

    policy = RetryPolicy(overrides=overrides)
    overrides["a"] = 2.0

    assert window(policy, 1, failure_code="a") == (1000, 1000)


@pytest.mark.parametrize(
    "settings",
    [
        {"base_seconds": -1},
        {"base_seconds": float("nan")},
        {"base_seconds": float("inf")},
        {"base_seconds": 2_147_484},
        {"base_seconds": "10"},
        {"base_seconds": True},
        {"factor": 0.99},
        {"factor": float("nan")},
        {"factor": float("inf")},
        {"factor": 10**400},
        {"factor": None},
        {"cap_seconds": float("inf")},
        {"jitter": "SOME"},
        {"overrides": {"a": -0.001}},
        {"overrides": {"a": float("nan")}},
    ],
    ids=str,
)
def test_an_impossible_policy_is_refused(settings):
    with pytest.raises(ValidationError) as caught:
        RetryPolicy(**settings)

    assert caught.value.code == "retry.invalid_policy"


def test_an_override_needs_a_code_that_a_failure_can_have():
    with pytest.raises(ValidationError) as caught:
        RetryPolicy(overrides={" ": 1})

    assert caught.value.code == "identifier.blank"


@pytest.mark.parametrize(
    ("attempt", "delay_ms"),
    [
        (1, 10_000),
        (2, 20_000),
        (3, 40_000),
        (4, 80_000),
        (5, 160_000),
        (6, 300_000),
        (10, 300_000),
        (2**31 - 1, 300_000),
    ],
)
def test_the_reference_policy_waits_as_the_original_does(attempt, delay_ms):
    assert window(ReferenceRetryPolicy(), attempt) == (delay_ms, delay_ms)


@given(attempts, st.uuids())
def test_the_reference_offset_is_the_job_s_own_on_every_attempt(attempt, job_id):
    shortest, longest = window(ReferenceRetryPolicy(), attempt, job_id=job_id)

    base, _ = window(ReferenceRetryPolicy(), attempt)
    assert shortest == longest
    assert job_id.int % 1000 - 500 == longest - base


@pytest.mark.parametrize("policy_type", [RetryPolicy, ReferenceRetryPolicy])
def test_an_attempt_below_one_counts_as_the_first(policy_type):
    assert window(policy_type(), 1) == window(policy_type(), 0)


def test_equal_policies_have_equal_hashes():
    first = RetryPolicy(overrides={"a": 1})

    assert first == RetryPolicy(overrides={"a": 1.0})
    assert hash(first) == hash(RetryPolicy(overrides={"a": 1.0}))
    assert first != RetryPolicy()


def test_any_object_with_the_method_is_a_retry_delay():
    class Always:
        def delay_window_ms(self, **_):
            return 5, 5

    assert window(Always(), 1, job_id=uuid4()) == (5, 5)


def test_a_policy_may_try_again_at_once():
    policy = RetryPolicy(base_seconds=0, overrides={"busy": 0})

    windows = {
        policy.delay_window_ms(job_id=UUID(int=1), attempt=5, failure_code=code)
        for code in ("busy", "other")
    }

    assert windows == {(0, 0)}
