"""
Trace and measure jobs with OpenTelemetry; needs ``runledger-runtime[otel]``.

Nothing else in this package imports OpenTelemetry, and this module only its API: what
is exported and where to is the application's own SDK.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

try:
    from opentelemetry import metrics, trace
    from opentelemetry.context import Context, attach, detach
    from opentelemetry.trace.propagation.tracecontext import (
        TraceContextTextMapPropagator,
    )
except ImportError as _missing:
    raise ImportError(
        "runledger_runtime.otel needs: pip install 'runledger-runtime[otel]'"
    ) from _missing

from runledger_core import JobFailure

from .observers import DeadLettered, JobLifecycleObserver, LeaseLoss

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Token

    from opentelemetry.util.types import AttributeValue

    from .observers import (
        HandlerEnd,
        JobCompletionPersistFailed,
        JobFailed,
        JobLeaseLost,
        JobLeaseReaped,
        JobRunning,
        JobSucceeded,
        ObservedJob,
    )

__all__ = ["OpenTelemetryObserver", "current_trace_context"]

_SCOPE: Final = "runledger_runtime"
_PROPAGATOR: Final = TraceContextTextMapPropagator()
_OUTCOMES_OF_LOSSES: Final = {
    LeaseLoss.ABANDONED: "abandoned",
    LeaseLoss.CANCELED: "canceled",
    LeaseLoss.GONE: "lost",
}


def current_trace_context() -> dict[str, str] | None:
    """
    Return what ties a job to the current trace, for ``JobEnqueue(trace_context=...)``.

    It is the W3C trace context: ``traceparent``, and ``tracestate`` where there is one.
    None outside of any trace.
    """
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return carrier or None


class OpenTelemetryObserver(JobLifecycleObserver):
    """
    Give every attempt a span around its handler, and count what becomes of jobs.

    The span is a child of the one in which the job was enqueued, if its request had a
    trace context; spans that the handler makes are its children. It ends with the
    handler, before the outcome is committed; the metrics follow what was committed.

    Args:
        tracer_provider: the default is the global one.
        meter_provider: the default is the global one.
        links_only: begin a trace for each attempt and link it to that of the enqueue
            instead, where traces should stay short: jobs may run days later, and
            attempts be many.
    """

    def __init__(
        self,
        *,
        tracer_provider: trace.TracerProvider | None = None,
        meter_provider: metrics.MeterProvider | None = None,
        links_only: bool = False,
    ) -> None:
        self._tracer = trace.get_tracer(_SCOPE, tracer_provider=tracer_provider)
        self._links_only = links_only
        meter = metrics.get_meter(_SCOPE, meter_provider=meter_provider)
        self._claims = meter.create_counter(
            "runledger.job.claims", unit="{job}", description="Jobs that were started."
        )
        self._outcomes = meter.create_counter(
            "runledger.job.outcomes", unit="{job}", description="Ends of attempts."
        )
        self._durations = meter.create_histogram(
            "runledger.job.duration", unit="s", description="Time in the handler."
        )
        self._latencies = meter.create_histogram(
            "runledger.job.queue_latency",
            unit="s",
            description="Time from when a job was due until it was claimed.",
        )

    def around_handler(self, event: JobRunning) -> Callable[[HandlerEnd], None]:
        """Open the span, and return what ends it."""
        enqueued_in = _PROPAGATOR.extract(event.trace_context or {}, context=Context())
        parent, links = enqueued_in, []
        if self._links_only:
            span_context = trace.get_current_span(enqueued_in).get_span_context()
            parent = Context()
            links = [trace.Link(span_context)] if span_context.is_valid else []
        span = self._tracer.start_span(
            f"process {event.job.job_type}",
            context=parent,
            kind=trace.SpanKind.CONSUMER,
            attributes=_span_attributes(event.job),
            links=links,
        )
        token = attach(trace.set_span_in_context(span, parent))
        return partial(_end_span, span, token)

    def on_job_running(self, event: JobRunning) -> None:
        """Count a claim, and how long the job waited for it."""
        attributes = {"runledger.job.type": event.job.job_type}
        self._claims.add(1, attributes)
        self._latencies.record(max(0.0, event.waited_seconds), attributes)

    def on_job_succeeded(self, event: JobSucceeded) -> None:
        """Count a success."""
        self._count(event.job, "succeeded", event.duration_seconds)

    def on_job_failed(self, event: JobFailed) -> None:
        """Count a failure."""
        is_dead = isinstance(event.disposition, DeadLettered)
        outcome = "dead_lettered" if is_dead else "retried"
        self._count(event.job, outcome, event.duration_seconds)

    def on_job_completion_persist_failed(
        self, event: JobCompletionPersistFailed
    ) -> None:
        """Count an outcome that was not committed."""
        self._count(event.job, "unsettled", event.duration_seconds)

    def on_job_lease_lost(self, event: JobLeaseLost) -> None:
        """Count an attempt that ended without an outcome."""
        self._count(event.job, _OUTCOMES_OF_LOSSES[event.loss])

    def on_job_lease_reaped(self, event: JobLeaseReaped) -> None:
        """Count a lease that had expired."""
        is_dead = isinstance(event.disposition, DeadLettered)
        self._count(event.job, "reaped_dead_lettered" if is_dead else "reaped_retried")

    def _count(
        self, job: ObservedJob, outcome: str, duration_seconds: float | None = None
    ) -> None:
        attributes = {"runledger.job.type": job.job_type, "runledger.outcome": outcome}
        self._outcomes.add(1, attributes)
        if duration_seconds is not None:
            self._durations.record(duration_seconds, attributes)


def _end_span(span: trace.Span, token: Token[Context], how: HandlerEnd) -> None:
    detach(token)
    code = "cancelled" if how is None else None
    if isinstance(how, JobFailure):
        code = how.code
        span.set_attribute("runledger.failure.kind", how.kind.value)
    if code is not None:
        span.set_attribute("error.type", code)
        span.set_status(trace.StatusCode.ERROR, code)
    span.end()


def _span_attributes(job: ObservedJob) -> dict[str, AttributeValue]:
    return {
        "messaging.system": "runledger",
        "messaging.operation.type": "process",
        "messaging.destination.name": job.job_type,
        "messaging.message.id": str(job.job_id),
        "runledger.job.run_number": job.run_number,
        "runledger.job.attempt": job.attempt,
        "runledger.worker.id": job.worker_id,
    }
