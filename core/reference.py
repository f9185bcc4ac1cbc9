"""The reference of settings, made from the code that reads them: `python -m core.reference` writes it.

Each variable that core/settings.py reads is one row: its default as the code has it, and the sentence that
stands below it there, or below the field of jobs/conf.py that it fills.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).resolve().parents[1]
SETTINGS = PROJECT / "core" / "settings.py"
CONF = PROJECT / "jobs" / "conf.py"
PAGE = PROJECT / "docs" / "reference" / "settings.md"
READERS = {"str", "list", "number", "choice", "switch", "address", "networks", "ports", "apps"}
SECTION = re.compile(r"^# -- (?P<title>.+?) -+$")
HEAD = """# Settings

Everything is set by environment variables. What is not set takes what the running embedded system wrote down
(`make up`), then the default. A bad value stops the process and names the variable, the value and what is
allowed; bad combinations are [checks](checks.md). Switches are `on` or `off`. `VAR_DIR` (default `var` in the
project) is where the embedded system keeps everything it makes.

This page is made from the code: `python -m core.reference`.
"""


class Variable(NamedTuple):
    """A variable of the environment."""

    section: str
    name: str
    default: str
    text: str


def variables() -> list[Variable]:
    """Every variable that the settings read, in their order."""
    source = SETTINGS.read_text()
    sections = [(0, "")] + [
        (number, found["title"])
        for number, line in enumerate(source.splitlines(), 1)
        if (found := SECTION.match(line))
    ]
    body = ast.parse(source).body
    fields = documented(
        next(node for node in ast.parse(CONF.read_text()).body if isinstance(node, ast.ClassDef)).body
    )
    return [
        Variable(
            section=[title for number, title in sections if number <= node.lineno][-1],
            name=name,
            default=default,
            text=fields.get(field, "") or text,
        )
        for node, text in with_text(body)
        for _, name, default, field in sorted(read_in(node))
    ]


def with_text(body: list[ast.stmt]) -> Iterator[tuple[ast.stmt, str]]:
    """Each statement with the string that stands below it."""
    for node, below in zip(body, [*body[1:], None], strict=True):
        is_text = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
        yield node, str(below.value.value) if is_text else ""  # type: ignore[union-attr]


def documented(body: list[ast.stmt]) -> dict[str, str]:
    """The fields of a class with the string below each."""
    return {
        node.target.id: text
        for node, text in with_text(body)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }


def read_in(statement: ast.stmt) -> Iterator[tuple[int, str, str, str]]:
    """The variables a statement reads: line, name, default, and the key of MILLRACE it fills."""
    if isinstance(statement, ast.FunctionDef):
        return
    for node in ast.walk(statement):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant):
                    for call in ast.walk(value):
                        vars(call)["field"] = key.value
        if isinstance(node, ast.Call) and name_of(node.func) in READERS and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str) and first.value.isupper():
                yield first.lineno, first.value, default_of(node), vars(node).get("field", "")


def name_of(function: ast.expr) -> str:
    """`env.str` as `str`, `number` as itself."""
    if isinstance(function, ast.Attribute):
        return function.attr if isinstance(function.value, ast.Name) and function.value.id == "env" else ""
    return function.id if isinstance(function, ast.Name) else ""


def default_of(call: ast.Call) -> str:
    """The default as a person would write it."""
    given = next((word.value for word in call.keywords if word.arg == "default"), None)
    if given is None and len(call.args) > 1:
        given = call.args[1]
    if given is None:
        return ""
    try:
        value = ast.literal_eval(given)
    except ValueError:
        text = ast.unparse(given)
        return text[2:-1] if isinstance(given, ast.JoinedStr) else text
    if isinstance(value, bool):
        return "on" if value else "off"
    return ",".join(value) if isinstance(value, list) else str(value)


def page() -> str:
    """The whole page."""
    lines, section = [HEAD], ""
    for variable in variables():
        if variable.section != section:
            section = variable.section
            lines += ["", f"## {section}", "", "| variable | default | |", "|---|---|---|"]
        default = f"`{variable.default}`" if variable.default else ""
        text = " ".join(variable.text.split()).replace("|", "\\|")
        lines.append(f"| `{variable.name}` | {default} | {text} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
