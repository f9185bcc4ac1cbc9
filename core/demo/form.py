"""Read a page's form as a browser does, and fill it in with a kind's example."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from core.demo.errors import DemoError

Attributes = dict[str, str | None]
TICKED = ("checkbox", "radio")


@dataclass
class Field:
    """One named thing in a form: what it is, and what it sends if nobody touches it."""

    name: str
    type: str
    is_code: bool = False
    sends: list[str] = field(default_factory=list)
    choices: list[str] = field(default_factory=list)


@dataclass
class Filled:
    """What is sent: fields in order, and files."""

    values: list[tuple[str, str]]
    files: list[tuple[str, Path]]


class Form(HTMLParser):
    """The form that a page is about: sent by POST, to the page's own address."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fields: dict[str, Field] = {}
        self.is_inside = self.is_over = False
        self.open: Field | None = None
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        about = dict(attrs)
        # A page's own form has no address of its own; the others (sign out, cancel) have.
        if tag == "form" and about.get("method") == "post" and not about.get("action"):
            self.is_inside = not self.is_over
        if not self.is_inside:
            return
        if tag == "input":
            self.add_input(about)
        elif tag in ("select", "textarea"):
            self.open = self.add(about, tag)
            self.text = []
        elif tag == "option" and self.open:
            self.add_option(about)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form" and self.is_inside:
            self.is_inside, self.is_over = False, True
        elif tag == "textarea" and self.open:
            self.open.sends = ["".join(self.text).removeprefix("\n")]
            self.open = None
        elif tag == "select" and self.open:
            # A list of which nothing is chosen sends its first line.
            self.open.sends = self.open.sends or self.open.choices[:1]
            self.open = None

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def add(self, about: Attributes, type: str) -> Field | None:
        name = about.get("name")
        if not name:
            return None
        return self.fields.setdefault(name, Field(name, type, is_code="code" in (about.get("class") or "")))

    def add_input(self, about: Attributes) -> None:
        type = about.get("type") or "text"
        found = self.add(about, type)
        if found is None or type in ("submit", "file"):
            return
        value = about.get("value") or ("on" if type in TICKED else "")
        found.choices.append(value)
        if type not in TICKED or "checked" in about:
            found.sends.append(value)

    def add_option(self, about: Attributes) -> None:
        assert self.open is not None
        self.open.choices.append(about.get("value") or "")
        if "selected" in about:
            self.open.sends.append(about.get("value") or "")

    def fill(self, example: Mapping[str, Any], folder: Path) -> Filled:
        """The form with the example in it; its files lie in `folder`. The rest stays as it is."""
        sent = {name: found.sends for name, found in self.fields.items() if found.type != "file"}
        files: list[tuple[str, Path]] = []
        for name, value in example.items():
            found = self.fields.get(name)
            if found and found.type == "file":
                files += [(name, folder / str(one)) for one in as_list(value)]
            elif found:
                sent[name] = answer(found, value)
            elif any(other.startswith(f"{name}-0-") for other in self.fields):
                sent |= rows(name, value)
            else:
                raise DemoError(f"The form has no field {name!r}, which the kind's example names.")
        return Filled([(name, one) for name, values in sent.items() for one in values], files)


def answer(found: Field, value: Any) -> list[str]:
    """What this field sends for this value."""
    if found.type in TICKED and not isinstance(value, bool):
        return [str(one) for one in as_list(value)]
    if found.type == "checkbox":
        return found.choices[:1] if value else []
    if found.is_code or isinstance(value, Mapping):
        return [json.dumps(value)]
    if isinstance(value, str) or not isinstance(value, Sequence):
        return ["" if value is None else str(value)]
    return ["\n".join(map(str, value))] if found.type == "textarea" else [str(one) for one in value]


def rows(name: str, value: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """The cells of a table."""
    return {
        f"{name}-{number}-{key}": [str(cell)] for number, row in enumerate(value) for key, cell in row.items()
    }


def as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
