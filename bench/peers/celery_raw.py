"""Celery as it comes, for speed: nothing is recorded."""

from bench.peers.peer import Peer

PEER = Peer(
    name="celery_raw",
    title="Celery, raw",
    package="celery",
    how="Redis, prefork with two processes, results ignored, prefetch multiplier 64, no gossip or heartbeat",
    does_not="A message is acknowledged before its task runs, so a killed worker loses the task it ran, and "
    "nothing records how a task ended.",
    arguments=(
        "-m", "celery", "-A", "bench.peers.apps.celery_raw", "worker", "-c", "2", "--loglevel=INFO",
        "--without-gossip", "--without-mingle", "--without-heartbeat",
    ),
    share=0.6,
    is_ready=lambda log: " ready." in log,
)  # fmt: skip
