"""Huey, the fastest of the usual Python queues."""

from bench.peers.peer import Peer

PEER = Peer(
    name="huey",
    title="Huey",
    package="huey",
    how="Redis, a consumer with two process workers, results not kept, no periodic tasks",
    does_not="A task is taken out of Redis before it runs, so a worker that dies loses it; there is no "
    "acknowledgement and no record of tasks.",
    arguments=(
        "-m", "huey.bin.huey_consumer", "bench.peers.apps.huey.app", "-w", "2", "-k", "process", "-n", "-q",
    ),
    share=2.0,
)  # fmt: skip
