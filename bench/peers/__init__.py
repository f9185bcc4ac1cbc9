"""The queues that stand beside Millrace in the tables, in their order."""

from bench.peers import (
    celery_raw,
    celery_results,
    django_ox,
    django_q2,
    dramatiq,
    huey,
    procrastinate,
    rq,
)
from bench.peers.peer import Peer

PEERS: tuple[Peer, ...] = (
    celery_raw.PEER,
    celery_results.PEER,
    rq.PEER,
    huey.PEER,
    dramatiq.PEER,
    procrastinate.PEER,
    django_q2.PEER,
    django_ox.PEER,
)
