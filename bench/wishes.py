"""What was asked for at the command line."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
ROUNDS = 5
JOBS = 8_000
QUICK_ROUNDS = 1
QUICK_JOBS = 1_000


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """How much is measured, and where it is kept."""

    only: frozenset[str] = field(default_factory=frozenset)
    """The measures asked for; empty = all."""
    rounds: int = ROUNDS
    jobs: int = JOBS
    """How many jobs raw Millrace drains in one round; the others get a share of it, or a multiple."""
    is_quick: bool = False
    """The small form: to see that everything works, never to be kept."""
    results: Path | None = RESULTS
    """Where figures are kept; None = nowhere."""

    def wants(self, measure: str) -> bool:
        """Whether this one is to be measured."""
        return not self.only or measure in self.only


def read_wishes(
    arguments: Sequence[str], measures: Sequence[str], together: Mapping[str, Sequence[str]] | None = None
) -> Wishes:
    """Exits with a sentence if they make no sense. `together` are words that ask for several measures."""
    parser = argparse.ArgumentParser(prog="make bench", description="Measure Millrace beside its peers.")
    parser.add_argument("--only", default="", metavar="S1,S2", help=f"some of {', '.join(measures)}")
    parser.add_argument("--rounds", type=int, help=f"interleaved rounds; {ROUNDS} if it is not said")
    parser.add_argument("--jobs", type=int, help=f"jobs of one drain; {JOBS:,} if it is not said")
    parser.add_argument("--quick", action="store_true", help="small numbers, one round, nothing kept")
    asked = parser.parse_args(arguments)
    words = filter(None, asked.only.upper().split(","))
    only = frozenset(name for word in words for name in (together or {}).get(word, [word]))
    if unknown := only - set(measures):
        parser.error(f"there is no measure {', '.join(sorted(unknown))}; there are {', '.join(measures)}")
    for name in ("rounds", "jobs"):
        if (given := getattr(asked, name)) is not None and given < 1:
            parser.error(f"{name.upper()}={given} measures nothing: it must be at least 1")
    return Wishes(
        only=only,
        rounds=asked.rounds or (QUICK_ROUNDS if asked.quick else ROUNDS),
        jobs=asked.jobs or (QUICK_JOBS if asked.quick else JOBS),
        is_quick=asked.quick,
        results=None if asked.quick else RESULTS,
    )
