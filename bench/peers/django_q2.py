"""django-q2 on its fastest broker."""

from bench.peers.peer import Peer

PEER = Peer(
    name="django_q2",
    title="django-q2",
    package="django-q2",
    how="its Redis broker (faster than its ORM broker), two workers, successes not saved",
    does_not="Its Redis broker knows no receipts: a task that was taken out is lost with the cluster that "
    "held it.",
    arguments=("-m", "django", "qcluster"),
    share=0.5,
)
