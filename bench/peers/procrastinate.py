"""Procrastinate: jobs in PostgreSQL, as Millrace's are."""

from bench.peers.peer import Peer

PEER = Peer(
    name="procrastinate",
    title="Procrastinate",
    package="procrastinate",
    how="PostgreSQL, two worker processes that run up to ten asyncio jobs at once, finished jobs kept",
    does_not="Jobs are rows, but one whose worker died stays `doing` until a task of one's own finds it "
    "stalled and hands it out again.",
    is_durable=True,
    arguments=(
        "-m", "procrastinate", "--app=bench.peers.apps.procrastinate.app", "worker", "--concurrency", "10",
    ),
    copies=2,
    share=0.15,
)  # fmt: skip
