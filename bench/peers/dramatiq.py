"""Dramatiq on Redis."""

from bench.peers.peer import Peer

PEER = Peer(
    name="dramatiq",
    title="Dramatiq",
    package="dramatiq",
    how="Redis, two processes of eight threads (its default, and its fastest), results not kept",
    does_not="Messages live in Redis alone, so what Redis loses is gone, and how a message ended is not "
    "recorded.",
    arguments=("-m", "dramatiq", "bench.peers.apps.dramatiq", "--processes", "2"),
    share=1.2,
)
