"""A kind with a list: a file with a word to a line, of which `bad…` ones are bad."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any
from uuid import UUID

import pydantic

from jobs.artifacts import ArtifactField
from jobs.errors import BadPayload, Problem
from jobs.registry import Declared
from jobs.review import Line, OpenFile, Sample


class Listed(pydantic.BaseModel, extra="forbid"):
    """The list, and a greeting for each."""

    list: Annotated[UUID, ArtifactField(accept=("text/*",))]
    greeting: str = "Hello"
    to: str = ""


class Words:
    """What its pages show."""

    def lines(self, payload: Listed, open_file: OpenFile) -> Iterator[Line]:
        with open_file(payload.list) as file:
            for number, line in enumerate(file, start=1):
                word = line.decode().rstrip("\n")
                if word == "unreadable":
                    raise BadPayload("test.listed", [Problem(("list",), f"line {number}: is unreadable")])
                yield Line(number, word, "is bad" if word.startswith(("bad", "=bad")) else "")

    def sample(self, payload: Listed, open_file: OpenFile, place: int) -> Sample | None:
        good = [line for line in self.lines(payload, open_file) if not line.why]
        if place > len(good):
            return None
        line = good[place - 1]
        said = f"{payload.greeting} {line.shown}"
        why = "has no greeting" if not payload.greeting else ""
        return Sample(line.number, line.shown, said, said, f"<b>{said}</b><script>1</script>", why)

    def trial(self, payload: Listed, place: int, address: str) -> Mapping[str, Any]:
        return payload.model_dump(mode="json") | {"to": f"{place} {address}"}


def entries(payload: Listed, open_file: OpenFile) -> Iterator[Declared]:
    """The ledger's rows."""
    for line in Words().lines(payload, open_file):
        if line.why:
            raise BadPayload("test.listed", [Problem(("list",), f"line {line.number}: {line.why}")])
        yield Declared(line.shown)
