"""`make bench`: measure Millrace beside its peers, on servers of its own. One JSON line a measure."""

from __future__ import annotations

import sys

from bench import kept, lab, machine, page, plots
from bench.catalogue import GROUPS, MEASURES, TOGETHER
from bench.neighbours import Neighbours
from bench.wishes import Wishes, read_wishes


def main(wishes: Wishes) -> None:
    """Measure what was asked for, print it, keep it, and write the page anew."""
    with lab.opened() as opened:
        described = machine.describe(opened.postgres.url)
        for group in GROUPS:
            if not any(wishes.wants(measure) for measure in group.measures):
                continue
            neighbours = Neighbours()
            for found in group.run(opened, wishes):
                for line in found.lines:
                    print(line.as_json(), flush=True)
                if wishes.results is not None:
                    kept.keep(found, {**described, "others_percent": neighbours.percent()}, wishes.results)
    if wishes.results is not None:
        results = kept.read(wishes.results)
        plots.draw(results)
        page.write(results)


if __name__ == "__main__":
    main(read_wishes(sys.argv[1:], MEASURES, TOGETHER))
