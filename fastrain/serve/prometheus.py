"""What a server counts, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_BATCH = (1, 2, 4, 8, 16)


class Counts:
    """The numbers of one server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.decisions = Counter("fastrain_decisions", "Answers by decision.", ["decision"], registry=self.registry)
        self.refusals = Counter("fastrain_refusals", "Requests refused, by kind.", ["kind"], registry=self.registry)
        self.seconds = Histogram(
            "fastrain_answer_seconds", "From the whole body to the answer.", buckets=_SECONDS, registry=self.registry
        )
        self.batch = Histogram(
            "fastrain_batch_recordings", "Recordings scored together.", buckets=_BATCH, registry=self.registry
        )
        self.busy = Gauge("fastrain_requests_in_hand", "Requests being read or judged.", registry=self.registry)
        self.unlike = Counter("fastrain_unlike_seen", "Faces unlike the training data.", registry=self.registry)

    def refused(self, kind: str) -> None:
        """Count a refusal."""
        self.refusals.labels(kind).inc()

    def text(self) -> bytes:
        """Return them as Prometheus reads them."""
        return generate_latest(self.registry)
