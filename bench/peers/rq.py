"""RQ without its fork per job."""

from bench.peers.peer import Peer

PEER = Peer(
    name="rq",
    title="RQ",
    package="rq",
    how="a pool of two SimpleWorkers (its default forks for every job and is several times slower), "
    "results not kept",
    does_not="Jobs live in Redis alone, so what Redis loses is gone, and a job whose worker was killed is in "
    "the end declared failed, not run again, unless a retry was asked for.",
    arguments=(
        "-m", "rq.cli", "worker-pool", "bench", "-n", "2", "-w", "rq.worker.SimpleWorker", "-q",
        "--url", "{broker}",
    ),
    share=0.15,
)  # fmt: skip
