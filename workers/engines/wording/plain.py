"""Variables as plain data: a name is looked up, a list counted, and nothing is ever called.

Django's own look-up would try attributes and call what it finds: `{{ tags.clear }}` would empty the list.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.template import Context, VariableDoesNotExist
from django.template.base import FilterExpression, Parser, Variable
from django.template.exceptions import TemplateSyntaxError

from jobs.mail.unsubscribe import VARIABLE
from workers.engines.wording.limits import CHARACTERS, FILTERS, STEPS, Missing, TooMuch

DEFAULTS = {"default", "default_if_none"}


class Filling(Context):
    """The values of one recipient, and what filling the text for them has cost."""

    steps = 0
    characters = 0

    def spend(self, steps: int, characters: int) -> None:
        """Raises TooMuch beyond the limits."""
        self.steps += steps
        self.characters += characters
        if self.steps > STEPS or self.characters > CHARACTERS:
            raise TooMuch


class PlainVariable(Variable):
    """`name`, `order.total`, `tags.0`, and `order.items` for the pairs of an object."""

    __slots__ = ()

    def _resolve_lookup(self, context: Any) -> Any:
        return look_up(self.lookups or (), context)


def look_up(path: tuple[str, ...], context: Any) -> Any:
    """The value at a path; raises VariableDoesNotExist."""
    current = context
    for bit in path:
        if isinstance(current, dict | Context) and bit in current:
            current = current[bit]
        elif isinstance(current, list) and bit.isdecimal() and int(bit) < len(current):
            current = current[int(bit)]
        elif isinstance(current, dict) and bit == "items":
            current = [list(pair) for pair in current.items()]
        else:
            raise VariableDoesNotExist("There is no %s", (".".join(path),))
    return current


class Expression(FilterExpression):
    """A variable and its filters, paid for when it is resolved; without a value it is an error."""

    __slots__ = ()

    def __init__(self, token: str, parser: Parser) -> None:
        super().__init__(token, parser)
        if len(self.filters) > FILTERS:
            raise TemplateSyntaxError(f"a variable goes through at most {FILTERS} filters")
        if self.is_var:
            self.var = plain(self.var)
        self.filters = [
            (func, [(is_variable, plain(arg) if is_variable else arg) for is_variable, arg in args])
            for func, args in self.filters
        ]

    @property
    def path(self) -> tuple[str, ...]:
        """Where the value is looked up; empty for a constant."""
        return (self.var.lookups or ()) if self.is_var else ()

    @property
    def names(self) -> set[str]:
        """What it looks up, arguments of filters too, by the first of each path."""
        return {path[0] for path in (self.path, *self.arguments) if path}

    @property
    def arguments(self) -> set[tuple[str, ...]]:
        """What its filters are given: there is no default for that."""
        given = [one for _, args in self.filters for is_variable, one in args if is_variable]
        return {each.lookups for each in given if each.lookups}

    @property
    def has_default(self) -> bool:
        """Whether it can do without a value, as our own link can, for which there may be no page."""
        return self.path == (VARIABLE,) or (bool(self.filters) and self.filters[0][0].__name__ in DEFAULTS)

    def resolve(self, context: Any, ignore_failures: bool = False) -> Any:
        if self.is_var and not ignore_failures and not self.has_default:
            self.confirm(context)
        try:
            found = super().resolve(context, ignore_failures)
        except VariableDoesNotExist as error:  # an argument of a filter
            raise Missing(str(error).removeprefix("There is no ")) from None
        size = len(found) if isinstance(found, str) else len(str(found))
        context.spend(1 + len(self.filters), size * (1 + len(self.filters)))
        return found

    def confirm(self, context: Any) -> None:
        """Raises Missing if there is no value."""
        try:
            found = self.var.resolve(context)
        except VariableDoesNotExist:
            found = None
        if found is None or found == "":
            raise Missing(".".join(self.path))


def plain(variable: Variable) -> Variable:
    """The same variable with our look-up."""
    return PlainVariable(variable.var)


def is_there(path: tuple[str, ...], values: Mapping[str, Any]) -> bool:
    """Whether there is a value at a path."""
    try:
        return look_up(path, values) not in (None, "")
    except VariableDoesNotExist:
        return False
