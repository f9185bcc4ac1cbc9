"""What things are called where people read them."""

from __future__ import annotations

from bench.peers import PEERS

TITLES = {
    "millrace": "Millrace",
    **{peer.name: peer.title for peer in PEERS},
    "plain": "Millrace",
    "ed25519": "Millrace, signed with Ed25519",
    "rsa": "Millrace, signed with RSA-2048",
    "send_messages": "Django's `send_messages`",
    "sink": "what the sink takes",
}


def title(name: str) -> str:
    """An arm's."""
    return TITLES.get(name, name)


def depth(jobs: int) -> str:
    """1 k, 100 k, 5 M."""
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if jobs >= size:
            return f"{jobs / size:g} {letter}"
    return str(jobs)


def number(value: float) -> str:
    """As many digits as mean something."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
