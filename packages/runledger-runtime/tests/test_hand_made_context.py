"""A context made by hand, as a test of a handler makes it."""

from __future__ import annotations

from uuid import UUID

import attrs
import pytest

from runledger_core import ValidationError
from runledger_runtime import (
    JobContext,
    RecordedLine,
    RecordedProgress,
    RecordedServices,
)

JOB_ID = UUID(int=1)


@pytest.mark.parametrize(
    ("message", "stored"),
    [("", "(empty)"), ("a\0b", "a\N{REPLACEMENT CHARACTER}b"), (3, "3")],
    ids=["empty", "nul", "number"],
)
def test_logging_never_fails(hand_made, recorded, message, stored):
    hand_made.log(message, level="", odd=object)

    (line,) = recorded.lines
    assert (stored, "info") == (line.message, line.level)


def test_a_hand_made_context_records_for_a_test(hand_made, recorded):
    hand_made.set_progress(1, 2, stage="mixing")
    hand_made.log("mixed", level="debug", speed=3)
    hand_made.save_checkpoint_from_thread([1])

    assert [RecordedProgress(done=1, total=2, stage="mixing")] == recorded.progress
    assert [
        RecordedLine(message="mixed", level="debug", fields={"speed": 3})
    ] == recorded.lines
    assert [[1]] == recorded.checkpoints
    recorded.is_cancelled = True
    assert hand_made.is_cancelled
    assert 0 == hand_made.remaining_seconds()


async def test_a_hand_made_context_takes_checkpoints_of_async_handlers(hand_made):
    await hand_made.save_checkpoint([1])
    await attrs.evolve(hand_made, services=RecordedServices()).save_checkpoint([2])


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda context: context.set_progress(3, 2), "job.invalid_progress"),
        (lambda context: context.set_progress(-1), "job.invalid_progress"),
        (lambda context: context.set_progress(stage=""), "identifier.blank"),
        (
            lambda context: context.save_checkpoint(object()),
            "job.checkpoint_not_json",
        ),
    ],
    ids=["more", "negative", "stage", "checkpoint"],
)
def test_what_cannot_be_stored_is_refused_at_the_call(hand_made, call, code):
    with pytest.raises(ValidationError) as caught:
        call(hand_made)

    assert code == caught.value.code


@pytest.fixture
def recorded():
    return RecordedServices()


@pytest.fixture
def hand_made(recorded):
    """A context as a user's test of a handler makes it."""
    return JobContext(
        job_id=JOB_ID,
        run_number=1,
        attempt=1,
        max_attempts=3,
        organization_id=None,
        worker_id="w",
        job_type="test.job",
        services=recorded,
    )
