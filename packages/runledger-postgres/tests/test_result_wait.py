"""When a wait looks, how often, and what ends it: without a database or a clock."""

from __future__ import annotations

import pytest

from runledger_postgres import (
    DatabaseConnectionError,
    QueryError,
    ResultTimeoutError,
    ResultUnsuccessfulError,
)
from runledger_postgres.results import Look, Pause, Register, Result, waiting

LOST = DatabaseConnectionError("db.connection_failed")
REFUSED = QueryError("db.permission_denied")


class World:
    """Drive a wait: time passes in pauses, each look is answered from a list."""

    def __init__(self, *answers, wake_after=None):
        self.now = 1000.0
        self.answers = list(answers)
        self.wake_after = wake_after
        self.looks = []
        self.registrations = []
        self.refuses_registration = False

    def run(self, **values):
        wait = waiting("job", clock=lambda: self.now, **values)
        step = next(wait)
        try:
            while True:
                try:
                    found = self.do(step)
                except (DatabaseConnectionError, QueryError) as error:
                    step = wait.throw(error)
                else:
                    step = wait.send(found)
        except StopIteration as stop:
            return stop.value

    def do(self, step):
        match step:
            case Look():
                self.looks.append(round(self.now - 1000, 3))
                answer = self.answers.pop(0) if self.answers else None
                if isinstance(answer, Exception):
                    raise answer
                return answer
            case Register():
                self.registrations.append(round(self.now - 1000, 3))
                if self.refuses_registration:
                    raise REFUSED
            case Pause(until=until):
                woken_at = self.now + (self.wake_after or 1e9)
                self.now = max(self.now, min(until, woken_at))
        return None


@pytest.mark.parametrize("value", [None, 7, {"a": 1}])
def test_what_has_ended_already_is_returned_at_the_first_look(value):
    world = World(Result(value))

    assert value == world.run(timeout=300, poll_interval=1)
    assert ([0], []) == (world.looks, world.registrations)


def test_a_timeout_of_zero_looks_once():
    world = World()

    with pytest.raises(ResultTimeoutError) as caught:
        world.run(timeout=0, poll_interval=1)

    assert "job.result_wait_timeout" == caught.value.code
    assert isinstance(caught.value, TimeoutError)
    assert ([0], []) == (world.looks, world.registrations)


def test_it_looks_again_right_after_it_has_registered():
    world = World(None, Result(1))

    assert world.run(timeout=300, poll_interval=1) == 1
    assert ([0, 0], [0]) == (world.looks, world.registrations)


def test_looks_become_rarer_up_to_the_interval_and_the_last_is_at_the_deadline():
    world = World()

    with pytest.raises(ResultTimeoutError):
        world.run(timeout=3.5, poll_interval=1, listens=False)

    assert world.looks == [0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.6, 3.5]
    assert world.registrations == []


def test_an_interval_shorter_than_a_millisecond_is_one():
    world = World()

    with pytest.raises(ResultTimeoutError):
        world.run(timeout=0.0035, poll_interval=1e-9, listens=False)

    assert world.looks == [0, 0.001, 0.002, 0.003, 0.004]


def test_a_notification_makes_it_look_at_once_and_moves_no_other_look():
    alone = World()
    told = World(wake_after=0.7)

    for world in (alone, told):
        with pytest.raises(ResultTimeoutError):
            world.run(timeout=3.5, poll_interval=1, listens=False)

    assert set(alone.looks) < set(told.looks)
    assert 1.5 in told.looks


def test_a_long_wait_registers_again_before_it_is_forgotten():
    world = World()

    with pytest.raises(ResultTimeoutError):
        world.run(timeout=100, poll_interval=1)

    gaps = [
        later - earlier
        for earlier, later in zip(
            world.registrations, world.registrations[1:], strict=False
        )
    ]
    assert world.registrations[0] == 0
    assert len(gaps) >= 3
    assert max(gaps) < 60


def test_who_cannot_register_polls():
    world = World(None, None, Result(1))
    world.refuses_registration = True

    assert world.run(timeout=300, poll_interval=1) == 1


def test_the_first_looks_error_goes_through():
    with pytest.raises(DatabaseConnectionError):
        World(LOST, Result(1)).run(timeout=300, poll_interval=1)


def test_a_database_that_comes_back_has_been_waited_for():
    world = World(None, LOST, LOST, Result(1))

    assert world.run(timeout=300, poll_interval=1) == 1


def test_an_error_that_stays_ends_the_wait():
    gone = QueryError("job.not_found")

    with pytest.raises(QueryError) as caught:
        World(None, None, gone).run(timeout=300, poll_interval=1)

    assert gone is caught.value


def test_an_unsuccessful_end_ends_the_wait():
    ended = ResultUnsuccessfulError(
        "job.result_unsuccessful_terminal", status="CANCELED"
    )

    with pytest.raises(ResultUnsuccessfulError) as caught:
        World(None, None, ended).run(timeout=300, poll_interval=1)

    assert ended is caught.value


def test_a_last_look_without_an_answer_says_that_nothing_is_known():
    world = World(None, *[LOST] * 20)

    with pytest.raises(QueryError) as caught:
        world.run(timeout=2, poll_interval=1)

    assert "job.handle_storage_error" == caught.value.code
    assert LOST is caught.value.__cause__


def test_it_may_wait_for_ever():
    world = World(*[None] * 500, Result(1))

    assert world.run(timeout=float("inf"), poll_interval=60) == 1


@pytest.mark.parametrize(
    ("timeout", "poll_interval"),
    [(-1, 1), (float("nan"), 1), (1, 0), (1, float("inf")), (1, float("nan"))],
)
def test_a_wait_that_cannot_be_is_refused(timeout, poll_interval):
    with pytest.raises(QueryError) as caught:
        World().run(timeout=timeout, poll_interval=poll_interval)

    assert "job.invalid_result_wait" == caught.value.code


def test_a_look_waits_for_its_connection_no_longer_than_the_wait():
    wait = waiting("job", timeout=100, poll_interval=1, clock=lambda: 0.0)
    brief = waiting("job", timeout=0, poll_interval=1, clock=lambda: 0.0)

    assert Look(30) == next(wait)
    assert Look(0.25) == next(brief)
