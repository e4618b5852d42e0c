"""Completions: what a handler leaves behind, checked when it says so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runledger_core import JobCompletion, ValidationError

counts = st.integers(0, 2**63 - 1)


def test_a_success_leaves_nothing_behind():
    completion = JobCompletion.success()

    assert JobCompletion() == completion
    assert completion.output is None
    assert completion.progress_done is None
    assert completion.progress_total is None
    assert completion.checkpoint is None


def test_the_parts_can_be_put_together_in_any_order():
    expected = JobCompletion(
        output={"n": 1}, progress_done=2, progress_total=3, checkpoint=[4]
    )

    first = JobCompletion.with_output({"n": 1}).progress(2, 3).with_checkpoint([4])
    last = JobCompletion.success().progress(2, 3).with_checkpoint([4])

    assert expected == first
    assert expected == last.with_output({"n": 1})


def test_adding_a_part_leaves_the_original_as_it_was():
    original = JobCompletion.with_output(1)

    original.progress(1, 2)

    assert JobCompletion(output=1) == original


def test_the_output_is_detached_from_what_was_passed():
    output = {"rows": [1]}

    completion = JobCompletion.with_output(output)
    output["rows"].append(2)

    assert completion.output == {"rows": [1]}


def test_an_output_that_is_not_json_is_refused():
    with pytest.raises(ValidationError) as caught:
        JobCompletion.with_output({"when": object()})

    assert caught.value.code == "job.output_not_json"


def test_a_checkpoint_that_is_not_json_is_refused():
    with pytest.raises(ValidationError) as caught:
        JobCompletion().with_checkpoint({1: 2})

    assert caught.value.code == "job.checkpoint_not_json"


@given(counts, counts)
def test_progress_is_accepted_exactly_when_done_is_within_total(done, total):
    if done <= total:
        completion = JobCompletion().progress(done, total)
        assert (done, total) == (completion.progress_done, completion.progress_total)
    else:
        with pytest.raises(ValidationError) as caught:
            JobCompletion().progress(done, total)
        assert caught.value.code == "job.invalid_completion_progress"


@pytest.mark.parametrize(
    ("done", "total"), [(-1, 1), (0, -1), (0.5, 1), (True, 1), (1, 2**63), ("1", 2)]
)
def test_progress_must_be_whole_and_fit_its_column(done, total):
    with pytest.raises(ValidationError) as caught:
        JobCompletion().progress(done, total)

    assert caught.value.code == "job.invalid_completion_progress"


@pytest.mark.parametrize("part", ["progress_done", "progress_total"])
def test_one_side_of_the_progress_may_be_reported_alone(part):
    assert getattr(JobCompletion(**{part: 5}), part) == 5


def test_a_completion_shows_neither_output_nor_checkpoint():
    completion = JobCompletion.with_output("secret").with_checkpoint("secret")

    assert "secret" not in repr(completion)


def test_equal_completions_have_equal_hashes():
    first = JobCompletion.with_output([1])

    assert hash(first) == hash(JobCompletion.with_output((1,)))
