"""One look at all that `/metrics` shows: what every process counted, and how the queues stand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from jobs.conf import conf
from jobs.database import OwnDatabase, Row
from jobs.metrics import BUCKETS, INF, SUM

ANSWER_SECONDS = 5.0

COUNTERS = {
    "submitted": ("millrace_jobs_submitted", "Jobs accepted.", ["kind"]),
    "started": ("millrace_jobs_started", "Attempts started.", ["kind"]),
    "finished": (
        "millrace_jobs_finished",
        "Attempts that ended; outcome retrying = will be tried again.",
        ["kind", "outcome"],
    ),
    "rescued": ("millrace_jobs_rescued", "Attempts that lost their worker.", ["kind"]),
    "dropped": ("millrace_outcomes_dropped", "Outcomes of attempts that had lost their lease.", ["kind"]),
}
HISTOGRAMS = {
    "wait": ("millrace_job_wait_seconds", "From due to started."),
    "run": ("millrace_job_run_seconds", "From started to ended, of each attempt."),
}
GAUGES = {
    "depth": ("millrace_queue_depth", "Jobs that have not ended.", ["queue", "state"]),
    "oldest": (
        "millrace_queue_oldest_seconds",
        "Since when the oldest queued job could have run.",
        ["queue"],
    ),
    "paused": ("millrace_queue_paused", "1 while an operator holds the queue.", ["queue"]),
    "workers": ("millrace_workers", "Workers that were heard within a lease.", ["queue"]),
    "slots": ("millrace_worker_slots", "Jobs those workers can run at once.", ["queue"]),
}

# One branch for each partial index: finished jobs, the great majority, are never looked at.
DEPTH = """
    SELECT queue, state, count(*), extract(epoch FROM clock_timestamp() - min(since)) FROM (
        SELECT queue, state, greatest(created_at, run_at) AS since
          FROM millrace_job WHERE state = 'queued' AND ready
        UNION ALL
        SELECT queue, state, greatest(created_at, run_at)
          FROM millrace_job WHERE state = 'queued' AND NOT ready AND held_by IS NULL
        UNION ALL
        SELECT queue, state, greatest(created_at, run_at) FROM millrace_job WHERE held_by IS NOT NULL
        UNION ALL
        SELECT queue, state, NULL FROM millrace_job WHERE state IN ('scheduled', 'retrying')
        UNION ALL
        SELECT queue, state, NULL FROM millrace_job WHERE lease IS NOT NULL
    ) AS unfinished GROUP BY queue, state
"""
WORKERS = """
    SELECT queue, count(*), sum(slots) FROM millrace_worker, unnest(queues) AS queue
     WHERE beat_at > clock_timestamp() - make_interval(secs => %(lease)s) AND NOT is_draining GROUP BY queue
"""


def take_snapshot() -> CollectorRegistry:
    """Everything the page shows, read in one go on a connection of its own."""
    db = OwnDatabase("metrics")
    try:
        with db.atomic():
            db.rows(f"SET LOCAL statement_timeout = {int(ANSWER_SECONDS * 1000)}")
            tallies = db.rows("SELECT metric, kind, outcome, bucket, value FROM millrace_tally")
            depth = db.rows(DEPTH)
            paused = db.rows("SELECT name, is_paused::int FROM millrace_queue")
            workers = db.rows(WORKERS, {"lease": conf().lease_seconds})
    finally:
        db.close()
    registry = CollectorRegistry()
    registry.register(Snapshot([*counted(tallies), *measured(tallies), *standing(depth, paused, workers)]))
    return registry


class Snapshot:
    """Families that were read already, in the shape prometheus_client collects."""

    def __init__(self, families: list[Metric]) -> None:
        self.families = families

    def collect(self) -> list[Metric]:
        return self.families


def counted(tallies: list[Row]) -> Iterator[Metric]:
    """The counters."""
    for metric, (name, text, labels) in COUNTERS.items():
        family = CounterMetricFamily(name, text, labels=labels)
        for found, kind, outcome, _, value in tallies:
            if found == metric:
                family.add_metric([kind, outcome][: len(labels)], value)
        yield family


def measured(tallies: list[Row]) -> Iterator[Metric]:
    """The histograms: a tally holds each bucket alone, Prometheus wants them added up."""
    bounds = [f"{bound:g}" for bound in BUCKETS] + [INF]
    for metric, (name, text) in HISTOGRAMS.items():
        by_kind: dict[str, dict[str, float]] = defaultdict(dict)
        for found, kind, _, bucket, value in tallies:
            if found == metric:
                by_kind[kind][bucket] = value
        family = HistogramMetricFamily(name, text, labels=["kind"])
        for kind, buckets in sorted(by_kind.items()):
            total, added_up = 0.0, []
            for bound in bounds:
                total += buckets.get(bound, 0.0)
                added_up.append((bound, total))
            family.add_metric([kind], added_up, buckets.get(SUM, 0.0))
        yield family


def standing(depth: list[Row], paused: list[Row], workers: list[Row]) -> Iterator[Metric]:
    """How the queues stand now."""
    yield gauge("depth", [([queue, state], count) for queue, state, count, _ in depth])
    yield gauge("oldest", [([queue], age) for queue, state, _, age in depth if state == "queued"])
    yield gauge("paused", [([queue], is_paused) for queue, is_paused in paused])
    yield gauge("workers", [([queue], count) for queue, count, _ in workers])
    yield gauge("slots", [([queue], slots) for queue, _, slots in workers])


def gauge(key: str, samples: list[tuple[list[str], float]]) -> Metric:
    """One family of gauges."""
    name, text, labels = GAUGES[key]
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, value in samples:
        family.add_metric(values, float(value))
    return family
