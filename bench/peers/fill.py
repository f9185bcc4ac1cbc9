"""Hand a peer its jobs, in its own environment: `python -m bench.peers.fill NAME JOBS`."""

from __future__ import annotations

import importlib
import sys


def main(name: str, jobs: str) -> None:
    """The peer's own `fill`."""
    importlib.import_module(f"bench.peers.apps.{name}").fill(int(jobs))


if __name__ == "__main__":
    main(*sys.argv[1:])
