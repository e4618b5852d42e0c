"""Settings: defaults, the environment, clamps and refusals."""

import attrs
import pytest

from runledger_runtime import JobsConfig, WakeUpMode

VARIABLES = {
    "JOBS_POLL_INTERVAL_MS": ("poll_interval_ms", 500, 1),
    "JOBS_IDLE_POLL_MAX_MS": ("idle_poll_max_ms", 5000, 1),
    "JOBS_CLAIM_BATCH_SIZE": ("claim_batch_size", 100, 1),
    "JOBS_LEASE_TTL_SECONDS": ("lease_ttl_seconds", 60, 10),
    "JOBS_MAX_GLOBAL_CONCURRENCY": ("max_global_concurrency", 100, 1),
    "JOBS_REAPER_INTERVAL_SECONDS": ("reaper_interval_seconds", 15, 1),
    "JOBS_SCHEDULE_POLL_INTERVAL_SECONDS": ("schedule_poll_interval_seconds", 30, 1),
    "JOBS_MAINTENANCE_INTERVAL_SECONDS": ("maintenance_interval_seconds", 0, 0),
    "JOBS_RETENTION_HOURS": ("retention_hours", 0, 0),
    "JOBS_KEYED_RETENTION_HOURS": ("keyed_retention_hours", 0, 0),
    "JOBS_REAPER_RETRY_DELAY_MS": ("reaper_retry_delay_ms", 30000, 1000),
    "JOBS_SHUTDOWN_GRACE_SECONDS": ("shutdown_grace_seconds", 25, 0),
    "JOBS_CANCEL_GRACE_SECONDS": ("cancel_grace_seconds", 5, 0),
    "JOBS_DATABASE_TIMEOUT_SECONDS": ("database_timeout_seconds", 30, 1),
    "JOBS_STARTUP_WAIT_SECONDS": ("startup_wait_seconds", 0, 0),
}
PARAMETERS = [(name, *rest) for name, rest in VARIABLES.items()]


@pytest.mark.parametrize(("variable", "field", "default", "minimum"), PARAMETERS)
def test_each_variable_sets_its_field(variable, field, default, minimum):
    assert default == getattr(JobsConfig.from_env({}), field)
    assert 77 <= getattr(JobsConfig.from_env({variable: " 77 "}), field)
    assert minimum == getattr(JobsConfig.from_env({variable: "-5"}), field)


def test_every_number_has_a_variable():
    fields = {field.name for field in attrs.fields(JobsConfig)}
    numbers = fields - {"worker_id", "wake_up"}

    assert numbers == {field for field, _, _ in VARIABLES.values()}


def test_a_claim_batch_above_a_thousand_becomes_a_thousand():
    config = JobsConfig.from_env({"JOBS_CLAIM_BATCH_SIZE": "5000"})

    assert 1000 == config.claim_batch_size


@pytest.mark.parametrize("text", ["fast", "1.5", "1e3", "1_000", "0x10", "٣", "5s"])
def test_a_value_that_does_not_parse_is_named_with_its_variable(text, raises_code):
    with raises_code("config.invalid_value") as caught:
        JobsConfig.from_env({"JOBS_POLL_INTERVAL_MS": text})

    assert "JOBS_POLL_INTERVAL_MS" in str(caught.value)
    assert repr(text) in str(caught.value)


def test_a_value_that_no_column_can_hold_is_refused(raises_code):
    with raises_code("config.invalid_value"):
        JobsConfig.from_env({"JOBS_LEASE_TTL_SECONDS": str(2**31)})


def test_an_endless_value_is_not_repeated_whole(raises_code):
    with raises_code("config.invalid_value") as caught:
        JobsConfig.from_env({"JOBS_LEASE_TTL_SECONDS": "x" * 10_000})

    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("text", ["", "  "])
def test_a_blank_variable_is_as_good_as_none(text):
    config = JobsConfig.from_env(
        {"JOBS_POLL_INTERVAL_MS": text, "JOBS_WORKER_ID": text}
    )

    assert 500 == config.poll_interval_ms
    assert config.worker_id.startswith("worker-")


def test_worker_ids_are_unique_and_sort_by_time():
    first, second = JobsConfig().worker_id, JobsConfig().worker_id

    assert first != second
    assert first[:20] <= second[:20]
    assert "7" == first.removeprefix("worker-")[14]


def test_the_worker_id_is_taken_as_it_is():
    assert "w1" == JobsConfig.from_env({"JOBS_WORKER_ID": "w1"}).worker_id


@pytest.mark.parametrize("worker_id", [" w1", "w" * 513, "w\0"])
def test_a_worker_id_that_is_no_identifier_is_refused(worker_id, raises_code):
    with raises_code("config.invalid_value") as caught:
        JobsConfig.from_env({"JOBS_WORKER_ID": worker_id})

    assert "JOBS_WORKER_ID" in str(caught.value)


def test_the_way_to_wake_up_is_read_and_checked(raises_code):
    assert WakeUpMode.NOTIFY is JobsConfig.from_env({}).wake_up
    assert WakeUpMode.POLL is JobsConfig.from_env({"JOBS_WAKEUP": " poll"}).wake_up

    with raises_code("config.invalid_value") as caught:
        JobsConfig.from_env({"JOBS_WAKEUP": "shout"})
    assert "JOBS_WAKEUP must be notify or poll, not 'shout'" in str(caught.value)


def test_the_environment_of_the_process_is_read(monkeypatch):
    monkeypatch.setenv("JOBS_POLL_INTERVAL_MS", "250")

    assert 250 == JobsConfig.from_env().poll_interval_ms


@pytest.mark.parametrize(
    "values",
    [
        {"poll_interval_ms": 0},
        {"claim_batch_size": 1001},
        {"lease_ttl_seconds": 0},
        {"max_global_concurrency": True},
        {"shutdown_grace_seconds": -1},
        {"database_timeout_seconds": 1.5},
        {"worker_id": ""},
        {"wake_up": "shout"},
    ],
    ids=lambda values: next(iter(values)),
)
def test_direct_settings_are_checked_by_validate(values, raises_code):
    config = JobsConfig(**values)

    with raises_code("config.invalid_value") as caught:
        config.validate()

    assert next(iter(values)) in str(caught.value)


def test_validate_names_every_fault(raises_code):
    config = JobsConfig(poll_interval_ms=0, claim_batch_size=0)

    with raises_code("config.invalid_value") as caught:
        config.validate()

    assert "poll_interval_ms" in str(caught.value)
    assert "claim_batch_size" in str(caught.value)


def test_a_short_lease_can_be_set_directly():
    JobsConfig(lease_ttl_seconds=1).validate()

    assert 1 == JobsConfig(lease_ttl_seconds=1).lease_ttl_seconds
