"""django-ox: Django's tasks in PostgreSQL."""

from bench.peers.peer import Peer

PEER = Peer(
    name="django_ox",
    title="django-ox",
    package="django-ox",
    how="PostgreSQL, `ox_worker` with two processes, persistent connections",
    does_not="Tasks are rows and are taken back when a worker dies; execution is at least once, and nothing "
    "keeps an effect from happening twice.",
    is_durable=True,
    arguments=("-m", "django", "ox_worker", "--processes", "2"),
    share=0.2,
    python=(3, 12),
)
