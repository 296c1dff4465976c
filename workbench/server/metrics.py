"""What Prometheus reads at /metrics: a `Snapshot` in its words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from workbench.jobs.checkpoint import State
from workbench.server.facts import Distribution, Snapshot

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_POOL_GAUGES: Final = {
    "instances": "Engines that are loaded.",
    "depth": "Items that wait for an engine.",
    "running": "Items that an engine works on.",
    "latency_p50_s": "Submit to last value of recent items, median.",
    "latency_p95_s": "Submit to last value of recent items, 95th percentile.",
}
_POOL_COUNTERS: Final = {
    "items": "Items that ended.",
    "failed": "Items that ended badly.",
    "superseded": "Interim items that newer ones replaced before they ran.",
    "retried": "Items that ran again because their engine broke.",
    "replaced": "Engines that broke.",
    "busy_s": "Time in worker threads.",
    "waited_s": "Time that items waited.",
}


class Metrics(Collector):
    """`snapshot` and `jobs`, how many there are by state, are called for each `render`."""

    def __init__(self, snapshot: Callable[[], Snapshot], jobs: Callable[[], Mapping[State, int]]) -> None:
        self._snapshot = snapshot
        self._jobs = jobs
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def render(self) -> bytes:
        return generate_latest(self._registry)

    def describe(self) -> Iterator[Metric]:
        """Nothing: it need not be looked at to be registered."""
        yield from ()

    def collect(self) -> Iterator[Metric]:
        now = self._snapshot()
        for name, text, gauge in (
            ("sessions", "Streams, transcriptions and speech now.", now.sessions),
            ("sessions_most", "The most of them at once.", now.most_sessions),
            ("ready", "1 when speech can be recognized.", not now.problem),
            ("waiting_events", "Events that clients have not read yet.", sum(s.waiting_events for s in now.streams)),
        ):
            yield GaugeMetricFamily(f"workbench_{name}", text, gauge)
        for name, text, count in (
            ("streams", "WebSocket streams that began.", now.streams_opened),
            ("frames_received", "Frames of streams that are complete.", now.frames_received),
            ("frames_judged", "Frames of streams that have a probability.", now.frames_judged),
            ("stream_bytes_received", "Of audio, in streams.", now.bytes_received),
            ("stream_bytes_sent", "Of events, in streams.", now.bytes_sent),
            ("events_coalesced", "Interim texts that newer ones replaced before they were sent.", now.coalesced),
            ("errors", "That clients were told, and of engines.", now.errors),
        ):
            yield CounterMetricFamily(f"workbench_{name}", text, count)
        jobs = GaugeMetricFamily("workbench_jobs", "Of files, that are not over.", labels=["state"])
        for state, number in self._jobs().items():
            jobs.add_metric([state], number)
        yield jobs
        yield from _by_label(now)
        yield from _distributions(now)
        yield from _pools(now)


def _by_label(now: Snapshot) -> Iterator[Metric]:
    closed = CounterMetricFamily("workbench_streams_closed", "By close code.", labels=["code"])
    for code, count in now.streams_closed.items():
        closed.add_metric([str(code)], count)
    audio = CounterMetricFamily("workbench_audio_seconds", "Audio that was taken or made.", labels=["of"])
    for of, seconds in now.audio_s.items():
        audio.add_metric([of], seconds)
    yield from (closed, audio)


def _distributions(now: Snapshot) -> Iterator[Metric]:
    took = HistogramMetricFamily(
        "workbench_request_seconds", "From the request to the end of its answer.", labels=["path", "status"]
    )
    for one in now.requests:
        _add(took, [one.path, str(one.status)], one.took)
    latency = HistogramMetricFamily(
        "workbench_event_latency_seconds", "From the audio that decided an event to its sending.", labels=["of"]
    )
    for of, seconds in now.latency.items():
        _add(latency, [of], seconds)
    lag = HistogramMetricFamily("workbench_loop_lag_seconds", "How late the event loop is.", labels=[])
    _add(lag, [], now.lag)
    recent = GaugeMetricFamily("workbench_loop_lag_p99_seconds", "The same, of the last minute.", now.lag.p99)
    yield from (took, latency, lag, recent)


def _add(family: HistogramMetricFamily, labels: list[str], values: Distribution) -> None:
    buckets = [(str(bound), count) for bound, count in values.up_to] + [("+Inf", values.count)]
    family.add_metric(labels, buckets, values.total)


def _pools(now: Snapshot) -> Iterator[Metric]:
    labels = ["kind", "engine", "pool"]
    gauges = {n: GaugeMetricFamily(_name(n), text, labels=labels) for n, text in _POOL_GAUGES.items()}
    counters = {n: CounterMetricFamily(_name(n), text, labels=labels) for n, text in _POOL_COUNTERS.items()}
    for pool in now.pools:
        values, label = pool.statistics._asdict(), [str(pool.kind), pool.engine, str(pool.number)]
        for family in (gauges, counters):
            for name, metric in family.items():
                metric.add_metric(label, values[name])
    yield from gauges.values()
    yield from counters.values()


def _name(field: str) -> str:
    return "workbench_pool_" + re.sub("_s$", "_seconds", field)
