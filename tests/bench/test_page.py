"""The page of figures is what the kept results make of it, and every peer is described."""

from __future__ import annotations

import re

from bench import kept, page
from bench.catalogue import MEASURES
from bench.peers import PEERS
from bench.wishes import RESULTS


def test_the_page_says_what_the_results_say() -> None:
    assert page.PAGE.read_text() == page.page(kept.read(RESULTS)), "python -m bench.page writes it anew"


def test_the_page_has_a_part_for_every_measure() -> None:
    headings = " ".join(re.findall(r"^## (.+)$", page.page({}), re.MULTILINE))

    assert [measure for measure in MEASURES if measure not in headings] == []


def test_every_peer_says_what_it_does_not_promise() -> None:
    for peer in PEERS:
        assert re.fullmatch(r"[A-Z].{30,200}\.", peer.does_not), peer.name
        assert peer.does_not in page.page({})


def test_every_peer_is_pinned_and_has_its_tasks() -> None:
    for peer in PEERS:
        tasks = page.PAGE.parents[2] / "bench" / "peers" / "apps" / f"{peer.name}.py"

        assert re.match(r"\d+\.\d+", peer.version), peer.name
        assert "def fill(jobs: int)" in tasks.read_text(), peer.name
