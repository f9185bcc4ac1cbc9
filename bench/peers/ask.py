"""Ask an idle peer for jobs, in its own environment: `python -m bench.peers.ask NAME COUNT`."""

from __future__ import annotations

import importlib
import sys

from bench.asking import ask_repeatedly
from bench.peers.apps.counter import COUNTER


def main(name: str, count: str) -> None:
    """The peer's own `ask`, again and again."""
    ask_repeatedly(importlib.import_module(f"bench.peers.apps.{name}").ask, COUNTER, int(count))


if __name__ == "__main__":
    main(*sys.argv[1:])
