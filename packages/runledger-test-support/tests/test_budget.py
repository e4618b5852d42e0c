"""The connection budget."""

from __future__ import annotations

import threading

import pytest

from runledger_test_support import (
    TestSupportError,
    acquire_test_db_connection_budget,
)
from runledger_test_support._budget import ConnectionBudget, process_budget


def test_a_reservation_takes_all_its_permits_and_gives_them_back_once():
    budget = ConnectionBudget(10)

    reservation = budget.reserve(4)
    assert budget.free == 6

    reservation.release()
    reservation.release()
    assert budget.free == 10


def test_a_test_takes_permits_for_connections_of_its_own():
    free = process_budget().free

    with acquire_test_db_connection_budget(2):
        assert process_budget().free == free - 2

    assert process_budget().free == free


def test_less_than_one_permit_is_refused():
    with pytest.raises(TestSupportError) as caught:
        acquire_test_db_connection_budget(0)

    assert caught.value.code == "test_support.invalid_argument"


def test_more_than_the_whole_budget_is_refused_at_once():
    budget = ConnectionBudget(10)

    with pytest.raises(TestSupportError) as caught:
        budget.reserve(11)

    assert caught.value.code == "test_support.budget_exhausted"
    assert "RUNLEDGER_TEST_DB_CONNECTION_BUDGET" in str(caught.value)
    assert budget.free == 10


def test_a_reservation_that_nobody_makes_room_for_is_refused():
    budget = ConnectionBudget(10, wait_seconds=0)
    budget.reserve(6)

    with pytest.raises(TestSupportError) as caught:
        budget.reserve(5)

    assert caught.value.code == "test_support.budget_exhausted"
    assert "4 of 10" in str(caught.value)
    assert budget.free == 4


def test_a_reservation_waits_until_there_is_room():
    budget = ConnectionBudget(10)
    first = budget.reserve(6)
    reserved = threading.Event()

    def reserve_more():
        budget.reserve(5)
        reserved.set()

    thread = threading.Thread(target=reserve_more)
    thread.start()
    assert not reserved.is_set()
    first.release()
    thread.join(timeout=10)

    assert reserved.is_set()
    assert budget.free == 5


def test_many_threads_never_hold_more_than_the_budget():
    budget = ConnectionBudget(5)
    held, most, lock = 0, 0, threading.Lock()

    def work():
        nonlocal held, most
        for _ in range(50):
            reservation = budget.reserve(2)
            with lock:
                held += 2
                most = max(most, held)
            with lock:
                held -= 2
            reservation.release()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert most <= 5
    assert budget.free == 5
