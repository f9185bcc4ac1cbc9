"""Celery with its results kept in the database."""

from bench.peers.peer import Peer

PEER = Peer(
    name="celery_results",
    title="Celery + django-celery-results",
    package="django-celery-results",
    how="as raw Celery, with `result_backend = django-db` on the same PostgreSQL",
    does_not="How a task ended is recorded, but not that it was accepted: what the broker loses, and the "
    "task that a killed worker ran, is gone without a row.",
    arguments=(
        "-m", "celery", "-A", "bench.peers.apps.celery_results", "worker", "-c", "2", "--loglevel=WARNING",
        "--without-gossip", "--without-mingle", "--without-heartbeat",
    ),
    share=0.1,
)  # fmt: skip
