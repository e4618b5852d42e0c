"""Hold the settings of the runtime and read them from the environment."""

from __future__ import annotations

import os
import re
import secrets
import time
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import attrs

from runledger_core import RunledgerError, check_identifier

from .errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["JobsConfig", "WakeUpMode"]

_WORKER_ID_VARIABLE: Final = "JOBS_WORKER_ID"
_WAKE_UP_VARIABLE: Final = "JOBS_WAKEUP"
_WHOLE_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,100}")
_MAX_INT32: Final = 2**31 - 1
_SHOWN_CHARACTERS: Final = 80
_MAX_RETENTION_HOURS: Final = 24 * 36_525  # a century


def _setting(
    default: int,
    variable: str,
    *,
    minimum: int = 1,
    clamp: int | None = None,
    maximum: int = _MAX_INT32,
    clamp_above: bool = False,
) -> Any:
    """Make a field that knows its variable and its limits, all in one place."""
    limits = {
        "variable": variable,
        "minimum": minimum,
        "maximum": maximum,
        "lowest_from_env": minimum if clamp is None else clamp,
        "highest_from_env": maximum if clamp_above else None,
    }
    return attrs.field(default=default, metadata=limits)


def make_worker_id() -> str:
    """Return ``worker-`` and a UUID of version 7, so that ids sort by start."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds & (2**48 - 1)) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return f"worker-{UUID(int=value)}"


class WakeUpMode(StrEnum):
    """How an idle worker finds out that there is work."""

    NOTIFY = "notify"
    """By notifications, where they arrive; it also polls, seldom."""
    POLL = "poll"
    """By polling alone."""


@attrs.frozen(kw_only=True)
class JobsConfig:
    """
    Hold the settings of one process.

    `from_env` reads them; made directly, they are checked by `validate`, which every
    supervisor and loop calls.

    Args:
        worker_id: names this process in the ledger; it must be unique among those
            that run. ``JOBS_WORKER_ID``; the default is a new id for each config.
        wake_up: whether an idle worker asks PostgreSQL to notify it of new jobs. That
            takes a connection of its own beside the pool, made like the pool's. Where
            notifications do not arrive, as behind PgBouncer in transaction mode, the
            worker says so once and polls. ``JOBS_WAKEUP``: ``notify`` or ``poll``.
        poll_interval_ms: how long an idle worker waits before it looks for work
            again, give or take a quarter, where notifications do not arrive.
            ``JOBS_POLL_INTERVAL_MS``.
        idle_poll_max_ms: to what the pause grows, doubling from 20 ms, while the
            worker stays idle and notifications arrive. ``JOBS_IDLE_POLL_MAX_MS``.
        claim_batch_size: the most jobs one claim takes, 1 to 1000.
            ``JOBS_CLAIM_BATCH_SIZE``.
        lease_ttl_seconds: how long a claim lasts unless it is renewed, which happens
            at every third of it. ``JOBS_LEASE_TTL_SECONDS``, there at least 10.
        max_global_concurrency: the most jobs that this process runs at once, and the
            most threads that plain handlers get. ``JOBS_MAX_GLOBAL_CONCURRENCY``.
        reaper_interval_seconds: the pause between two passes of the reaper.
            ``JOBS_REAPER_INTERVAL_SECONDS``.
        schedule_poll_interval_seconds: the pause between two passes of the
            scheduler. ``JOBS_SCHEDULE_POLL_INTERVAL_SECONDS``.
            At the latest then it sees what others have stored; it wakes up by itself
            when a schedule is due.
        maintenance_interval_seconds: the pause between two passes of the maintenance
            loop, which ends gates whose deadline has passed and deletes what is older
            than the two retentions; 0, the default, leaves all of that undone.
            ``JOBS_MAINTENANCE_INTERVAL_SECONDS``.
        retention_hours: how long jobs and workflow runs are kept after they ended, if
            they have no idempotency key; 0 keeps them for ever.
            ``JOBS_RETENTION_HOURS``.
        keyed_retention_hours: how long jobs and workflow runs with an idempotency key
            are kept after they ended; 0 keeps them for ever. A request that is
            repeated after that is a new one. ``JOBS_KEYED_RETENTION_HOURS``.
        reaper_retry_delay_ms: how long a job waits whose lease expired, if this process
            has no handler for its type; else the handler's retry policy holds.
            ``JOBS_REAPER_RETRY_DELAY_MS``, there at least 1000.
        shutdown_grace_seconds: how long a shutdown lets running handlers finish
            before it cancels them; 0 cancels at once.
            ``JOBS_SHUTDOWN_GRACE_SECONDS``.
        cancel_grace_seconds: how long cancelled handlers may take to clean up.
            ``JOBS_CANCEL_GRACE_SECONDS``.
        database_timeout_seconds: how long one operation on the database may take,
            waiting for a connection included, before it counts as failed.
            ``JOBS_DATABASE_TIMEOUT_SECONDS``.
        startup_wait_seconds: how long a start waits for a database that cannot be
            reached; 0 gives up at once, and leaves trying again to whoever restarts
            the process. ``JOBS_STARTUP_WAIT_SECONDS``.
    """

    worker_id: str = attrs.field(factory=make_worker_id)
    wake_up: WakeUpMode = WakeUpMode.NOTIFY
    poll_interval_ms: int = _setting(500, "JOBS_POLL_INTERVAL_MS")
    idle_poll_max_ms: int = _setting(5000, "JOBS_IDLE_POLL_MAX_MS")
    claim_batch_size: int = _setting(
        100, "JOBS_CLAIM_BATCH_SIZE", maximum=1000, clamp_above=True
    )
    lease_ttl_seconds: int = _setting(60, "JOBS_LEASE_TTL_SECONDS", clamp=10)
    max_global_concurrency: int = _setting(100, "JOBS_MAX_GLOBAL_CONCURRENCY")
    reaper_interval_seconds: int = _setting(15, "JOBS_REAPER_INTERVAL_SECONDS")
    schedule_poll_interval_seconds: int = _setting(
        30, "JOBS_SCHEDULE_POLL_INTERVAL_SECONDS"
    )
    maintenance_interval_seconds: int = _setting(
        0, "JOBS_MAINTENANCE_INTERVAL_SECONDS", minimum=0
    )
    retention_hours: int = _setting(
        0, "JOBS_RETENTION_HOURS", minimum=0, maximum=_MAX_RETENTION_HOURS
    )
    keyed_retention_hours: int = _setting(
        0, "JOBS_KEYED_RETENTION_HOURS", minimum=0, maximum=_MAX_RETENTION_HOURS
    )
    reaper_retry_delay_ms: int = _setting(
        30_000, "JOBS_REAPER_RETRY_DELAY_MS", clamp=1000
    )
    shutdown_grace_seconds: int = _setting(25, "JOBS_SHUTDOWN_GRACE_SECONDS", minimum=0)
    cancel_grace_seconds: int = _setting(5, "JOBS_CANCEL_GRACE_SECONDS", minimum=0)
    database_timeout_seconds: int = _setting(30, "JOBS_DATABASE_TIMEOUT_SECONDS")
    startup_wait_seconds: int = _setting(0, "JOBS_STARTUP_WAIT_SECONDS", minimum=0)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> JobsConfig:
        """
        Read the settings from *environ*, by default the process's own environment.

        A variable that is unset or blank leaves the default. A number below the
        minimum becomes the minimum, and a claim batch above 1000 becomes 1000.

        Raises:
            ConfigError: ``config.invalid_value`` for a value that is no whole number
                or far too large, or no mode; it names the variable and the value.
        """
        source = os.environ if environ is None else environ
        values: dict[str, Any] = {}
        worker_id = source.get(_WORKER_ID_VARIABLE, "")
        if worker_id.strip():
            values["worker_id"] = _checked_worker_id(worker_id, _WORKER_ID_VARIABLE)
        wake_up = source.get(_WAKE_UP_VARIABLE, "").strip()
        if wake_up:
            values["wake_up"] = _checked_wake_up(wake_up, _WAKE_UP_VARIABLE)
        for field in attrs.fields(cls):
            text = source.get(field.metadata.get("variable", ""), "").strip()
            if text:
                values[field.name] = _clamped(_parsed(text, field), field)
        return cls(**values)

    def validate(self) -> None:
        """
        Refuse settings that cannot be used.

        Raises:
            ConfigError: ``config.invalid_value``, naming every such setting.
        """
        _checked_worker_id(self.worker_id, "worker_id")
        _checked_wake_up(self.wake_up, "wake_up")
        faults = [
            f"{field.name} must be from {limits['minimum']} to {limits['maximum']}, "
            f"not {_shown(value)}"
            for field in attrs.fields(type(self))
            if (limits := field.metadata)
            and not _is_within(value := getattr(self, field.name), limits)
        ]
        if faults:
            raise ConfigError("config.invalid_value", "; ".join(faults))


def _parsed(text: str, field: attrs.Attribute[Any]) -> int:
    value = int(text) if _WHOLE_NUMBER.fullmatch(text) else None
    if value is None:
        raise ConfigError(
            "config.invalid_value",
            f"{field.metadata['variable']} must be a whole number, not {_shown(text)}",
        )
    highest = field.metadata["highest_from_env"]
    if highest is None and value > field.metadata["maximum"]:
        raise ConfigError(
            "config.invalid_value",
            f"{field.metadata['variable']} must be at most "
            f"{field.metadata['maximum']}, not {_shown(text)}",
        )
    return value


def _clamped(value: int, field: attrs.Attribute[Any]) -> int:
    lowest: int = field.metadata["lowest_from_env"]
    highest: int | None = field.metadata["highest_from_env"]
    raised = max(value, lowest)
    return raised if highest is None else min(raised, highest)


def _checked_worker_id(value: object, name: str) -> str:
    try:
        return check_identifier(value, name)
    except RunledgerError as error:
        raise ConfigError("config.invalid_value", error.client_message) from None


def _checked_wake_up(value: object, name: str) -> WakeUpMode:
    try:
        return WakeUpMode(value)  # type: ignore[arg-type]  # it refuses what is none
    except ValueError:
        modes = " or ".join(WakeUpMode)
        detail = f"{name} must be {modes}, not {_shown(value)}"
        raise ConfigError("config.invalid_value", detail) from None


def _is_within(value: object, limits: Mapping[str, Any]) -> bool:
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return is_whole and limits["minimum"] <= value <= limits["maximum"]


def _shown(value: object) -> str:
    """Return the value as an error may show it: quoted, and not endless."""
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."
