"""What the documents say is true: links lead somewhere, commands exist, the drawings are the code's."""

from __future__ import annotations

import re
from collections import defaultdict
from importlib import import_module
from io import StringIO
from itertools import product
from pathlib import Path
from pkgutil import iter_modules

import pytest
from django.core.management import call_command, get_commands

from jobs import lifecycle
from jobs.conf import Conf
from jobs.lifecycle.transition import Move
from jobs.states import FINAL, MOVES, Code, ItemState, Reason, State

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
LIFECYCLE = ROOT / "docs" / "explain" / "lifecycle.md"
KINDS_PAGE = ROOT / "docs" / "reference" / "kinds.md"
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"")
FENCE = re.compile(r"^( *)```.*?^\1```", re.MULTILINE | re.DOTALL)
ARROW = re.compile(r"^ +(\S+) --> (\S+): (.+)$", re.MULTILINE)
COMMENT = re.compile(r"`[^`\n]+`")
TOUR_LINES = 1000
PICTURE_BYTES = 150_000


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def links(page: Path) -> list[str]:
    text = FENCE.sub("", page.read_text())
    found = [one or other for one, other in LINK.findall(text)]
    return [link for link in found if not re.match(r"[a-z]+:", link)]


def anchors(page: Path) -> set[str]:
    """What GitHub makes of the page's headings."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    plain = [re.sub(r"[`*]", "", heading).strip().lower() for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_and_picture_leads_somewhere(page: Path) -> None:
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page

        assert target.exists(), f"{link} leads nowhere"
        assert target.is_relative_to(ROOT), f"{link} leads out of the project"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{link}: there is no such heading"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_page_is_found_from_the_index(page: Path) -> None:
    index = ROOT / "docs" / "index.md"
    listed = {(index.parent / link.partition("#")[0]).resolve() for link in links(index)}

    assert page == index or page in listed


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_that_is_named_exists(page: Path) -> None:
    text = page.read_text()
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    # In sentences `make` is an ordinary word; in code it is the program.
    for code in [*COMMENT.findall(FENCE.sub("", text)), *code_lines(text)]:
        for target in re.findall(r"(?:^|[`;&|] *)make ([a-z]+)", code):
            assert target in targets, f"{code}: the Makefile has no {target}"
        for command in re.findall(r"manage\.py ([a-z_]+)", code):
            assert command in get_commands(), f"{code}: there is no such command"


def code_lines(text: str) -> list[str]:
    fenced = [line for block in FENCE.finditer(text) for line in block.group().splitlines()]
    indented = [line for line in text.splitlines() if line.startswith("    ")]
    return [line.strip() for line in fenced + indented]


def test_the_diagram_shows_the_moves_of_the_code_and_no_others() -> None:
    drawn: dict[State, set[State]] = {state: set() for state in State}
    for leaves, leads_to, _ in ARROW.findall(LIFECYCLE.read_text()):
        if "[*]" not in (leaves, leads_to):
            drawn[State(leaves)].add(State(leads_to))

    assert drawn == {state: set(found) for state, found in MOVES.items()}


def test_the_diagram_names_the_verbs_that_make_each_move() -> None:
    drawn = defaultdict(set)
    for leaves, leads_to, verbs in ARROW.findall(LIFECYCLE.read_text()):
        if "[*]" not in (leaves, leads_to):
            drawn[leaves, leads_to] |= set(verbs.split(", "))

    made = defaultdict(set)
    for found in iter_modules(lifecycle.__path__):
        module = import_module(f"{lifecycle.__name__}.{found.name}")
        for move in vars(module).values():
            if isinstance(move, Move):
                for leaves, leads_to in product(move.leaves, move.leads_to):
                    if leaves != leads_to:
                        made[str(leaves), str(leads_to)].add(found.name)

    assert drawn == made


def test_the_diagram_begins_with_submit_and_ends_with_purge() -> None:
    arrows = ARROW.findall(LIFECYCLE.read_text())

    assert {(to, verb) for start, to, verb in arrows if start == "[*]"} == {
        ("scheduled", "submit"),
        ("queued", "submit"),
    }
    assert {(state, verb) for state, end, verb in arrows if end == "[*]"} == {
        (state.value, "purge") for state in FINAL
    }


@pytest.mark.parametrize("words", [State, Reason, Code, ItemState])
def test_every_word_is_explained(words: type[State | Reason | Code | ItemState]) -> None:
    text = LIFECYCLE.read_text()

    for word in words:
        assert re.search(rf"^\| `{word}` \| \w", text, re.MULTILINE), f"{word} is not explained"


NO_VERBS = {
    "transition", "reasons", "known", "payload", "outcomes", "limits", "turn", "begin", "row", "place",
    "parameters",
}  # fmt: skip


def test_every_verb_is_explained() -> None:
    text = LIFECYCLE.read_text()
    files = {found.name for found in iter_modules(lifecycle.__path__)} - NO_VERBS
    verbs = {file.removesuffix("_many") for file in files}

    for verb in verbs:
        assert re.search(rf"^\| (\w+, )?{verb}(, \w+)? \|", text, re.MULTILINE), f"{verb} is not explained"


def test_the_times_are_those_in_force() -> None:
    text = (ROOT / "docs" / "explain" / "leases.md").read_text()
    told = dict(re.findall(r"^\| `([A-Z_]+)` \| (\d+)(?: s)? \|", text, re.MULTILINE))

    assert "LEASE_SECONDS" in told
    for variable, number in told.items():
        assert float(number) == getattr(Conf(), variable.lower()), variable


def test_the_page_of_kinds_is_what_the_declarations_say() -> None:
    now = StringIO()
    call_command("describe_kinds", "workers", stdout=now)

    assert KINDS_PAGE.read_text() == now.getvalue(), (
        f"Run: python manage.py describe_kinds workers > {name(KINDS_PAGE)}"
    )


def test_the_five_minute_tour_takes_five_minutes() -> None:
    tour = (ROOT / "README.md").read_text().partition("five-minute tour\n")[2].partition("\n## ")[0]
    stops = re.findall(r"^\d+\. \[[^\]]+\]\(([^)]+)\)", tour, re.MULTILINE)

    lines = {stop: len((ROOT / stop).read_text().splitlines()) for stop in stops}

    assert len(lines) == 9
    assert sum(lines.values()) <= TOUR_LINES, lines


def test_pictures_are_small() -> None:
    for picture in (ROOT / "docs" / "images").iterdir():
        assert picture.stat().st_size <= PICTURE_BYTES, picture.name


def test_the_decisions_say_context_choice_and_price() -> None:
    for page in sorted((ROOT / "docs" / "decisions").glob("*.md")):
        headings = re.findall(r"^## (.+)$", page.read_text(), re.MULTILINE)

        assert headings == ["Context", "Choice", "Price"], name(page)
