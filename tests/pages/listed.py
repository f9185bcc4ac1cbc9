"""A kind with a list: a file with a word to a line, of which `bad…` ones are bad."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any
from uuid import UUID

import pydantic

from jobs.artifacts import ArtifactField
from jobs.errors import BadPayload, Problem
from jobs.registry import Declared
from jobs.review import Line, OpenFile, Sample, Seen


class Listed(pydantic.BaseModel, extra="forbid"):
    """The list, and a greeting for each."""

    list: Annotated[UUID, ArtifactField(accept=("text/*",))]
    greeting: str = "Hello"
    to: str = ""


class Words:
    """What its pages show."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.asked: list[tuple[int, list[str]]] = []

    def lines(self, payload: Listed, open_file: OpenFile) -> Iterator[Line]:
        with open_file(payload.list) as file:
            for number, line in enumerate(file, start=1):
                word = line.decode().rstrip("\n")
                if word == "unreadable":
                    raise BadPayload("test.listed", [Problem(("list",), f"line {number}: is unreadable")])
                why = "is bad" if word.startswith(("bad", "=bad")) else ""
                variant = word.partition(":")[0] if ":" in word else ""
                yield Line(number, word, why, variant, (number,), is_end=word == "bad end")

    def sample(self, payload: Listed, open_file: OpenFile, place: int, seen: Seen) -> Sample | None:
        self.seen.append(seen)
        good = [line for line in self.lines(payload, open_file) if not line.why]
        if place > len(good):
            return None
        line = good[place - 1]
        said = f"{payload.greeting} {line.shown}"
        why = "has no greeting" if not payload.greeting else ""
        html = f"<b>{said}</b><script>1</script>"
        return Sample(line.number, line.shown, said, said, html, why, variant=line.variant)

    def find(self, payload: Listed, open_file: OpenFile, text: str, after: int, seen: Seen) -> int | None:
        good = [line.shown for line in self.lines(payload, open_file) if not line.why]
        there = [place for place, word in enumerate(good, start=1) if text in word]
        return next((place for place in there if place > after), there[0] if there else None)

    def warnings(self, payload: Listed) -> Iterator[str]:
        if payload.greeting == "Hm":
            yield "That is no <greeting>."

    def left_out(self, payload: Listed, owner: int, shown: Sequence[str]) -> int:
        self.asked.append((owner, list(shown)))
        return sum(word.startswith("no ") for word in shown)

    def alone(self, payload: Listed) -> str:
        return payload.to

    def trial(self, payload: Listed, place: int, address: str) -> Mapping[str, Any]:
        return payload.model_dump(mode="json") | {"to": f"{place} {address}"}


def entries(payload: Listed, open_file: OpenFile) -> Iterator[Declared]:
    """The ledger's rows."""
    for line in Words().lines(payload, open_file):
        if line.why:
            raise BadPayload("test.listed", [Problem(("list",), f"line {line.number}: {line.why}")])
        yield Declared(line.shown)
