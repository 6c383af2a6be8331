"""Prometheus metrics."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PUBLISH_SECONDS = 1.0
SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """Counters of one application, in its own registry."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._gauges: dict[str, Gauge] = {}
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "radscribe_http_requests",
            "Requests answered",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "radscribe_http_request_seconds",
            "Time from the head of a request to the end of its answer",
            ["method", "route"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self._studies = Counter(
            "radscribe_studies", "Finished studies by status", ["status"], registry=self.registry
        )

    def gauge(self, name: str, meaning: str, value: Callable[[], float], **labels: str) -> None:
        """Add a gauge whose value is computed at each scrape, or one more set of labels of it."""
        if name not in self._gauges:
            self._gauges[name] = Gauge(f"radscribe_{name}", meaning, list(labels), registry=self.registry)
        gauge = self._gauges[name]
        (gauge.labels(**labels) if labels else gauge).set_function(value)

    def counter(self, name: str, meaning: str, labels: list[str]) -> Counter:
        """Add a counter with labels."""
        return Counter(f"radscribe_{name}", meaning, labels, registry=self.registry)

    def captioned(self, status: str) -> None:
        """Count a study that is done, refused or failed."""
        self._studies.labels(status).inc()

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answered request."""
        self._requests.labels(method, route, status).inc()
        self._seconds.labels(method, route).observe(seconds)

    def text(self) -> bytes:
        """Return the text format of Prometheus."""
        return generate_latest(self.registry)

    def close(self) -> None:
        """Release what the metrics hold."""


class SharedMetrics(Metrics):
    """Metrics of all workers of one machine, each sample with the label `worker`.

    A scrape reaches any of the workers, so each leaves its samples for the others every second.

    Parameters
    ----------
    folder : Path
        Where the workers leave them.
    number : int
        Number of this worker.
    """

    def __init__(self, folder: Path, number: int) -> None:
        super().__init__()
        self._folder, self._number = folder, number
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._publish, name="metrics", daemon=True)
        self._thread.start()

    def text(self) -> bytes:
        parts = {self._number: super().text()}
        for file in self._folder.glob("*.prom"):
            with suppress(OSError):  # its worker has just ended
                parts.setdefault(int(file.stem), file.read_bytes())
        families: dict[str, Metric] = {}
        for number, part in sorted(parts.items()):
            for family in text_string_to_metric_families(part.decode()):
                merged = families.setdefault(
                    family.name, Metric(family.name, family.documentation, family.type)
                )
                for sample in family.samples:
                    merged.samples.append(sample._replace(labels={**sample.labels, "worker": str(number)}))
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Families(list(families.values())))
        return generate_latest(registry)

    def close(self) -> None:
        self._closing.set()
        self._thread.join()

    def _publish(self) -> None:
        target = self._folder / f"{self._number}.prom"
        while True:
            partial = target.with_suffix(".partial")
            with suppress(OSError):
                partial.write_bytes(super().text())
                partial.replace(target)
            if self._closing.wait(PUBLISH_SECONDS):
                return


class _Families(Collector):
    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        return self._families


class Measured:
    """ASGI middleware that counts and times requests by the route's template, so that no id is a label."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            method = scope["method"] if scope["method"] in METHODS else "other"
            self._metrics.answered(method, route, status, time.perf_counter() - started)


METHODS = frozenset({"GET", "HEAD", "POST", "DELETE", "PUT", "PATCH", "OPTIONS"})
