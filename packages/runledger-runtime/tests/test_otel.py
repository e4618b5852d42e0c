"""Traces and metrics: linked from the enqueue to the handler, and optional."""

from __future__ import annotations

import subprocess
import sys

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from runledger_core import JobFailure, RetryPolicy
from runledger_postgres import enqueue_job
from runledger_runtime import JobCatalog, Supervisor
from runledger_runtime.otel import OpenTelemetryObserver, current_trace_context

SOON = RetryPolicy(base_seconds=0)


def test_nothing_is_imported_unless_it_is_asked_for():
    program = (
        "import sys, runledger_runtime;"
        "assert not [name for name in sys.modules if 'opentelemetry' in name]"
    )

    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_missing_package_says_how_to_get_it():
    program = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "try:\n"
        "    import runledger_runtime.otel\n"
        "except ImportError as error:\n"
        "    assert 'runledger-runtime[otel]' in str(error)\n"
        "else:\n"
        "    raise SystemExit(1)\n"
    )

    subprocess.run([sys.executable, "-c", program], check=True)


def test_outside_of_a_trace_there_is_nothing_to_carry():
    assert current_trace_context() is None


@pytest.fixture
def spans():
    return InMemorySpanExporter()


@pytest.fixture
def tracer_provider(spans):
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    yield provider
    provider.shutdown()


@pytest.fixture
def reader():
    return InMemoryMetricReader()


@pytest.fixture
def meter_provider(reader):
    provider = MeterProvider([reader])
    yield provider
    provider.shutdown()


@pytest.fixture
def work(runledger_pool, make_config, tracer_provider, meter_provider):
    """Enqueue a job inside a span, work under observation, and return that span."""

    def work(handler, *, is_traced=True, **values):
        links_only = values.pop("links_only", False)
        catalog = JobCatalog()
        catalog.job("test.job", **values)(handler)
        catalog.sync_definitions(runledger_pool)
        tracer = tracer_provider.get_tracer("test")
        with tracer.start_as_current_span("order") as span:
            context = current_trace_context() if is_traced else None
            request = catalog.job_enqueue("test.job", trace_context=context)
            enqueue_job(runledger_pool, request)
        observer = OpenTelemetryObserver(
            tracer_provider=tracer_provider,
            meter_provider=meter_provider,
            links_only=links_only,
        )
        Supervisor(
            runledger_pool,
            make_config(poll_interval_ms=5),
            catalog=catalog,
            observers=[observer],
        ).run(stop_when_idle=True)
        return span.get_span_context()

    return work


def jobs_of(spans):
    return [
        span for span in spans.get_finished_spans() if span.kind is SpanKind.CONSUMER
    ]


@pytest.mark.db
@pytest.mark.parametrize("is_plain", [False, True], ids=["async", "plain"])
def test_a_trace_goes_from_the_enqueue_into_the_handler(
    work, spans, tracer_provider, is_plain
):
    tracer = tracer_provider.get_tracer("test")

    def handle_in_thread(context, payload):
        with tracer.start_as_current_span("inside"):
            pass

    async def handle(context, payload):
        handle_in_thread(context, payload)

    order = work(handle_in_thread if is_plain else handle)

    (job,) = jobs_of(spans)
    (inside,) = [span for span in spans.get_finished_spans() if span.name == "inside"]
    assert ("process test.job", order.trace_id, order.span_id) == (
        job.name,
        job.context.trace_id,
        job.parent.span_id,
    )
    assert (order.trace_id, job.context.span_id) == (
        inside.context.trace_id,
        inside.parent.span_id,
    )
    assert "test.job" == job.attributes["messaging.destination.name"]
    assert job.status.is_unset


@pytest.mark.db
def test_every_attempt_has_a_span_and_failures_say_their_code(work, spans):
    async def handle(context, payload):
        if context.attempt == 1:
            raise ValueError("secret")
        raise JobFailure.terminal("mail.bad", "no")

    work(handle, retry=SOON)

    first, second = jobs_of(spans)
    assert ("job.handler_exception", "mail.bad") == (
        first.attributes["error.type"],
        second.attributes["error.type"],
    )
    assert StatusCode.ERROR is first.status.status_code
    assert [1, 2] == [
        each.attributes["runledger.job.attempt"] for each in (first, second)
    ]
    assert "secret" not in first.to_json()


@pytest.mark.db
def test_a_trace_can_be_begun_anew_and_linked(work, spans):
    async def handle(context, payload):
        pass

    order = work(handle, links_only=True)

    (job,) = jobs_of(spans)
    assert job.parent is None
    assert order.trace_id != job.context.trace_id
    assert [order.span_id] == [link.context.span_id for link in job.links]


@pytest.mark.db
def test_a_job_without_a_trace_begins_one(work, spans):
    async def handle(context, payload):
        pass

    work(handle, is_traced=False)

    (job,) = jobs_of(spans)
    assert job.parent is None
    assert not job.links


@pytest.mark.db
def test_claims_outcomes_durations_and_latencies_are_measured(work, reader):
    async def handle(context, payload):
        if context.attempt == 1:
            raise ValueError

    work(handle, retry=SOON)

    metrics = {
        metric.name: metric.data.data_points
        for resource in reader.get_metrics_data().resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    outcomes = {
        point.attributes["runledger.outcome"]: point.value
        for point in metrics["runledger.job.outcomes"]
    }
    assert {"retried": 1, "succeeded": 1} == outcomes
    assert 2 == metrics["runledger.job.claims"][0].value
    assert 2 == sum(point.count for point in metrics["runledger.job.duration"])
    assert 2 == metrics["runledger.job.queue_latency"][0].count
