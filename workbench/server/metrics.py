"""What Prometheus reads at /metrics."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from workbench.session import Session

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
LAG_EVERY_S: Final = 0.1
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
    "retried": "Items that ran again because their engine broke.",
    "replaced": "Engines that broke.",
    "busy_s": "Time in worker threads.",
    "waited_s": "Time that items waited.",
}


class Metrics:
    """A registry of its own: several servers may be in one process."""

    def __init__(self, session: Session) -> None:
        self.registry = CollectorRegistry()
        self.sessions = Gauge("workbench_sessions", "Streams, transcriptions and speech now.", registry=self.registry)
        self.streams = Counter("workbench_streams", "WebSocket streams that began.", registry=self.registry)
        self.audio = Counter("workbench_audio_seconds", "Audio that was taken or made.", ["of"], registry=self.registry)
        self.frames = Counter(
            "workbench_frames_judged", "Frames of streams that have a probability.", registry=self.registry
        )
        self.requests = Histogram(
            "workbench_request_seconds",
            "From the request to the end of its answer.",
            ["path", "status"],
            buckets=(0.01, 0.1, 0.5, 1, 5, 10, 60, 600),
            registry=self.registry,
        )
        self.closed = Counter("workbench_streams_closed", "By close code.", ["code"], registry=self.registry)
        self.lag = Histogram(
            "workbench_loop_lag_seconds",
            "How late the event loop is.",
            buckets=(0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1),
            registry=self.registry,
        )
        self.registry.register(_Pools(session))

    def render(self) -> bytes:
        return generate_latest(self.registry)

    async def measure_lag(self) -> None:
        """For ever."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LAG_EVERY_S
            await asyncio.sleep(LAG_EVERY_S)
            self.lag.observe(max(0.0, loop.time() - due))


class _Pools(Collector):
    """What each pool says of itself, when it is asked."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def collect(self) -> Iterator[Metric]:
        labels = ["kind", "engine", "pool"]
        gauges = {n: GaugeMetricFamily(_name(n), text, labels=labels) for n, text in _POOL_GAUGES.items()}
        counters = {n: CounterMetricFamily(_name(n), text, labels=labels) for n, text in _POOL_COUNTERS.items()}
        for number, pool in enumerate(self._session.pools()):
            if not pool.loaded:
                continue
            values = pool.statistics()._asdict()
            label = [str(pool.engine.kind), pool.engine.name, str(number)]
            for family in (gauges, counters):
                for name, metric in family.items():
                    metric.add_metric(label, values[name])
        yield from gauges.values()
        yield from counters.values()


def _name(field: str) -> str:
    return "workbench_pool_" + re.sub("_s$", "_seconds", field)
